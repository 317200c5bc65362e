"""core.results: sorting, and the best; and as CSV and JSON."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.errors import Invalid
from srunx_web.core.metrics import Metric
from srunx_web.core.results import Row, Table, best, number, sorted_by
from srunx_web.core.sweep import CELL_STATES
from srunx_web.services.results import as_csv, as_json
from srunx_web.store import Sweep

ACC, LOSS = Metric("acc", "x"), Metric("loss", "x", goal="min")
VALUES = st.one_of(st.floats(), st.text(max_size=5), st.none())
SWEEP = Sweep(id=3, workflow_name="flow", status="failed")


def row(cell: int, state: str = "completed", seconds=None, lr: object = 0.1, **metrics) -> Row:
    return Row(cell, f"run-{cell}", state, seconds, 1, {"lr": lr}, metrics, {})


def table(*rows: Row) -> Table:
    return Table(("lr",), (ACC, LOSS), list(rows))


@st.composite
def tables(draw) -> Table:
    found = []
    for cell in range(draw(st.integers(0, 12))):
        drawn = {name: draw(VALUES) for name in ("acc", "loss")}
        metrics = {name: value for name, value in drawn.items() if value is not None}
        lr = draw(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3)))
        seconds = draw(st.one_of(st.none(), st.integers(0, 9)))
        found.append(row(cell, draw(st.sampled_from(CELL_STATES)), seconds, lr, **metrics))
    return table(*draw(st.permutations(found)))


def order(found: list[Row]) -> list[int]:
    return [one.number for one in found]


def test_the_best_come_first_by_the_first_metric():
    assert order(sorted_by(table(row(0, acc=0.5), row(1, acc=0.9), row(2, acc=0.7)))) == [1, 2, 0]
    assert order(sorted_by(table(row(0, loss=0.5), row(1, loss=0.9), row(2, loss=0.1)), "loss")) == [2, 0, 1]


@pytest.mark.parametrize(("is_reverse", "first"), [(False, [0, 2, 1]), (True, [1, 2, 0])])
def test_what_is_no_number_comes_last_in_either_direction(is_reverse, first):
    found = table(row(0, acc=0.9), row(1, acc=0.5), row(2, acc=0.7), row(3, acc="bad"), row(4, acc=math.nan), row(5),
                  row(6, "failed", acc=1.0), row(7, "running"))  # fmt: skip
    assert order(sorted_by(found, "acc", is_reverse)) == [*first, 3, 4, 5, 6, 7]


@given(
    tables(),
    st.sampled_from(["cell", "state", "duration", "lr", "acc", "loss", "metric:acc", "axis:lr"]),
    st.booleans(),
)
def test_sorting_loses_nothing_and_keeps_equal_ones_in_order(found, column, is_reverse):
    rows = sorted_by(found, column, is_reverse)
    assert sorted(order(rows)) == sorted(order(found.rows))
    again = sorted_by(found._replace(rows=rows), column, is_reverse)
    assert order(again) == order(rows)


@given(tables(), st.sampled_from([ACC, LOSS]), st.booleans())
def test_numbers_of_completed_cells_are_in_order_and_before_all_else(found, metric, is_reverse):
    rows = sorted_by(found, metric.name, is_reverse)
    values = [number(one, metric) if one.state == "completed" else None for one in rows]
    numbers = [value for value in values if value is not None]
    assert values[: len(numbers)] == numbers
    assert numbers == sorted(numbers, reverse=(metric.goal == "max") != is_reverse)


@given(tables(), st.sampled_from([ACC, LOSS]))
def test_the_best_are_the_first(found, metric):
    rows, top = sorted_by(found, metric.name), best(found, metric)
    assert sorted(order(rows[: len(top)])) == sorted(top)
    if not top:
        assert not [one for one in rows if one.state == "completed" and number(one, metric) is not None]


def test_axes_are_sorted_as_numbers_then_text_and_nan_last():
    found = table(*(row(cell, lr=lr) for cell, lr in enumerate(["b", 10, 9.5, True, math.nan, 10**400])))
    assert order(sorted_by(found, "lr")) == [3, 2, 1, 5, 0, 4]
    assert order(sorted_by(found, "lr", True)) == [3, 5, 1, 2, 0, 4]


def test_columns_of_the_same_name_are_told_apart():
    same = Table(("state", "acc"), (ACC, Metric("cell", "x")), [])
    assert same.columns == ("cell", "state", "axis:state", "axis:acc", "metric:acc", "metric:cell", "duration")
    for column in same.columns:
        assert sorted_by(same, column) == []


def test_an_unknown_column_is_refused_with_those_there_are():
    with pytest.raises(Invalid, match="no column 'nope'; there are cell, state, lr, acc, loss, duration"):
        sorted_by(table(), "nope")
    with pytest.raises(Invalid):
        sorted_by(table(), "axis:acc")


def lines(found: Table) -> list[dict]:
    return list(csv.DictReader(io.StringIO(as_csv(found), newline="")))


def test_csv_has_the_best_first_and_nothing_where_something_is_missing():
    found = table(row(0, acc=0.5, loss=math.nan), row(1, acc=0.9, loss=math.inf), row(2, "failed", 7)._replace(
        faults={"acc": "no match in the log of train", "loss": "there is no x"}, log=("train", 17)))  # fmt: skip
    first, second, third = lines(found)
    assert (first["cell"], first["acc"], first["loss"]) == ("2", "0.9", "inf") and second["loss"] == "nan"
    assert (third["acc"], third["state"], third["duration"], third["job"], third["job_id"]) == (
        "", "failed", "7", "train", "17",
    )  # fmt: skip
    assert third["faults"] == "acc: no match in the log of train; loss: there is no x"


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_cell_of_csv_is_a_formula(axis, value):
    line = lines(table(row(0, lr=axis, acc=value)))[0]
    for got, given_ in ((line["lr"], axis), (line["acc"], value)):
        assert got.removeprefix("'") == given_.removeprefix("'") and not got.startswith(tuple("=+-@\t\r\n"))


@given(st.floats(allow_nan=False), st.integers())
def test_numbers_of_csv_stay_numbers(metric, axis):
    line = lines(table(row(0, lr=axis, acc=metric)))[0]
    assert (float(line["acc"]), int(line["lr"])) == (metric, axis)


@given(tables())
def test_json_can_be_read_by_everybody(found):
    text = json.dumps(as_json(SWEEP, found), allow_nan=False)
    cells = {cell["cell"] - 1: cell for cell in json.loads(text)["cells"]}
    for one in found.rows:
        value = one.metrics.get("acc")
        told = cells[one.number]["metrics"]["acc"]
        is_special = isinstance(value, float) and not math.isfinite(value)
        assert told == value or (is_special and told in ("NaN", "Infinity", "-Infinity"))
