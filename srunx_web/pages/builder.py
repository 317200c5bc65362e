"""The builder: a workflow drawn and edited. The browser holds the text that it began with and operations on it;
what these make is worked out here, so nothing that the page does not show can get lost."""

import hashlib
import json

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core import draft
from ..core.errors import BadRequest, Conflict, Invalid, NotFound, Problem
from ..core.spec import APPTAINER_ONLY, KINDS, RUNTIMES
from ..core.workflow import RESERVED, check_name
from ..current import cluster, server
from ..services import site, templates, workflows
from ..services.cluster import PAGE_WAIT
from .drafts import NODE, Draft, script, view
from .graph import MOST_EDGES
from .highlight import highlight

blp = Blueprint("builder_pages", __name__, url_prefix="/workflows")
START = "jobs: []\n"


@blp.get("/new")
def new():
    """A workflow without jobs."""
    return _page("", Draft(START, mount=_mount()), is_new=True)


@blp.get("/<name>/edit")
def edit(name):
    """One that is there; its text where the builder can't show it."""
    found = workflows.show(server().settings, name, _mount())
    try:
        if not found.raw:
            raise found.problem
        if found.workflow and len(found.workflow.edges) > MOST_EDGES:
            raise Invalid(f"it has more than {MOST_EDGES} dependencies")
        return _page(name, Draft(found.text, mount=_mount()), opened=_digest(found.text))
    except Problem as fault:
        flash(f"The builder can't show this file: {fault.detail}")
        return redirect(url_for("yaml_editor.edit", name=name, mount=_mount()))


@blp.post("/draft")
def preview():
    """What the operations make of the text, or why the last one is refused."""
    asked = _asked()
    try:
        return view(server().settings, _draft(asked), bool(asked.get("layout")))
    except Problem as fault:
        return {"refused": fault.detail}


@blp.post("/draft/script")
def preview_script():
    """The script of one job, or why there is none."""
    asked = _asked()
    try:
        text = script(server().settings, _draft(asked), asked.get("job"))
    except Problem as fault:
        return {"refused": fault.detail}
    return {"text": text, "html": highlight(text)}


@blp.post("/new")
def create():
    """Keep a new one."""
    return _saved(request.form.get("name", "").strip(), is_new=True)


@blp.post("/<name>/edit")
def save(name):
    """Keep what was changed, unless the file has changed since it was opened."""
    return _saved(name)


def _saved(name: str, is_new: bool = False):
    """To its page once it is kept; else the builder with all changes, and with what is wrong."""
    made = Draft(request.form.get("yaml", "").replace("\r\n", "\n"), _operations(), _mount())
    there = None if is_new else _on_disk(name)
    try:
        if is_new:
            _check_name(name)
        elif not made.is_changed:
            flash(f"Nothing was changed; {name} is as it was")
            return _to(name)
        elif _digest(there) not in (request.form.get("opened"), request.form.get("replace")):
            raise Conflict("The file has changed since you opened it" if there is not None else "The file is gone")
        workflows.save(server().settings, name, made.text, made.mount, may_replace=not is_new)
    except Problem as fault:
        more = {"problem": fault, "is_conflict": isinstance(fault, Conflict) and not is_new, "there": _digest(there)}
        return _page(name, made, is_new, opened=request.form.get("opened", ""), **more), fault.status
    flash(f"Saved {name}")
    return _to(name)


def _page(name: str, made: Draft, is_new: bool = False, **more) -> str:
    settings = server().settings
    return render_template(
        "workflows/edit.html", name=name, is_new=is_new, draft=made, view=view(settings, made, with_layout=True),
        mount=made.mount, NODE=NODE, KINDS=KINDS, RUNTIMES=RUNTIMES,
        FLAGS=[key for key in APPTAINER_ONLY if key not in ("overlay", "env")],
        by_hand=draft.written_by_hand(made.base), templates=[one.name for one in templates.list_(settings)],
        mounts=[one.name for one in site.mounts(settings)],
        partitions=[one.name for one in cluster().partitions.read(PAGE_WAIT).value or []], **more,
    )  # fmt: skip


def _check_name(name: str) -> None:
    if check_name(name) in RESERVED:
        raise Invalid(f"{name!r} is a page of its own here; choose another name")


def _to(name: str):
    return redirect(url_for("workflows_pages.show", name=name, mount=_mount()), 303)


def _mount() -> str | None:
    return request.args.get("mount") or None


def _asked() -> dict:
    asked = request.get_json()
    if not isinstance(asked, dict):
        raise BadRequest("A JSON object is expected")
    return asked


def _draft(asked: dict) -> Draft:
    base = asked.get("yaml", "")
    if not isinstance(base, str):
        raise Invalid("The text of a workflow is text")
    return Draft(base, asked.get("operations", []), asked.get("mount") or None)


def _operations() -> list:
    try:
        return json.loads(request.form.get("operations") or "[]")
    except ValueError:
        raise BadRequest("The changes can't be read") from None


def _on_disk(name: str) -> str | None:
    try:
        return workflows.show(server().settings, name, _mount()).raw
    except NotFound:
        return None


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
