"""Starting the cells of sweeps: claimed by conditional update, max_parallel at once, one more behind each.

A cell that is claimed ahead waits in Slurm's queue for every job of the one before it in its lane, so that it starts
in the second in which that one ends, whether this server runs or not. Every job, not only the last ones: when a job
fails, its dependents end at once while others of the cell still run.
"""

import logging
import time
from collections.abc import Iterable
from typing import NamedTuple

from peewee import fn

from ..core import progress, states
from ..core.errors import Problem
from ..core.lanes import Held, followers, free, movable
from ..store import Run, RunJob, Sweep, connected, db
from .cluster import Cluster
from .counts import recount
from .follow import conclude, entries
from .submission import submit_missing

log = logging.getLogger("srunx_web")
_ALIVE = RunJob.state.not_in(states.TERMINAL) & ~RunJob.is_lost & RunJob.tag.is_null(False)


def live(cluster: str) -> list[Sweep]:
    """The sweeps that are not over."""
    with connected():
        return list(Sweep.select().where((Sweep.cluster == cluster) & Sweep.status.not_in(progress.TERMINAL)))


def advance(cluster: Cluster, sweeps: Iterable[Sweep]) -> None:
    """Give every free place of these to a cell; one that fails to start does not stop the others."""
    for sweep in sweeps:
        try:
            with cluster.locks.hold(f"sweep {sweep.id}") as is_held:
                if is_held:
                    _advance(cluster, sweep)
        except Problem as fault:
            log.warning("sweep %s: %s", sweep.id, fault.detail)
        except Exception:
            log.exception("sweep %s", sweep.id)


class Claimed(NamedTuple):
    """The runs that may be handed in now, and those that need not wait for the one before them any more."""

    new: list[Run]
    moved: list[Run]


def _advance(cluster: Cluster, sweep: Sweep) -> None:
    refused = 0
    while any(claimed := claim(sweep.id)) and refused < sweep.max_parallel:
        for run in claimed.new:
            refused += not _hand_in(cluster, run)
        for run in claimed.moved:
            _release(cluster, run)


def _release(cluster: Cluster, run: Run) -> None:
    """Let a cell start now: it depends on nothing but its own jobs any more. Should this fail, it starts later."""
    found = {entry.row.name: entry for entry in entries(run.id)}
    terms = {}
    for entry in found.values():
        if entry.is_alive and not entry.is_over and not entry.row.node_list:
            parents = [(kind, found[name].row) for kind, name in entry.row.depends_on if not found[name].is_over]
            terms[entry.row.job_id] = ",".join(f"{kind}:{row.job_id}" for kind, row in parents)
    cluster.scheduler.depend(terms)
    cluster.changed()


def _hand_in(cluster: Cluster, run: Run) -> bool:
    """Submit a cell; False when it was refused, which is its own failure. NotConnected: none would get through."""
    with cluster.locks.hold(run.id) as is_held:
        if not is_held:
            return True
        try:
            submit_missing(cluster, run)
        except Problem as fault:
            if fault.status == 503:
                raise
            log.warning("cell %s of sweep %s: %s", run.cell, run.sweep_id, fault.detail)
            return False
        conclude(run, entries(run.id))
        return True


def claim(sweep_id: int) -> Claimed:
    """Take the places that are free for the next cells, in one transaction; without such, for cells that stand behind
    another one. A run whose lane became free meanwhile counts as running from now on."""
    with connected():
        if not _may_claim(sweep_id):
            return Claimed([], [])
        with db.atomic("IMMEDIATE"):
            if not _may_claim(sweep_id):
                return Claimed([], [])
            sweep = Sweep.get_by_id(sweep_id)
            lanes = held(sweep)
            promoted = _promote(lanes)
            new = _take(sweep, lanes)
            taken = {run.lane for run in new}
            moved = _move(
                lanes, [lane for lane in range(sweep.max_parallel) if not lanes.get(lane) and lane not in taken]
            )
            if new or promoted or moved:
                recount(sweep_id)
    return Claimed(new, moved)


def _may_claim(sweep_id: int) -> bool:
    is_open = Sweep.status.not_in(progress.TERMINAL) & Sweep.cancel_requested_at.is_null()
    waits = Run.is_current & (Run.status == progress.PENDING)
    return Sweep.select().join(Run).where((Sweep.id == sweep_id) & is_open & waits).exists()


def held(sweep: Sweep) -> dict[int, list[Held]]:
    """Who holds a place in which lane: runs that are not over, and those of which a job may be alive all the same."""
    alive = RunJob.select(RunJob.id).where((RunJob.run == Run.id) & _ALIVE)
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


def _promote(lanes: dict[int, list[Held]]) -> int:
    """What was behind another run is at the head of its lane when that one is over; how many there were."""
    behind = set(followers(lanes))
    heads = [one.run for held in lanes.values() for one in held if one.run not in behind]
    waiting = Run.id.in_(heads) & (Run.status == progress.PENDING)
    missing = RunJob.select(RunJob.run).where(RunJob.run.in_(heads) & _ALIVE & RunJob.job_id.is_null())
    now = time.time()
    handed_in = Run.update(status=progress.RUNNING, started_at=now).where(waiting & Run.id.not_in(missing)).execute()
    return handed_in + Run.update(status=progress.SUBMITTING, started_at=now).where(waiting).execute()


def _move(lanes: dict[int, list[Held]], spare: list[int]) -> list[Run]:
    """Give empty lanes, for which no cell is left, to cells that were handed in behind another one."""
    moved = []
    for lane, run in zip(spare, movable(lanes), strict=False):
        mine = (Run.id == run) & (Run.status == progress.PENDING) & Run.cancel_requested_at.is_null()
        values = {"lane": lane, "after": None, "status": progress.SUBMITTING, "started_at": time.time()}
        if Run.update(**values).where(mine).execute():
            moved.append(Run.get_by_id(run))
    return moved


def _take(sweep: Sweep, lanes: dict[int, list[Held]]) -> list[Run]:
    """Claim the next cells for the free places."""
    places = list(free(lanes, sweep.max_parallel, sweep.is_ahead))
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
