"""How long a sweep will still take."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.eta import Left, left, times, words

seconds = st.floats(0, 1e6)
some = st.lists(seconds, min_size=2, max_size=20)
running = st.lists(seconds, max_size=8)


def test_nothing_is_said_before_two_cells_ended():
    assert left(times([5.0]), [1.0], 10, 4) is None
    assert words(None) == "not known yet"


@given(some, running, st.integers(0, 200), st.integers(1, 8))
def test_what_is_probable_lies_in_the_range(ended, so_far, pending, lanes):
    found = left(times(ended), so_far, pending, lanes)
    assert 0 <= found.least <= found.seconds <= found.most


@given(some, st.integers(0, 200), st.integers(1, 8))
def test_more_lanes_or_fewer_cells_never_take_longer(ended, pending, lanes):
    now = left(times(ended), [], pending, lanes).seconds
    assert left(times(ended), [], pending, lanes + 1).seconds <= now + 1e-6
    assert left(times(ended), [], pending + 1, lanes).seconds >= now


@given(st.integers(1, 1000), st.integers(2, 9), st.integers(1, 60), st.integers(1, 8))
def test_cells_that_all_take_equally_long_are_done_in_rounds(each, number, pending, lanes):
    found = left(times([float(each)] * number), [], pending, lanes)
    rounds = -(-pending // lanes)
    assert found.seconds == pytest.approx(rounds * each)
    assert found.least == pytest.approx(found.most, rel=1e-3)


@given(some)
def test_sums_tell_the_same_as_the_times_themselves(ended):
    found = times(ended)
    assert found.mean == pytest.approx(statistics.fmean(ended))
    assert found.deviation == pytest.approx(statistics.stdev(ended), rel=1e-3, abs=1e-3 * max(ended) + 1e-9)


def test_nothing_left_takes_no_time():
    assert left(times([3.0, 4.0]), [], 0, 4) == Left(0, 0, 0)


def test_what_runs_already_is_nearer_to_its_end():
    assert left(times([60.0, 60.0]), [50.0, 20.0], 0, 2).seconds == 40
    assert left(times([60.0, 60.0]), [50.0, 20.0], 1, 2).seconds == 70


def test_the_range_holds_in_about_eight_of_ten_sweeps():
    chance, held = random.Random(4), 0
    for _ in range(400):
        cells = [chance.lognormvariate(5, 0.5) for _ in range(48)]
        lanes = [0.0] * 4
        for each in cells[8:]:
            lanes[lanes.index(min(lanes))] += each
        found = left(times(cells[:8]), [], 40, 4)
        held += found.least <= max(lanes) <= found.most
    assert 0.7 < held / 400 < 0.95


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Left(14 * 60, 10 * 60, 20 * 60), "about 14 min left (10 to 20)"),
        (Left(8, 8, 8), "about 8 s left"),
        (Left(4.2, 3.3, 5.2), "about 4 s left (3 to 5)"),
        (Left(5400, 2700, 9000), "about 1.5 h left (0.8 to 2.5)"),
        (Left(0.2, 0, 1), "about 0.2 s left (0 to 1)"),
        (Left(12.6 * 86400, 1e6, 1.2e6), "about 13 d left (12 to 14)"),
    ],
)
def test_as_people_say_it(found, text):
    assert words(found) == text
