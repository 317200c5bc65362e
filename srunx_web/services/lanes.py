"""Starting the cells of sweeps: claimed by conditional update, max_parallel at once, one more behind each.

A cell that is claimed ahead waits in Slurm's queue for every job of the one before it in its lane, so that it starts
in the second in which that one ends, whether this server runs or not. Every job, not only the last ones: when a job
fails, its dependents end at once while others of the cell still run.
"""

import logging
import time
from collections.abc import Iterable

from peewee import fn

from ..core import progress, states
from ..core.errors import NotConnected, NotNow, Problem, Uncertain
from ..core.lanes import Held, followers, free, movable, separated
from ..store import JobRow, Run, RunJob, Sweep, connected, db
from .cluster import Cluster
from .counts import recount
from .follow import Entry, conclude, entries, rule_out
from .submission import submit_missing

log = logging.getLogger("srunx_web")
_OPEN = RunJob.state.not_in(states.TERMINAL) & ~RunJob.is_lost & RunJob.tag.is_null(False)
_SENT = RunJob.job_id.is_null(False) | JobRow.attempted_at.is_null(False)


def live(cluster: str) -> list[Sweep]:
    """The sweeps that are not over."""
    with connected():
        return list(Sweep.select().where((Sweep.cluster == cluster) & Sweep.status.not_in(progress.TERMINAL)))


def advance(cluster: Cluster, sweeps: Iterable[Sweep]) -> None:
    """Give every free place of these to a cell; one that fails to start does not stop the others."""
    for sweep in sweeps:
        words = None
        try:
            with cluster.locks.hold(f"sweep {sweep.id}") as is_held:
                if is_held:
                    _advance(cluster, sweep)
        except Problem as fault:
            log.warning("sweep %s: %s", sweep.id, fault.detail)
            words = f"Cells wait: {fault.detail}"
        except Exception:
            log.exception("sweep %s", sweep.id)
        _say(sweep, words)


def _say(sweep: Sweep, words: str | None) -> None:
    """Tell on the sweep why nothing goes on, or that this is over."""
    if words != sweep.error:
        with connected():
            Sweep.update(error=words).where((Sweep.id == sweep.id) & Sweep.status.not_in(progress.TERMINAL)).execute()


def _advance(cluster: Cluster, sweep: Sweep) -> None:
    new, refused = _unsent(sweep.id), 0
    while new := new + claim(sweep.id):
        refused += sum(not _hand_in(cluster, run) for run in new)
        if refused >= sweep.lanes:
            break
        new = []
    for run in _separated(sweep):
        _release(cluster, run)


def _unsent(sweep_id: int) -> list[Run]:
    """The cells that were claimed and still have to be handed in."""
    missing = RunJob.select(RunJob.run).join(JobRow, on=RunJob.tag == JobRow.tag).where(_OPEN & ~_SENT)
    claimed = Run.status.in_((progress.PENDING, progress.SUBMITTING)) & Run.lane.is_null(False)
    mine = (Run.sweep == sweep_id) & claimed & Run.cancel_requested_at.is_null()
    with connected():
        return list(Run.select().where(mine & Run.id.in_(missing)).order_by(Run.after.is_null(False), Run.cell))


def _hand_in(cluster: Cluster, run: Run) -> bool:
    """Submit a cell; False when it was refused, which is its own failure. NotConnected, NotNow: none would get in."""
    with cluster.locks.hold(run.id) as is_held:
        if not is_held:
            return True
        try:
            submit_missing(cluster, run)
        except (NotConnected, NotNow):
            raise
        except Problem as fault:
            log.warning("cell %s of sweep %s: %s", run.cell, run.sweep_id, fault.detail)
            return isinstance(fault, Uncertain)
        conclude(run, entries(run.id))
        return True


def _separated(sweep: Sweep) -> list[Run]:
    """The cells that got a lane of their own, and still wait in Slurm for the run that they were put behind."""
    with connected():
        return list(Run.select().where(Run.id.in_(separated(held(sweep))))) if _may_claim(sweep.id) else []


def _release(cluster: Cluster, run: Run) -> None:
    """Let a cell start now: it depends on nothing but its own jobs any more."""
    with cluster.locks.hold(run.id) as is_held:
        if not is_held:
            return
        found = entries(run.id)
        rule_out(found)
        if terms := _own_terms(found):
            cluster.scheduler.depend(terms)
            cluster.changed()
        _let_go(run)
    _hand_in(cluster, run)


def _own_terms(found: list[Entry]) -> dict[int, str]:
    """What the jobs of a cell that wait depend on in the cell itself, by their ids."""
    known = {entry.row.name: entry for entry in found}
    terms = {}
    for entry in found:
        if entry.is_alive and not entry.is_over and not entry.row.node_list:
            parents = [(kind, known[name].row) for kind, name in entry.row.depends_on if not known[name].is_over]
            terms[entry.row.job_id] = ",".join(f"{kind}:{row.job_id}" for kind, row in parents)
    return terms


