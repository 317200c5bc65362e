"""Sweeps as a list: those that a reader looks for, a page at a time, each with how long it will still take.

Cells are counted and their times summed up by the database: fifty sweeps of a thousand cells are as quick as fifty of
four.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from peewee import fn

from ..core import eta, progress, states
from ..store import JobRow, Result, Run, RunJob, Sweep, connected
from .cluster import Cluster
from .runlist import label

PAGE_SIZE = 50
RUNS = (progress.SYNCING, progress.SUBMITTING, progress.RUNNING)
RAN = (progress.COMPLETED, progress.FAILED)
BAR = (progress.COMPLETED, progress.RUNNING, progress.PENDING, progress.FAILED, progress.CANCELLED)
REFRESH_SECONDS = 15  # an estimate is told anew after that, though nothing has happened


class Wanted(NamedTuple):
    """What of the list is wanted; empty means all. `text` is a part of a name or a number, `workflow` a name as
    runlist.label gives it, `state` one of core.sweep.SWEEP_STATES."""

    text: str = ""
    workflow: str = ""
    state: str = ""


class Line(NamedTuple):
    """A sweep, and what is left of it when that can be told."""

    sweep: Sweep
    left: eta.Left | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many cells are in which state, those without any left out."""
        return counts(self.sweep)


@dataclass(frozen=True)
class Page:
    """A part of the list, newest first; `total` is how many match."""

    lines: list[Line]
    total: int


def page(cluster: Cluster, wanted: Wanted, number: int = 1) -> Page:
    """That page (from 1) of the sweeps that match."""
    match = _match(cluster, wanted)
    with connected():
        total = Sweep.select().where(match).count()
        newest = Sweep.select().where(match).order_by(Sweep.started_at.desc(), Sweep.id.desc())
        found = list(newest.paginate(number, PAGE_SIZE))
    left = _left([sweep for sweep in found if sweep.status not in progress.TERMINAL])
    return Page([Line(sweep, left.get(sweep.id)) for sweep in found], total)


def current(cluster: Cluster, since: float) -> list[Line]:
    """The sweeps that go on or ended since then (epoch seconds), newest first, at most PAGE_SIZE."""
    wanted = Sweep.status.not_in(progress.TERMINAL) | (Sweep.completed_at > since)
    with connected():
        newest = Sweep.select().where((Sweep.cluster == cluster.key) & wanted).order_by(Sweep.started_at.desc())
        return [Line(sweep) for sweep in newest.limit(PAGE_SIZE)]


def workflows(cluster: Cluster) -> list[str]:
    """The labels of all workflows that have sweeps, sorted."""
    with connected():
        rows = Sweep.select(Sweep.mount, Sweep.workflow_name).where(Sweep.cluster == cluster.key).distinct()
        return sorted({label(sweep) for sweep in rows})


def version(lines: list[Line], *more) -> str:
    """A word that changes when anything changes that is told of these; of this life of the server only."""
    facts = [(line.sweep.id, line.sweep.status, *line.counts.items()) for line in lines]
    is_live = any(line.sweep.status not in progress.TERMINAL for line in lines)
    turn = int(time.time() / REFRESH_SECONDS) if is_live else 0
    return f"{hash((*facts, turn, *more)) & (1 << 64) - 1:x}"


def counts(sweep: Sweep) -> dict[str, int]:
    """How many of its cells are in which state, in the order of a bar; states without any are left out."""
    found = {state: getattr(sweep, f"cells_{state}") for state in BAR}
    return {state: number for state, number in found.items() if number}


def left(sweep: Sweep, ended: eta.Times, running: list[float]) -> eta.Left | None:
    """What is left of a sweep whose cells took and have taken these seconds; None when it is not known yet."""
    pending = 0 if sweep.cancel_requested_at else sweep.cells_pending
    return eta.left(ended, running, pending, sweep.max_parallel)


def read_version(sweep_id: int) -> str:
    """A word that changes when metrics of the sweep are read."""
    with connected():
        found = Result.select(fn.COUNT(Result.run), fn.MAX(Result.read_at)).join(Run).where(Run.sweep == sweep_id)
        return "{}-{}".format(*found.tuples().first())


def asked(sweep_id: int) -> list[Run]:
    """The cells with a submission of which nobody knows whether Slurm took it: their pages ask."""
    doubtful = JobRow.gone_at.is_null(False) & JobRow.attempted_at.is_null(False) & JobRow.job_id.is_null()
    mine = (Run.sweep == sweep_id) & Run.status.not_in(progress.TERMINAL) & RunJob.job_id.is_null()
    rows = Run.select().join(RunJob).join(JobRow, on=RunJob.tag == JobRow.tag)
    with connected():
        return list(rows.where(mine & doubtful).distinct().order_by(Run.cell))


def failures(sweep_id: int) -> dict[str, tuple[str, str, str | None]]:
    """The job of each failed cell that failed first, by the run: its name, state and exit code."""
    columns = (RunJob.run, RunJob.name, RunJob.state, RunJob.exit_code)
    mine = (Run.sweep == sweep_id) & (Run.status == progress.FAILED) & RunJob.state.in_(states.FAILURES)
    with connected():
        rows = RunJob.select(*columns).join(Run).where(mine).order_by(RunJob.end_time.desc(), RunJob.position.desc())
        return {run_id: tuple(job) for run_id, *job in rows.tuples()}


def attempts(run: Run) -> list[Run]:
    """All attempts at the cell that this is one of, the first one first."""
    with connected():
        return list(Run.select().where((Run.sweep == run.sweep_id) & (Run.cell == run.cell)).order_by(Run.attempt))


def _match(cluster: Cluster, wanted: Wanted):
    match = Sweep.cluster == cluster.key
    if wanted.text:
        number = wanted.text.removeprefix("#")
        is_id = number.isascii() and number.isdigit() and len(number) < 19
        match &= Sweep.workflow_name.contains(wanted.text) | ((Sweep.id == int(number)) if is_id else False)
    if wanted.workflow:
        mount, _, name = wanted.workflow.rpartition("/")
        match &= (Sweep.workflow_name == name) & ((Sweep.mount == mount) if mount else Sweep.mount.is_null())
    if wanted.state:
        match &= Sweep.status == wanted.state
    return match


def _left(live: Iterable[Sweep]) -> dict[int, eta.Left]:
    """What is left of each of these by its id, where that can be told."""
    sweeps = {sweep.id: sweep for sweep in live}
    took = Run.completed_at - Run.started_at
    mine = Run.sweep.in_(list(sweeps)) & (Run.is_current == True)  # noqa: E712 - it makes SQL
    sums = (fn.COUNT(Run.id), fn.SUM(took), fn.SUM(took * took))
    now = time.time()
    with connected():
        ended = Run.select(Run.sweep, *sums).where(mine & Run.status.in_(RAN)).group_by(Run.sweep).tuples()
        times = {id_: eta.Times(*found) for id_, *found in ended}
        running: dict[int, list[float]] = {}
        for id_, started_at in Run.select(Run.sweep, Run.started_at).where(mine & Run.status.in_(RUNS)).tuples():
            running.setdefault(id_, []).append(max(0.0, now - started_at))
    found = {id_: left(sweep, times.get(id_, eta.Times()), running.get(id_, [])) for id_, sweep in sweeps.items()}
    return {id_: estimate for id_, estimate in found.items() if estimate}
