"""The page of one job: what it is, why it waits, what it prints."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, fields, validate

from ..core.errors import NotFound, Problem
from ..core.logpaths import log_paths
from ..core.logtext import clean, split_partial
from ..current import cluster
from ..services import jobs, logs
from .forms import read

blp = Blueprint("job_pages", __name__, url_prefix="/jobs/<label>")
LOG_WAIT = 0.4
FOLLOW_LIMIT = 256 << 10
_EMPTY = {"text": "", "partial": "", "start": 0, "next": 0, "size": 0, "path": None, "missing": None}


class LogQuery(Schema):
    """Which part of which stream; `seen` is the file's size when it was last looked at."""

    class Meta:
        unknown = EXCLUDE

    stream = fields.String(load_default="stdout", validate=validate.OneOf(("stdout", "stderr", "script")))
    offset = fields.Integer(load_default=None, validate=validate.Range(0, 1 << 62))
    seen = fields.Integer(load_default=None, validate=validate.Range(0, 1 << 62))
    find = fields.String(load_default="", validate=validate.Length(max=200))


@blp.get("")
def show(label):
    """The page."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    parts = {"log": None} if shown.tasks else _file(shown, query)
    tabs = [] if shown.tasks else _tabs(shown, query["stream"])
    return render_template("jobs/show.html", query=query, tabs=tabs, **_facts(shown), **parts)


def _facts(shown: jobs.Shown) -> dict:
    return {"shown": shown, "job": shown.job, "why": jobs.why(shown.job)}


def _file(shown: jobs.Shown, query: dict) -> dict:
    """What the chosen tab shows: the script, or a piece of a log and what was found in all of it."""
    if query["stream"] == "script":
        return {"log": None, "script": _or_none(lambda: jobs.script(cluster(), shown))}
    hits = _or_none(lambda: _hits(shown, query)) if query["find"] else None
    return {"log": _log(shown, query), "hits": hits}


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


def _hits(shown: jobs.Shown, query: dict) -> list[tuple[int, str]]:
    path = logs.path(cluster(), shown, query["stream"])
    return (
        [(offset, clean(line.encode())) for offset, line in logs.find(cluster(), path, query["find"])] if path else []
    )


@blp.get("/state")
def state(label):
    """The head line and the facts, asked for while the job lives."""
    shown = jobs.show(cluster(), label)
    return render_template("jobs/_state.html", **_facts(shown), oob=True)


@blp.get("/log")
def log(label):
    """What was printed since `offset`; 204 when that is nothing."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    piece = _log(shown, query, FOLLOW_LIMIT)
    if piece["size"] == query["seen"] and piece["follows"]:
        return "", 204
    return render_template("jobs/_log.html", shown=shown, job=shown.job, query=query, log=piece)


def _log(shown: jobs.Shown, query: dict, limit: int = logs.WINDOW) -> dict:
    """A piece of the log as text. `partial` is a line that has not ended yet and is shown again, longer, next time."""
    here, follows = cluster(), not shown.job.is_terminal
    empty = {
        "text": "",
        "partial": "",
        "start": 0,
        "next": 0,
        "size": 0,
        "follows": follows,
        "path": None,
        "missing": None,
    }
    try:
        path = logs.path(here, shown, query["stream"])
        if path is None:
            return {**empty, "follows": False, "missing": "stderr goes to the same file as stdout"}
        piece = logs.read(here, path, query["offset"], limit, LOG_WAIT)
    except NotFound:
        return {**empty, "missing": logs.missing(here, shown)}
    except Problem as fault:
        return {**empty, "missing": fault.detail}
    return {**empty, "path": path, **_text(piece, query["offset"] is None)}


def _text(piece: logs.Piece, is_end: bool) -> dict:
    data, start = piece.chunk.data, piece.chunk.offset
    if is_end and start:  # begun somewhere in a line
        cut = data.find(b"\n") + 1
        data, start = data[cut:], start + cut
    whole, partial = split_partial(data)
    return {
        "text": clean(whole), "partial": clean(partial), "start": start, "next": start + len(whole),
        "size": piece.chunk.size, "earlier": max(0, start - logs.WINDOW), "more": start + len(data) < piece.chunk.size,
    }  # fmt: skip


@blp.get("/log/error")
def first_error(label):
    """To the first line that looks like an error."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    path = logs.path(cluster(), shown, query["stream"])
    offset = logs.first_error(cluster(), path) if path else None
    if offset is None:
        flash(f"No line of {query['stream']} looks like an error")
    return redirect(url_for(".show", label=label, stream=query["stream"], offset=offset))


@blp.get("/log/raw")
def download(label):
    """The whole file, as it is."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    path = logs.path(cluster(), shown, query["stream"])
    if path is None:
        raise NotFound("stderr goes to the same file as stdout")
    size, pieces = logs.download(cluster(), path)
    headers = {
        "Content-Disposition": f'attachment; filename="job-{shown.label}-{query["stream"]}.log"',
        "Content-Security-Policy": "sandbox; default-src 'none'", "Content-Length": str(size),
    }  # fmt: skip
    return Response(pieces, mimetype="text/plain", headers=headers)


@blp.post("/cancel")
def cancel(label):
    """Cancel it; without JavaScript, asks on a page of its own."""
    shown = jobs.show(cluster(), label)
    back = url_for(".show", label=label)
    if not request.form.get("confirmed"):
        return render_template(
            "jobs/confirm.html", labels=[shown.label], number=1, form=request.form, back=back, action=request.path
        )
    jobs.cancel(cluster(), label)
    flash(f"Cancelling {shown.label}")
    return redirect(back, 303)
