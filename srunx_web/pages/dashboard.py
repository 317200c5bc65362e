"""The Dashboard: what of mine needs me, runs, waits; where there is room."""

import time

from flask import Blueprint, render_template, request

from ..core.listing import Filter
from ..core.overview import DAY, overview
from ..current import cluster
from ..services import resources, runlist, sweeplist
from ..services.cluster import PAGE_WAIT, prime
from .jobs import BOOT

blp = Blueprint("dashboard", __name__)
ALL = 100_000


@blp.get("/")
def index():
    """The page."""
    return render_template("dashboard.html", **_state())


@blp.get("/dashboard/rows")
def rows():
    """What changes of it; 204 when nothing has."""
    state = _state()
    if state["version"] == request.args.get("v"):
        return "", 204
    return render_template("_dashboard.html", **state)


def _state() -> dict:
    here = cluster()
    prime(here.mine, here.nodes, here.partitions)
    view, nodes = here.queue(mine=True), here.nodes.read(PAGE_WAIT)
    table = here.table(view, mine=True)
    mine = table.page(Filter(), size=ALL).rows
    partitions = here.partitions.read(PAGE_WAIT).value or []
    since = time.time() - DAY
    runs, sweeps = runlist.current(here, since), sweeplist.current(here, since)
    seen = runlist.version(runs, sweeplist.version(sweeps))
    return {
        "view": view, "counts": table.counts, "overview": overview(mine, time.time()),
        "uses": resources.uses(nodes.value or [], partitions, []),
        "runs": runs, "sweeps": sweeps, "label": runlist.label,
        "version": ".".join([BOOT, here.key, str(view.version), str(nodes.version), seen]),
    }  # fmt: skip
