"""/api/workflows: definitions, and their runs."""

from flask_smorest import Blueprint

from ..core import metrics, sweep, yamltext
from ..core.errors import Invalid, NotFound, Problem
from ..core.matrix import Matrix
from ..core.plan import Selection
from ..core.text import timestamp
from ..core.workflow import PythonRefused
from ..current import cluster, server
from ..services import launch, limits, runs, sweepstart, workflows
from ..services.cluster import PAGE_WAIT
from ..services.launch import Start
from .plain import finite
from .workflow_schemas import (
    CancelledSchema,
    CreateSchema,
    DeletedSchema,
    MountQuerySchema,
    ReplaceSchema,
    RerunSchema,
    RunSchema,
    RunsQuerySchema,
    RunStateSchema,
    UploadSchema,
    ValidatedSchema,
    ValidateSchema,
    WorkflowSchema,
)

blp = Blueprint("workflows", __name__, url_prefix="/api/workflows", description="Workflows and their runs")


@blp.get("")
@blp.arguments(MountQuerySchema, location="query")
@blp.response(200, WorkflowSchema(many=True))
@blp.alt_response(404, description="No such mount")
def list_workflows(query):
    """All definitions; one that can't be read has the key `error`."""
    return [workflow_json(found) for found in workflows.list_(server().settings, query["mount"])]


@blp.get("/<name>")
@blp.arguments(MountQuerySchema, location="query")
@blp.response(200, WorkflowSchema)
@blp.alt_response(404, description="No such workflow or mount")
def show(query, name):
    """One definition."""
    found = workflows.show(server().settings, name, query["mount"])
    workflows.valid(found)
    return workflow_json(found)


@blp.post("/validate")
@blp.arguments(ValidateSchema)
@blp.response(200, ValidatedSchema)
@blp.alt_response(413, description="Larger than 1 MB")
def validate(body):
    """Check a text: all faults at once, and nothing is written."""
    if not (body["yaml"] or "").strip():
        return {"valid": False, "errors": ["Empty YAML content"]}
    errors = faults(body["yaml"])
    return {"valid": False, "errors": errors} if errors else {"valid": True}


def faults(text: str) -> list[str]:
    """What keeps a workflow from being run, in sentences; PythonRefused and TooLarge pass through."""
    try:
        workflows.check(server().settings, text)
    except PythonRefused:
        raise
    except Problem as fault:
        if fault.status == 413:
            raise
        return [error["msg"] for error in fault.errors] or [fault.detail]
    return []


@blp.post("/upload")
@blp.arguments(UploadSchema)
@blp.response(200, WorkflowSchema)
@blp.alt_response(403, description="A script lies outside the folders that may be used")
@blp.alt_response(404, description="No such mount")
@blp.alt_response(409, description="There is one of that name")
@blp.alt_response(413, description="Larger than 1 MB")
def upload(body):
    """Keep a file, once everything in it has been checked."""
    name = body["filename"].rpartition(".")[0]
    found = workflows.save(server().settings, name, body["yaml"], body["mount"], body["overwrite"])
    return workflow_json(found)


@blp.post("/create")
@blp.arguments(CreateSchema)
@blp.response(200, WorkflowSchema)
@blp.alt_response(403, description="A script lies outside the folders that may be used")
@blp.alt_response(404, description="No such mount")
@blp.alt_response(409, description="There is one of that name")
def create(body):
    """Write a definition from data."""
    return _saved(body["name"], body, body["overwrite"])


@blp.put("/<name>")
@blp.arguments(ReplaceSchema)
@blp.response(200, WorkflowSchema)
@blp.alt_response(403, description="A script lies outside the folders that may be used")
@blp.alt_response(404, description="No such workflow or mount")
def replace(body, name):
    """Replace a definition."""
    workflows.show(server().settings, name, body["default_project"])
    if body.get("name", name) != name:
        raise Invalid(f"The body names {body['name']!r}, the path {name!r}; create a new one and delete the old")
    return _saved(name, body, may_replace=True)


def _saved(name: str, body: dict, may_replace: bool) -> dict:
    document = {"name": name, "description": body["description"], "args": body["args"],
                "default_project": body["default_project"], "sweep": body["sweep"], "metrics": body["metrics"],
                "jobs": [_given(job) for job in body["jobs"]]}  # fmt: skip
    text = yamltext.dump({key: value for key, value in document.items() if value or key == "jobs"})
    return workflow_json(workflows.save(server().settings, name, text, body["default_project"], may_replace))


def _given(value):
    """What a client really says: nulls and what is empty are left out."""
    if isinstance(value, dict):
        given = {key: _given(inner) for key, inner in value.items()}
        return {key: inner for key, inner in given.items() if inner not in (None, {}, [])}
    return value


@blp.delete("/<name>")
@blp.arguments(MountQuerySchema, location="query")
@blp.response(200, DeletedSchema)
@blp.alt_response(404, description="No such workflow or mount")
def delete(query, name):
    """Delete a definition; its runs stay."""
    workflows.delete(server().settings, name, query["mount"])
    return {"status": "deleted", "name": name}


