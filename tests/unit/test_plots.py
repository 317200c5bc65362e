"""Plots of results: where every line, box and dot is, whatever the table; what is told of it; how large it gets."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core import charts, plots, scales
from srunx_web.core.matrix import Matrix
from srunx_web.core.metrics import Metric
from srunx_web.core.plots import View, parallel
from srunx_web.core.results import Row, Table
from srunx_web.core.sweep import CELL_STATES

SCALARS = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=30)
)
LISTS = st.one_of(*(st.lists(kind, min_size=1, max_size=4) for kind in (SCALARS, st.floats(1e-9, 1e9), st.integers())))
NUMBERS = st.one_of(st.floats(), st.floats(0, 1), st.sampled_from([math.nan, math.inf, "text", 1e308, -1e308, 5e-324]))
GOALS = st.sampled_from(["max", "min"])


def table(axes, value=lambda values: 0.5, names=("val_acc",), goal="max"):
    """All cells of a matrix, completed; `value` makes a metric of a cell's parameters."""
    cells = Matrix(axes).cells()
    rows = [Row(number, f"run-{number}", "completed", 60.0, 1, values, dict.fromkeys(names, value(values)), {})
            for number, values in enumerate(cells)]  # fmt: skip
    return Table(tuple(axes), tuple(Metric(name, goal=goal) for name in names), rows)


@st.composite
def tables(draw, axes=(1, 4)):
    """Any table: numbers, text, one value, nothing at all, in every state."""
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=axes[0], max_size=axes[1], unique=True))
    metrics = tuple(
        Metric(name, goal=draw(GOALS)) for name in ("val_acc", "loss", *"mnopqrs")[: draw(st.integers(1, 9))]
    )
    rows = []
    for number, values in enumerate(Matrix({name: draw(LISTS) for name in names}).cells()[:20]):
        found = draw(st.dictionaries(st.sampled_from([metric.name for metric in metrics]), NUMBERS))
        rows.append(Row(number, f"run-{number}", draw(st.sampled_from(CELL_STATES)), None, 1, values, found, {}))
    return Table(tuple(names), metrics, rows)


def view(of):
    return View(of, of.metrics[0])


def points(text):
    return [tuple(map(float, point.split(","))) for point in text.split()]


@given(tables())
def test_every_line_stays_within_the_drawing_and_goes_through_the_axes_in_order(found):
    drawn = parallel(view(found))
    xs = [axis.x for axis in drawn.axes]
    assert xs == sorted(set(xs)) and 0 <= xs[0] and xs[-1] <= 1000
    for line in (line for lines in drawn.groups.values() for line in lines):
        places = points(line.points)
        assert [x for x, _ in places] == xs[: len(places)]
        assert all(plots.TOP <= y <= plots.BOTTOM or y == plots.NOTHING for _, y in places)
    assert all(plots.TOP <= y <= plots.BOTTOM for axis in drawn.axes for y, _ in axis.ticks)


@given(tables())
def test_a_cell_that_has_something_to_show_is_drawn_once(found):
    lines = [line.cell - 1 for lines in parallel(view(found)).groups.values() for line in lines]
    told = {row.number for row in found.rows if row.metrics or row.state in ("completed", "failed")}
    assert sorted(lines) == sorted(told)


@given(tables(axes=(2, 3)))
def test_every_box_of_a_heat_map_is_within_it(found):
    drawn = charts.heat(view(found))
    for box in drawn.boxes if drawn else ():
        assert drawn.left <= box.x <= drawn.width - drawn.box[0] and charts.HEAD <= box.y
        assert box.y + drawn.box[1] <= drawn.height and len(box.text) * charts.SIGN <= drawn.box[0]
    assert not drawn or len(drawn.boxes) == len(found.rows)


@given(tables(axes=(1, 2)))
def test_every_dot_of_a_curve_is_within_it_and_the_line_joins_those_with_values(found):
    drawn = charts.curve(view(found))
    for dot in drawn.dots if drawn else ():
        assert charts.LEFT <= dot.x <= charts.RIGHT
        assert (dot.y == charts.NOTHING) == (dot.kind in plots.WITHOUT) and charts.TOP <= dot.y <= charts.NOTHING
    joined = {point for part in (drawn.parts if drawn else ()) for point in points(part)}
    assert joined <= {(dot.x, dot.y) for dot in drawn.dots} if drawn else True


@given(tables())
def test_the_colour_grows_with_the_value_towards_the_goal(found):
    seen, sign = view(found), -1 if found.metrics[0].goal == "min" else 1
    known = sorted((sign * row.metrics["val_acc"], seen.kind(row)) for row in found.rows
                   if plots.counts(row, found.metrics[0]))  # fmt: skip
    kinds = [kind for _, kind in known]
    assert kinds == sorted(kinds) and set(kinds) <= {f"c{number}" for number in range(plots.CLASSES)}


@given(st.lists(st.one_of(SCALARS, NUMBERS), max_size=30))
def test_a_scale_keeps_the_order_of_numbers_and_its_ticks_apart(values):
    scale = scales.of_numbers(values)
    places = [scale.at(value) for value in sorted(filter(lambda one: scales.number(one) is not None, values))]
    assert places == sorted(places) and all(0 <= place <= 1 for place in places)
    ticks = [tick.at for tick in scale.ticks(0.1)]
    assert all(after - before >= 0.1 for before, after in pairwise(ticks))


