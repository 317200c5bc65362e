"""Answers that many readers share."""

import threading
import time

import pytest

from srunx_web.cluster.feed import Calls, Feed
from srunx_web.core.errors import NotConnected, Problem


class Source:
    """Something to ask that counts, and can be made slow or broken."""

    def __init__(self, seconds=0.0):
        self.calls, self.seconds, self.fault, self.answer = 0, seconds, None, [1]

    def __call__(self):
        self.calls += 1
        time.sleep(self.seconds)
        if self.fault:
            raise self.fault
        return list(self.answer)


def test_twenty_readers_cause_one_call():
    source = Source(0.1)
    feed, found = Feed(source, 2), []
    readers = [threading.Thread(target=lambda: found.append(feed.read(1).value)) for _ in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert (source.calls, found) == (1, [[1]] * 20)


def test_a_reader_waits_no_longer_than_it_says():
    feed, begun = Feed(Source(1), 2), time.monotonic()
    assert feed.read(0.1).at is None
    assert time.monotonic() - begun < 0.5


def test_the_wait_counts_from_the_question_not_from_the_reader():
    feed = Feed(Source(1), 2)
    feed.read(0.2)
    begun = time.monotonic()
    feed.read(0.2)
    assert time.monotonic() - begun < 0.1


def test_a_fault_keeps_the_last_answer_and_says_so():
    source = Source()
    feed = Feed(source, 0)
    feed.read(1)
    source.fault = NotConnected("gone")
    view = feed.read(1)
    assert (view.value, view.problem.detail) == ([1], "gone")


def test_a_fault_of_ours_is_a_problem_too():
    source = Source()
    source.fault = ValueError("oops")
    assert isinstance(Feed(source, 0).read(1).problem, Problem)


def test_the_version_changes_only_with_the_answer():
    source = Source()
    feed = Feed(source, 0)
    first, second = feed.read(1), feed.read(1)
    assert second.version == first.version and second.value is first.value and second.at >= first.at
    source.answer = [2]
    assert feed.read(1).version == first.version + 1


def test_nothing_is_asked_before_the_interval_is_over_unless_something_changed():
    source = Source()
    feed = Feed(source, 60)
    feed.read(1)
    feed.read(1)
    assert source.calls == 1
    feed.expire()
    feed.read(1)
    assert source.calls == 2


def test_a_change_during_a_call_is_not_missed():
    source = Source(0.2)
    feed = Feed(source, 60)
    feed.read(0.05)
    feed.expire()
    feed.read(1)
    feed.read(1)
    assert source.calls == 2


def test_the_interval_doubles_while_the_controller_says_back_off_and_halves_after():
    limited = True
    feed, intervals = Feed(Source(), 0.01, lambda: limited), []
    for _ in range(3):
        time.sleep(feed.interval + 0.01)
        feed.read(1)
        intervals.append(round(feed.interval, 2))
    limited = False
    time.sleep(feed.interval + 0.01)
    feed.read(1)
    assert [*intervals, round(feed.interval, 2)] == [0.02, 0.04, 0.08, 0.04]


def test_equal_calls_are_made_once_and_others_only_up_to_the_limit():
    source, calls = Source(0.5), Calls(limit=2)
    for key in ("a", "a", "b"):
        with pytest.raises(NotConnected):
            calls.ask(key, source, 0.01)
    with pytest.raises(NotConnected, match="last questions"):
        calls.ask("c", source, 0.01)
    assert calls.ask("a", source, 2) == [1]
    assert source.calls == 2
