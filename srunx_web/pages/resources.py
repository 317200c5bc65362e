"""The Resources page: what each partition has free, and every node."""

from collections import defaultdict

from flask import Blueprint, render_template, request

from ..current import cluster
from ..services import resources
from ..services.cluster import PAGE_WAIT
from .jobs import BOOT

SHOWN = 500
blp = Blueprint("resources_pages", __name__, url_prefix="/resources")


@blp.get("")
def index():
    """The page."""
    return render_template("resources/index.html", **_state())


@blp.get("/rows")
def rows():
    """The partitions and nodes alone; 204 when they are what the reader has (`v`)."""
    state = _state()
    if state["version"] == request.args.get("v"):
        return "", 204
    return render_template("resources/_rows.html", **state)


def _state() -> dict:
    here = cluster()
    uses, view = resources.snapshot(here, PAGE_WAIT)
    queue = here.queue(mine=False, wait=0)
    wanted = request.args.get("partition", "")
    shown = [use for use in uses if wanted in ("", use.partition.name)]
    nodes = [node for node in view.value or [] if wanted in ("", *node.partitions)]
    return {
        "uses": shown, "nodes": nodes, "view": view, "wanted": wanted,
        "jobs": defaultdict(list, resources.jobs_by_node(queue.value or [])),
        "SHOWN": SHOWN, "version": f"{BOOT}.{here.key}.{view.version}.{queue.version}",
    }  # fmt: skip
