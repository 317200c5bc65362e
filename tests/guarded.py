"""A walk over all routes of an app, none of which may be reached past the guards, and a small app to try them on."""

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import waitress
from flask import Flask, g, jsonify
from flask.testing import FlaskClient
from flask.views import MethodView
from waitress import wasyncore

from srunx_web.core.errors import Problem
from srunx_web.pages import login
from srunx_web.peer import ESTABLISHED, Owner
from srunx_web.security import OPEN_PATHS, Gate, init_app

ROOT = Path(__file__).parents[1]
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
TOKEN = "correct horse battery staple"


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to ask as another user: sudo make test")
needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
on_loopback = pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), pytest.param(socket.AF_INET6, "::1", marks=needs_ipv6)],
    ids=["IPv4", "IPv6"],
)


def us(*_) -> Owner:
    """Every connection is ours."""
    return Owner(ESTABLISHED, os.geteuid(), 7)


def them(*_) -> Owner:
    """Every connection is another user's."""
    return Owner(ESTABLISHED, os.geteuid() + 1, 7)


def assert_guarded(app_factory: Callable[[Gate], Flask]) -> None:
    """Each method of each route, and of paths that don't exist, answers only to whom it should."""
    cross_site = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    token_gate = Gate(owner_of=us, token=TOKEN)
    _assert_all(app_factory, Gate(owner_of=us), {}, {200})
    _assert_all(app_factory, Gate(owner_of=us), {"Host": "rebound.example"}, {400})
    _assert_all(app_factory, Gate(owner_of=them), {}, {403})
    _assert_all(app_factory, Gate(owner_of=us), cross_site, {403})
    _assert_all(app_factory, token_gate, {}, {302, 401}, but=OPEN_PATHS)
    _assert_all(app_factory, token_gate, {"Authorization": "Bearer wrong"}, {401}, but=OPEN_PATHS)
    _assert_all(app_factory, token_gate, {"Authorization": f"Bearer {TOKEN}"}, {200})


def _assert_all(app_factory, gate: Gate, headers: dict, statuses: set[int], but: set[str] = frozenset()) -> None:
    app = app_factory(gate)
    # With all views alike, only the guards can make a difference.
    app.view_functions = dict.fromkeys(app.view_functions, lambda **_: "reached")
    client = app.test_client()
    for method, path, is_route in _requests(app):
        if path in but:
            continue
        answer = client.open(path, method=method, headers=headers)
        allowed = statuses if is_route or 200 not in statuses else {404, 405}
        assert answer.status_code in allowed, f"{method} {path} with {headers}: {answer.status}"
        assert answer.text != "reached" or answer.status_code == 200
        assert answer.headers.get("X-Content-Type-Options") == "nosniff", f"{method} {path}: not sealed"
        assert "frame-ancestors 'none'" in answer.headers.get("Content-Security-Policy", "")


def _requests(app: Flask) -> list[tuple[str, str, bool]]:
    """(method, path, whether there is such a route), each once, with 1 for each variable of a path."""
    paths = {re.sub(r"<[^>]*>", "1", rule.rule) for rule in app.url_map.iter_rules()}
    routes = app.url_map.bind("localhost")
    every = sorted(paths | {"/no/such/page", "/api/no/such"})
    return [(method, path, routes.test(path, method)) for path in every for method in sorted(METHODS)]


class Things(MethodView):
    """A resource of an API."""

    def get(self, name):
        return jsonify(name)

    def delete(self, name):
        return "", 204


def make_app(gate: Gate) -> Flask:
    """A small app with a route of each kind, guarded."""
    app = Flask(__name__, template_folder=ROOT / "templates", static_folder=ROOT / "static")
    init_app(app, gate)
    app.register_error_handler(Problem, lambda fault: ({"detail": fault.detail}, fault.status))
    app.register_blueprint(login.blp)
    app.add_url_rule("/", "index", lambda: {"admitted": g.admitted})
    app.add_url_rule("/jobs/rows", "rows", lambda: "rows")
    app.add_url_rule(
        "/raw", "raw", lambda: ("raw", {"Content-Security-Policy": "sandbox", "Cache-Control": "no-store"})
    )
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    app.add_url_rule("/files/<path:name>", "files", lambda name: name)
    app.add_url_rule("/api/jobs", "submit", lambda: ("", 201), methods=["POST"])
    app.add_url_rule("/api/things/<int:name>", view_func=Things.as_view("things"))
    return app


def client(**gate) -> FlaskClient:
    """A test client of an app behind this gate; connections count as ours."""
    return make_app(Gate(**{"owner_of": us, **gate})).test_client()


@contextmanager
def serving(host: str, **gate) -> Iterator[int]:
    """A real server on a free port of this address; gives the port."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        port = listener.getsockname()[1]
        parts = {}
        server = waitress.create_server(make_app(Gate(host, port, **gate)), map=parts, sockets=[listener], threads=2)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield port
        finally:
            server.trigger.pull_trigger(lambda: wasyncore.close_all(parts))
            server.task_dispatcher.shutdown()
            thread.join(5)
