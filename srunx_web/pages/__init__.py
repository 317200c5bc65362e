"""The pages: the same services as the API, rendered."""

import secrets
import time

from flask import Flask, g, request, url_for

from ..core import states, text
from ..core.parse import gpu_types
from ..services import jobs as jobs_service
from . import (
    builder,
    dashboard,
    docs,
    job,
    jobs,
    log,
    login,
    resources,
    runs,
    start,
    submit,
    sweep_actions,
    sweeps,
    templates,
    workflows,
    yaml_editor,
)
from .connection import connection, connection_state
from .highlight import highlight

NAV = (
    ("Dashboard", "dashboard.index", "layout-dashboard", "/"),
    ("Jobs", "jobs_pages.index", "list", "/jobs"),
    ("Workflows", "workflows_pages.index", "workflow", "/workflows"),
    ("Runs", "runs_pages.index", "play", "/runs"),
    ("Sweeps", "sweeps_pages.index", "sliders-horizontal", "/sweeps"),
    ("Resources", "resources_pages.index", "server", "/resources"),
)
_BELOW = {"/": "//", "/workflows": ("/workflows/", "/templates")}  # where else an entry is the current one


def init_app(app: Flask) -> None:
    """The pages' routes, and what every template may use."""
    app.secret_key = secrets.token_bytes(32)  # flashed messages only; they need not outlive the server
    app.config.update(SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_NAME="srunx_flash")
    for module in (builder, dashboard, docs, job, jobs, log, login, resources, runs, start, submit, sweep_actions,
                   sweeps, templates, workflows, yaml_editor):  # fmt: skip
        app.register_blueprint(module.blp)
    app.add_url_rule("/connection", "connection", connection)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        kind=states.kind, duration=text.duration, bytes=text.size, memory=text.memory, highlight=highlight,
        gpu_types=gpu_types, own_comment=jobs_service.own_comment, iso=text.timestamp,
        age_text=lambda epoch: text.ago(epoch, time.time()),
    )  # fmt: skip
    app.add_template_global(time.time, "now")
    app.context_processor(_everywhere)


def _everywhere() -> dict:
    """The left column's entries: (label, url, icon, whether it is where we are)."""
    path = request.path
    return {
        "nav": [(label, url_for(endpoint), icon, path == root or path.startswith(_BELOW.get(root, root + "/")))
                for label, endpoint, icon, root in NAV],
        "connection": connection_state() if g.get("admitted") else None,
    }  # fmt: skip