def test_what_spans_decades_in_even_steps_is_laid_out_by_its_logarithm():
    assert scales.of_parameter([0.001, 0.01, 0.1]).at(0.01) == pytest.approx(0.5)
    assert scales.of_parameter([1, 34, 67, 100]).at(50.5) == pytest.approx(0.5)  # lies more evenly as it is
    assert scales.of_parameter([16, 32, 64]).at(40) == pytest.approx(0.5)
    assert scales.of_parameter([0, 0.01, 1]).at(0.5) == pytest.approx(0.5)


def test_words_stand_side_by_side_in_their_order_and_numbers_beside_words_are_words():
    scale = scales.of_parameter(["sgd", "adam", 3])
    assert [scale.at(value) for value in ("sgd", "adam", 3, "3")] == [0, 0.5, 1, None]
    assert [tick.text for tick in scale.ticks(0.1)] == ["sgd", "adam", "3"]


@pytest.mark.parametrize(("value", "text"), [(0.93, "0.93"), (12800, "12800"), (1e-5, "1e-5"), (2.5e7, "2.5e7"),
                                             (0, "0"), (-0.0001, "-0.0001"), (0.0, "0"), (99.96, "100")])  # fmt: skip
def test_numbers_are_short(value, text):
    assert scales.short(value) == text


def test_different_numbers_look_different():
    assert scales.shorts([0.12345, 0.12346]) == ["0.12345", "0.12346"]


def test_a_round_tick_is_a_round_number():
    ticks = scales.of_numbers([0.0037, 0.0163]).ticks(0.05)
    assert [tick.text for tick in ticks] == ["0.005", "0.01", "0.015"]


def holes():
    """Four cells: the best, a failed one that told something, one that is NaN, one without a value."""
    found = table({"lr": [0.01, 0.1], "bs": [16, 32]}, lambda values: 0.9)
    rows = [row._replace(metrics=dict(row.metrics)) for row in found.rows]
    rows[1] = rows[1]._replace(state="failed", metrics={"val_acc": 0.99})
    rows[2] = rows[2]._replace(metrics={"val_acc": math.nan})
    rows[3] = rows[3]._replace(metrics={})
    return found._replace(rows=rows)


def test_cells_without_a_value_are_told_apart_and_end_below_the_axis():
    drawn = parallel(view(holes()))
    assert {kind: [line.cell for line in lines] for kind, lines in drawn.groups.items()} == {
        "missing": [4], "nan": [3], "failed": [2], "c3": [1]}  # fmt: skip
    assert points(drawn.groups["nan"][0].points)[-1][1] == plots.NOTHING
    assert drawn.best.cell == 1 and drawn.none_from == 990


def test_the_essence_is_one_sentence():
    assert view(holes()).summary() == "4 cells, best val_acc 0.9 at lr=0.01, bs=16; 1 failed; 1 NaN; 1 without a value"
    words = [line.words for lines in parallel(view(holes())).groups.values() for line in lines]
    assert "cell 2, lr=0.01, bs=32: val_acc 0.99, failed" in words and "cell 4, lr=0.1, bs=32: no value" in words


def test_a_heat_map_prints_values_and_nan_but_nothing_of_failed_cells():
    drawn = charts.heat(view(holes()))
    assert [(box.kind, box.text) for box in drawn.boxes] == [
        ("c3", "0.9"), ("failed", ""), ("nan", "NaN"), ("missing", "")]  # fmt: skip
    assert (drawn.row_axis, drawn.column_axis, [text for _, text in drawn.columns]) == ("bs", "lr", ["0.01", "0.1"])


def test_parameters_that_are_the_same_everywhere_take_no_room():
    found = table({"lr": [1, 2, 3], "data": ["cifar"]}, lambda values: values["lr"])
    assert [axis.name for axis in parallel(view(found)).axes] == ["lr", "val_acc"]
    assert charts.heat(view(found)) is None and len(charts.curve(view(found)).parts) == 1


def test_the_metric_that_is_looked_at_is_always_shown():
    found = table({"lr": [1, 2]}, names=tuple("abcdefgh"))
    assert [axis.name for axis in parallel(View(found, found.metrics[7])).axes] == ["lr", *"abcde", "h"]


def test_a_thousand_cells_are_drawn_small():
    axes = {"lr": [1e-4, 1e-3, 1e-2, 0.1], "bs": [1, 2, 4, 8, 16], "drop": [0, 1, 2, 3, 4], "opt": ["a", "b"],
            "wd": [0, 1, 2, 3, 4]}  # fmt: skip
    found = table(axes, lambda values: math.sin(values["bs"] * 9 + values["wd"]), tuple("abcdefghij"))
    drawn = parallel(view(found))
    size = sum(len(line.points) + len(line.words) + 65 for lines in drawn.groups.values() for line in lines)
    assert size < 300_000 and not re.search(r"\d\.\d\d", " ".join(line.points for line in drawn.groups["c0"]))
