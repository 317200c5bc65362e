"""What goes on while nobody looks: the tick, and the beat, which starts the cells of sweeps sooner."""

import logging
import statistics
import time
from weakref import WeakKeyDictionary

from peewee import fn

from ..core import progress
from ..core.errors import Problem
from ..store import Run, RunJob, Sweep, connected
from . import attempts, jobs, lanes
from .advance import advance
from .cluster import Cluster, fresh

log = logging.getLogger("srunx_web")
LONGEST_SECONDS = 10  # between two looks for a sweep: as often as the tick
LATELY = 20  # cells by which is told how long one takes
_next_look: WeakKeyDictionary[Cluster, float] = WeakKeyDictionary()  # monotonic time


def tick(cluster: Cluster) -> None:
    """See the queue, learn how vanished jobs ended, then advance the runs and sweeps; without an answer nothing
    changes. Should one step fail, the others are taken all the same."""
    jobs.settle(cluster)
    for step in (advance, _advance_sweeps, attempts.record):
        try:
            step(cluster)
        except Problem as fault:
            log.warning("tick: %s", fault.detail)


def _advance_sweeps(cluster: Cluster) -> None:
    lanes.advance(cluster, lanes.live(cluster.key))


def beat(cluster: Cluster) -> None:
    """Start the cells that there is room for, and look for new room about twice in the time that a cell takes, but
    never more often than the scheduler's floor. Without a sweep it is one look at the database."""
    sweeps = lanes.live(cluster.key)
    if not sweeps:
        return
    lanes.advance(cluster, sweeps)
    now = time.monotonic()
    if now < _next_look.get(cluster, 0):
        return
    _next_look[cluster] = now + min((pace(sweep, cluster.scheduler.floor) for sweep in sweeps), default=LONGEST_SECONDS)
    fresh(cluster.mine, cluster.title)
    advance(cluster)
    lanes.advance(cluster, sweeps)


def pace(sweep: Sweep, floor: float) -> float:
    """Seconds until the queue is looked at again for this sweep: half of what its cells took lately, or of how long
    the first of them have run, between the floor and the tick."""
    half = (_usual(sweep.id) or 0) / 2
    return max(floor, min(half, LONGEST_SECONDS))


def _usual(sweep_id: int) -> float | None:
    """How long a cell of it takes, in seconds; None before one runs."""
    began, ended = fn.MIN(RunJob.start_time), fn.MAX(RunJob.end_time)
    rows = Run.select(began, ended, Run.status).join(RunJob).where(Run.sweep == sweep_id).group_by(Run.id)
    with connected():
        lately = list(rows.having(began.is_null(False)).order_by(began.desc()).limit(LATELY).tuples())
    over = [ended - began for began, ended, status in lately if status in progress.TERMINAL and ended]
    if over:
        return statistics.median(over)
    return time.time() - min(began for began, *_ in lately) if lately else None
