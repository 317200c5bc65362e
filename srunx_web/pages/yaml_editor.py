"""The plain editor of a workflow: its YAML as it is written, checked while it is typed."""

import hashlib
import re
from difflib import unified_diff

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core.errors import Conflict, Invalid, NotFound, Problem
from ..core.spec import JOB_KEYS, RESOURCE_KEYS
from ..core.workflow import RESERVED, check_name
from ..current import server
from ..services import files, workflows
from .sketch import gpus, sketch
from .workflows import definition, mount

blp = Blueprint("yaml_editor", __name__, url_prefix="/workflows")
START = """\
# What can be changed for a run; {{ lr }} below stands for its value.
args:
  lr: 0.1

jobs:
  - name: train
    command: ["echo", "training with {{ lr }}"]
    resources:
      time_limit: 0:10:00

  - name: evaluate
    command: ["echo", "evaluating"]
    depends_on: [train]
    resources:
      time_limit: 0:10:00
"""
_PLACE = re.compile(r"line \d+(?:, column \d+: |, )")


@blp.get("/new/yaml")
def new():
    """An empty page, nearly: a small workflow to change."""
    return _form("", START, is_new=True)


@blp.post("/new/yaml")
def create():
    """Keep a new one."""
    return _saved(request.form.get("name", "").strip(), _text(), is_new=True)


@blp.post("/upload")
def upload():
    """Keep a file under its own name; one that can't be kept as it is opens in the editor."""
    file = request.files.get("file")
    name = re.sub(r"\.ya?ml$", "", (file and file.filename) or "", flags=re.IGNORECASE)
    if not file or not file.filename:
        flash("No file was chosen")
        return redirect(url_for("workflows_pages.index", mount=mount()), 303)
    return _saved(name, files.decoded(file.read(), file.filename), is_new=True)


@blp.get("/<name>/yaml")
def edit(name):
    """The file as it is."""
    text = _readable(name)
    return _form(name, text, version=_digest(text))


@blp.post("/<name>/yaml")
def save(name):
    """Keep what was typed, unless the file has changed since it was opened."""
    there, typed = _on_disk(name), _text()
    if request.form.get("replace") or there == typed or _digest(there) == request.form.get("version"):
        return _saved(name, typed)
    return _form(name, typed, version=_digest(there), changes=_changes(there, typed)), Conflict.status


@blp.post("/check")
def check():
    """What is wrong with the text, or that nothing is."""
    return render_template("workflows/_check.html", **_checked(_text()))


def _saved(name: str, text: str, is_new: bool = False):
    """To its page once it is kept; else the editor with what is wrong, and with all that was typed."""
    try:
        _check_name(name)
        workflows.save(server().settings, name, text, mount(), not is_new or bool(request.form.get("replace")))
    except Problem as fault:
        return _form(name, text, is_new, fault, version=request.form.get("version")), fault.status
    flash(f"Saved {name}")
    return redirect(url_for("workflows_pages.show", name=name, mount=mount()), 303)


class _BadName(Invalid):
    """The fault is the name's, not the text's."""


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except Invalid as fault:
        raise _BadName(fault.detail if name else "A name is needed: letters, digits, - and _") from None
    if name in RESERVED:
        raise _BadName(f"{name!r} is a page of its own here; choose another name")


def _form(name: str, text: str, is_new: bool = False, problem: Problem | None = None, **more) -> str:
    said = {"faults": [], "whole": None} if isinstance(problem, _BadName) else _checked(text)
    return render_template(
        "workflows/yaml.html", name=name, text=text, is_new=is_new, problem=problem, mount=mount(), **said, **more,
        wrong=problem.detail if isinstance(problem, _BadName) else "", is_taken=isinstance(problem, Conflict),
        JOB_KEYS=JOB_KEYS, RESOURCE_KEYS=RESOURCE_KEYS,
    )  # fmt: skip


def _checked(text: str) -> dict:
    """The workflow that the text makes, or its faults as (line, column, words); both 0 where that is not known."""
    try:
        whole = workflows.check(server().settings, text, mount())
    except Problem as fault:
        found = fault.errors or [{"msg": fault.detail}]
        places = [(one.get("line", 0), one.get("column", 0), _PLACE.sub("", one["msg"], count=1)) for one in found]
        return {"faults": places, "whole": None}
    return {"faults": [], "whole": whole, "sketch": sketch(whole), "gpus": gpus(whole)}


def _text() -> str:
    """What was typed; browsers end lines by CR LF."""
    return request.form.get("yaml", "").replace("\r\n", "\n")


def _readable(name: str) -> str:
    """Its text; the problem of what is none, for an empty editor would invite to write over it."""
    found = definition(name)
    if found.raw is None:
        raise found.problem
    return found.raw


def _on_disk(name: str) -> str | None:
    try:
        return _readable(name)
    except NotFound:
        return None


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _changes(there: str | None, typed: str) -> str:
    """How what was typed differs from what is there now."""
    lines = unified_diff((there or "").splitlines(), typed.splitlines(), "on disk now", "yours", lineterm="", n=2)
    return "\n".join(lines)
