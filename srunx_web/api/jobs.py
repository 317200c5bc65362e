"""/api/jobs: the queue, submission, cancelling, logs."""

import json
import time

from flask import Response
from flask_smorest import Blueprint

from ..cluster.feed import View
from ..core import text
from ..core.errors import NotConnected, NotFound, Problem
from ..core.model import Job
from ..current import cluster, server, work_dir
from ..services import jobs, logs
from .schemas import JobSchema, LogsQuerySchema, LogsSchema, SubmitSchema, SubmittedSchema

blp = Blueprint("jobs", __name__, url_prefix="/api/jobs", description="Jobs of the cluster")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_NOTHING = {"depends_on": [], "command": [], "resources": {}}


@blp.get("")
@blp.response(200, JobSchema(many=True))
@blp.alt_response(502, description="A command of Slurm's failed")
@blp.alt_response(503, description="No connection")
def list_jobs():
    """Everyone's jobs, and those of mine that ended lately."""
    view = jobs.list_jobs(cluster())
    return Response(_json(view), mimetype="application/json", headers={"Age": str(int(time.time() - view.at))})


@blp.post("")
@blp.arguments(SubmitSchema)
@blp.response(201, SubmittedSchema)
@blp.alt_response(404, description="No such mount or endpoint")
@blp.alt_response(413, description="The script is too large")
@blp.alt_response(502, description="sbatch refused it")
@blp.alt_response(503, description="No connection")
def submit(body):
    """Submit a script."""
    if body["notify"]:
        raise NotFound(f"Endpoint {body['endpoint_id']} not found")
    if body.get("mount_name"):
        raise _no_mount(body["mount_name"])
    name = body.get("job_name") or body["name"]
    job_id = jobs.submit(cluster(), body["script_content"], name, work_dir())
    return {
        "name": body["name"],
        "job_id": job_id,
        "status": "PENDING",
        "depends_on": [],
        "command": [],
        "resources": {},
    }


def _no_mount(name: str) -> Problem:
    profile = server().settings.profile
    if profile and name in {mount.name for mount in profile.mounts}:
        return NotConnected("Mounts are not synchronised yet: copy the files, and submit without mount_name")
    return NotFound(f"Mount {name!r} not found")


@blp.get("/<job_id>")
@blp.response(200, JobSchema)
@blp.alt_response(400, description="Not a positive id")
@blp.alt_response(404, description="Unknown to Slurm")
@blp.alt_response(502, description="A command of Slurm's failed")
@blp.alt_response(503, description="No connection")
def show(job_id):
    """One job; `job_id` is 123, or 123_4 for a task of an array."""
    return job_json(jobs.show_now(cluster(), job_id).job, time.time())


@blp.delete("/<job_id>")
@blp.response(204)
@blp.alt_response(400, description="Not a positive id")
@blp.alt_response(404, description="Unknown to Slurm")
@blp.alt_response(502, description="scancel refused")
@blp.alt_response(503, description="No connection")
def cancel(job_id):
    """Cancel a job, an array, or a task; one that has ended stays as it is."""
    jobs.cancel(cluster(), job_id)


@blp.get("/<job_id>/logs")
@blp.arguments(LogsQuerySchema, location="query")
@blp.response(200, LogsSchema)
@blp.alt_response(400, description="Not a positive id")
@blp.alt_response(404, description="No log found")
@blp.alt_response(502, description="A command of Slurm's failed")
@blp.alt_response(503, description="No connection")
def read_logs(query, job_id):
    """What the job printed since the given offsets; without them, the end of it."""
    pieces = logs.read_both(cluster(), job_id, query.get("stdout_offset"), query.get("stderr_offset"))
    found = {}
    for stream in ("stdout", "stderr"):
        piece = pieces.get(stream)
        found[stream] = piece.chunk.data.decode("utf-8", "replace") if piece else ""
        found[f"{stream}_offset"] = piece.end if piece else 0
        found[f"{stream}_start"] = piece.chunk.offset if piece else 0
    return found


def job_json(job: Job, now: float) -> dict:
    """A job in the contract's shape; JobSchema says what the keys mean."""
    limit = text.duration(job.time_limit) or None
    gpus_per_node = -(-job.gpus // (job.nodes or 1))
    return {
        "name": job.name, "job_id": job.id, "status": job.state, "depends_on": [], "command": [],
        "resources": {"nodes": job.nodes, "gpus_per_node": gpus_per_node, "partition": job.partition or None,
                      "time_limit": limit},
        "partition": job.partition or None, "nodes": job.nodes, "gpus": job.gpus, "cpus": job.cpus,
        "elapsed_time": text.duration(job.elapsed(now)) or None, "time_limit": limit, "user": job.user,
        "nodelist": job.node_list or None, "reason": job.reason, "exit_code": job.exit_code,
        "submitted_at": text.timestamp(job.submit_time), "started_at": text.timestamp(job.start_time),
        "completed_at": text.timestamp(job.end_time), "array_job_id": job.array_id, "array_task_id": job.task,
        "array_tasks": job.tasks,
    }  # fmt: skip


def _json(view: View[list[Job]]) -> bytes:
    """The list, rendered once for each answer of Slurm's; marshmallow would take 100 times as long."""
    here = cluster()
    known = here.rendered
    if known is None or known[0] != view.at:
        rows = (_encode(job_json(job, view.at)) for job in view.value)
        known = here.rendered = (view.at, f"[{','.join(rows)}]".encode())
    return known[1]
