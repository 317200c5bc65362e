"""The last run of each workflow, as it is on record now."""

from peewee import fn

from ..core import progress
from ..store import Run, connected
from .cluster import Cluster
from .follow import Entry, conclude, entries_of, follow

_SHOWN = (Run.id, Run.workflow_name, Run.status, Run.error, Run.started_at, Run.cancel_requested_at)


def last_runs(cluster: Cluster, mount: str | None = None) -> dict[str, tuple[Run, list[Entry]]]:
    """The newest run, no cell, of each workflow of a mount (None: of the server's own folder) with its jobs, by name.

    The runs have the columns that a list shows only.
    """
    follow(cluster.key)
    wanted = (Run.cluster == cluster.key) & ((Run.mount == mount) if mount else Run.mount.is_null())
    wanted &= Run.sweep.is_null()
    with connected():
        # beside MAX, SQLite takes the other columns from the row that has it (sqlite.org/lang_select.html, 2.5)
        newest = list(Run.select(*_SHOWN, fn.MAX(Run.started_at)).where(wanted).group_by(Run.workflow_name))
    jobs = entries_of([run.id for run in newest])
    for run in newest:
        if run.status not in progress.TERMINAL:  # what there is to do for it, the tick does
            conclude(run, jobs.get(run.id, []))
    return {run.workflow_name: (run, jobs.get(run.id, [])) for run in newest}
