"""The foot of the left column: which cluster this is, and how old what we know of it is."""

import time

from flask import render_template, url_for

from ..current import cluster
from ..services.cluster import STALE_SECONDS

LOST_SECONDS = 300


def connection():
    """The block itself, asked for every few seconds, and with it the banner over old data."""
    state = connection_state(wait=0.3)
    return render_template("_connection.html", connection=state)


def connection_state(wait: float = 0) -> dict:
    """Profile, host, state (live, stale, lost), time of the last answer, and the words that came instead."""
    here = cluster()
    view = here.queue(mine=True, wait=wait)
    age = time.time() - view.at if view.at else float("inf")
    is_late = age > max(STALE_SECONDS, 2 * here.mine.interval)
    state = "live" if not view.problem and not is_late else "stale" if age < LOST_SECONDS else "lost"
    if view.at is None and not view.problem:
        state = "stale"
    return {
        "profile": here.title, "host": here.place, "state": state, "since": view.at,
        "disk": here.disk_problem, "words": view.problem.detail if view.problem else None,
        "url": url_for("dashboard.index"), "poll_url": url_for("connection"),
    }  # fmt: skip
