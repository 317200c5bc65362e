"""Moving every run to where its jobs are."""

import logging

from ..core import progress
from ..core.errors import Problem
from ..store import Run
from .cluster import Cluster
from .follow import Entry, conclude, drop_missing, entries_of, follow, live_runs, move, rule_out
from .submission import submit_missing

log = logging.getLogger("srunx_web")


def advance(cluster: Cluster, run_id: str | None = None, *, hands_in: bool = True) -> None:
    """Move all live runs, or the one, by what is on record; a run that fails to move does not stop the others.

    With `hands_in` what is missing of them is submitted, which may take long; not of cells: services.lanes does that.
    """
    follow(cluster.key, run_id)
    runs = live_runs(cluster.key, run_id)
    found = entries_of([run.id for run in runs])
    unwanted: list[int] = []
    for run in runs:
        try:
            unwanted += _advance(cluster, run, found.get(run.id, []), hands_in)
        except Problem as fault:
            log.warning("run %s: %s", run.id, fault.detail)
        except Exception:
            log.exception("run %s", run.id)
    if unwanted:
        cluster.scheduler.cancel([str(id_) for id_ in unwanted])
        cluster.changed()


def _advance(cluster: Cluster, run: Run, found: list[Entry], hands_in: bool) -> list[int]:
    """Move one run; the ids of its jobs that must not go on."""
    unwanted = rule_out(found)
    if run.cancel_requested_at is not None:
        drop_missing(found)
        unwanted = [entry.row.job_id for entry in found if entry.is_alive]
    elif run.status in (progress.SYNCING, progress.SUBMITTING) and any(entry.is_missing for entry in found):
        if hands_in and run.sweep_id is None:
            _go_on(cluster, run)
        return unwanted
    conclude(run, found)
    return unwanted


def _go_on(cluster: Cluster, run: Run) -> None:
    """Submit what is missing, unless a request is at it."""
    with cluster.locks.hold(run.id) as is_held:
        if not is_held:
            return
        if run.status == progress.SYNCING:
            drop_missing(entries_of([run.id])[run.id])
            move(run, progress.FAILED, "The server was stopped while it synced a mount; nothing was submitted")
            return
        submit_missing(cluster, run)
        conclude(run, entries_of([run.id])[run.id])
