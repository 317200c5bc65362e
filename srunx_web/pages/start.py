"""Starting a run or a sweep: with which args, of which part; what it would do, and doing it."""

from collections.abc import Mapping

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from ..core.errors import Problem
from ..core.labels import parse_sweep_id
from ..core.matrix import Matrix
from ..current import cluster, server
from ..services import launch, runs, site, sweeps, sweepstart
from ..services.launch import Start
from ..services.workflows import Definition, valid
from . import start_sweep, startform
from .sketch import asks, gpus, sketch
from .workflows import definition

blp = Blueprint("start", __name__, url_prefix="/workflows/<name>/run")


@blp.get("")
def form(name):
    """The form, as the file's sweep fills it; `like` names a run, `like_sweep` a sweep whose args and part it starts
    with instead, `from_job` or `single_job` a part."""
    found = definition(name)
    return _page(found, {**_earlier(found, request.args), **request.args})


def _earlier(found: Definition, query: Mapping) -> dict[str, str]:
    """The fields of what it is to be like."""
    if query.get("like"):
        return startform.of_run(runs.show(cluster(), query["like"]).run)
    if like := query.get("like_sweep"):
        return startform.of_sweep(sweeps.show(parse_sweep_id(like)))
    return startform.of_file(found.workflow) if found.workflow else {}


@blp.post("")
def start(name):
    """Start it, or show what that would hand in; a refusal stands in place, with nothing lost, and so does the
    question whether as many cells as that are meant."""
    found = definition(name)
    try:
        what, matrix = startform.read(valid(found), request.form)
        if request.form.get("dry"):
            return _page(found, request.form, **_preview(found, what, matrix))
        if matrix:
            return _start_sweep(found, what, matrix)
        run = launch.start(cluster(), server().settings, found, what).run
    except Problem as fault:
        return _page(found, request.form, problem=fault, made=fault.run_id), fault.status
    flash(f"Started {name}")
    return redirect(url_for("runs_pages.show", run_id=run.id), 303)


def _start_sweep(found: Definition, what: Start, matrix: Matrix) -> str | Response:
    """Start the sweep and go to its page, or ask first."""
    if not start_sweep.is_agreed(matrix, request.form):
        return _page(found, request.form, asked=matrix)
    sweep = sweepstart.start(cluster(), server().settings, found, what, matrix)
    flash(f"Started a sweep of {found.name}: {matrix.size} cells")
    return redirect(url_for("sweeps_pages.show", sweep_id=sweep.id), 303)


def _preview(found: Definition, what: Start, matrix: Matrix | None) -> dict:
    """What a dry run shows: the jobs, of a sweep the cells and the jobs of one."""
    if not matrix:
        return {"plan": launch.preview(server().settings, found, what), "args": what.args}
    cells = start_sweep.cells(sweepstart.preview(server().settings, found, what, matrix), matrix)
    first = cells.first[1] if cells.first else None
    return {"cells": cells, "plan": first.jobs if first else [], "args": {**what.args, **first.args} if first else {}}


@blp.post("/sweep")
def sweep(name):
    """The parts that change while the lists are typed."""
    found = definition(name)
    whole = valid(found)
    strip = start_sweep.strip(found, request.form)
    rows = startform.rows(whole, request.form)
    return render_template("workflows/_sweep_live.html", strip=strip, rows=rows, LIST=startform.LIST)


def _page(found: Definition, given: Mapping, problem: Problem | None = None, **more) -> str:
    """The form with what was typed in it."""
    whole = found.workflow
    strip = start_sweep.strip(found, given) if whole else None
    wrong = {fault["loc"][1]: fault["msg"] for fault in problem.errors if len(fault["loc"]) == 2} if problem else {}
    return render_template(
        "workflows/run.html", found=found, given=given, problem=problem or found.problem, strip=strip,
        wrong={**(strip.wrong if strip else {}), **wrong}, rows=startform.rows(whole, given) if whole else [],
        sketch=sketch(whole, most=5000) if whole else None, gpus=gpus(whole) if whole else None, used=_used(found),
        asks=asks, ARG=startform.ARG, LIST=startform.LIST, MODE=startform.MODE, name_of=startform.name_of, **more,
    )  # fmt: skip


def _used(found: Definition) -> list:
    """The mounts that its jobs use."""
    settings = server().settings
    if not found.workflow or not site.mounts(settings):
        return []
    return site.used_mounts(settings, list(found.workflow.jobs), found.project)
