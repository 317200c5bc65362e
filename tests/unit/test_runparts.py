"""The pure parts of the pages of runs: bars, words, ends of logs, counted lines."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from srunx_web.core.model import Chunk
from srunx_web.core.tally import WORDS, tally, word
from srunx_web.pages.timeline import TICKS, timeline
from srunx_web.services import attempts
from srunx_web.services.failures import ending


@given(some.dictionaries(some.text("ab/\n:0", min_size=1), some.integers(1, 200), max_size=5))
def test_what_grep_counted_is_read_whatever_the_names(numbers):
    told = "".join(f"{name}\0{number}\n" for name, number in numbers.items())
    assert attempts.counts(told) == numbers


def test_a_log_without_an_attempt_counts_for_nothing():
    assert attempts.counts("a\0000\nb\0002\n") == {"b": 2}


@given(some.binary(max_size=300), some.integers(0, 1000), some.integers(1, 9))
def test_the_end_of_a_log_is_the_end_of_the_log(data, offset, number):
    at, text = ending(Chunk(data, offset, offset + len(data)), number)
    assert offset <= at <= offset + len(data)
    assert data[at - offset :].rstrip().count(b"\n") < number
    assert text or not data.strip() or offset


@given(some.lists(some.sampled_from(WORDS)))
def test_a_tally_counts_everything_once(words):
    found = tally((one, 1) for one in words)
    assert sum(found.values()) == len(words)
    assert list(found) == [one for one in WORDS if one in words]


@pytest.mark.parametrize(
    ("state", "unreached", "lost", "wanted"),
    [("TIMEOUT", False, False, "failed"), ("CANCELLED", True, False, "unreached"), ("RUNNING", False, True, "unknown"),
     ("CANCELLED", False, False, "cancelled"), ("COMPLETED", False, False, "done")],
)  # fmt: skip
def test_the_word_of_a_job(state, unreached, lost, wanted):
    assert word(state, unreached, lost) == wanted


def _entry(submit, waited, ran):
    start = None if waited is None else submit + waited
    row = SimpleNamespace(name="job", state="RUNNING", is_unreached=False, is_lost=False, carried_from=None,
                          submit_time=submit, start_time=start, node_list="n1" if start else "",
                          end_time=None if ran is None or start is None else start + ran)  # fmt: skip
    return SimpleNamespace(row=row)


@given(some.lists(some.tuples(some.integers(0, 10**7), some.none() | some.integers(0, 10**6),
                              some.none() | some.integers(0, 10**6)), min_size=1, max_size=60))  # fmt: skip
def test_bars_stay_on_the_axis_of_a_time_line(times):
    now = 3 * 10**7
    drawn = timeline([_entry(10**6 + submit, waited, ran) for submit, waited, ran in times], 10**6, now)
    spans = [span for bar in drawn.bars for span in (bar.waited, bar.ran) if span]
    assert all(0 <= span.x <= 100 and 0 <= span.width <= 100.01 - span.x for span in spans)
    assert 1 <= len(drawn.ticks) <= TICKS + 1 and drawn.ticks[0] == (0, "0:00")


def test_too_many_jobs_have_no_time_line():
    assert timeline([_entry(0, 0, 1)] * 61, 0, 100) is None
    assert timeline([], 0, 100) is None
