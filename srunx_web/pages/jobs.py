"""The Jobs page: the queue as a table that keeps itself up to date."""

import secrets
import time
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, fields, validate

from ..core.labels import check_cancel_label, count_tasks
from ..core.listing import PAGE_SIZE, SORTS, Filter
from ..current import cluster
from ..services import jobs
from .forms import read

blp = Blueprint("jobs_pages", __name__, url_prefix="/jobs")
TASKS_SHOWN = 100  # of an opened array; its own page has them all
STATES = [("running", "running"), ("waiting", "waiting"), ("failed", "failed"), ("done", "completed"),
          ("cancelled", "cancelled"), "PENDING", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "SUSPENDED"]  # fmt: skip
MOST_TICKS = 10_000
DAY = 24 * 3600
BOOT = secrets.token_hex(4)  # versions count from 1 in each life of the server


class ListQuery(Schema):
    """What the URL of the list may say; what makes no sense is as if it were not there."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="", validate=validate.Length(max=200))
    state = fields.String(load_default="", validate=validate.Regexp(r"[A-Za-z_]{0,40}\Z"))
    partition = fields.String(load_default="", validate=validate.Length(max=200))
    user = fields.String(load_default="", validate=validate.Length(max=100))
    sort = fields.String(load_default="", validate=validate.OneOf(SORTS))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 10**6))
    whose = fields.String(load_default="mine", validate=validate.OneOf(("mine", "everyone")))
    open = fields.String(load_default="", validate=validate.Regexp(r"[\d,]{0,400}\Z"))


@blp.get("")
def index():
    """The page."""
    lost = cluster().records.lost(time.time() - DAY)
    return render_template("jobs/index.html", lost=lost, **_listing(read(ListQuery, request.args)))


@blp.get("/rows")
def rows():
    """The table alone; 204 when it is what the reader has (`v`)."""
    listing = _listing(read(ListQuery, request.args), only_newer_than=request.args.get("v"))
    if listing is None:
        return "", 204
    # asked by a person, not by the clock: the address bar shows what is seen
    headers = {} if "v" in request.args else {"HX-Replace-Url": listing["url"]()}
    return render_template("jobs/_rows.html", **listing), headers


def _listing(query: dict, only_newer_than: str | None = None) -> dict | None:
    """What both templates show, or None when nothing has changed."""
    here, mine = cluster(), query["whose"] == "mine"
    view = here.queue(mine)
    version = f"{BOOT}.{here.key}.{view.version}"
    if version == only_newer_than:
        return None
    table = here.table(view, mine)
    wanted = Filter(query["q"], query["state"], query["partition"], query["user"], query["sort"])
    opened = {int(id_) for id_ in query["open"].split(",") if id_}
    return {
        "page": table.page(wanted, query["page"]), "table": table, "query": query, "url": _links(query),
        "version": version, "opened": opened, "toggled": lambda id_: _toggled(opened, id_), "view": view,
        "kept": wanted.keeps(), "STATES": STATES, "SIZE": PAGE_SIZE, "TASKS_SHOWN": TASKS_SHOWN,
    }  # fmt: skip


def _toggled(opened: set[int], id_: int) -> str:
    """The `open` of the URL after a click on that array."""
    return ",".join(map(str, sorted(opened ^ {id_})))


def _links(query: dict) -> Callable[..., str]:
    """url(endpoint, **changes): this list with some of its query changed; defaults are left out."""
    usual = ListQuery().load({})

    def url(endpoint: str = ".index", **changes) -> str:
        merged = {**query, **changes}
        if changes.keys() & {"q", "state", "partition", "user", "sort", "whose"}:
            merged["page"] = 1
        return url_for(endpoint, **{name: value for name, value in merged.items() if value != usual.get(name)})

    return url


@blp.post("/cancel")
def cancel():
    """Cancel the ticked jobs, or all that the filter keeps; asks first, with their number."""
    labels = _chosen()
    number = _number(labels)
    if not labels:
        flash("Nothing was ticked")
        return redirect(_back())
    if not request.form.get("confirmed"):
        return render_template("jobs/confirm.html", labels=labels, number=number, form=request.form, back=_back())
    jobs.cancel_many(cluster(), labels)
    flash(f"Cancelling {number} {'job' if number == 1 else 'jobs'}")
    return redirect(_back(), 303)


def _chosen() -> list[str]:
    """The ids to cancel: those ticked, or by the filter that the form carries."""
    query = read(ListQuery, request.form)
    if request.form.get("all"):
        here, mine = cluster(), query["whose"] == "mine"
        wanted = Filter(query["q"], query["state"], query["partition"], query["user"])
        return here.table(here.queue(mine), mine).labels(wanted)
    return [check_cancel_label(label) for label in request.form.getlist("ids")[:MOST_TICKS]]


def _number(labels: list[str]) -> int:
    """How many jobs that is, the tasks of a pending array counted one by one."""
    return sum(count_tasks(label.partition("[")[2].rstrip("]")) if "[" in label else 1 for label in labels)


def _back() -> str:
    return _links(read(ListQuery, request.form))()
