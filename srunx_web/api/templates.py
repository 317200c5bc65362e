"""/api/templates: script templates."""

from flask_smorest import Blueprint

from ..current import cluster, server, work_dir
from ..services import jobs, templates
from .workflow_schemas import AppliedSchema, ApplySchema, DeletedSchema, TemplateSchema, TemplateTextSchema

blp = Blueprint("templates", __name__, url_prefix="/api/templates", description="Script templates")


@blp.get("")
@blp.response(200, TemplateSchema(many=True))
def list_templates():
    """Those that ship with srunx-web, and one's own."""
    return [template_json(found) for found in templates.list_(server().settings)]


@blp.post("")
@blp.arguments(TemplateSchema)
@blp.response(201, TemplateSchema)
@blp.alt_response(409, description="There is one of that name")
def create(body):
    """Make a template of one's own."""
    return template_json(templates.save(server().settings, body["name"], body["content"], is_new=True))


@blp.get("/<name>")
@blp.response(200, TemplateSchema)
@blp.alt_response(404, description="No such template")
def show(name):
    """One template."""
    return template_json(templates.show(server().settings, name))


@blp.put("/<name>")
@blp.arguments(TemplateTextSchema)
@blp.response(200, TemplateSchema)
@blp.alt_response(403, description="It ships with srunx-web")
@blp.alt_response(404, description="No such template")
def replace(body, name):
    """Change one's own."""
    return template_json(templates.save(server().settings, name, body["content"], is_new=False))


@blp.delete("/<name>")
@blp.response(200, DeletedSchema)
@blp.alt_response(403, description="It ships with srunx-web")
@blp.alt_response(404, description="No such template")
def delete(name):
    """Delete one's own."""
    templates.delete(server().settings, name)
    return {"status": "deleted", "name": name}


@blp.post("/<name>/apply")
@blp.arguments(ApplySchema)
@blp.response(200, AppliedSchema)
@blp.alt_response(404, description="No such template")
@blp.alt_response(502, description="sbatch refused the script")
@blp.alt_response(503, description="No connection")
def apply(body, name):
    """The script that it makes of a job, submitted if asked."""
    script = templates.apply(server().settings, name, body["job"])
    job_id = jobs.submit(cluster(), script, body["job"]["name"], work_dir()) if body["submit"] else None
    return {"script": script, "job_id": job_id}


def template_json(found: templates.Template) -> dict:
    """A template as the API shows it."""
    return {"name": found.name, "content": found.text, "description": found.description, "is_own": found.is_own,
            "variables": found.names}  # fmt: skip
