"""What a request works with: the cluster that is connected now, and the settings."""

from dataclasses import dataclass

from flask import current_app

from .services.cluster import Cluster
from .settings import Settings


@dataclass
class Server:
    """The settings, and the cluster; activating a profile swaps it."""

    settings: Settings
    cluster: Cluster


def server() -> Server:
    """The one of this application."""
    return current_app.extensions["srunx"]


def cluster() -> Cluster:
    """The cluster that is connected now."""
    return server().cluster


def work_dir() -> str | None:
    """The folder that submitted scripts start in; None for the home directory."""
    return server().settings.work_dir
