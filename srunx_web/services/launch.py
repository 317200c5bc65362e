"""Starting runs: everything checked and rendered, the rows written, the mounts synced, the jobs handed in."""

import logging
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .. import sync
from ..core import progress, states, workflow, yamltext
from ..core.errors import Conflict, Invalid, NotConnected, Problem, SlurmFailed, Uncertain
from ..core.model import Submission
from ..core.plan import PlannedJob, Selection, plan
from ..core.workflow import descendants
from ..settings import Mount, Settings
from ..store import Run, RunJob, connected, db, insert
from .cluster import Cluster
from .follow import conclude, drop_missing, entries, move
from .runs import LOCK_SECONDS, Shown, check_cluster, show
from .site import site, used_mounts
from .submission import submit_missing
from .workflows import Definition, planned, valid

log = logging.getLogger("srunx_web")
SYNC_LOCK_SECONDS = 120
WHOLE = Selection()


@dataclass(frozen=True)
class Start:
    """What is to be started: which part of the workflow, with which args, from where."""

    selection: Selection = WHOLE
    args: Mapping | None = None
    source: str = "web"
    triggered_by: str = "web"


def preview(settings: Settings, definition: Definition, start: Start) -> list[PlannedJob]:
    """What a run would hand in, in order; Invalid, Denied, NotFound."""
    found = valid(definition)
    where = {"overrides": dict(start.args or {}), "selection": start.selection}
    return planned(settings, found, definition.mount, yamltext.positions(definition.text), **where)


def start(cluster: Cluster, settings: Settings, definition: Definition, what: Start) -> Shown:
    """Check and render everything, write the rows, hand it all in.

    Invalid, Denied, NotFound: nothing was written. SlurmFailed: a job was refused, those before it are cancelled.
    NotConnected: nothing was sent, and the run has failed. When only some answers are missing, the run is returned
    as `submitting`: they are being looked up.
    """
    jobs = preview(settings, definition, what)
    if not jobs:
        raise Invalid("The workflow has no jobs")
    run = _run(cluster, definition.name, definition.mount, definition.text, what)
    return _carry_out(cluster, settings, run, jobs, definition.project)


def _carry_out(cluster: Cluster, settings: Settings, run: Run, jobs: list[PlannedJob], project: str | None,
               *, earlier: Mapping[str, RunJob] | None = None) -> Shown:  # fmt: skip
    """Write the rows, sync the mounts that the jobs use, hand in."""
    new = [job.spec for job in jobs if job.name not in (earlier or {})]
    mounts = used_mounts(settings, new, project)
    run.status = progress.SYNCING if mounts else progress.SUBMITTING
    with cluster.locks.hold(run.id, LOCK_SECONDS):
        _write(cluster, run, jobs, earlier)
        try:
            _sync(cluster, settings, run, mounts)
            return _hand_in(cluster, run)
        except Problem as fault:
            fault.run_id = run.id
            raise


def _sync(cluster: Cluster, settings: Settings, run: Run, mounts: list[Mount]) -> None:
    """Each mount once, one at a time; a failure ends the run before anything was submitted."""
    try:
        for mount in mounts:
            with cluster.locks.hold(f"mount {mount.name}", SYNC_LOCK_SECONDS) as is_held:
                if not is_held:
                    raise Conflict(f"Mount {mount.name!r} is being synced by another run; try again in a moment")
                sync.check_remote(mount)
                made = cluster.scheduler.shell.run(["mkdir", "-p", "--", mount.remote])
                if made.code:
                    raise SlurmFailed(f"Mount {mount.name!r} sync failed: {made.err.strip()[:500]}")
                sync.send(mount, settings.profile, settings)
    except Problem as fault:
        drop_missing(entries(run.id))
        move(run, progress.FAILED, fault.detail)
        raise
    if mounts:
        move(run, progress.SUBMITTING)


def _run(cluster: Cluster, name: str, mount: str | None, text: str, what: Start, **more) -> Run:
    part = {key: value for key, value in what.selection._asdict().items() if value}
    return Run(
        id=str(uuid.uuid4()), cluster=cluster.key, workflow_name=name, mount=mount, yaml=text,
        args=dict(what.args or {}), part={**part, **more.pop("part", {})}, status=progress.SUBMITTING,
        started_at=time.time(), source=what.source, triggered_by=what.triggered_by, **more,
    )  # fmt: skip


def _write(cluster: Cluster, run: Run, jobs: list[PlannedJob], earlier: Mapping[str, RunJob] | None = None) -> None:
    """The run, its jobs and their submissions, in one transaction; `earlier` are jobs that are not run again."""
    kept = earlier or {}
    tags = {job.name: secrets.token_hex(8) for job in jobs}
    new = [Submission(job.script, job.name, tags[job.name], job.work_dir) for job in jobs if job.name not in kept]
    with connected(), db.atomic("IMMEDIATE"):
        _check_twin(run)
        run.save(force_insert=True)
        cluster.records.begin(new, "run", run.started_at, is_tried=False)
        rows = [_row(run, position, job) | (_carried(kept[job.name]) if job.name in kept else {"tag": tags[job.name]})
                for position, job in enumerate(jobs)]  # fmt: skip
        insert(RunJob, rows)


