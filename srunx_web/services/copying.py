"""Bringing mounts up to date before jobs are handed in."""

from .. import sync
from ..core.errors import Conflict, SlurmFailed
from ..settings import Mount, Settings
from .cluster import Cluster

LOCK_SECONDS = 120


def copy(cluster: Cluster, settings: Settings, mounts: list[Mount]) -> None:
    """Each mount once, one at a time; Conflict, SlurmFailed and what else rsync and ssh bring."""
    for mount in mounts:
        with cluster.locks.hold(f"mount {mount.name}", LOCK_SECONDS) as is_held:
            if not is_held:
                raise Conflict(f"Mount {mount.name!r} is being synced by another run; try again in a moment")
            sync.check_remote(mount)
            made = cluster.scheduler.shell.run(["mkdir", "-p", "--", mount.remote])
            if made.code:
                raise SlurmFailed(f"Mount {mount.name!r} sync failed: {made.err.strip()[:500]}")
            sync.send(mount, settings.profile, settings)
