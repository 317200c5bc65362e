"""One person's jobs at one glance: what needs them, what runs, what waits, what ended."""

from typing import NamedTuple

from . import states
from .listing import Row
from .model import Job

DAY = 24 * 3600
NEAR_LIMIT = 0.9
STUCK = frozenset(
    {"DependencyNeverSatisfied", "PartitionTimeLimit", "PartitionNodeLimit", "JobHeldAdmin", "BadConstraints"}
)


class Overview(NamedTuple):
    """Rows by what they mean to their owner; `attention` has (row, reason, state that is the trouble)."""

    attention: list[tuple[Row, str, str]]
    running: list[Row]
    waiting: list[Row]
    ended: list[Row]


def overview(rows: list[Row], now: float) -> Overview:
    """Sort the rows of one person; `now` in seconds since the epoch."""
    attention = [(row, *trouble) for row in rows if (trouble := _trouble(row, now))]
    running = [row for row in rows if _kind(row) == "running"]
    waiting = [row for row in rows if _kind(row) == "waiting"]
    ended = [row for row in rows if row.job.is_terminal and (row.job.end_time or 0) > now - DAY]
    ended.sort(key=lambda row: -row.job.end_time)
    return Overview(attention, running, waiting, ended)


def _kind(row: Row) -> str:
    return states.kind(row.job.state)


def _trouble(row: Row, now: float) -> tuple[str, str] | None:
    """(why somebody should look at it, the state that says so), or None."""
    job, records = row.job, row.tasks or (row.job,)
    failed = [task for task in records if task.state in states.FAILURES and (task.end_time or 0) > now - DAY]
    if failed and row.tasks:
        return f"{len(failed)} of {sum(row.counts.values())} tasks failed", failed[0].state
    if failed:
        return _failure(job), job.state
    if job.state == states.RUNNING and job.time_limit and (job.elapsed(now) or 0) > NEAR_LIMIT * job.time_limit:
        return "close to its time limit", job.state
    if job.state == states.PENDING and (job.reason or "").split(",")[0] in STUCK:
        return "can't start as it is", job.state
    return ("nobody knows how it ended", job.state) if job.state == states.UNKNOWN else None


def _failure(job: Job) -> str:
    """What there is to say beside the state."""
    return job.reason or (f"exit code {job.exit_code}" if job.exit_code not in (None, "0:0") else "")
