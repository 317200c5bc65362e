"""What is done to a sweep: it or a cell of it is cancelled, cells are run again."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from ..core import progress, typed, workflow
from ..core.errors import Problem
from ..current import cluster, server
from ..services import runs, sweeprerun, sweeps
from ..services.sweeps import Cell
from ..store import Sweep
from .forms import read
from .sweepparts import point
from .sweeps import ONE, SweepQuery, whole

blp = Blueprint("sweep_actions", __name__, url_prefix=f"/sweeps{ONE}")
ARG, RESOURCE = "arg.", "resource."  # before the names of fields
RESOURCES = ("memory_per_node", "time_limit", "partition", "nodes", "gpus_per_node", "cpus_per_task")
WHICH = ("failed", "unfinished", "chosen")


@blp.post("/cancel")
def cancel(sweep_id):
    """Cancel it; without JavaScript, asks on a page of its own."""
    sweep = sweeps.show(sweep_id)
    to_list = request.form.get("to") == "list"
    back = url_for("sweeps_pages.index") if to_list else _home(sweep_id)
    if not request.form.get("confirmed"):
        return render_template("sweeps/confirm.html", sweep=sweep, back=back, form=request.form)
    try:
        sweep = sweeps.cancel(cluster(), sweep_id)
    except Problem as fault:
        return _again(sweep_id, problem=fault), fault.status
    flash(f"Cancelling sweep {sweep.id}")
    return redirect(back, 303)


@blp.post("/cells/<run_id>/cancel")
def cancel_cell(sweep_id, run_id):
    """Cancel one cell; without JavaScript, asks on a page of its own."""
    sweep = sweeps.show(sweep_id)
    cell = next((cell for cell in sweeps.cells(sweep_id) if cell.run.id == run_id), None)
    back = _home(sweep_id, **request.args)
    if cell and not request.form.get("confirmed"):
        return render_template("sweeps/confirm.html", sweep=sweep, cell=cell, back=back, form=request.form)
    try:
        told = runs.cancel(cluster(), run_id)
    except Problem as fault:
        return _again(sweep_id, problem=fault), fault.status
    flash(told[0] if told else f"Cancelling cell {cell.number + 1}" if cell else "Cancelling the cell")
    return redirect(back, 303)


@blp.get("/rerun")
def form(sweep_id):
    """Which cells, and what is to be other for their new attempt; `cell` are numbers (from 1) of chosen ones."""
    given = request.args.copy()
    if "which" not in given:
        given["which"] = "chosen" if given.getlist("cell") else ""
    return _form(sweeps.show(sweep_id), given)


@blp.post("/rerun")
def rerun(sweep_id):
    """Run them again; a refusal stands in place, with nothing lost."""
    sweep, given = sweeps.show(sweep_id), request.form
    cells = _chosen(sweep_id, given)
    again = sweeprerun.Again(given.get("which", "failed"), cells, _changed(given, RESOURCE), _changed(given, ARG))
    try:
        sweeprerun.rerun(cluster(), server().settings, sweep_id, again)
    except Problem as fault:
        return _form(sweep, given, fault), fault.status
    flash(f"Running cells of sweep {sweep.id} again")
    return redirect(_home(sweep_id), 303)


def _chosen(sweep_id: int, given: MultiDict) -> tuple[str, ...]:
    """The run ids of the ticked cells."""
    numbers = set(given.getlist("cell"))
    return tuple(cell.run.id for cell in sweeps.cells(sweep_id) if str(cell.number + 1) in numbers)


def _changed(given: MultiDict, prefix: str) -> dict:
    """What was typed into the fields of that prefix; an empty one changes nothing."""
    fields = {name.removeprefix(prefix): text.strip() for name, text in given.items() if name.startswith(prefix)}
    return {name: typed.read(typed.VALUE, text) for name, text in fields.items() if text}


def _form(sweep: Sweep, given: MultiDict, problem: Problem | None = None) -> str:
    cells = sweeps.cells(sweep.id)
    over = [cell for cell in cells if cell.state in progress.TERMINAL]
    faults = {str(fault["loc"][-1]): fault["msg"] for fault in problem.errors if fault.get("loc")} if problem else {}
    wrong = {name: words.rpartition(f"{name}: ")[2] for name, words in faults.items()}
    return render_template(
        "sweeps/rerun.html", sweep=sweep, given=given, problem=problem, wrong=wrong, over=over,
        args=_args(sweep, cells), now=_now(sweep), failed=sweep.cells_failed,
        unfinished=sweep.cells_failed + sweep.cells_cancelled, RESOURCES=RESOURCES, ARG=ARG,
        RESOURCE=RESOURCE, ticked=set(given.getlist("cell")), point=point,
    )  # fmt: skip


def _now(sweep: Sweep) -> dict[str, str]:
    """The resources that the file gives all jobs alike, as text."""
    try:
        jobs = workflow.parse(sweep.yaml).jobs
    except Problem:
        return {}
    told = {name: {str(job.resources.get(name, "")) for job in jobs} for name in RESOURCES}
    return {name: texts.pop() for name, texts in told.items() if len(texts) == 1}


def _args(sweep: Sweep, cells: list[Cell]) -> dict[str, str]:
    """What the args that are no axes are now, as text."""
    known = next((cell.run.resolved for cell in cells if cell.run.resolved), None) or sweep.args
    return dict(typed.shown(typed.VALUES, {name: value for name, value in known.items() if name not in sweep.matrix}))


def _home(sweep_id: int, **query) -> str:
    return url_for("sweeps_pages.show", sweep_id=sweep_id, **query)


def _again(sweep_id: int, **more) -> str:
    """The page of the sweep once more, with what an action came to."""
    return whole(sweeps.show(sweep_id), read(SweepQuery, request.args), **more)
