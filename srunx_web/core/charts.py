"""The results of a sweep over one or two parameters: a curve, or a heat map."""

import math
from typing import NamedTuple

from .plots import NAN, WITHOUT, View, told
from .results import Row
from .scales import Scale, clipped, number, of_numbers, of_parameter, plain, shorts

SIGN = 6.4  # pixels of a character at the most, as wide as the style's 11 px make a digit
LABEL = 14  # signs of a label beside a heat map
WIDEST, NARROWEST, ACROSS = 60, 4, 560  # pixels of a heat map's cell, and of all of them
HIGHEST, LOWEST, DOWN = 26, 8, 320
HEAD, LINE = 40, 14  # above a heat map: the name of the columns and their labels; a line of text

LEFT, RIGHT = 130, 975  # thousandths of a curve's width, between which the points are
TOP, BOTTOM, NOTHING, HEIGHT = 30, 212, 230, 268


class Box(NamedTuple):
    """A cell, counted from 1, of the heat map: its left upper corner, the text that fits, what is told of it."""

    cell: int
    x: float
    y: float
    kind: str
    text: str
    words: str


class Heat(NamedTuple):
    """A heat map, all in pixels; labels are (x or y of the middle, text)."""

    width: int
    height: int
    left: int
    box: tuple[float, float]  # width and height
    column_axis: str
    row_axis: str
    columns: list[tuple[float, str]]
    rows: list[tuple[float, str]]
    boxes: list[Box]
    best: int | None


def heat(view: View) -> Heat | None:
    """The heat map of a table in which two parameters differ, the one with more values along the top."""
    if len(view.axes) != 2:
        return None
    across, down = (_Side(view, axis) for axis in view.axes)
    if len(across.places) < len(down.places):
        across, down = down, across
    label = math.ceil(SIGN * max(map(len, across.texts))) + 8
    width, height = across.step(ACROSS, NARROWEST, max(WIDEST, label)), down.step(DOWN, LOWEST, HIGHEST)
    left = round(SIGN * max(len(clipped(down.axis, LABEL)) + 2, *map(len, down.texts))) + 10
    boxes = []
    for row in view.rows:
        x, y = left + across.at(row) * width, HEAD + down.at(row) * height
        kind = view.kind(row)
        boxes.append(Box(row.number + 1, round(x, 1), round(y, 1), kind, _fits(view, row, width, height),
                         view.words(row)))  # fmt: skip
    right, bottom = left + len(across.places) * width, HEAD + len(down.places) * height
    columns = across.labels(left, width, label)
    return Heat(round(right + 30), round(bottom + 6), left, (width, height), across.axis, down.axis, columns,
                down.labels(HEAD, height, LINE), boxes, view.best[0] + 1 if view.best else None)  # fmt: skip


class _Side:
    """The values of a parameter along a side: numbers by size, else as they are given."""

    def __init__(self, view: View, axis: str):
        values = {plain(row.values.get(axis)): row.values.get(axis) for row in view.rows}
        numbers = {text: number(value) for text, value in values.items()}
        order = list(values) if None in numbers.values() else sorted(values, key=lambda text: numbers[text] or 0)
        self.axis, self.places = axis, {text: index for index, text in enumerate(order)}
        known = None if None in numbers.values() else [numbers[text] or 0 for text in order]
        self.texts = [clipped(text, LABEL) for text in order] if known is None else shorts(known)

    def at(self, row: Row) -> int:
        """The place of a cell."""
        return self.places[plain(row.values.get(self.axis))]

    def step(self, room: int, least: int, most: int) -> float:
        """How much of a room each place gets."""
        return round(min(most, max(least, room / len(self.places))), 1)

    def labels(self, start: float, step: float, size: float) -> list[tuple[float, str]]:
        """The labels that have room, each in the middle of its place."""
        every = max(1, -int(-size // step))
        return [(round(start + (index + 0.5) * step, 1), text)
                for index, text in enumerate(self.texts) if index % every == 0]  # fmt: skip


def _fits(view: View, row: Row, width: float, height: float) -> str:
    """The value where there is room for it."""
    kind = view.kind(row)
    value = row.metrics.get(view.metric.name)
    if height < LINE or value is None or (kind in WITHOUT and kind != NAN):
        return ""
    texts = (told(value, digits) for digits in (4, 3, 2))
    return next((text for text in texts if len(text) * SIGN + 6 <= width), "")


class Dot(NamedTuple):
    """A cell, counted from 1, on the curve: x in thousandths of the width, y in pixels."""

    cell: int
    x: int
    y: float
    kind: str
    words: str


class Curve(NamedTuple):
    """A metric over a parameter; `parts` are the points of polylines, which end where a cell has no value."""

    axis: str
    parts: list[str]
    dots: list[Dot]
    x_ticks: list[tuple[int, str]]
    y_ticks: list[tuple[float, str]]
    has_gaps: bool
    best: int | None


def curve(view: View) -> Curve | None:
    """The curve of a table in which one parameter differs; of words, points without a line."""
    if len(view.axes) != 1 or len(view.rows) < 2:
        return None
    axis = view.axes[0]
    values = [row.values.get(axis) for row in view.rows]
    across, up = of_parameter(values), of_numbers(view.values)
    rows = sorted(view.rows, key=lambda row: across.at(row.values.get(axis)) or 0.0)
    dots = [_dot(view, row, across.at(row.values.get(axis)) or 0.0, up) for row in rows]
    is_text = any(number(value) is None for value in values)
    texts = max((len(tick.text) for tick in across.exact), default=1)
    x_ticks = [(_across(tick.at), tick.text) for tick in across.ticks(SIGN * (texts + 2) / 420)]
    y_ticks = [(_up(tick.at), tick.text) for tick in up.ticks(LINE / (BOTTOM - TOP))]
    return Curve(axis, [] if is_text else _parts(dots), dots, x_ticks, y_ticks,
                 any(dot.y == NOTHING for dot in dots), view.best[0] + 1 if view.best else None)  # fmt: skip


def _dot(view: View, row: Row, at: float, up: Scale) -> Dot:
    kind = view.kind(row)
    place = up.at(row.metrics.get(view.metric.name)) if kind not in WITHOUT else None
    return Dot(row.number + 1, _across(at), NOTHING if place is None else _up(place), kind, view.words(row))


def _across(at: float) -> int:
    return round(LEFT + at * (RIGHT - LEFT))


def _up(at: float) -> float:
    return round(BOTTOM - at * (BOTTOM - TOP), 1)


def _parts(dots: list[Dot]) -> list[str]:
    """Runs of dots that have values."""
    parts: list[list[Dot]] = [[]]
    for dot in dots:
        if dot.y == NOTHING:
            parts.append([])
        else:
            parts[-1].append(dot)
    return [" ".join(f"{dot.x},{dot.y}" for dot in part) for part in parts if len(part) > 1]
