"""The results of a sweep as parallel coordinates: an axis for each parameter and metric, a line for each cell.

All x are in thousandths of the width, so that a drawing is as wide as the page lets it be; all y are in pixels.
"""

import math
from collections import Counter
from typing import NamedTuple

from .metrics import Metric
from .progress import CANCELLED, COMPLETED, FAILED
from .results import Row, Table, best
from .scales import Scale, clipped, number, of_numbers, of_parameter, plain, points, short

CLASSES = 6  # of colour, from the worst values, c0, to the best
METRICS_SHOWN = 6
WORDS_SHOWN = 120  # characters of what is told of a cell
NAN, INFINITE, TEXT, MISSING, UNREAD, WAITING = "nan", "infinite", "text", "missing", "unread", "waiting"
# Kinds of cells that have no number that counts, in words
WITHOUT = {FAILED: "failed", NAN: "NaN", INFINITE: "infinite", TEXT: "no number", MISSING: "without a value",
           CANCELLED: "cancelled", UNREAD: "not read yet", WAITING: "not over"}  # fmt: skip

TOP, BOTTOM, NOTHING, HEIGHT = 40, 236, 256, 268  # the ends of an axis, the mark for no value, the whole
EDGE = 10  # thousandths, beside the first axis and the last
SPACE, SIDES = 104, 40  # pixels between two axes, and beside all of them, at the least
TICK_GAP = 14  # pixels


class View:
    """A table seen by one of its metrics: of what kind each cell is, which is the best, and what to say of them.
    `unread` is the fault of a metric that is still to be read."""

    def __init__(self, table: Table, metric: Metric, unread: str = ""):
        self.table, self.metric, self.unread = table, metric, unread
        self.rows = sorted(table.rows, key=lambda row: row.number)
        self.best = best(table, metric)
        self.values = [row.metrics[metric.name] for row in self.rows if counts(row, metric)]
        self.colours = of_numbers(self.values)
        self.axes = varied(table)
        self.kinds = {row.number: self._kind(row) for row in self.rows}

    def kind(self, row: Row) -> str:
        """The class of its colour, c0 to c5, or one of WITHOUT."""
        return self.kinds[row.number]

    def _kind(self, row: Row) -> str:
        value = row.metrics.get(self.metric.name)
        if row.state in (FAILED, CANCELLED):
            return row.state
        at = self.colours.at(value)
        if at is None:
            is_unread = bool(self.unread) and row.faults.get(self.metric.name) == self.unread
            return UNREAD if is_unread else _without(value, row.state)
        return f"c{min(CLASSES - 1, int((1 - at if self.metric.goal == 'min' else at) * CLASSES))}"

    def words(self, row: Row) -> str:
        """The cell in one line: "lr=0.01, bs=32: val_acc 0.93"."""
        told = ", ".join(f"{axis}={clipped(plain(row.values.get(axis)), 24)}" for axis in self.axes)
        return clipped(f"cell {row.number + 1}, {told}: {self.outcome(row)}", WORDS_SHOWN)

    def outcome(self, row: Row) -> str:
        """What became of it: its value, or why it has none."""
        value, kind = row.metrics.get(self.metric.name), self.kind(row)
        if value is not None:
            failed = f", {kind}" if kind in (FAILED, CANCELLED) else ""
            return f"{self.metric.name} {told(value)}{failed}"
        return {MISSING: "no value", UNREAD: WITHOUT[UNREAD]}.get(kind, row.state)

    def summary(self) -> str:
        """All of it in one sentence, for those who do not see the drawing."""
        rows, name = {row.number: row for row in self.rows}, self.metric.name
        parts = [f"{len(self.rows)} cell{'s' if len(self.rows) != 1 else ''}"]
        if self.best:
            top = rows[self.best[0]]
            place = ", ".join(f"{axis}={clipped(plain(top.values.get(axis)), 24)}" for axis in self.axes)
            parts.append(f"best {name} {told(top.metrics[name], 5)}" + f" at {place}" * bool(place))
        return "; ".join([", ".join(parts), *(f"{count} {WITHOUT[kind]}" for kind, count in self.without.items())])

    @property
    def without(self) -> dict[str, int]:
        """How many cells have no value that counts, by why."""
        found = Counter(self.kinds.values())
        return {kind: found[kind] for kind in WITHOUT if found[kind]}

    @property
    def ends(self) -> tuple[str, str] | None:
        """The worst and the best value in words, None where there is no number."""
        if not self.values:
            return None
        low, high = told(min(self.values)), told(max(self.values))
        return (high, low) if self.metric.goal == "min" else (low, high)


def _without(value: float | str | None, state: str) -> str:
    """Of what kind a cell is whose value has no place."""
    if isinstance(value, str):
        return TEXT
    if value is not None:
        return NAN if math.isnan(value) else INFINITE
    return MISSING if state == COMPLETED else WAITING


def counts(row: Row, metric: Metric) -> bool:
    """Whether the cell has a number there and did not fail."""
    return row.state not in (FAILED, CANCELLED) and number(row.metrics.get(metric.name)) is not None


