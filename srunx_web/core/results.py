"""The result table of a sweep: a row for each cell, its parameters and metrics side by side, sorted, the best found."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .errors import Invalid
from .metrics import Metric
from .progress import COMPLETED
from .sweep import CELL_STATES

CELL, STATE, DURATION = "cell", "state", "duration"
FIXED = (CELL, STATE, DURATION)
AXIS, METRIC = "axis:", "metric:"  # before the name of a column, where another one has the same


class Row(NamedTuple):
    """A cell by its last attempt. `seconds` is how long its jobs took from the first start to the last end, None
    before; `faults` says of the metrics that are missing why; `log` is the job to look at, and its Slurm id."""

    number: int  # of the cell, from 0
    run_id: str
    state: str
    seconds: float | None
    attempt: int
    values: Mapping[str, object]
    metrics: Mapping[str, float | str]
    faults: Mapping[str, str]
    log: tuple[str, int] | None = None


class Table(NamedTuple):
    """All cells by number."""

    axes: tuple[str, ...]
    metrics: tuple[Metric, ...]
    rows: list[Row]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names by which it can be sorted, in the order in which they are shown."""
        names = [*FIXED[:2], *self.axes, *(metric.name for metric in self.metrics), DURATION]
        kinds = ["", "", *(AXIS for _ in self.axes), *(METRIC for _ in self.metrics), ""]
        return tuple(
            kind + name if kind and names.count(name) > 1 else name for kind, name in zip(kinds, names, strict=True)
        )

    def metric(self, name: str) -> Metric | None:
        """The metric of that name."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def number(row: Row, metric: Metric) -> float | None:
    """The metric of a cell as a number, or None: also NaN is none."""
    value = row.metrics.get(metric.name)
    return None if value is None or isinstance(value, str) or math.isnan(value) else value


def best(table: Table, metric: Metric) -> tuple[int, ...]:
    """The numbers of the completed cells with the best value, several when they are equal."""
    found = [
        (value, row.number) for row in table.rows
        if row.state == COMPLETED and (value := number(row, metric)) is not None
    ]  # fmt: skip
    if not found:
        return ()
    top = (min if metric.goal == "min" else max)(value for value, _ in found)
    return tuple(cell for value, cell in found if value == top)


def sorted_by(table: Table, column: str | None = None, is_reverse: bool = False) -> list[Row]:
    """The rows by a column of `table.columns` (None: the first metric); Invalid for another one.

    By a metric the best come first, by all else the smallest. What has no number there comes last in either direction:
    text, then NaN and what is missing, then the cells that did not complete. Equal ones stay in the order of the cells.
    """
    rows = sorted(table.rows, key=lambda row: row.number)
    rank, is_down = _ranking(table, column)
    ranked = [(*rank(row), row) for row in rows]
    found: list[Row] = []
    for group in sorted({group for group, _, _ in ranked}):
        inner = [(key, row) for which, key, row in ranked if which == group]
        inner.sort(key=lambda pair: pair[0], reverse=is_reverse != is_down)
        found += [row for _, row in inner]
    return found


Rank = Callable[[Row], tuple[int, object]]  # the group of a row, and its key among those of the group


def _ranking(table: Table, column: str | None) -> tuple[Rank, bool]:
    """How rows are ranked by a column, and whether the largest come first."""
    if column is None:
        column = METRIC + table.metrics[0].name if table.metrics else CELL
    if column == CELL:
        return lambda row: (0, row.number), False
    if column == STATE:
        return lambda row: (0, CELL_STATES.index(row.state)), False
    if column == DURATION:
        return lambda row: (0, row.seconds) if row.seconds is not None else (1, 0), False
    if (metric := table.metric(column.removeprefix(METRIC))) and not column.startswith(AXIS):
        return lambda row: _by_metric(row, metric), metric.goal == "max"
    if (axis := column.removeprefix(AXIS)) in table.axes:
        return lambda row: _by_axis(row.values.get(axis)), False
    names = ", ".join(table.columns)
    words = f"there is no column {column[:80]!r}; there are {names[:1000]}"
    raise Invalid(words, [{"loc": ["query", "sort"], "msg": words, "type": "value_error"}])


def _by_metric(row: Row, metric: Metric) -> tuple[int, object]:
    group = 0 if row.state == COMPLETED else 3
    value = row.metrics.get(metric.name)
    if isinstance(value, str):
        return group + 1, value
    return (group + 2, 0) if value is None or math.isnan(value) else (group, value)


def _by_axis(value: object) -> tuple[int, object]:
    """False and true, then numbers, then text."""
    if isinstance(value, bool):
        return 0, value
    if isinstance(value, int | float):
        return (3, 0) if isinstance(value, float) and math.isnan(value) else (1, value)
    return (4, 0) if value is None else (2, str(value))
