"""Sweeps: the list, and the page of one with its progress, its cells and the drawer of a chosen cell."""

import time
from collections.abc import Callable

from flask import Blueprint, render_template, request, url_for
from marshmallow import Schema, fields, validate

from ..core import eta, progress
from ..core.sweep import CELL_STATES, SWEEP_STATES
from ..current import cluster, server
from ..services import readings, results, sweeplist, sweeps, workflows
from ..services.cluster import PAGE_WAIT
from ..services.follow import follow
from ..services.runlist import label
from ..services.sweeps import Cell
from ..services.workflows import Definition
from ..store import Sweep
from . import forms, log, plots, sweepparts
from .celldrawer import drawer, is_same
from .forms import read
from .sweepparts import AT

blp = Blueprint("sweeps_pages", __name__, url_prefix="/sweeps")
ONE = "/<int(max=9223372036854775807):sweep_id>"  # more is no number to SQLite
SHOWN = 200  # cells, until all are asked for
VALUES_SHOWN = 30  # of an axis, likewise
SETTLES = 150  # seconds after the end, in which metrics may still be read


class ListQuery(forms.ListQuery):
    """With the states of these."""

    state = fields.String(load_default="", validate=validate.OneOf(SWEEP_STATES))


class SweepQuery(log.LogQuery, plots.ResultsQuery):
    """What the URL of a sweep may say beside values of axes: which cells, shown how, and which cell (from 1) is open
    in the drawer with which of its jobs. A poll says what it has (`v`), and until when that is good (`until`, epoch
    seconds)."""

    view = fields.String(load_default="", validate=validate.OneOf(("results", "cells")))
    state = fields.String(load_default="", validate=validate.OneOf(CELL_STATES))
    cell = fields.Integer(load_default=None, validate=validate.Range(1, 10**6))
    job = fields.String(load_default="", validate=validate.Length(max=200))
    until = fields.Integer(load_default=None)


# ---- the list


@blp.get("")
def index():
    """The page."""
    return render_template("sweeps/index.html", **_listing(read(ListQuery, request.args)))


@blp.get("/rows")
def rows():
    """The table alone; 204 when it is what the reader has (`v`)."""
    return forms.rows_again("sweeps/_rows.html", _listing(read(ListQuery, request.args)))


def _listing(query: dict) -> dict:
    here = cluster()
    wanted = sweeplist.Wanted(query["q"], query["workflow"], query["state"])
    page = sweeplist.page(here, wanted, query["page"])
    return {
        "page": page, "query": query, "url": _links("sweeps_pages.index", query, ListQuery), "filtered": any(wanted),
        "workflows": sweeplist.workflows(here), "label": label, "SIZE": sweeplist.PAGE_SIZE, "STATES": SWEEP_STATES,
        "eta": eta.words, "version": sweeplist.version(page.lines, here.key, page.total),
        "first": None if page.total or any(wanted) else _first(),
    }  # fmt: skip


def _first() -> Definition | None:
    """A workflow to try a sweep with: one that has args."""
    found = workflows.list_(server().settings)
    return next((one for one in found if one.workflow and one.workflow.args), None)


def _links(at: str, query: dict, schema: type[Schema], **where) -> Callable[..., str]:
    """url(endpoint, **changes): this page with some of its query changed; defaults are left out."""
    usual = schema().load({})

    def url(endpoint: str = at, **changes) -> str:
        known = {"page": 1} if "page" in query and changes and "page" not in changes else {}
        merged = {**query, **known, **changes}
        return url_for(endpoint, **where, **{name: value for name, value in merged.items() if value != usual.get(name)})

    return url


# ---- one sweep


@blp.get(ONE)
def show(sweep_id):
    """The page; of a link within it, the drawer alone."""
    query = read(SweepQuery, request.args)
    if request.htmx and request.htmx.boosted:
        facts = _chosen(sweeps.show(sweep_id), query, sweeps.cells(sweep_id))
        return render_template("sweeps/_drawer.html", **facts)
    return whole(sweeps.refresh(cluster(), sweep_id, PAGE_WAIT), query)


def whole(sweep: Sweep, query: dict, **more) -> str:
    """The whole page; `problem` is what an action came to."""
    cells = sweeps.cells(sweep.id)
    facts = {**_state(sweep, query, cells), **_chosen(sweep, query, cells), **more}
    return render_template("sweeps/show.html", **facts)


@blp.get(f"{ONE}/state")
def state(sweep_id):
    """What changes of the page; 204 when nothing has."""
    query, seen, here = read(SweepQuery, request.args), request.args.get("v"), cluster()
    here.queue(mine=True, wait=PAGE_WAIT)
    follow(here.key)
    is_good = query["until"] is None or time.time() < query["until"]
    if is_good and _version(sweep_id) == seen:
        return "", 204
    facts = _state(sweeps.refresh(here, sweep_id, 0), query, sweeps.cells(sweep_id))
    headers = {} if seen else {"HX-Replace-Url": facts["url"]()}
    return render_template("sweeps/_state.html", **facts, oob=True), headers


