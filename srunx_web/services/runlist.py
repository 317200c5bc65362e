"""Runs as a list: those that a reader looks for, a page at a time, each with how many of its jobs are in which state.

Jobs are counted by the database: fifty runs of a thousand jobs are as quick as fifty of four.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from peewee import fn

from ..core import progress, states
from ..core.tally import tally, word
from ..store import Run, RunJob, connected
from .cluster import Cluster
from .follow import conclude, entries_of, follow

PAGE_SIZE = 50
STATES = ("running", progress.COMPLETED, progress.FAILED, progress.CANCELLED)  # running: whatever is not over
_BY = (RunJob.run, RunJob.state, RunJob.is_unreached, RunJob.is_lost, RunJob.job_id.is_null())


class Wanted(NamedTuple):
    """What of the list is wanted; empty means all. `text` is a part of a name or the beginning of an id, `workflow`
    a name as `label` gives it, `state` one of STATES."""

    text: str = ""
    workflow: str = ""
    state: str = ""


class Jobs(NamedTuple):
    """The jobs of a run in numbers: of each word of core.tally, in all, and those that Slurm has."""

    by_word: dict[str, int]
    total: int = 0
    alive: int = 0


Line = tuple[Run, Jobs]


@dataclass(frozen=True)
class Page:
    """A part of the list, newest first; `total` is how many match."""

    lines: list[Line]
    total: int


def label(run: Run) -> str:
    """Which workflow it is a run of: NAME, or MOUNT/NAME."""
    return f"{run.mount}/{run.workflow_name}" if run.mount else run.workflow_name


def page(cluster: Cluster, wanted: Wanted, number: int = 1) -> Page:
    """That page (from 1) of the runs that match, by what is on record of their jobs now."""
    follow(cluster.key)
    match = _match(cluster, wanted)
    with connected():
        total = Run.select().where(match).count()
        found = list(Run.select().where(match).order_by(Run.started_at.desc(), Run.id).paginate(number, PAGE_SIZE))
    return Page(_counted(found), total)


def current(cluster: Cluster, since: float) -> list[Line]:
    """The runs, but no cells, that go on or ended since then (epoch seconds), newest first, at most PAGE_SIZE."""
    follow(cluster.key)
    is_live = Run.status.not_in(progress.TERMINAL)
    wanted = (Run.cluster == cluster.key) & (is_live | (Run.completed_at > since)) & Run.sweep.is_null()
    with connected():
        found = list(Run.select().where(wanted).order_by(is_live.desc(), Run.started_at.desc()).limit(PAGE_SIZE))
    return sorted(_counted(found), key=lambda line: -line[0].started_at)


def version(lines: list[Line], *more) -> str:
    """A word that changes when anything changes that is told of these; of this life of the server only."""
    facts = [(run.id, run.status, run.cancel_requested_at, *jobs.by_word.items(), jobs.alive) for run, jobs in lines]
    return f"{hash((*facts, *more)) & (1 << 64) - 1:x}"


def _counted(found: list[Run]) -> list[Line]:
    _conclude([run for run in found if run.status not in progress.TERMINAL])
    jobs = numbers([run.id for run in found])
    return [(run, jobs.get(run.id, Jobs({}))) for run in found]


def _match(cluster: Cluster, wanted: Wanted):
    match = (Run.cluster == cluster.key) & Run.sweep.is_null()  # cells are listed with their sweep
    if wanted.text:
        match &= Run.workflow_name.contains(wanted.text) | Run.id.startswith(wanted.text)
    if wanted.workflow:
        mount, _, name = wanted.workflow.rpartition("/")
        match &= (Run.workflow_name == name) & ((Run.mount == mount) if mount else Run.mount.is_null())
    if wanted.state:
        is_live = wanted.state == "running"
        match &= Run.status.not_in(progress.TERMINAL) if is_live else Run.status == wanted.state
    return match


def _conclude(live: list[Run]) -> None:
    """Say of a run at once that it is over; what there is to do for it, the tick does."""
    found = entries_of([run.id for run in live])
    for run in live:
        conclude(run, found.get(run.id, []))


def numbers(run_ids: Iterable[str]) -> dict[str, Jobs]:
    """The jobs of these runs in numbers."""
    words: dict[str, list[tuple[str, int]]] = {}
    alive: dict[str, int] = {}
    with connected():
        rows = RunJob.select(*_BY, fn.COUNT(RunJob.id)).where(RunJob.run.in_(list(run_ids))).group_by(*_BY).tuples()
        for run_id, state, is_unreached, is_lost, has_no_id, number in rows:
            words.setdefault(run_id, []).append((word(state, is_unreached, is_lost), number))
            if not (has_no_id or is_lost or states.is_terminal(state)):
                alive[run_id] = alive.get(run_id, 0) + number
    return {
        run_id: Jobs(tally(found), sum(number for _, number in found), alive.get(run_id, 0))
        for run_id, found in words.items()
    }


def workflows(cluster: Cluster) -> list[str]:
    """The labels of all workflows that have runs, sorted."""
    with connected():
        rows = Run.select(Run.mount, Run.workflow_name).where(Run.cluster == cluster.key).distinct()
        return sorted({label(run) for run in rows})


def reruns(run_id: str) -> list[Run]:
    """The runs that repeat this one, oldest first."""
    with connected():
        return list(Run.select().where(Run.parent == run_id).order_by(Run.started_at))
