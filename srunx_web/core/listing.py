"""A list of jobs as people look at it: arrays as one row, filtered, sorted, a page at a time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

from . import states
from .labels import count_tasks
from .model import Job

PAGE_SIZE = 50
_RANK = {"running": 0, "waiting": 1}
_PROGRESS = ("done", "failed", "cancelled", "unknown", "running", "waiting")
_STANDS = ("running", "waiting", "failed", "unknown", "cancelled", "done")
_FAR_FUTURE = 1 << 40


def _elapsed(job: Job) -> float:
    """Something that sorts like the elapsed time, without a clock: what started last has run the shortest."""
    if job.start_time is None or job.state == states.PENDING:
        return float("-inf")
    return (job.end_time or _FAR_FUTURE) - job.start_time


_SORTS: dict[str, Callable[[Job], object]] = {
    "id": lambda job: (job.array_id or job.id, job.id),
    "name": lambda job: job.name.lower(),
    "user": lambda job: job.user,
    "state": lambda job: job.state,
    "partition": lambda job: job.partition,
    "nodes": lambda job: job.nodes,
    "cpus": lambda job: job.cpus,
    "gpus": lambda job: job.gpus,
    "limit": lambda job: job.time_limit or 0,
    "submitted": lambda job: job.submit_time or 0,
    "elapsed": _elapsed,
    "priority": lambda job: job.priority or 0,
}  # fmt: skip
SORTS = ("", *_SORTS, *(f"-{name}" for name in _SORTS))


@dataclass(frozen=True)
class Filter:
    """What of a list is wanted; empty means all. `state` is a state's word or its kind, `sort` one of SORTS."""

    search: str = ""
    state: str = ""
    partition: str = ""
    user: str = ""
    sort: str = ""

    def keeps(self) -> Callable[[Job], bool] | None:
        """The test for one job, or None when all are kept."""
        tests = [test for test in (self._user(), self._partition(), self._state(), self._search()) if test]
        return reduce(_both, tests) if tests else None

    def _user(self) -> Callable[[Job], bool] | None:
        return (lambda job: job.user == self.user) if self.user else None

    def _partition(self) -> Callable[[Job], bool] | None:
        return (lambda job: self.partition in job.partition.split(",")) if self.partition else None

    def _state(self) -> Callable[[Job], bool] | None:
        if self.state in states.KINDS:
            return lambda job: states.kind(job.state) == self.state
        word = self.state.upper()
        return (lambda job: job.state == word) if word else None

    def _search(self) -> Callable[[Job], bool] | None:
        needle = self.search.lower()
        if not needle:
            return None
        if needle[0].isdigit():
            return lambda job: needle in job.name.lower() or needle in job.label
        return lambda job: needle in job.name.lower() or needle == job.user


def _both(one: Callable[[Job], bool], other: Callable[[Job], bool]) -> Callable[[Job], bool]:
    return lambda job: one(job) and other(job)


class Row(NamedTuple):
    """A job, or an array with all its records (`tasks`) behind the one that stands for it."""

    job: Job
    tasks: tuple[Job, ...] = ()

    @property
    def label(self) -> str:
        """The id a person types to mean all of it."""
        return str(self.job.array_id) if self.tasks else self.job.label

    @property
    def counts(self) -> dict[str, int]:
        """Tasks by state, in the order of their progress."""
        found = Counter()
        for task in self.tasks:
            found[task.state] += count_tasks(task.tasks) if task.tasks else 1
        return dict(sorted(found.items(), key=lambda item: _PROGRESS.index(states.kind(item[0]))))


@dataclass(frozen=True)
class Page:
    """A page of rows, and how many there are in all."""

    rows: list[Row]
    number: int
    pages: int
    total: int  # rows that the filter keeps
    live: int = 0  # of these, those that have not ended


class Table:
    """The rows of one snapshot, with every order sorted only once."""

    def __init__(self, jobs: list[Job]):
        self.jobs = jobs
        self._orders: dict[str, list[Row]] = {}

    @cached_property
    def counts(self) -> Counter:
        """Jobs by kind of state, tasks of arrays one by one."""
        found = Counter()
        for job in self.jobs:
            found[states.kind(job.state)] += count_tasks(job.tasks) if job.tasks else 1
        return found

    @cached_property
    def partitions(self) -> list[str]:
        """The partitions that occur."""
        return sorted({name for job in self.jobs for name in job.partition.split(",")})

    @cached_property
    def users(self) -> list[str]:
        """The users that occur."""
        return sorted({job.user for job in self.jobs})

    @cached_property
    def _rows(self) -> list[Row]:
        rows: list[Row] = []
        arrays: dict[int, list[Job]] = {}
        for job in self.jobs:
            if job.array_id is None:
                rows.append(Row(job))
            else:
                arrays.setdefault(job.array_id, []).append(job)
        return rows + [array_row(tasks) for tasks in arrays.values()]

    def _sorted(self, sort: str) -> list[Row]:
        if sort not in self._orders:
            name = sort.lstrip("-")
            if name in _SORTS:
                rows = sorted(self._rows, key=lambda row: row.job.array_id or row.job.id, reverse=True)
                rows.sort(key=lambda row: _SORTS[name](row.job), reverse=sort.startswith("-"))
            else:
                rows = sorted(self._rows, key=_activity)
            self._orders[sort] = rows
        return self._orders[sort]

    def page(self, wanted: Filter, number: int = 1, size: int = PAGE_SIZE) -> Page:
        """The page of that number (the nearest there is); an array is kept when one of its tasks is."""
        keeps = wanted.keeps()
        rows = self._sorted(wanted.sort)
        if keeps:
            rows = [row for row in rows if keeps(row.job) or (row.tasks and any(map(keeps, row.tasks)))]
        pages = max(1, -(-len(rows) // size))
        number = min(max(1, number), pages)
        live = sum(row.job.state not in states.TERMINAL for row in rows)
        return Page(rows[(number - 1) * size : number * size], number, pages, len(rows), live)

    def labels(self, wanted: Filter) -> list[str]:
        """The ids of the unfinished jobs that the filter keeps: what "cancel all of these" means."""
        keeps = wanted.keeps() or (lambda job: True)
        return [label for row in self._sorted("") for label in _live_labels(row, keeps)]


def _live_labels(row: Row, keeps: Callable[[Job], bool]) -> list[str]:
    """An array's own id when every unfinished task is kept, else the ids of those that are."""
    live = [job for job in row.tasks or (row.job,) if not job.is_terminal]
    kept = [job for job in live if keeps(job)]
    if row.tasks and kept and len(kept) == len(live):
        return [row.label]
    return [job.cancel_label for job in kept]


def array_row(tasks: list[Job]) -> Row:
    """An array, stood for by a running task before a waiting one before a failed one before others."""
    tasks = sorted(tasks, key=lambda job: (job.task is None, job.task or 0))
    return Row(min(tasks, key=lambda job: _STANDS.index(states.kind(job.state))), tuple(tasks))


def _activity(row: Row) -> tuple[int, int]:
    """Running before waiting before ended; the newest first."""
    return _RANK.get(states.kind(row.job.state), 2), -(row.job.array_id or row.job.id)
