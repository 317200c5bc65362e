"""Values as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core import text
from srunx_web.core.parse import duration


@given(st.integers(60, 10**8))
def test_a_duration_is_read_back_as_it_was_written(seconds):
    assert duration(text.duration(seconds)) == seconds


@pytest.mark.parametrize(("seconds", "words"), [(None, ""), (0, "0:00"), (3661, "1:01:01"), (90061, "1-01:01:01")])
def test_durations_look_as_slurm_prints_them(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (2 << 30, "2.0 GB"), (5 << 40, "5.0 TB")]
)
def test_sizes_have_units(count, words):
    assert text.size(count) == words


@pytest.mark.parametrize(
    ("mebibytes", "words"), [(None, ""), (512, "512M"), (1536, "1.5G"), (32768, "32G"), (1 << 20, "1T")]
)
def test_memory_looks_as_sbatch_takes_it(mebibytes, words):
    assert text.memory(mebibytes) == words


def test_times_are_past_or_to_come():
    assert text.ago(1000, 1250) == "4 min"
    assert text.ago(9000, 1000) == "in ~2 h"
    assert text.timestamp(0) == "1970-01-01T00:00:00+00:00"
