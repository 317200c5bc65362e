"""The results of a sweep as its page shows them: plots, and below them the table that says the same in words."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flask import url_for
from marshmallow import Schema, fields, validate

from ..core import charts, plots
from ..core.metrics import Metric
from ..core.plots import NAN, View, told
from ..core.progress import CANCELLED, COMPLETED, FAILED
from ..core.results import METRIC, Row, Table, best, sorted_by
from ..core.scales import number, plain, short
from ..services.results import NOT_READ

SHOWN = 200  # rows, until all are asked for
MOST_DECIMALS = 6
LONGEST = 10  # signs of a number
_ANY = 987654321  # stands for the number of a cell while its address is made


class ResultsQuery(Schema):
    """What the URL says of the results: the metric of the plots, the column that sorts, whether the other way round,
    whether all rows are shown."""

    metric = fields.String(load_default="", validate=validate.Length(max=200))
    sort = fields.String(load_default="", validate=validate.Length(max=200))
    reverse = fields.Boolean(load_default=False)
    all = fields.Boolean(load_default=False)


@dataclass(frozen=True)
class Plots:
    """What is drawn of a table by one metric; `ends` are its worst and best value, `without` says how many cells
    have none: (kind, number, words)."""

    metric: Metric
    summary: str
    ends: tuple[str, str] | None
    without: list[tuple[str, int, str]]
    parallel: plots.Parallel
    heat: charts.Heat | None
    curve: charts.Curve | None


class Column(NamedTuple):
    """A column: what it sorts by, the classes of its cells, and its direction, None when it does not sort now."""

    name: str
    label: str
    style: str
    direction: str | None
    url: str


class Value(NamedTuple):
    """A metric of a cell; `why` says more of one that has no number."""

    metric: str
    text: str
    style: str = ""
    why: str = ""


class Line(NamedTuple):
    """A cell, counted from 1, with the text of its values by parameter; `began` is when one that runs did. The fields
    of a tuple are what a template gets at the soonest: a table of a thousand rows is a page too."""

    cell: int
    run_url: str
    log_url: str
    state: str
    why: str
    attempt: int
    began: int | None
    seconds: float | None
    values: list[tuple[str, str]]
    metrics: list[Value]


@dataclass(frozen=True)
class Results:
    """The table and its plots, None where there is nothing to draw; `lines` are those shown of `total`."""

    plots: Plots | None
    table: Table
    metric: Metric | None
    columns: list[Column]
    lines: list[Line]
    total: int


@dataclass(frozen=True)
class Told:
    """What the table does not know of its cells, by run id: why they failed, when those that run began."""

    whys: Mapping[str, str] = field(default_factory=dict)
    began: Mapping[str, int | None] = field(default_factory=dict)


def results(table: Table, query: dict, url: Callable[..., str], more: Told | None = None) -> Results:
    """What sweeps/_plots.html and sweeps/_results.html show: `query` has the fields of ResultsQuery, and url(**changes)
    is the address of the page with those of its query changed."""
    metric = table.metric(query["metric"]) or (table.metrics[0] if table.metrics else None)
    sort = query["sort"] if query["sort"] in table.columns else None
    usual = METRIC + metric.name if metric else None
    rows = sorted_by(table, sort or usual, query["reverse"])
    shown = rows if query["all"] else rows[:SHOWN]
    drawn = draw(table, metric) if metric and len(table.rows) > 1 else None
    columns = _columns(table, sort, metric, query["reverse"], url)
    return Results(drawn, table, metric, columns, _lines(table, shown, url, more or Told()), len(rows))


def draw(table: Table, metric: Metric) -> Plots:
    """The plots of a table by one of its metrics."""
    view = View(table, metric, NOT_READ)
    without = [(kind, count, plots.WITHOUT[kind]) for kind, count in view.without.items()]
    return Plots(metric, view.summary(), view.ends, without, plots.parallel(view), charts.heat(view),
                 charts.curve(view))  # fmt: skip


def _columns(table: Table, sort: str | None, metric: Metric | None, is_reverse: bool, url: Callable) -> list[Column]:
    """The heads, but for the state and the duration in the order of the table."""
    styles = ["num", "", *("of-axis" for _ in table.axes), *("num" for _ in table.metrics), "num"]
    labels = ["Cell", "State", *table.axes, *(one.name for one in table.metrics), "Took"]
    goals = ["min"] * (2 + len(table.axes)) + [one.goal for one in table.metrics] + ["min"]
    first = next((at for at, one in enumerate(table.metrics) if one == metric), None)
    usual = None if first is None else table.columns[2 + len(table.axes) + first]
    found = []
    for name, label, style, goal in zip(table.columns, labels, styles, goals, strict=True):
        is_current = name == (sort or usual)
        direction = ("descending" if (goal == "max") != is_reverse else "ascending") if is_current else None
        chosen = None if name == usual else name
        back = is_current and is_reverse
        found.append(Column(name, label, style, direction, url(
            sort=None if back else chosen, reverse=None if back or not is_current else 1)))  # fmt: skip
    return [found[0], *found[2:-1], found[1], found[-1]]


def _lines(table: Table, rows: list[Row], url: Callable[..., str], more: Told) -> list[Line]:
    run, log = url_for("runs_pages.show", run_id=_ANY), url(cell=_ANY)
    known = [(metric.name, _decimals(table, metric), set(best(table, metric))) for metric in table.metrics]
    return [
        Line(row.number + 1, run.replace(str(_ANY), row.run_id), log.replace(str(_ANY), str(row.number + 1)),
             row.state, more.whys.get(row.run_id, ""), row.attempt, more.began.get(row.run_id), row.seconds,
             [(axis, _parameter(row.values.get(axis))) for axis in table.axes],
             [_value(row, name, decimals, row.number in top) for name, decimals, top in known])
        for row in rows
    ]  # fmt: skip


def _decimals(table: Table, metric: Metric) -> int | None:
    """So many that the numbers of a column stand one below the other; None where they are too far apart for that."""
    found = [value for row in table.rows if (value := number(row.metrics.get(metric.name))) is not None]
    sizes = [abs(value) for value in found if value]
    if not sizes or min(sizes) < 1e-4 or max(sizes) >= 1e7:
        return None
    return max(min(MOST_DECIMALS, len(f"{value:.6f}".rstrip("0").partition(".")[2])) for value in found)


def _parameter(value: object) -> str:
    """A value as it is written, but for the digits that a logarithm leaves behind."""
    text = plain(value)
    return short(value, 6) if isinstance(value, float) and len(text) > LONGEST and math.isfinite(value) else text


def _value(row: Row, name: str, decimals: int | None, is_best: bool) -> Value:
    value, style = row.metrics.get(name), "best" if is_best else ""
    if value is None:
        return _nothing(row, name)
    if isinstance(value, str):
        return Value(name, value, "text")
    if not math.isfinite(value):
        return Value(name, told(value), style or NAN)
    return Value(name, told(value, 6) if decimals is None else f"{value:.{decimals}f}", style)


def _nothing(row: Row, name: str) -> Value:
    """A metric without a value: a cell that is not over says nothing."""
    why = row.faults.get(name)
    if why == NOT_READ:
        return Value(name, "…", "none", "not read yet")
    if row.state == COMPLETED:
        return Value(name, "no value", "missing", f"no value: {why}" if why else "no value")
    if row.state in (FAILED, CANCELLED):
        return Value(name, "–", "none", f"no value: {why or f'the cell was {row.state}'}")
    return Value(name, "")