def _let_go(run: Run) -> None:
    """It counts as running from now on."""
    with connected(), db.atomic("IMMEDIATE"):
        mine = (Run.id == run.id) & (Run.after == run.after) & Run.cancel_requested_at.is_null()
        Run.update(after=None).where(mine).execute()
        _begin([run.id])
        recount(run.sweep_id)
    run.after = None


def claim(sweep_id: int) -> list[Run]:
    """Take the places that are free for the next cells, in one transaction; lanes for which none is left go to cells
    that stand behind another one. A run whose lane became free meanwhile counts as running from now on."""
    with connected():
        if not _may_claim(sweep_id):
            return []
        with db.atomic("IMMEDIATE"):
            if not _may_claim(sweep_id):
                return []
            sweep = Sweep.get_by_id(sweep_id)
            lanes = held(sweep)
            behind = set(followers(lanes))
            begun = _begin([one.run for held in lanes.values() for one in held if one.run not in behind])
            claimed = _take(sweep, lanes)
            used = {*(lane for lane, held in lanes.items() if held), *(run.lane for run in claimed)}
            _move(lanes, [lane for lane in range(sweep.lanes) if lane not in used])
            if claimed or begun:
                recount(sweep_id)
    return claimed


def _may_claim(sweep_id: int) -> bool:
    is_open = Sweep.status.not_in(progress.TERMINAL) & Sweep.cancel_requested_at.is_null()
    waits = Run.is_current & (Run.status == progress.PENDING)
    return Sweep.select().join(Run).where((Sweep.id == sweep_id) & is_open & waits).exists()


def held(sweep: Sweep) -> dict[int, list[Held]]:
    """Who holds a place in which lane: runs that are not over, and those of which a job may be alive all the same."""
    alive = RunJob.select(RunJob.id).join(JobRow, on=RunJob.tag == JobRow.tag)
    alive = alive.where((RunJob.run == Run.id) & _OPEN & _SENT)
    began = RunJob.select(RunJob.start_time).where((RunJob.run == Run.id) & RunJob.start_time.is_null(False)).limit(1)
    holds = Run.status.not_in(progress.TERMINAL) | fn.EXISTS(alive)
    lanes: dict[int, list[Held]] = {}
    rows = Run.select(Run.id, Run.lane, Run.after, Run.status, began.alias("began")).where(
        (Run.sweep == sweep.id) & Run.lane.is_null(False) & holds
    )
    for id_, lane, after, status, since in rows.tuples():
        is_handed_in = status not in (progress.PENDING, progress.SUBMITTING)
        lanes.setdefault(lane, []).append(Held(id_, after, since, is_handed_in))
    return lanes


def _begin(heads: list[str]) -> int:
    """The runs at the head of their lanes count as running; how many did not before."""
    waiting = Run.id.in_(heads) & (Run.status == progress.PENDING)
    missing = RunJob.select(RunJob.run).where(RunJob.run.in_(heads) & _OPEN & RunJob.job_id.is_null())
    now = time.time()
    handed_in = Run.update(status=progress.RUNNING, started_at=now).where(waiting & Run.id.not_in(missing)).execute()
    return handed_in + Run.update(status=progress.SUBMITTING, started_at=now).where(waiting).execute()


def _move(lanes: dict[int, list[Held]], spare: list[int]) -> None:
    """Give empty lanes to cells that stand behind another one; they wait in Slurm until they are released."""
    for lane, run in zip(spare, movable(lanes), strict=False):
        waiting = (Run.id == run) & (Run.status == progress.PENDING) & Run.cancel_requested_at.is_null()
        Run.update(lane=lane).where(waiting).execute()


def _take(sweep: Sweep, lanes: dict[int, list[Held]]) -> list[Run]:
    """Claim the next cells for the free places."""
    places = list(free(lanes, sweep.lanes, sweep.is_ahead))
    mine = (Run.sweep == sweep.id) & Run.is_current & (Run.status == progress.PENDING)
    waiting = mine & Run.lane.is_null() & Run.cancel_requested_at.is_null()
    found = list(Run.select().where(waiting).order_by(Run.cell).limit(len(places))) if places else []
    claimed = []
    for run, place in zip(found, places, strict=False):
        status = progress.SUBMITTING if place.after is None else progress.PENDING
        values = {"lane": place.lane, "after": place.after, "status": status, "started_at": time.time()}
        if Run.update(**values).where((Run.id == run.id) & waiting).execute():
            claimed.append(Run.get_by_id(run.id))
    return claimed
