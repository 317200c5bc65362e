"""Runs: the list, and the page of one with its graph, its failures and the drawer of a chosen job."""

import time
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import fields, validate

from ..core import progress
from ..core.errors import Problem
from ..current import cluster, server
from ..services import attempts, failures, jobs, launch, runlist, runs, sweeplist, sweeps, watch
from ..services.cluster import PAGE_WAIT
from ..services.follow import Entry
from ..store import Run
from . import drawer as drawers
from . import forms, log
from .forms import read
from .graph import MOST_EDGES, placed
from .runparts import attempt, exit_words, nodes, numbers, to_rerun
from .timeline import MOST, timeline

blp = Blueprint("runs_pages", __name__, url_prefix="/runs")
ERRORS_WAIT, POLL_WAIT = 0.4, 0.15  # seconds for the ends of failed jobs' logs


class ListQuery(forms.ListQuery):
    """With the states of these."""

    state = fields.String(load_default="", validate=validate.OneOf(runlist.STATES))


class RunQuery(log.LogQuery):
    """What the URL of a run may say: how its jobs are shown, and which one is open in the drawer. A poll says what
    it has (`v`), and until when that is good (`until`, epoch seconds)."""

    view = fields.String(load_default="graph", validate=validate.OneOf(("graph", "list")))
    job = fields.String(load_default="", validate=validate.Length(max=200))
    until = fields.Integer(load_default=None)


# ---- the list


@blp.get("")
def index():
    """The page."""
    return render_template("runs/index.html", **_listing(read(ListQuery, request.args)))


@blp.get("/rows")
def rows():
    """The table alone; 204 when it is what the reader has (`v`)."""
    return forms.rows_again("runs/_rows.html", _listing(read(ListQuery, request.args)))


def _listing(query: dict) -> dict:
    here = cluster()
    view = here.queue(mine=True)
    wanted = runlist.Wanted(query["q"], query["workflow"], query["state"])
    page = runlist.page(here, wanted, query["page"])
    return {
        "page": page, "query": query, "url": _links(query), "filtered": any(wanted), "view": view,
        "workflows": runlist.workflows(here), "label": runlist.label, "SIZE": runlist.PAGE_SIZE,
        "STATES": runlist.STATES, "version": runlist.version(page.lines, here.key, page.total),
    }  # fmt: skip


def _links(query: dict) -> Callable[..., str]:
    """url(endpoint, **changes): this list with some of its query changed; defaults are left out."""
    usual = ListQuery().load({})

    def url(endpoint: str = ".index", **changes) -> str:
        merged = {**query, **({} if "page" in changes or not changes else {"page": 1}), **changes}
        return url_for(endpoint, **{name: value for name, value in merged.items() if value != usual.get(name)})

    return url


# ---- one run


@blp.get("/<run_id>")
def show(run_id):
    """The page; of a link within it, the drawer alone."""
    query = read(RunQuery, request.args)
    if request.htmx and request.htmx.boosted:
        return render_template("runs/_drawer.html", **_drawer(runs.show(cluster(), run_id), query))
    return _page(runs.refresh(cluster(), run_id, PAGE_WAIT), query)


def _page(shown: runs.Shown, query: dict, **more) -> str:
    """The whole page; `problem` is what an action came to, `told` what is left to do after it."""
    return render_template("runs/show.html", **{**_state(shown, query, ERRORS_WAIT), **_drawer(shown, query), **more})


@blp.get("/<run_id>/state")
def state(run_id):
    """What changes of the page; 204 when nothing has."""
    query = read(RunQuery, request.args)
    is_same = watch.version_now(cluster(), run_id, PAGE_WAIT) == request.args.get("v")
    if is_same and (query["until"] is None or time.time() < query["until"]):
        return "", 204
    shown = runs.moved(cluster(), run_id)
    return render_template("runs/_state.html", **_state(shown, query, POLL_WAIT), oob=True)


@blp.get("/<run_id>/failures")
def errors(run_id):
    """The ends of the failed jobs' logs, asked for again while some have not come."""
    shown = runs.show(cluster(), run_id)
    return render_template("runs/_failures.html", run=shown.run, **_failures(shown, PAGE_WAIT))


@blp.get("/<run_id>/drawer")
def drawer(run_id):
    """The drawer, or its facts alone (`facts`); 204 when they are what the reader has (`v`)."""
    shown, query = runs.show(cluster(), run_id), read(RunQuery, request.args)
    cluster().queue(mine=True, wait=0)
    if _drawer_version(shown, query["job"]) == request.args.get("v"):
        return "", 204
    name = "runs/_facts.html" if "facts" in request.args else "runs/_drawer.html"
    return render_template(name, **_drawer(shown, query))


def _state(shown: runs.Shown, query: dict, wait: float) -> dict:
    """All of the page but the drawer."""
    run, here = shown.run, cluster()
    is_here = run.cluster == here.key
    names, edges = tuple(entry.row.name for entry in shown.entries), tuple(shown.edges)
    is_drawn = query["view"] == "graph" and len(edges) <= MOST_EDGES
    return {
        "shown": shown, "run": run, "query": query, "is_here": is_here, "jobs": numbers(shown), "nodes": nodes(shown),
        "is_over": run.status in progress.TERMINAL, "to_rerun": to_rerun(shown),
        "version": watch.version(shown), "until": _until(shown),
        "layout": placed(names, edges) if is_drawn else None,
        "timeline": timeline(shown.entries, run.started_at, time.time()), "reruns": runlist.reruns(run.id),
        "label": runlist.label, "attempt": attempt, **_failures(shown, wait), **_cell(run),
    }  # fmt: skip


