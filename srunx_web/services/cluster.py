"""A cluster as the services see it: its scheduler, and the answers that all readers share."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from peewee import DatabaseError

from ..cluster.feed import Calls, Feed, View
from ..cluster.scheduler import Scheduler
from ..core.errors import NotConnected
from ..core.limits import Limits
from ..core.listing import Table
from ..core.model import Job, Node, Partition
from .records import Records

T = TypeVar("T")
_waiting = threading.BoundedSemaphore(12)  # programs that wait must leave threads for the pages
# Seconds between two questions to the controller; no setting lowers them. That of the queue is the scheduler's.
NODES_FLOOR = 5  # one sinfo is several questions to the controller
PARTITIONS_FLOOR = 60
LIMITS_FLOOR = 60  # five questions, two of them to the accounting
PAGE_WAIT = 0.5  # a page shows what is known rather than let its reader wait
API_WAIT = 2
FIRST_PAGE_WAIT = 2  # when nothing is known yet
FIRST_WAIT = 10
STALE_SECONDS = 30  # older than this is no answer for a program


class Cluster:
    """One scheduler under one key, by which the database tells its jobs from those of other clusters."""

    def __init__(self, key: str, kind: str, title: str, scheduler: Scheduler, settled_after: float = 60):
        self.key = key
        self.kind = kind  # ssh, slurm, embedded
        self.title = title
        self.scheduler = scheduler
        self.records = Records(key)
        self.settled_after = settled_after  # seconds after which a submission without an answer is looked up
        self.calls = Calls()
        self.locks = Locks()
        self.disk_problem: str | None = None
        self.in_queue: set[int] = set()  # ids that the last answer about mine showed
        self.sure = Sure()
        self.hurry: Callable[[], None] | None = None  # tells the poller of this server, where there is one
        self.pause: tuple[float, str] = (0, "")  # no cell is handed in until that time (monotonic), and why
        self.mine: Feed[list[Job]] = Feed(self._ask_mine, scheduler.floor, self._is_limited)
        self.everyone: Feed[list[Job]] = Feed(self._ask_everyone, scheduler.floor, self._is_limited)
        self.nodes: Feed[list[Node]] = Feed(scheduler.nodes, min(NODES_FLOOR, 5 * scheduler.floor))
        self.partitions: Feed[list[Partition]] = Feed(scheduler.partitions, PARTITIONS_FLOOR)
        self.limits: Feed[Limits] = Feed(scheduler.limits, LIMITS_FLOOR)
        self.rendered: tuple[float, bytes] | None = None  # the API's list as JSON, and the time of its answer
        self._tables: dict[bool, tuple[list[Job], Table]] = {}

    @property
    def user(self) -> str:
        """The name we have there."""
        return self.scheduler.shell.user

    @property
    def place(self) -> str:
        """Where jobs run, in words."""
        return "jobs run on this machine" if self.kind == "embedded" else self.scheduler.shell.host

    def queue(self, mine: bool, wait: float = PAGE_WAIT) -> View[list[Job]]:
        """The jobs in the queue and those that ended lately; before the first answer, those on record."""
        feed = self.mine if mine else self.everyone
        view = feed.read(FIRST_PAGE_WAIT if feed.last.at is None and wait else wait)
        if view.at is None:
            jobs, at = self.records.last_known()
            return View(jobs, at, 0, view.problem) if jobs else view
        return view

    def table(self, view: View[list[Job]], mine: bool) -> Table:
        """The view's jobs as a table, made once for each answer."""
        jobs = view.value or []
        known = self._tables.get(mine)
        if known is None or known[0] is not jobs:
            known = self._tables[mine] = (jobs, Table(jobs))
        return known[1]

    def changed(self) -> None:
        """Something was submitted or cancelled: what is known of the queue is old."""
        self.mine.expire()
        self.everyone.expire()

    def wake(self) -> bool:
        """Tell the poller that something new waits for it; False where there is none."""
        if self.hurry:
            self.hurry()
        return self.hurry is not None

    def look(self) -> set[int]:
        """The ids that slurmctld knows now, arrays by their own; what it says of them is on record then."""
        jobs = self._queue()
        self.records.write(jobs, time.time())
        return {job.id for job in jobs} | {job.array_id for job in jobs if job.array_id}

    def _queue(self) -> list[Job]:
        begun = time.monotonic()
        jobs = self.scheduler.queue(mine=True)
        self.sure.add((job.array_id or job.id for job in jobs), begun)
        return jobs

    def _ask_mine(self) -> list[Job]:
        jobs = self._queue()
        self.in_queue = {job.id for job in jobs}
        self._write(jobs)
        return self._merged(jobs)

    def _ask_everyone(self) -> list[Job]:
        return self._merged(self.scheduler.queue(mine=False))

    def _merged(self, jobs: list[Job]) -> list[Job]:
        try:
            return self.records.merged(jobs, time.time())
        except DatabaseError as fault:
            self.disk_problem = f"What was seen before can't be read: {fault}. Look at the state folder."
            return jobs

    def _write(self, jobs: list[Job]) -> None:
        """A full disk must not hide the queue; it is told beside it."""
        try:
            self.records.write(jobs, time.time())
            self.disk_problem = None
        except DatabaseError as fault:
            self.disk_problem = f"What is seen can't be recorded: {fault}. Look at the disk of the state folder."

    def _is_limited(self) -> bool:
        return self.scheduler.limited


class Sure:
    """The jobs that slurmctld surely knew lately, each with the time (monotonic) of which that is true."""

    def __init__(self):
        self._at: dict[int, float] = {}

    def add(self, ids: Iterable[int], at: float) -> None:
        """It knew these at that time."""
        self._at.update(dict.fromkeys(ids, at))

    def known(self, seconds: float) -> set[int]:
        """Those that it knew at any time of the last seconds."""
        oldest = time.monotonic() - seconds
        self._at = {id_: at for id_, at in list(self._at.items()) if at >= oldest}
        return set(self._at)


class Locks:
    """A lock for each thing that has a name."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held: dict[str, threading.Lock] = {}

    @contextlib.contextmanager
    def hold(self, name: str, wait: float = 0) -> Iterator[bool]:
        """Whether it was got within `wait` seconds; then it is held while the block lasts."""
        with self._lock:
            lock = self._held.setdefault(name, threading.Lock())
        is_held = lock.acquire(timeout=wait) if wait else lock.acquire(blocking=False)
        try:
            yield is_held
        finally:
            if is_held:
                lock.release()


def prime(*feeds: Feed) -> None:
    """Ask all of these at once, so that the waits that follow go by together."""
    for feed in feeds:
        feed.read(0)


def fresh(feed: Feed[T], host: str) -> View[T]:
    """What a program may be told: an answer of the last seconds, or the problem that stands in its way."""
    wait = FIRST_WAIT if feed.last.at is None else API_WAIT
    if _waiting.acquire(blocking=False):
        try:
            view = feed.read(wait)
        finally:
            _waiting.release()
    else:
        view = feed.read(0)
    if view.problem:
        raise view.problem
    if view.at is None:
        raise NotConnected(f"No answer from {host} yet; ask again in a moment")
    if time.time() - view.at > STALE_SECONDS:
        raise NotConnected(f"No answer from {host} for {time.time() - view.at:.0f} s")
    return view
