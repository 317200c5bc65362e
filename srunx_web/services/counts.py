"""How a sweep stands, written down whenever one of its cells changes, in the same transaction."""

import time

from peewee import fn

from ..core import progress, states
from ..core.sweep import CELL_STATES, Counts, cell_state, state
from ..store import Event, JobRow, Run, RunJob, Sweep
from .records import NOT_SUBMITTED

FAIL_FAST = "not started: another cell failed, and fail_fast is set"
CHANGED = "sweep_run.status_changed"
_CELLS = tuple(f"cells_{name}" for name in CELL_STATES)


def recount(sweep_id: int) -> str:
    """Count the cells anew and move the sweep to where they are; its state then. A terminal one never changes.

    To be called within the transaction that changes a cell. The first failure ends a sweep with fail_fast: what was
    not claimed is cancelled.
    """
    sweep = Sweep.get_by_id(sweep_id)
    counts = _counts(sweep_id)
    if counts.in_flight and sweep.fail_fast and _has_failed(sweep):
        _keep_back(sweep_id)
        drop_waiting(sweep_id, FAIL_FAST)
        counts = _counts(sweep_id)
    values = dict(zip(_CELLS, counts, strict=True))
    is_open = Sweep.status.not_in(progress.TERMINAL)
    Sweep.update(**values).where((Sweep.id == sweep_id) & is_open).execute()
    return _enter(sweep, state(sweep.status, counts, sweep.cancel_requested_at is not None))


def _enter(sweep: Sweep, new: str) -> str:
    """Give the sweep a state, and record it as an event; nothing when it has it, or one that is final."""
    if new == sweep.status or sweep.status in progress.TERMINAL:
        return sweep.status
    over = {"completed_at": time.time(), "error": None} if new in progress.TERMINAL else {}
    mine = (Sweep.id == sweep.id) & (Sweep.status == sweep.status)
    if Sweep.update(status=new, **over).where(mine).execute():
        record(sweep.id, sweep.status, new)
    return new


def record(sweep_id: int, old: str | None, new: str, detail: str | None = None) -> None:
    """Write a change down for those who listen."""
    Event.create(kind=CHANGED, sweep=sweep_id, at=time.time(), old=old, new=new, detail=detail)


def _counts(sweep_id: int) -> Counts:
    rows = Run.select(Run.status, fn.COUNT(Run.id)).where(_current(sweep_id)).group_by(Run.status).tuples()
    found = dict.fromkeys(CELL_STATES, 0)
    for status, number in rows:
        found[cell_state(status)] += number
    return Counts(*found.values())


def _current(sweep_id: int):
    return (Run.sweep == sweep_id) & Run.is_current


def _has_failed(sweep: Sweep) -> bool:
    failed = (Run.status == progress.FAILED) & (Run.completed_at >= (sweep.reopened_at or 0))
    return Run.select().where(_current(sweep.id) & failed).exists()


def _keep_back(sweep_id: int) -> None:
    """What was claimed and has not reached Slurm is not to be handed in any more: the tick ends it."""
    tried = JobRow.select(JobRow.tag).where(JobRow.job_id.is_null() & JobRow.attempted_at.is_null(False))
    mine = RunJob.select(RunJob.run).join(Run).where(_current(sweep_id) & (Run.status == progress.SUBMITTING))
    sent = mine.where(RunJob.job_id.is_null(False) | RunJob.tag.in_(tried))
    kept = (Run.status == progress.SUBMITTING) & Run.cancel_requested_at.is_null() & Run.id.not_in(sent)
    Run.update(cancel_requested_at=time.time(), error=FAIL_FAST).where(_current(sweep_id) & kept).execute()


def drop_waiting(sweep_id: int, reason: str) -> None:
    """End the cells that were not claimed: nothing of them will be submitted."""
    waiting = _current(sweep_id) & (Run.status == progress.PENDING) & Run.lane.is_null()
    ids = [id_ for (id_,) in Run.select(Run.id).where(waiting).tuples()]
    Run.update(status=progress.CANCELLED, completed_at=time.time(), error=reason).where(waiting).execute()
    drop_jobs(ids)


def drop_jobs(run_ids: list[str]) -> None:
    """The jobs of these runs that never reached Slurm will not; those that may have are left alone."""
    tried = JobRow.select(JobRow.tag).where(JobRow.job_id.is_null() & JobRow.attempted_at.is_null(False))
    for start in range(0, len(run_ids), 500):
        untried = RunJob.run.in_(run_ids[start : start + 500]) & RunJob.job_id.is_null() & RunJob.tag.not_in(tried)
        RunJob.update(state=states.CANCELLED, reason=NOT_SUBMITTED).where(
            untried & RunJob.state.not_in(states.TERMINAL)
        ).execute()
