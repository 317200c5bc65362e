"""Watching a run: a word for how it stands, so that a reader who has seen it all is told so at little cost."""

from collections.abc import Iterable

from ..core.errors import NotFound
from ..store import JobRow, Run, RunJob, connected
from .cluster import Cluster
from .follow import Entry, follow
from .runs import NO_RUN, Shown

_JOB = (
    "name",
    "state",
    "reason",
    "is_unreached",
    "is_lost",
    "job_id",
    "attempts",
    "start_time",
    "end_time",
    "node_list",
)
_RUN = ("status", "error", "cancel_requested_at", "completed_at")


def version(shown: Shown) -> str:
    """A word that changes when anything changes that is told of the run; of this life of the server only."""
    return _word([tuple(getattr(shown.run, name) for name in _RUN), *map(_facts, shown.entries)])


def version_of(entries: Iterable[Entry]) -> str:
    """The same for some jobs."""
    return _word(map(_facts, entries))


def _facts(entry: Entry) -> tuple:
    return (*(getattr(entry.row, name) for name in _JOB), entry.is_tried, entry.is_asked)


def _word(facts: Iterable) -> str:
    return f"{hash(tuple(facts)) & (1 << 64) - 1:x}"


def version_now(cluster: Cluster, run_id: str, wait: float) -> str:
    """The version after a look at the queue that all readers share, without making objects of a thousand rows."""
    cluster.queue(mine=True, wait=wait)
    follow(cluster.key, run_id)
    columns = (JobRow.attempted_at, JobRow.job_id, JobRow.gone_at, *(getattr(RunJob, name) for name in _JOB))
    with connected():
        run = Run.select(*(getattr(Run, name) for name in _RUN)).where(Run.id == run_id).tuples().first()
        rows = list(
            RunJob.select(*columns).left_outer_join(JobRow, on=RunJob.tag == JobRow.tag)
            .where(RunJob.run == run_id).order_by(RunJob.position).tuples()
        )  # fmt: skip
    if run is None:
        raise NotFound(NO_RUN.format(run_id[:80]))
    return _word([run, *map(_row_facts, rows)])


def _row_facts(row: tuple) -> tuple:
    """As `_facts` says it (services.follow.entries_of decides what is tried, and what is asked)."""
    attempted_at, known_id, gone_at, *facts = row
    is_tried = attempted_at is not None and known_id is None and facts[_JOB.index("job_id")] is None
    return (*facts, is_tried, is_tried and gone_at is not None)
