"""The log of a job: a piece of it as text, what follows, the first error, the whole file."""

from dataclasses import dataclass

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, fields, validate

from ..core.errors import NotConnected, NotFound, Problem
from ..core.logtext import clean, split_partial
from ..current import cluster
from ..services import jobs, logs
from .forms import read

blp = Blueprint("log", __name__, url_prefix="/jobs/<label>/log")
LOG_WAIT = 0.4
BEFORE = 8 << 10  # bytes shown before a line that was looked for


class LogQuery(Schema):
    """Which part of which stream: from `offset` (without: the end), with the line that begins at `at` marked.
    `seen` is the file's size when it was last looked at."""

    class Meta:
        unknown = EXCLUDE

    stream = fields.String(load_default="stdout", validate=validate.OneOf(("stdout", "stderr", "script")))
    offset = fields.Integer(load_default=None, validate=validate.Range(0, 1 << 62))
    at = fields.Integer(load_default=None, validate=validate.Range(0, 1 << 62))
    seen = fields.Integer(load_default=None, validate=validate.Range(0, 1 << 62))
    find = fields.String(load_default="", validate=validate.Length(max=200))


@dataclass(frozen=True)
class Shown:
    """A piece as text: up to the marked line, that line, and after it. `partial` has not ended yet and is shown
    again, longer, next time. `missing` says why there is nothing."""

    before: str = ""
    marked: str = ""
    text: str = ""
    partial: str = ""
    start: int = 0
    next: int = 0
    size: int = 0
    skipped: int = 0
    more: bool = False
    path: str | None = None
    missing: str | None = None
    is_late: bool = False  # the answer did not come; it may, the next time

    @property
    def earlier(self) -> int:
        """Where the window before this one begins."""
        return max(0, self.start - logs.WINDOW)


def look(shown: jobs.Shown, query: dict) -> Shown:
    """The piece that the query asks for; while it does not come, the words that came instead."""
    here = cluster()
    try:
        path = logs.path(here, shown, query["stream"])
        if path is None:
            return Shown(missing="stderr goes to the same file as stdout")
        piece = logs.read(here, path, query["offset"], logs.WINDOW, LOG_WAIT)
    except NotFound:
        return Shown(missing=logs.missing(here, shown))
    except Problem as fault:
        return Shown(missing=fault.detail, is_late=True)
    return _text(piece, query["offset"] is None or query["at"] is not None, query["at"])


def _text(piece: logs.Piece, may_begin_in_line: bool, at: int | None = None, skipped: int = 0) -> Shown:
    data, start = piece.chunk.data, piece.chunk.offset
    if may_begin_in_line and start:
        cut = data.find(b"\n") + 1
        data, start = data[cut:], start + cut
    whole, partial = split_partial(data)
    before, marked, after = _marked(whole, at - start) if at is not None and at >= start else (b"", b"", whole)
    return Shown(
        clean(before), clean(marked), clean(after), clean(partial), start, start + len(whole), piece.chunk.size,
        skipped, start + len(data) < piece.chunk.size, piece.path,
    )  # fmt: skip


def _marked(data: bytes, index: int) -> tuple[bytes, bytes, bytes]:
    """What is before the line at that index, the line, and the rest."""
    end = data.find(b"\n", index) + 1 or len(data)
    return data[:index], data[index:end], data[end:]


@blp.get("")
def follow(label):
    """What was printed since `offset`; 204 when that is nothing. Who is far behind is taken to the end."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    log = _since(shown, query)
    if log.is_late or (log.path is None and query["offset"]):  # a hiccup: ask again from the same place
        return "", 204
    is_news = log.size != query["seen"]
    if not is_news and not shown.job.is_terminal:
        return "", 204
    if shown.job.state == "PENDING" and log.size:  # it prints, so it has started: ask again soon
        cluster().changed()
    polls = is_news or not shown.job.is_terminal
    return render_template("jobs/_log.html", shown=shown, query=query, log=log, polls=polls, oob=True)


def _since(shown: jobs.Shown, query: dict) -> Shown:
    """From the query's offset on, as `tail -f` does: what is too much for one look is skipped but for its end."""
    log, offset = look(shown, query), query["offset"] or 0
    if log.size - offset <= logs.FOLLOW_LIMIT or log.path is None:
        return log
    piece = logs.read(cluster(), log.path, None, logs.WINDOW, LOG_WAIT)
    return _text(piece, True, skipped=piece.chunk.offset - offset)


@blp.get("/error")
def first_error(label):
    """To the first line that looks like an error."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    path = logs.path(cluster(), shown, query["stream"])
    at = logs.first_error(cluster(), path) if path else None
    if at is None:
        flash(f"No line of {query['stream']} looks like an error")
    return redirect(url_of_line(label, query["stream"], at))


def url_of_line(label: str, stream: str, at: int | None) -> str:
    """The page of a job with that line of its log marked; its end for None."""
    offset = None if at is None else max(0, at - BEFORE)
    return url_for("job.show", label=label, stream=stream, offset=offset, at=at)


@blp.get("/raw")
def download(label):
    """The whole file, as it is."""
    query = read(LogQuery, request.args)
    shown = jobs.show(cluster(), label)
    path = logs.path(cluster(), shown, query["stream"])
    if path is None:
        raise NotFound("stderr goes to the same file as stdout")
    if not logs.DOWNLOADS.acquire(blocking=False):
        raise NotConnected("Too many downloads at once; try again when one is over")
    try:
        size, pieces = logs.download(cluster(), path)
    except Problem:
        logs.DOWNLOADS.release()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="job-{shown.label}-{query["stream"]}.log"',
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Content-Length": str(size),
    }
    response = Response(pieces, mimetype="text/plain", headers=headers)
    response.call_on_close(logs.DOWNLOADS.release)
    return response