def _cell(run: Run) -> dict:
    """Of a cell: its sweep, and all attempts at it."""
    is_cell = run.sweep_id is not None
    return {"sweep": sweeps.show(run.sweep_id), "tries": sweeplist.attempts(run)} if is_cell else {"sweep": None}


def _until(shown: runs.Shown) -> int | None:
    """When a time line wants to be drawn anew, for its bars grow."""
    if shown.is_over or len(shown.entries) > MOST:
        return None
    now = time.time()
    return int(now + max(10, (now - shown.run.started_at) / 40))


def _failures(shown: runs.Shown, wait: float) -> dict:
    if shown.run.cluster != cluster().key:
        return {"failures": [], "failed": 0}
    found = failures.failures(cluster(), shown, wait)
    return {"failures": found, "failed": len(failures.failed(shown)), "exit_words": exit_words,
            "url_of_line": log.url_of_line}  # fmt: skip


def _drawer(shown: runs.Shown, query: dict) -> dict:
    """What the drawer shows of the chosen job, its log or script with it."""
    entry = _entry(shown, query["job"])
    about = {"shown": shown, "run": shown.run, "query": query, "entry": entry}
    if entry is None:
        return about
    view = None if query["view"] == "graph" else query["view"]
    here = {"run_id": shown.run.id, "view": view, "job": query["job"]}
    panel = drawers.panel(shown, entry, query, lambda stream: url_for(".show", **here, stream=stream))
    job = panel["job"]
    return {
        **about, **_kin(shown, entry), **panel, "why": jobs.why(job.job) if job else None, "attempt": attempt,
        "exit_words": exit_words, "attempts": _attempts(entry, job),
        "facts_version": _drawer_version(shown, entry.row.name),
    }  # fmt: skip


def _entry(shown: runs.Shown, name: str) -> Entry | None:
    return next((entry for entry in shown.entries if entry.row.name == name), None)


def _kin(shown: runs.Shown, entry: Entry) -> dict:
    """The jobs it depends on and those that depend on it, each with the kind of dependency."""
    by_name, name = {one.row.name: one for one in shown.entries}, entry.row.name
    before = [(parent.kind, by_name[parent.job]) for parent in entry.depends_on if parent.job in by_name]
    after = [(kind, by_name[child]) for parent, child, kind in shown.edges if parent == name]
    return {"before": before, "after": after}


def _drawer_version(shown: runs.Shown, name: str) -> str:
    entry = _entry(shown, name)
    parents = {parent.job for parent in entry.depends_on} if entry else set()
    return watch.version_of(one for one in shown.entries if one.row.name in {name, *parents})


def _attempts(entry: Entry, job: jobs.Shown | None) -> list[attempts.Line]:
    """What its log says of its attempts."""
    path = drawers.path(job, "stdout") if job and entry.row.retry and entry.row.node_list else None
    try:
        return attempts.lines(cluster(), path, log.LOG_WAIT) if path else []
    except Problem:
        return []


# ---- actions


@blp.post("/<run_id>/cancel")
def cancel(run_id):
    """Cancel it; without JavaScript, asks on a page of its own."""
    shown = runs.show(cluster(), run_id)
    back = url_for(".index") if request.form.get("to") == "list" else url_for(".show", run_id=run_id)
    if not request.form.get("confirmed"):
        return render_template("runs/confirm.html", run=shown.run, jobs=numbers(shown), back=back, form=request.form)
    try:
        told = runs.cancel(cluster(), run_id)
    except Problem as fault:
        return _again(run_id, problem=fault), fault.status
    if told:
        return _again(run_id, told=told)
    flash(f"Cancelling run {shown.run.workflow_name}")
    return redirect(back, 303)


@blp.post("/<run_id>/rerun")
def rerun(run_id):
    """Run it again, in whole or in part; to the new run."""
    which, begun = request.form.get("which", "all"), time.time()
    from_job = request.form.get("from_job") if which == "from" else None
    try:
        new = launch.rerun(cluster(), server().settings, run_id, which, from_job).run.id
    except Problem as fault:
        # refused midway, the new run is there and says so itself
        new = next((run.id for run in runlist.reruns(run_id) if run.started_at >= begun), None)
        if new is None:
            return _again(run_id, problem=fault), fault.status
    return redirect(url_for(".show", run_id=new), 303)


@blp.post("/<run_id>/resolve")
def resolve(run_id):
    """The user's word on a submission of which nobody knows whether Slurm took it."""
    name, number = request.form.get("name", ""), request.form.get("job_id", "").strip().removeprefix("#")
    is_there = request.form.get("answer") == "there"
    try:
        if is_there and not (number.isascii() and number.isdigit() and len(number) < 19):
            return _again(run_id, wrong={name: "an id is a number, as squeue shows it"}), 422
        runs.resolve(cluster(), run_id, name, int(number) if is_there else None)
    except Problem as fault:
        return _again(run_id, wrong={name: fault.detail}), fault.status
    return redirect(url_for(".show", run_id=run_id), 303)


def _again(run_id: str, **more) -> str:
    """The page of the run once more, with what an action came to."""
    return _page(runs.refresh(cluster(), run_id, PAGE_WAIT), read(RunQuery, request.args), **more)
