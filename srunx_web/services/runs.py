"""Runs of workflows: listed, shown, cancelled, their doubts resolved."""

import contextlib
import time
from dataclasses import dataclass

from ..core import progress
from ..core.errors import BadRequest, Conflict, Denied, Invalid, NotFound, Problem, SlurmFailed
from ..store import JobRow, Run, RunJob, connected
from .advance import advance
from .cluster import Cluster
from .follow import Entry, drop_missing, entries, entries_of, move

MOST = 200  # runs in a list
LOCK_SECONDS = 15
NO_RUN = "Run {} not found"


@dataclass(frozen=True)
class Shown:
    """A run and its jobs, parents first."""

    run: Run
    entries: list[Entry]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.run.status in progress.TERMINAL and not any(entry.is_alive for entry in self.entries)

    @property
    def edges(self) -> list[tuple[str, str, str]]:
        """(parent, child, kind) of every dependency."""
        return [(parent.job, entry.row.name, parent.kind) for entry in self.entries for parent in entry.depends_on]


def list_(
    cluster: Cluster, name: str | None = None, status: str | None = None, limit: int = MOST, before: float | None = None
) -> list[Shown]:
    """The newest runs, of one workflow or in one state if asked, with their jobs."""
    wanted = Run.cluster == cluster.key
    wanted &= (Run.workflow_name == name) if name else True
    wanted &= (Run.status == status) if status else True
    wanted &= (Run.started_at < before) if before else True
    with connected():
        found = list(Run.select().where(wanted).order_by(Run.started_at.desc(), Run.id).limit(limit))
    jobs = entries_of([run.id for run in found])
    return [Shown(run, jobs.get(run.id, [])) for run in found]


def show(cluster: Cluster, run_id: str) -> Shown:
    """A run as it is on record; NotFound."""
    with connected():
        run = Run.get_or_none(Run.id == run_id)
    if run is None:
        raise NotFound(NO_RUN.format(run_id[:80]))
    return Shown(run, entries(run.id))


def refresh(cluster: Cluster, run_id: str, wait: float) -> Shown:
    """A run after a look at the queue that all readers share, moved to where its jobs are; NotFound."""
    shown = show(cluster, run_id)
    if shown.is_over or shown.run.cluster != cluster.key:
        return shown
    cluster.queue(mine=True, wait=wait)
    return moved(cluster, run_id)


def moved(cluster: Cluster, run_id: str) -> Shown:
    """A run where its jobs are by now; NotFound. What does not work at once, the tick tries again."""
    with contextlib.suppress(Problem):
        advance(cluster, run_id)
    return show(cluster, run_id)


def cancel(cluster: Cluster, run_id: str) -> list[str]:
    """Cancel a run and all its jobs; what could not be done now is returned in words, and goes on being tried.

    Invalid when it is over already; NotFound.
    """
    run = show(cluster, run_id).run
    check_cluster(cluster, run)
    if run.status in progress.TERMINAL:
        raise Invalid(f"Run is already {run.status}")
    with connected():
        Run.update(cancel_requested_at=time.time()).where(
            (Run.id == run_id) & Run.cancel_requested_at.is_null()
        ).execute()
    with cluster.locks.hold(run_id, LOCK_SECONDS):  # a batch under way has to come home first
        return _cancelled(cluster, run_id)


def _cancelled(cluster: Cluster, run_id: str) -> list[str]:
    shown = show(cluster, run_id)
    drop_missing(shown.entries)
    alive = [entry for entry in shown.entries if entry.is_alive]
    warnings = [f"{entry.row.name}: it is being looked up whether Slurm has it; then it is cancelled"
                for entry in shown.entries if entry.is_tried]  # fmt: skip
    try:
        cluster.scheduler.cancel([str(entry.row.job_id) for entry in alive])
        cluster.changed()
    except Problem as fault:
        return warnings + [f"{entry.row.name}: {fault.detail}" for entry in alive]
    if not warnings:
        move(shown.run, progress.CANCELLED)
    return warnings


def check_cluster(cluster: Cluster, run: Run) -> None:
    """Conflict when the run belongs to a cluster that is not connected now."""
    if run.cluster != cluster.key:
        raise Conflict(f"The run belongs to {run.cluster!r}, and {cluster.key!r} is connected now")


def resolve(cluster: Cluster, run_id: str, name: str, job_id: int | None) -> None:
    """The user's answer for a submission of which nobody knows whether Slurm took it: the id it has, or None to
    submit it once more. Invalid when nobody asked; Conflict while a submission of the run is under way; NotFound."""
    check_cluster(cluster, show(cluster, run_id).run)
    with cluster.locks.hold(run_id, LOCK_SECONDS) as is_held:  # of two answers at once only one counts
        if not is_held:
            raise Conflict("Jobs of this run are being submitted; try again in a moment")
        _resolve(cluster, run_id, name, job_id)


def _resolve(cluster: Cluster, run_id: str, name: str, job_id: int | None) -> None:
    shown = show(cluster, run_id)
    entry = next((entry for entry in shown.entries if entry.row.name == name), None)
    if entry is None:
        raise NotFound(f"There is no job {name!r} in this run")
    if not entry.is_asked:
        raise Invalid(f"It is not in doubt whether Slurm has {name!r}")
    if job_id is None:
        cluster.records.retract([entry.row.tag])
        return
    _check_answer(cluster, entry, job_id)
    cluster.records.adopt(entry.row.tag, job_id, time.time())


def _check_answer(cluster: Cluster, entry: Entry, job_id: int) -> None:
    """An id that is another submission's, or nobody's, is no answer."""
    if job_id <= 0:
        raise BadRequest(f"Job id {job_id} is out of range: ids are positive")
    record = cluster.records.row(job_id)
    if record and record.tag not in (None, entry.row.tag):
        raise Denied(f"Job {job_id} is another submission of yours")
    known = cluster.scheduler.jobs([job_id]).get(job_id)
    if known is None:
        raise SlurmFailed(f"Job {job_id} is not known to Slurm")
    if known.user != cluster.user:
        raise Denied(f"Job {job_id} belongs to {known.user}")


def script(shown: Shown, name: str) -> str | None:
    """The script that a job of the run was handed in with; of a carried one None."""
    with connected():
        tag = next((entry.row.tag for entry in shown.entries if entry.row.name == name), None)
        return JobRow.select(JobRow.script).where(JobRow.tag == tag).scalar() if tag else None


def of_job(cluster: Cluster, job_id: int) -> Run | None:
    """The run that a job was handed in for, the newest when its id was used anew."""
    with connected():
        mine = (Run.cluster == cluster.key) & (RunJob.job_id == job_id) & RunJob.carried_from.is_null()
        return Run.select().join(RunJob).where(mine).order_by(Run.started_at.desc()).first()
