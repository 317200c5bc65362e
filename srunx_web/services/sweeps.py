"""Sweeps: listed, shown, cancelled."""

import contextlib
import time
from dataclasses import dataclass

from peewee import fn

from ..core import progress
from ..core.errors import Conflict, NotFound, Problem
from ..core.sweep import cell_state
from ..store import Event, Run, RunJob, Sweep, connected, db
from . import lanes
from .advance import advance
from .cluster import Cluster
from .counts import drop_waiting, recount
from .follow import entries_of
from .runlist import Jobs, numbers

LOCK_SECONDS = 15
MOST = 200  # sweeps in a list
CANCELLED = "cancelled before it was started"


@dataclass(frozen=True)
class Cell:
    """A point of the matrix: its last attempt, all attempts with the newest first, the jobs of the last in numbers."""

    run: Run
    attempts: list[Run]
    jobs: Jobs
    began: int | None = None  # when the first of its jobs began to run
    ended: int | None = None  # when the last one that has ended did

    @property
    def number(self) -> int:
        """Its place in the matrix, from 0."""
        return self.run.cell

    @property
    def state(self) -> str:
        """One of core.sweep.CELL_STATES."""
        return cell_state(self.run.status)

    @property
    def is_ahead(self) -> bool:
        """Whether it waits in Slurm's queue for the one before it in its lane."""
        return self.run.is_pending and self.run.lane is not None

    @property
    def seconds(self) -> int | None:
        """How long it took, from the first start of a job to the last end; None while it goes on or never began."""
        is_over = self.run.status in progress.TERMINAL
        return max(0, self.ended - self.began) if is_over and None not in (self.began, self.ended) else None


def list_(cluster: Cluster, limit: int = MOST) -> list[Sweep]:
    """The newest sweeps."""
    with connected():
        found = Sweep.select().where(Sweep.cluster == cluster.key)
        return list(found.order_by(Sweep.started_at.desc(), Sweep.id.desc()).limit(limit))


def show(sweep_id: int) -> Sweep:
    """A sweep as it is on record; NotFound."""
    with connected():
        found = Sweep.get_or_none(Sweep.id == sweep_id)
    if found is None:
        raise NotFound(f"Sweep run {sweep_id} not found")
    return found


def refresh(cluster: Cluster, sweep_id: int, wait: float) -> Sweep:
    """A sweep after a look at the queue that all readers share, moved to where its cells are; NotFound."""
    found = show(sweep_id)
    if found.status in progress.TERMINAL or found.cluster != cluster.key:
        return found
    cluster.queue(mine=True, wait=wait)
    with contextlib.suppress(Problem):  # what fails, the poller tries again
        advance(cluster, hands_in=cluster.hurry is None)
    hurry(cluster)
    return show(sweep_id)


def hurry(cluster: Cluster) -> None:
    """Let cells start for which there is room: by the poller, for it may take long; without one, now."""
    if not cluster.wake():
        lanes.advance(cluster, lanes.live(cluster.key))


def cells(sweep_id: int) -> list[Cell]:
    """The cells by their numbers."""
    with connected():
        runs = Run.select().where(Run.sweep == sweep_id).order_by(Run.cell, Run.attempt.desc())
        attempts: dict[int, list[Run]] = {}
        for run in runs:
            attempts.setdefault(run.cell, []).append(run)
    jobs, times = numbers([found[0].id for found in attempts.values()]), _times(sweep_id)
    last = [(found[0].id, found) for found in attempts.values()]
    return [Cell(found[0], found, jobs.get(id_, Jobs({})), *times.get(id_, ())) for id_, found in last]


def _times(sweep_id: int) -> dict[str, tuple[int | None, int | None]]:
    """The first start and the last end of a job, by run."""
    rows = RunJob.select(RunJob.run, fn.MIN(RunJob.start_time), fn.MAX(RunJob.end_time)).join(Run)
    mine = (Run.sweep == sweep_id) & Run.is_current & RunJob.carried_from.is_null()
    with connected():
        return {id_: times for id_, *times in rows.where(mine).group_by(RunJob.run).tuples()}


def by_state(found: list[Cell]) -> list[Cell]:
    """In the order of the API: status, start, id (api-contract, section 6)."""
    return sorted(found, key=lambda cell: (cell.run.status, cell.run.started_at, cell.run.id))


def events(sweep_id: int) -> list[Event]:
    """The changes of its state, oldest first."""
    with connected():
        return list(Event.select().where(Event.sweep == sweep_id).order_by(Event.id))


def version(sweep_id: int) -> str:
    """A word that changes when anything changes that is told of the sweep; of this life of the server only."""
    run = (Run.id, Run.status, Run.completed_at, Run.cancel_requested_at, Run.lane, Run.is_current)
    sweep = (Sweep.status, Sweep.cancel_requested_at, Sweep.completed_at, Sweep.error, Sweep.reopened_at)
    with connected():
        facts = [*Sweep.select(*sweep).where(Sweep.id == sweep_id).tuples(),
                 *Run.select(*run).where(Run.sweep == sweep_id).order_by(Run.id).tuples()]  # fmt: skip
        jobs = RunJob.select(RunJob.id, RunJob.state, RunJob.job_id, RunJob.reason, RunJob.start_time).join(Run)
        facts.extend(jobs.where((Run.sweep == sweep_id) & Run.is_current).order_by(RunJob.id).tuples())
    return f"{hash(tuple(facts)) & (1 << 64) - 1:x}"


def cancel(cluster: Cluster, sweep_id: int) -> Sweep:
    """Cancel what waits, and all that was handed in; what can't be done now goes on being tried. A second call, or one
    for a sweep that is over, changes nothing. NotFound; Conflict for one of another cluster."""
    found = show(sweep_id)
    if found.status in progress.TERMINAL:
        return found
    check_cluster(cluster, found)
    ids = _drain(sweep_id)
    with cluster.locks.hold(f"sweep {sweep_id}", LOCK_SECONDS):  # what is being handed in has to come home first
        alive = [str(entry.row.job_id) for found in entries_of(ids).values() for entry in found if entry.is_alive]
    try:
        cluster.scheduler.cancel(alive)
        cluster.changed()
        advance(cluster, hands_in=False)
    except Problem:
        hurry(cluster)
    return show(sweep_id)


def check_cluster(cluster: Cluster, sweep: Sweep) -> None:
    """Conflict when the sweep belongs to a cluster that is not connected now."""
    if sweep.cluster != cluster.key:
        raise Conflict(f"The sweep belongs to {sweep.cluster!r}, and {cluster.key!r} is connected now")


def _drain(sweep_id: int) -> list[str]:
    """End the cells that wait, and note of the others that they are to end; the ids of those."""
    now = time.time()
    with connected(), db.atomic("IMMEDIATE"):
        is_open = (Sweep.id == sweep_id) & Sweep.status.not_in(progress.TERMINAL)
        first = is_open & Sweep.cancel_requested_at.is_null()
        Sweep.update(cancel_requested_at=now).where(first).execute()
        if not Sweep.select().where(is_open).exists():
            return []
        drop_waiting(sweep_id, CANCELLED)
        mine = (Run.sweep == sweep_id) & Run.status.not_in(progress.TERMINAL)
        Run.update(cancel_requested_at=now).where(mine & Run.cancel_requested_at.is_null()).execute()
        recount(sweep_id)
        return [id_ for (id_,) in Run.select(Run.id).where(mine).tuples()]
