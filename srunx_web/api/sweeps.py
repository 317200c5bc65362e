"""/api/sweep_runs: sweeps and their cells."""

from flask_smorest import Blueprint

from ..core import yamltext
from ..core.labels import parse_sweep_id
from ..core.sweep import CELL_STATES, cell_state
from ..core.text import timestamp
from ..current import cluster, server
from ..services import sweeprerun, sweeps
from ..services.cluster import PAGE_WAIT
from ..services.sweeprerun import Again
from ..store import Run, Sweep
from .plain import finite
from .sweep_schemas import CellSchema, SweepEventSchema, SweepRerunSchema, SweepRunSchema

blp = Blueprint("sweep_runs", __name__, url_prefix="/api/sweep_runs", description="Sweeps and their cells")


@blp.get("")
@blp.response(200, SweepRunSchema(many=True))
def list_sweeps():
    """The newest 200 sweeps."""
    return [sweep_json(found) for found in sweeps.list_(cluster())]


@blp.get("/<sweep_id>")
@blp.response(200, SweepRunSchema)
@blp.alt_response(400, description="No id can be like that")
@blp.alt_response(404, description="No such sweep")
def show(sweep_id):
    """One sweep, as it is now."""
    return sweep_json(sweeps.refresh(cluster(), parse_sweep_id(sweep_id), PAGE_WAIT))


@blp.get("/<sweep_id>/cells")
@blp.response(200, CellSchema(many=True))
@blp.alt_response(400, description="No id can be like that")
@blp.alt_response(404, description="No such sweep")
def cells(sweep_id):
    """Its cells by status, start and id."""
    found = sweeps.refresh(cluster(), parse_sweep_id(sweep_id), PAGE_WAIT)
    return [cell_json(cell) for cell in sweeps.by_state(sweeps.cells(found.id))]


@blp.get("/<sweep_id>/events")
@blp.response(200, SweepEventSchema(many=True))
@blp.alt_response(400, description="No id can be like that")
@blp.alt_response(404, description="No such sweep")
def events(sweep_id):
    """The changes of its state, oldest first."""
    found = sweeps.events(sweeps.show(parse_sweep_id(sweep_id)).id)
    return [{"kind": event.kind, "at": timestamp(event.at), "old": event.old, "new": event.new,
             "detail": event.detail} for event in found]  # fmt: skip


@blp.post("/<sweep_id>/cancel")
@blp.response(202, SweepRunSchema)
@blp.alt_response(400, description="No id can be like that")
@blp.alt_response(404, description="No such sweep")
@blp.alt_response(409, description="It belongs to another cluster")
def cancel(sweep_id):
    """Cancel what waits and what runs; a sweep that is over stays as it is."""
    return sweep_json(sweeps.cancel(cluster(), parse_sweep_id(sweep_id)))


@blp.post("/<sweep_id>/rerun")
@blp.arguments(SweepRerunSchema)
@blp.response(202, SweepRunSchema)
@blp.alt_response(400, description="No id can be like that")
@blp.alt_response(404, description="No such sweep or cell")
@blp.alt_response(409, description="A cell is not over yet, or it belongs to another cluster")
@blp.alt_response(502, description="A mount could not be synced")
@blp.alt_response(503, description="No connection")
def rerun(body, sweep_id):
    """Run cells again, with other resources or args if asked; their earlier attempts stay."""
    yamltext.dump([body["args"], body["resources"], body["cells"]])  # refuses what no page could show
    what = Again(body["which"], tuple(body["cells"]), body["resources"], body["args"])
    return sweep_json(sweeprerun.rerun(cluster(), server().settings, parse_sweep_id(sweep_id), what))


def sweep_json(sweep: Sweep) -> dict:
    """A sweep in the contract's shape."""
    counters = ("cell_count", *(f"cells_{state}" for state in CELL_STATES))
    return {
        "id": sweep.id, "name": sweep.workflow_name, "workflow_yaml_path": sweep.path, "status": sweep.status,
        "matrix": sweep.matrix, "args": finite(sweep.args) or None, "fail_fast": sweep.fail_fast,
        "max_parallel": sweep.max_parallel, **{name: getattr(sweep, name) for name in counters},
        "submission_source": sweep.source, "started_at": timestamp(sweep.started_at),
        "completed_at": timestamp(sweep.completed_at), "cancel_requested_at": timestamp(sweep.cancel_requested_at),
        "error": sweep.error,
    }  # fmt: skip


def cell_json(cell: sweeps.Cell) -> dict:
    """A cell in the contract's shape."""
    run = cell.run
    return {
        "id": run.id, "cell": cell.number, "workflow_name": run.workflow_name, "status": cell_state(run.status),
        "started_at": timestamp(run.started_at), "completed_at": timestamp(run.completed_at),
        "args": finite(run.resolved), "error": run.error, "triggered_by": run.triggered_by, "attempt": run.attempt,
        "attempts": [_attempt(one) for one in cell.attempts],
    }  # fmt: skip


def _attempt(run: Run) -> dict:
    kept = ("id", "attempt", "status", "error", "resources", "args")
    return finite({name: getattr(run, name) for name in kept})
