"""Lists of values as they are typed."""

import math
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from srunx_web.core import ranges
from srunx_web.core.errors import Invalid
from srunx_web.core.matrix import CELLS_LIMIT

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SIGNS = st.text(st.sampled_from("01.eE-+,()[]{}'\" lognx\\"), max_size=30)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LISTS = st.lists(TEXTS | SIGNS | st.integers() | FLOATS | st.booleans(), min_size=1, max_size=8, unique_by=repr)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.001,0.01", [0.001, 0.01]), ("1e-3, 10, true", [0.001, 10, True]), ("4:00:00, 5", ["4:00:00", 5]),
        ("adam, 'a, b', \"1\"", ["adam", "a, b", "1"]), ("[a, 1, 'b']", ["a", 1, "b"]), (" 1, 2, ", [1, 2]),
        ("1..5", [1, 2, 3, 4, 5]), ("5..1", [5, 4, 3, 2, 1]), ("0..10..5", [0, 5, 10]), ("-2..1", [-2, -1, 0, 1]),
        ("10..0..-5", [10, 5, 0]), ("0..10..4", [0, 4, 8]), ("3..3", [3]), ("1 .. 3", [1, 2, 3]),
        ("0.1..0.5..0.1", [0.1, 0.2, 0.3, 0.4, 0.5]), ("-.2..0.2..0.2", [-0.2, 0.0, 0.2]),
        ("1e3..2e3..5e2", [1e3, 1.5e3, 2e3]),
        ("log(1e-4,1e-1,4)", [0.0001, 0.001, 0.01, 0.1]), ("log(1,1e-2,3)", [1.0, 0.1, 0.01]),
        ("log(16, 128, 4)", [16, 32, 64, 128]), ("lin(0,1,5)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("lin(0,10,3)", [0, 5, 10]),
        ("log(1e-4,1e-1,3)", [0.0001, 0.00316228, 0.1]), ("lin(0,1,4)", [0.0, 0.333333, 0.666667, 1.0]),
        ("0, 1..3, log(10,1000,3), x", [0, 1, 2, 3, 10, 100, 1000, "x"]), ("[1..3, 7]", [1, 2, 3, 7]),
        ("../a, ..", ["../a", ".."]), ("{{ max(a, b) }}, 1", ["{{ max(a, b) }}", 1]),
        ("f(x), it's", ["f(x)", "it's"]),
        ('"", "a\\nb"', ["", "a\nb"]),
    ],
)  # fmt: skip
def test_what_a_list_stands_for(text, values):
    assert repr(ranges.values(text)) == repr(values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one"), (" , ", "between two commas"), ("1,,2", "between two commas"), ("[1, 2", "needs a ]"),
        ("1, 2, 1", "1 is there twice"), ("1..3, 2", "2 is there twice"), ("0.1..0.5", "needs a step"),
        ("1..5..0", "step above 0"), ("1..5..-1", "step above 0"), ("1...5", "is no range"), ("1..", "is no range"),
        ("1..10**9", "is no range"), ("..5", "is no range"), ("1..1000000000", "more than 1000"),
        ("0..1..1e-9", "more than"),
        ("log(1,2", "log(first,last,how many)"), ("log(1,2)", "how many"), ("lin(a,b,3)", "how many"),
        ("log(0,1,4)", "above 0"),
        ("log(1,2,1)", "2 to 1000"), ("lin(1,2,5000)", "2 to 1000"), ("lin(1,1,3)", "the one value"),
        ("null", "in quotes"),
        (".nan", "in quotes"), ("f(1,2)", "only log() and lin()"), ("[1, [2]]", "can't be a value"),
        ("{a: 1}", "can't be a value"),
        ("'a", "has no end"), ("'a' b", "no comma"), ('"\\q"', "backslash"), ("1e999..2e999..1e999", "too large"),
        ("x" * 200_000, "longer"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_says_what_to_write(text, words):
    with pytest.raises(Invalid) as fault:
        ranges.values(text)
    assert words in fault.value.detail


@given(LISTS)
def test_what_is_shown_reads_as_the_same_list(values):
    assert repr(ranges.values(ranges.text(values))) == repr(values)


def test_a_long_range_is_shown_as_one():
    texts = ["1..200", "8..2", "0..90..10", "1, 2, 3", "1, 2, 4, 8", "true, false"]
    assert [ranges.text(ranges.values(text)) for text in texts] == texts


@given(st.integers(-300, 300), st.integers(0, 200), st.integers(1, 50), st.integers(1, 4))
def test_a_range_of_decimals_is_exact(first, count, step, places):
    ends = [Decimal(number).scaleb(-places) for number in (first, first + count * step, step)]
    found = ranges.values("..".join(f"{end:f}" for end in ends))
    assert found == [float(ends[0] + ends[2] * number) for number in range(count + 1)]


@given(st.floats(1e-30, 1e30), st.floats(1e-30, 1e30), st.integers(2, 60))
def test_points_of_a_logarithm_have_both_ends_and_equal_ratios(first, last, number):
    assume(not math.isclose(first, last, rel_tol=1e-3))
    found = ranges.values(f"log({first!r},{last!r},{number})")
    assert (found[0], found[-1], len(found)) == (first, last, number)
    steps = [math.log(after) - math.log(before) for before, after in pairwise(found)]
    assert max(steps) - min(steps) < 1e-4 * max(1, abs(steps[0]))


@given(SIGNS)
def test_whatever_is_typed_is_a_list_or_refused_with_a_sentence(text):
    try:
        found = ranges.values(text)
    except Invalid as fault:
        assert fault.detail
    else:
        assert 0 < len(found) <= CELLS_LIMIT and all(isinstance(value, str | int | float) for value in found)


@pytest.mark.parametrize(
    "piece", ["{{ ", "{{ a", "log(", '"\\', "1,", "'", " ", "f (", "((", "0..1..1e-9,", "1..1000,"]
)
def test_nothing_takes_long(piece):
    with suppress(Invalid):
        ranges.values(f"x, {piece * (99_000 // len(piece))}")
