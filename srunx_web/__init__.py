"""srunx-web: a browser UI and REST API for Slurm."""

from pathlib import Path

from flask import Flask
from htmx_flask import Htmx

from . import api, assets, pages, security
from .api import jobs, resources, sweep_results, sweeps, templates, workflows
from .connect import connect
from .current import Server
from .settings import Settings, private_folder
from .store import open_database

__version__ = "0.1.0"
_HERE = Path(__file__).parent


def create_app(settings: Settings, gate: security.Gate | None = None) -> Flask:
    """The application: database opened, cluster chosen, routes and guards in place."""
    app = Flask(__name__, template_folder=_folder("templates"), static_folder=_folder("static"))
    app.config.update(_config())
    app.json.sort_keys = False  # the order of a sweep's axes means something
    open_database(private_folder(settings.state_dir) / "srunx.db")
    app.extensions["srunx"] = Server(settings, connect(settings))
    security.init_app(app, gate or security.gate(settings))
    Htmx(app)
    rest = api.Api(app)
    for noun in (jobs, resources, sweeps, sweep_results, templates, workflows):
        rest.register_blueprint(noun.blp)
    pages.init_app(app)
    assets.init_app(app)
    return app


def _config() -> dict:
    return {
        "API_TITLE": "srunx-web", "API_VERSION": __version__, "OPENAPI_VERSION": "3.0.3",
        "OPENAPI_URL_PREFIX": "/api", "OPENAPI_JSON_PATH": "openapi.json",
        "MAX_CONTENT_LENGTH": 8 << 20, "MAX_FORM_MEMORY_SIZE": 4 << 20,
    }  # fmt: skip


def _folder(name: str) -> str:
    """In the package when it was installed, beside it in a checkout."""
    inside = _HERE / name
    return str(inside if inside.is_dir() else _HERE.parent / name)
