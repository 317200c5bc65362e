"""Answers shared by all who ask: one question under way at a time, and nobody waits longer than they can."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # the builtin one only from Python 3.11 on
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..core.errors import NotConnected, Problem

T = TypeVar("T")
SLOW_SECONDS = 5  # an answer that took longer says: ask less often
LONGEST_SECONDS = 60
LATE_SECONDS = 5


@dataclass(frozen=True)
class View(Generic[T]):
    """What a feed knows: its last answer, when that came (epoch seconds), and what went wrong since, if anything.

    `version` changes only when the answer does.
    """

    value: T | None
    at: float | None
    version: int
    problem: Problem | None


class Feed(Generic[T]):
    """The last answer to one question. Twenty readers cause one call, and not sooner than `floor` seconds
    after the last; the interval doubles while the answers are slow or `is_limited` says that we ask too much."""

    def __init__(self, ask: Callable[[], T], floor: float, is_limited: Callable[[], bool] = lambda: False):
        self._ask = ask
        self._floor = floor
        self._is_limited = is_limited
        self._changed = threading.Condition()
        self._view: View[T] = View(None, None, 0, None)
        self._started: float | None = None  # of the call under way, monotonic
        self._ended = float("-inf")
        self._expired = False
        self.interval = floor

    def read(self, wait: float) -> View[T]:
        """The answer; when it is older than the interval a new one is asked for, and waited for until
        `wait` seconds after the question went out, however many ask meanwhile."""
        with self._changed:
            if self._started is None and time.monotonic() - self._ended >= self.interval:
                self._started = time.monotonic()
                threading.Thread(target=self._call, name="feed", daemon=True).start()
            started = self._started
            while started is not None and self._started == started:
                left = started + wait - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return self._view

    @property
    def last(self) -> View[T]:
        """What is known, without asking."""
        return self._view

    def expire(self) -> None:
        """Ask at the next read, for something was changed; a call under way may not have seen it."""
        with self._changed:
            self._ended = float("-inf")
            self._expired = self._started is not None

    def _call(self) -> None:
        try:
            value, problem = self._ask(), None
        except Problem as fault:
            value, problem = None, fault
        except Exception as fault:  # a fault of ours must not leave readers waiting for ever
            value, problem = None, Problem(f"{type(fault).__name__}: {fault}")
        with self._changed:
            now = time.monotonic()
            self._view = self._next(value, problem)
            self.interval = self._paced(now - self._started)
            self._started, self._ended, self._expired = None, float("-inf") if self._expired else now, False
            self._changed.notify_all()

    def _next(self, value: T | None, problem: Problem | None) -> View[T]:
        old = self._view
        if problem:
            return View(old.value, old.at, old.version, problem)
        if old.at is not None and value == old.value:
            return View(old.value, time.time(), old.version, None)
        return View(value, time.time(), old.version + 1, None)

    def _paced(self, took: float) -> float:
        if self._is_limited() or took > SLOW_SECONDS:
            return min(LONGEST_SECONDS, self.interval * 2)
        return max(self._floor, self.interval / 2)


class Calls:
    """Questions that are not kept: at most `limit` under way, equal ones asked once. An answer that came too late
    for those who asked waits for the next one, for a moment."""

    def __init__(self, limit: int = 8):
        self._limit = limit
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future] = {}
        self._late: dict[Hashable, tuple[float, Future]] = {}

    def ask(self, key: Hashable, call: Callable[[], T], wait: float) -> T:
        """The answer of `call`, or NotConnected when it takes longer than `wait` seconds (it goes on meanwhile)."""
        future = self._begun(key, call)
        try:
            return future.result(wait)
        except Late:
            future.was_missed = True
            raise NotConnected(f"no answer from the cluster within {wait:g} s") from None

    def _begun(self, key: Hashable, call: Callable[[], T]) -> Future:
        with self._lock:
            when, late = self._late.pop(key, (0, None))
            if late and time.monotonic() - when < LATE_SECONDS:
                return late
            if key in self._running:
                return self._running[key]
            if len(self._running) >= self._limit:
                raise NotConnected("the cluster has not answered the last questions yet")
            future = self._running[key] = Future()
            threading.Thread(target=self._work, args=(key, call, future), name="call", daemon=True).start()
            return future

    def _work(self, key: Hashable, call: Callable[[], T], future: Future) -> None:
        try:
            future.set_result(call())
        except BaseException as fault:
            future.set_exception(fault)
        with self._lock:
            del self._running[key]
            now = time.monotonic()
            self._late = {other: kept for other, kept in self._late.items() if now - kept[0] < LATE_SECONDS}
            if getattr(future, "was_missed", False):
                self._late[key] = (now, future)