@blp.post("/<name>/run")
@blp.arguments(MountQuerySchema, location="query")
@blp.arguments(RunSchema)
@blp.response(202, RunStateSchema)
@blp.alt_response(403, description="A script lies outside the folders that may be used")
@blp.alt_response(404, description="No such workflow, mount or endpoint")
@blp.alt_response(502, description="sbatch refused a job; those before it were cancelled")
@blp.alt_response(503, description="No connection")
def run(query, body, name):
    """Run a workflow, or show what that would submit."""
    definition = workflows.show(server().settings, name, query["mount"])
    if body["notify"]:
        raise NotFound(f"Endpoint {body['endpoint_id']} not found")
    yamltext.dump([body["args_override"], body["sweep"]])  # refuses what no file could say and no page could show
    what = Start(Selection(body["from_job"], body["to_job"], body["single_job"]), body["args_override"])
    if body["sweep"] is not None:
        return _sweep(definition, what, sweep.read(body["sweep"]), body["dry_run"])
    if body["dry_run"]:
        return _dry(launch.preview(server().settings, definition, what))
    return run_json(launch.start(cluster(), server().settings, definition, what))


def _sweep(definition: workflows.Definition, what: Start, matrix: Matrix, is_dry: bool) -> dict:
    if not is_dry:
        made = sweepstart.start(cluster(), server().settings, definition, what, matrix)
        return {"sweep_run_id": made.id, "status": "pending", "cell_count": made.cell_count}
    found = sweepstart.preview(server().settings, definition, what, matrix)
    first = next(cell.jobs for cell in found if cell.jobs)
    cells = [{"cell": number, "args": finite(cell.resolved), "error": cell.fault} for number, cell in enumerate(found)]
    others = [job for cell in found for job in cell.jobs]
    notices = [notice.text for notice in limits.notices(cluster(), first, matrix, others=others)]
    return {**_dry(first), "cell_count": len(cells), "cells": cells, "notices": notices}


def _dry(jobs) -> dict:
    return {
        "dry_run": True, "execution_order": [job.name for job in jobs],
        "jobs": [{"name": job.name, "script": job.script, "depends_on": [parent.job for parent in job.depends_on],
                  "resources": dict(job.spec.resources)} for job in jobs],
    }  # fmt: skip


@blp.get("/runs")
@blp.arguments(RunsQuerySchema, location="query")
@blp.response(200, RunStateSchema(many=True))
def list_runs(query):
    """The newest 200 runs."""
    return [run_json(shown) for shown in runs.list_(cluster(), query["name"])]


@blp.get("/runs/<run_id>")
@blp.response(200, RunStateSchema)
@blp.alt_response(404, description="No such run")
def show_run(run_id):
    """One run, as it is now."""
    return run_json(runs.refresh(cluster(), run_id, PAGE_WAIT))


@blp.post("/runs/<run_id>/cancel")
@blp.response(200, CancelledSchema)
@blp.alt_response(404, description="No such run")
@blp.alt_response(409, description="It belongs to another cluster")
@blp.alt_response(422, description="It is over already")
def cancel_run(run_id):
    """Cancel a run and all its jobs."""
    warnings = runs.cancel(cluster(), run_id)
    return {"status": "cancelled", "run_id": run_id, **({"warnings": warnings} if warnings else {})}


@blp.post("/runs/<run_id>/rerun")
@blp.arguments(RerunSchema)
@blp.response(202, RunStateSchema)
@blp.alt_response(404, description="No such run")
@blp.alt_response(409, description="It is still going on, or belongs to another cluster")
@blp.alt_response(502, description="sbatch refused a job; those before it were cancelled")
@blp.alt_response(503, description="No connection")
def rerun(body, run_id):
    """Run it again: all of it, only what failed or was not reached, or from a job on."""
    from_job = body["from_job"] if body["which"] == "from" else None
    return run_json(launch.rerun(cluster(), server().settings, run_id, body["which"], from_job))


def workflow_json(found: workflows.Definition) -> dict:
    """A definition in the contract's shape."""
    if found.workflow is None:
        return {"name": found.name, "jobs": [], "error": found.problem.detail}
    whole = found.workflow
    more = {"args": finite(whole.args), "default_project": whole.default_project, "description": whole.description,
            "title": whole.title if whole.title != found.name else None, "sweep": finite(whole.sweep),
            "metrics": {metric.name: metrics.written(metric) for metric in whole.metrics}}  # fmt: skip
    jobs = [_job_json(job) for job in whole.jobs]
    return {"name": found.name, "jobs": jobs, **{key: value for key, value in more.items() if value}}


def _job_json(job) -> dict:
    command = [job.command] if isinstance(job.command, str) else list(job.command or ())
    keys = ("nodes", "gpus_per_node", "partition", "time_limit")
    more = {"script_path": job.script_path, "exports": dict(job.exports), "template": job.template}
    return {
        "name": job.name, "job_id": None, "status": "UNKNOWN", "depends_on": [str(parent) for parent in job.depends_on],
        "command": command, "resources": {} if job.script_path else {key: job.resources.get(key) for key in keys},
        **{key: value for key, value in more.items() if value},
    }  # fmt: skip


def run_json(shown: runs.Shown) -> dict:
    """A run in the contract's shape."""
    run, rows = shown.run, [entry.row for entry in shown.entries]
    return {
        "id": run.id, "workflow_name": run.workflow_name, "started_at": timestamp(run.started_at),
        "completed_at": timestamp(run.completed_at), "status": run.status,
        "job_ids": {row.name: str(row.job_id) for row in rows if row.job_id is not None},
        "job_statuses": {row.name: "CANCELLED" if row.is_unreached else row.state for row in rows},
        "error": run.error, "sweep_run_id": run.sweep_id, "rerun_of": run.parent,
    }  # fmt: skip
