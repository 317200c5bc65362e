"""Starting a run: with which args, of which part; what it would do, and doing it."""

import re
from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core import typed, yamltext
from ..core.errors import Invalid, Problem
from ..core.plan import Selection
from ..current import cluster, server
from ..services import launch, runs, site
from ..services.launch import Start
from ..services.workflows import Definition, valid
from .sketch import asks, gpus, sketch
from .workflows import definition

blp = Blueprint("start", __name__, url_prefix="/workflows/<name>/run")
PREFIX = "arg."  # of the fields of args: one may be called `to_job`


@blp.get("")
def form(name):
    """The form; `like` names a run whose args and part it starts with, `from_job` or `single_job` a part."""
    found = definition(name)
    given = dict(request.args)
    if given.get("like"):
        run = runs.show(cluster(), given["like"]).run
        given = {**run.part, **{PREFIX + key: text for key, text in typed.shown(typed.VALUES, run.args)}}
    return _page(found, given)


@blp.post("")
def start(name):
    """Start it, or show what that would hand in; a refusal stands in place, with nothing lost."""
    found = definition(name)
    try:
        what = _start(found, request.form)
        if request.form.get("dry"):
            return _page(found, request.form, plan=launch.preview(server().settings, found, what), args=what.args)
        run = launch.start(cluster(), server().settings, found, what).run
    except Problem as fault:
        return _page(found, request.form, problem=fault, made=fault.run_id), fault.status
    flash(f"Started {name}")
    return redirect(url_for("runs_pages.show", run_id=run.id), 303)


def _start(found: Definition, given) -> Start:
    """What the form asks for; Invalid with a fault for each arg that can't be read."""
    part = Selection(*(given.get(name) or None for name in Selection._fields))
    return Start(part, read_args(valid(found).args, given))


def read_args(usual: Mapping, given: Mapping) -> dict:
    """The args that are to be other than in the definition; Invalid with the faults by field."""
    changed, errors = {}, []
    for name, shown in typed.shown(typed.VALUES, dict(usual)):
        text = given.get(PREFIX + name, "").replace("\r\n", "\n")
        if text.strip() in ("", shown.strip()):
            continue
        try:
            changed[name] = read_value(text.strip())
        except Invalid as fault:
            errors.append({"loc": ["body", name], "msg": fault.detail.partition(": ")[2], "type": "value_error"})
    if errors:
        raise Invalid("Some args can't be read", errors)
    return changed


def read_value(text: str) -> object:
    """What was typed as a value, so that 4:00:00 stays text and 0.1 is a number; Invalid for a list that is none."""
    value = typed.read(typed.VALUE, text)
    if value == text and re.match(r"\[|\{(?![{%#])", text):
        return yamltext.load(text)
    return value


def _page(found: Definition, given, problem: Problem | None = None, **more) -> str:
    """The form with what was typed in it."""
    wrong = {fault["loc"][-1]: fault["msg"] for fault in problem.errors if len(fault["loc"]) == 2} if problem else {}
    whole = found.workflow
    usual = dict(typed.shown(typed.VALUES, dict(whole.args))) if whole else {}
    return render_template(
        "workflows/run.html", found=found, given=given, usual=usual, problem=problem or found.problem, wrong=wrong,
        values={name: given.get(PREFIX + name, text) for name, text in usual.items()}, PREFIX=PREFIX,
        sketch=sketch(whole, most=5000) if whole else None, gpus=gpus(whole) if whole else None, used=_used(found),
        asks=asks, **more,
    )  # fmt: skip


def _used(found: Definition) -> list:
    """The mounts that its jobs use."""
    settings = server().settings
    if not found.workflow or not site.mounts(settings):
        return []
    return site.used_mounts(settings, list(found.workflow.jobs), found.project)