def _check_twin(run: Run) -> None:
    """Conflict when the same part of the same run is being run again already: a button pressed twice."""
    twins = (Run.parent == run.parent) & (Run.part == run.part) & Run.status.not_in(progress.TERMINAL)
    if run.parent and Run.select().where(twins).exists():
        raise Conflict("This is being run again already; cancel that run first, or wait for its end")


_FRESH = {"tag": None, "job_id": None, "state": states.PENDING, "reason": None, "is_unreached": False, "node_list": "",
          "submit_time": None, "start_time": None, "end_time": None, "exit_code": None, "attempts": 0,
          "carried_from": None}  # fmt: skip


def _row(run: Run, position: int, job: PlannedJob) -> dict:
    return _FRESH | {
        "run": run.id, "name": job.name, "position": position,
        "depends_on": [list(parent) for parent in job.depends_on], "resources": dict(job.spec.resources),
        "folders": list(job.folders), "work_dir": job.work_dir, "retry": job.spec.retry,
    }  # fmt: skip


def _carried(row: RunJob) -> dict:
    """What a run keeps of a job that it does not run again: all of one that completed, of others that they are out."""
    if row.state != states.COMPLETED:
        return {"state": states.CANCELLED, "is_unreached": True, "reason": "not part of this rerun"}
    kept = ("job_id", "state", "node_list", "submit_time", "start_time", "end_time", "exit_code", "retry", "attempts")
    return {"carried_from": row.carried_from or row.run_id, **{name: getattr(row, name) for name in kept}}


def _hand_in(cluster: Cluster, run: Run) -> Shown:
    try:
        submit_missing(cluster, run)
    except Uncertain as fault:
        log.warning("run %s: %s; it is looked up", run.id, fault.detail)
    except NotConnected as fault:
        _fail_untouched(run, fault)
    found = entries(run.id)
    conclude(run, found)
    return Shown(run, found)


def _fail_untouched(run: Run, fault: NotConnected) -> None:
    """A run of which nothing reached the cluster is over, and its user told; any other goes on with the next tick."""
    found = entries(run.id)
    if any(entry.is_tried or (entry.row.job_id and not entry.row.carried_from) for entry in found):
        return
    drop_missing(found)
    move(run, progress.FAILED, f"Nothing was submitted: {fault.detail}")
    raise fault


def rerun(cluster: Cluster, settings: Settings, run_id: str, which: str, from_job: str | None = None) -> Shown:
    """Run it again from the definition and args that it had: `all`, only what `failed` or was not reached, or `from`
    a job on with all that depends on it. Jobs that completed and are not meant are carried over, not run again.

    Conflict while it is going on, or is being run again in the same way; Invalid when there is nothing to run.
    """
    shown = show(cluster, run_id)
    check_cluster(cluster, shown.run)
    if shown.run.status not in progress.TERMINAL:
        raise Conflict("The run is still going on; cancel it first, or wait for its end")
    again = _again(shown, which, from_job)
    if not again:
        raise Invalid("Every job of this run completed; there is nothing to run again")
    jobs = [job if job.name != from_job else replace(job, depends_on=()) for job in _planned_again(settings, shown)]
    earlier = {entry.row.name: entry.row for entry in shown.entries if entry.row.name not in again}
    old = shown.run
    selection = Selection(**{key: value for key, value in old.part.items() if key in Selection._fields})
    run = _run(cluster, old.workflow_name, old.mount, old.yaml, Start(selection, old.args, old.source), parent=old.id,
               part={"rerun": which, **({"from": from_job} if from_job else {})})  # fmt: skip
    project = workflow.parse(old.yaml).default_project or old.mount
    return _carry_out(cluster, settings, run, jobs, project, earlier=earlier)


def _again(shown: Shown, which: str, from_job: str | None) -> set[str]:
    """The names of the jobs that a rerun runs."""
    names = {entry.row.name for entry in shown.entries}
    if which == "all":
        return names
    if which == "failed":
        return {
            entry.row.name for entry in shown.entries if entry.row.state != states.COMPLETED or entry.row.is_unreached
        }
    if which != "from":
        raise Invalid("rerun: must be all, failed or from")
    if from_job not in names:
        raise Invalid(f"There is no job {from_job!r} in this run")
    return descendants(shown.edges, [from_job])


def _planned_again(settings: Settings, shown: Shown) -> list[PlannedJob]:
    """The jobs of the run as its own definition and args plan them; scripts in files are read anew."""
    found = workflow.parse(shown.run.yaml)
    part = [entry.row.name for entry in shown.entries]
    return plan(found, site(settings, found.default_project or shown.run.mount), shown.run.args, part)