def told(value: float | str, digits: int = 4) -> str:
    """A value of a metric in few signs."""
    if isinstance(value, str):
        return clipped(value)
    return "NaN" if math.isnan(value) else plain(value) if math.isinf(value) else short(value, digits)


def varied(table: Table) -> list[str]:
    """The parameters that differ between cells; all of them if none does."""
    found = [axis for axis in table.axes if len({plain(row.values.get(axis)) for row in table.rows}) > 1]
    return found or [*table.axes]


class Axis(NamedTuple):
    """A vertical axis at `x`, with ticks (y, text); `name` may be too long for its place."""

    name: str
    x: int
    ticks: list[tuple[float, str]]
    is_metric: bool = False


class Line(NamedTuple):
    """A cell, counted from 1: the points of its polyline, and what is told of it."""

    cell: int
    points: str
    words: str


class Parallel(NamedTuple):
    """The drawing, at least `width` pixels wide; the lines of each kind, the last kinds to be drawn on top. `none_from`
    is the x where the mark for no value begins, None if no line goes there."""

    width: int
    axes: list[Axis]
    groups: dict[str, list[Line]]
    best: Line | None
    none_from: int | None

    @property
    def count(self) -> int:
        """How many lines there are."""
        return sum(map(len, self.groups.values()))


def parallel(view: View) -> Parallel:
    """The parallel coordinates of a table. Parameters that are the same in all cells are left out, and so are cells
    that are waiting, were cancelled or are still to be read, as long as they have no value."""
    metrics = _shown(view)
    count = len(view.axes) + len(metrics)
    xs = [round(EDGE + (1000 - 2 * EDGE) * index / max(1, count - 1)) for index in range(count)]
    scales = [of_parameter(row.values.get(axis) for row in view.rows) for axis in view.axes]
    scales += [_of_metric(view, metric) for metric in metrics]
    names = [*view.axes, *(metric.name for metric in metrics)]
    axes = [Axis(name, x, _ticks(scale), index >= len(view.axes))
            for index, (name, x, scale) in enumerate(zip(names, xs, scales, strict=True))]  # fmt: skip
    drawn = [row for row in view.rows
             if row.metrics or (row.state in (COMPLETED, FAILED) and view.kind(row) != UNREAD)]  # fmt: skip
    path = _Path(view.axes, metrics, xs, scales)
    groups: dict[str, list[Line]] = {kind: [] for kind in (*reversed(WITHOUT), *(f"c{n}" for n in range(CLASSES)))}
    for row in drawn:
        groups[view.kind(row)].append(Line(row.number + 1, path.of(row), view.words(row)))
    found = {kind: lines for kind, lines in groups.items() if lines}
    top = next((line for lines in found.values() for line in lines if line.cell - 1 in view.best[:1]), None)
    return Parallel(SPACE * (count - 1) + SIDES, axes, found, top, xs[len(view.axes)] if path.has_gaps else None)


class _Path:
    """The way of lines through the axes."""

    def __init__(self, axes: list[str], metrics: list[Metric], xs: list[int], scales: list[Scale]):
        split = len(axes)
        self.axes = list(zip(axes, xs[:split], scales[:split], strict=True))
        self.metrics = list(zip([metric.name for metric in metrics], xs[split:], scales[split:], strict=True))
        self.known: dict[tuple, str] = {}
        self.has_gaps = False

    def of(self, row: Row) -> str:
        """The points of a polyline; one without any value ends at the mark below the first metric."""
        found = [self._point(axis, x, scale, row.values.get(axis)) for axis, x, scale in self.axes]
        places = [(x, scale.at(row.metrics.get(name))) for name, x, scale in self.metrics]
        if all(at is None for _, at in places):
            places = places[:1]
        self.has_gaps = self.has_gaps or any(at is None for _, at in places)
        return " ".join([*found, *(f"{x},{NOTHING if at is None else height(at)}" for x, at in places)])

    def _point(self, axis: str, x: int, scale: Scale, value: object) -> str:
        key = (axis, type(value), value)
        if key not in self.known:
            self.known[key] = f"{x},{height(scale.at(value) or 0.0)}"
        return self.known[key]


def height(at: float) -> float:
    """The y of a part of an axis."""
    return round(BOTTOM - at * (BOTTOM - TOP), 1)


def _shown(view: View) -> list[Metric]:
    """The first metrics; the one that is looked at is among them."""
    first = [*view.table.metrics[:METRICS_SHOWN]]
    return first if view.metric in first else [*first[:-1], view.metric]


def _of_metric(view: View, metric: Metric) -> Scale:
    """By size, or the different words of a metric that has no numbers."""
    found = [row.metrics[metric.name] for row in view.rows if metric.name in row.metrics]
    words = [value for value in found if isinstance(value, str)]
    is_text = len(words) == len(found) and len(set(words)) <= BOTTOM // TICK_GAP
    return points(sorted(words)) if words and is_text else of_numbers(found)


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    return [(height(at), text) for at, text in scale.ticks(TICK_GAP / (BOTTOM - TOP))]
