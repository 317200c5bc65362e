"""The page of one job or array: what it is, why it waits, its log or its tasks."""

import re

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core import states
from ..core.errors import Problem
from ..core.logpaths import log_paths
from ..core.logtext import clean
from ..core.model import Job
from ..current import cluster
from ..services import jobs, logs, runs
from . import log
from .forms import read

blp = Blueprint("job", __name__, url_prefix="/jobs/<label>")
_DEPENDENCY = re.compile(r"([a-z]+):(\d+(?:_\d+|_\*)?)(?:\+\d+)?(?:\((\w+)\))?")
_ORDER = ("failed", "unknown", "running", "waiting", "cancelled", "done")


@blp.get("")
def show(label):
    """The page."""
    query = read(log.LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    parts = _tasks(shown) if shown.tasks else _file(shown, query)
    return render_template("jobs/show.html", query=query, **_facts(shown), **parts)


def _facts(shown: jobs.Shown) -> dict:
    depends = _DEPENDENCY.findall(shown.job.dependency or "")
    run = runs.of_job(cluster(), shown.job.id)
    return {"shown": shown, "job": shown.job, "why": jobs.why(shown.job), "depends": depends, "run": run}


def _file(shown: jobs.Shown, query: dict) -> dict:
    """What the chosen tab shows: the script, or a piece of a log and what was found in all of it."""
    tabs = _tabs(shown, query["stream"])
    if query["stream"] == "script":
        return {"tabs": tabs, "log": None, "script": _or_none(lambda: jobs.script(cluster(), shown))}
    hits = _or_none(lambda: _hits(shown, query)) if query["find"] else None
    follows = query["offset"] is None
    return {"tabs": tabs, "log": log.look(shown, query), "hits": hits, "follows": follows, "polls": follows}


def _tabs(shown: jobs.Shown, chosen: str) -> list[tuple[str, str, bool]]:
    """Links to the files that the job has, as the macro `choice` takes them."""
    has_stderr = bool(log_paths(shown.job)[1])
    names = ["stdout", "stderr", "script"] if has_stderr else ["stdout", "script"]
    return [(name, url_for(".show", label=shown.label, stream=name), name == chosen) for name in names]


def _or_none(call):
    try:
        return call()
    except Problem:
        return None


def _hits(shown: jobs.Shown, query: dict) -> list[tuple[str, str]]:
    """(URL, line) of what was found in the whole log."""
    path = logs.path(cluster(), shown, query["stream"])
    found = logs.find(cluster(), path, query["find"]) if path else []
    return [(log.url_of_line(shown.label, query["stream"], at), clean(line.encode())) for at, line in found]


def _tasks(shown: jobs.Shown) -> dict:
    """An array's tasks, what failed first; of one state when the URL says so."""
    wanted = request.args.get("state", "")
    kept = [task for task in shown.tasks if wanted in ("", task.state)]
    return {"log": None, "tasks": sorted(kept, key=_urgency), "wanted": wanted, "version": str(hash(shown.tasks))}


def _urgency(task: Job) -> tuple[int, bool, int]:
    return _ORDER.index(states.kind(task.state)), task.task is None, task.task or 0


@blp.get("/tasks")
def tasks(label):
    """The tasks of an array alone; 204 when they are what the reader has (`v`)."""
    shown = jobs.show(cluster(), label)
    parts = _tasks(shown)
    if parts["version"] == request.args.get("v"):
        return "", 204
    return render_template("jobs/_tasks.html", **_facts(shown), **parts)


@blp.get("/state")
def state(label):
    """The head line, its buttons and the facts, asked for while the job lives."""
    shown = jobs.show(cluster(), label)
    return render_template("jobs/_state.html", **_facts(shown), oob=True)


@blp.post("/cancel")
def cancel(label):
    """Cancel it; without JavaScript, asks on a page of its own."""
    shown = jobs.show(cluster(), label)
    back = url_for(".show", label=label)
    if not request.form.get("confirmed"):
        asked = {"labels": [shown.label], "number": 1, "form": request.form, "back": back, "action": request.path}
        return render_template("jobs/confirm.html", **asked)
    jobs.cancel(cluster(), label)
    flash(f"Cancelling {shown.label}")
    return redirect(back, 303)