@blp.get(f"{ONE}/drawer")
def beside(sweep_id):
    """The drawer, or its facts alone (`facts`); 204 when they are what the reader has (`v`)."""
    query = read(SweepQuery, request.args)
    cluster().queue(mine=True, wait=0)
    cells = sweeps.cells(sweep_id)
    if is_same(_cell(cells, query), request.args.get("v")):
        return "", 204
    name = "sweeps/_facts.html" if "facts" in request.args else "sweeps/_drawer.html"
    return render_template(name, **_chosen(sweeps.show(sweep_id), query, cells))


def _state(sweep: Sweep, query: dict, cells: list[Cell]) -> dict:
    """All of the page but the drawer."""
    address, left = _address(sweep, query), _left(sweep, cells)
    url = _links("sweeps_pages.show", address, SweepQuery, sweep_id=sweep.id)
    what = sweepparts.wanted(sweep, request.args, query["state"], query["sort"])
    kept = sweepparts.kept(cells, what)
    metrics = readings.definition(sweep.yaml).metrics
    is_results = bool(metrics) and query["view"] != "cells"
    return {
        "sweep": sweep, "query": query, "is_here": sweep.cluster == cluster().key, "label": label,
        "is_over": sweep.status in progress.TERMINAL, "counts": sweeplist.counts(sweep), "eta": eta.words(left),
        "axes": sweepparts.axes(sweep, cells), "wanted": what, "found": len(kept), "url": url, "AT": AT,
        "STATES": CELL_STATES, "VALUES_SHOWN": VALUES_SHOWN, "events": sweeps.events(sweep.id),
        "asked": sweeplist.asked(sweep.id),
        "until": _until(sweep, left), "polls": _may_change(sweep, bool(metrics)), "version": _version(sweep.id),
        "metrics": metrics, "is_results": is_results, "address": [pair for pair in address.items() if pair[1]],
        **(_results(sweep, query, kept, url) if is_results else _rows(sweep, query, kept, what)),
    }  # fmt: skip


def _rows(sweep: Sweep, query: dict, kept: list[Cell], what: sweepparts.Wanted) -> dict:
    """The cells as rows."""
    found = sweepparts.in_order(kept, what.sort)
    shown = found if query["all"] else found[:SHOWN]
    return {"cells": shown, "point": sweepparts.point, "took": sweepparts.took, "whys": _whys(sweep)}


def _results(sweep: Sweep, query: dict, kept: list[Cell], url: Callable[..., str]) -> dict:
    """The cells with their metrics."""
    table, numbers = results.table(sweep.id), {cell.number for cell in kept}
    wanted = table._replace(rows=[row for row in table.rows if row.number in numbers])
    began = {cell.run.id: cell.began for cell in kept if cell.state == progress.RUNNING}
    whys = _whys(sweep) | {cell.run.id: cell.run.error for cell in kept if cell.run.error}
    return {"results": plots.results(wanted, query, url, plots.Told(whys, began))}


def _whys(sweep: Sweep) -> dict[str, str]:
    """Why cells failed, by run id."""
    return {run_id: sweepparts.why(sweep, *job) for run_id, job in sweeplist.failures(sweep.id).items()}


def _version(sweep_id: int) -> str:
    return f"{sweeps.version(sweep_id)}.{sweeplist.read_version(sweep_id)}"


def _may_change(sweep: Sweep, has_metrics: bool) -> bool:
    """Whether there may be news: after the end, metrics are still read for a while."""
    if sweep.cluster != cluster().key:
        return False
    since = time.time() - sweep.completed_at if sweep.completed_at else 0
    return sweep.status not in progress.TERMINAL or (has_metrics and since < SETTLES)


def _address(sweep: Sweep, query: dict) -> dict:
    """What the address says of this page, without what is only said to the drawer."""
    what = sweepparts.wanted(sweep, request.args, query["state"], query["sort"])
    names = ("view", "state", "sort", "reverse", "metric", "all", "cell")
    known = {name: 1 if query[name] is True else query[name] for name in names}
    return known | {AT + axis: value for axis, value in what.at.items()}


def _left(sweep: Sweep, cells: list[Cell]) -> eta.Left | None:
    """What is left of it."""
    now, runs = time.time(), [cell.run for cell in cells]
    ended = eta.times(run.completed_at - run.started_at for run in runs if run.status in sweeplist.RAN)
    return sweeplist.left(sweep, ended, [now - run.started_at for run in runs if run.status in sweeplist.RUNS])


def _until(sweep: Sweep, left: eta.Left | None) -> int | None:
    """When the estimate wants to be told anew."""
    if sweep.status in progress.TERMINAL or left is None:
        return None
    return int(time.time() + max(5, left.seconds / 60))


def _cell(cells: list[Cell], query: dict) -> Cell | None:
    number = query["cell"]
    return next((cell for cell in cells if cell.number + 1 == number), None) if number else None


def _chosen(sweep: Sweep, query: dict, cells: list[Cell]) -> dict:
    """What the drawer shows."""
    url = _links("sweeps_pages.show", _address(sweep, query), SweepQuery, sweep_id=sweep.id)
    is_results = query["view"] != "cells" and readings.definition(sweep.yaml).metrics
    return drawer(sweep, _cell(cells, query), query, url) | {"row": "r" if is_results else "c"}
