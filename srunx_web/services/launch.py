"""Starting runs: everything checked and rendered, the rows written, the mounts synced, the jobs handed in."""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..core import progress, states, workflow, yamltext
from ..core.errors import Conflict, Invalid, NotConnected, NotReached, Problem, Uncertain
from ..core.plan import PlannedJob, Selection, plan
from ..core.workflow import descendants
from ..settings import Mount, Settings
from ..store import Run, RunJob, connected, db
from .cluster import Cluster
from .copying import copy
from .follow import conclude, drop_missing, entries, move
from .rows import Planned, write_jobs
from .runs import LOCK_SECONDS, Shown, check_cluster, show
from .site import site, used_mounts
from .submission import submit_missing
from .workflows import Definition, planned, valid

log = logging.getLogger("srunx_web")
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
        copy(cluster, settings, mounts)
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
    with connected(), db.atomic("IMMEDIATE"):
        _check_twin(run)
        run.save(force_insert=True)
        write_jobs(cluster, [Planned(run, jobs, earlier or {})])


def _check_twin(run: Run) -> None:
    """Conflict when the same part of the same run is being run again already: a button pressed twice."""
    twins = (Run.parent == run.parent) & (Run.part == run.part) & Run.status.not_in(progress.TERMINAL)
    if run.parent and Run.select().where(twins).exists():
        raise Conflict("This is being run again already; cancel that run first, or wait for its end")


def _hand_in(cluster: Cluster, run: Run) -> Shown:
    try:
        submit_missing(cluster, run)
    except Uncertain as fault:
        log.warning("run %s: %s; it is looked up", run.id, fault.detail)
    except (NotConnected, NotReached) as fault:
        _fail_untouched(run, fault)
    found = entries(run.id)
    conclude(run, found)
    return Shown(run, found)


def _fail_untouched(run: Run, fault: NotConnected | NotReached) -> None:
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
    if shown.run.sweep_id is not None:
        raise Conflict(f"The run is a cell of sweep {shown.run.sweep_id}; run its cells again there")
    if shown.run.status not in progress.TERMINAL:
        raise Conflict("The run is still going on; cancel it first, or wait for its end")
    again = _again(shown, which, from_job)
    if not again:
        raise Invalid("Every job of this run completed; there is nothing to run again")
    jobs = [job if job.name != from_job else replace(job, depends_on=()) for job in _planned_again(settings, shown)]
    earlier = {entry.row.name: entry.row for entry in shown.entries if entry.row.name not in again}
    old = shown.run
    selection = Selection(**{key: value for key, value in old.part.items() if key in Selection._fields})
    what = Start(selection, old.args, old.source)
    part = {"rerun": which, **({"from": from_job} if from_job else {})}
    run = _run(cluster, old.workflow_name, old.mount, old.definition, what, parent=old.id, part=part)
    project = workflow.parse(old.definition).default_project or old.mount
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
    found = workflow.parse(shown.run.definition)
    part = [entry.row.name for entry in shown.entries]
    return plan(found, site(settings, found.default_project or shown.run.mount), shown.run.args, part)
