"""/api/resources: what is free."""

from flask_smorest import Blueprint

from ..current import cluster
from ..services import resources
from .schemas import ResourcesQuerySchema, ResourcesSchema

blp = Blueprint("resources", __name__, url_prefix="/api/resources", description="Nodes and GPUs")


@blp.get("")
@blp.arguments(ResourcesQuerySchema, location="query")
@blp.response(200, ResourcesSchema(many=True))
@blp.alt_response(404, description="No such partition")
@blp.alt_response(502, description="A command of Slurm's failed")
@blp.alt_response(503, description="No connection")
def list_resources(query):
    """GPUs and nodes of each partition."""
    return resources.list_resources(cluster(), query.get("partition"))
