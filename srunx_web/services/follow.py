"""What the rows of runs follow: the jobs' own states, and from them each run's; every change conditional."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from ..core import progress, states
from ..core.progress import Part
from ..core.spec import Dependency
from ..store import JobRow, Run, RunJob, connected, db
from . import arrays
from .counts import recount
from .records import NOT_SUBMITTED

_COPIED = ("job_id", "state", "reason", "node_list", "submit_time", "start_time", "end_time", "exit_code")
_COPY = """UPDATE run_job SET job_id = ?, state = ?, reason = ?, node_list = ?, submit_time = ?, start_time = ?,
end_time = ?, exit_code = ?, is_lost = ? WHERE id = ? AND state = ?"""  # the columns in the order of _COPIED
_LIVE = RunJob.state.not_in(states.TERMINAL)


class Entry(NamedTuple):
    """A job of a run beside the row of its submission."""

    row: RunJob
    is_tried: bool = False  # it may have reached Slurm, and has no id yet
    is_asked: bool = False  # nobody knows whether it did: the pages ask

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its parents in this run."""
        return tuple(Dependency(*pair) for pair in self.row.depends_on)

    @property
    def part(self) -> Part:
        """What decides over the run's state."""
        return Part(self.row.name, self.row.state, self.depends_on, bool(self.row.node_list), self.row.is_lost)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.row.is_lost or self.row.is_unreached or states.is_terminal(self.row.state)

    @property
    def is_missing(self) -> bool:
        """Whether it still has to be handed in."""
        return self.row.job_id is None and not self.is_over and not self.is_tried

    @property
    def is_alive(self) -> bool:
        """Whether Slurm has it, as far as we know."""
        return self.row.job_id is not None and not self.row.is_lost and not states.is_terminal(self.row.state)


def entries(run_id: str) -> list[Entry]:
    """The jobs of a run, parents first."""
    return entries_of([run_id]).get(run_id, [])


def entries_of(run_ids: Iterable[str]) -> dict[str, list[Entry]]:
    """The jobs of these runs by run, parents first, in one question for 500 of them."""
    found: dict[str, list[Entry]] = {}
    ids = list(run_ids)
    columns = (JobRow.attempted_at, JobRow.job_id.alias("known_id"), JobRow.gone_at)
    with connected():
        for start in range(0, len(ids), 500):
            rows = (RunJob.select(RunJob, *columns).left_outer_join(JobRow, on=RunJob.tag == JobRow.tag)
                    .where(RunJob.run.in_(ids[start : start + 500])).order_by(RunJob.run, RunJob.position))  # fmt: skip
            for row in rows.objects():
                is_tried = row.attempted_at is not None and row.known_id is None and row.job_id is None
                found.setdefault(row.run_id, []).append(Entry(row, is_tried, is_tried and row.gone_at is not None))
    return found


def follow(cluster: str, run_id: str | None = None) -> None:
    """Copy what is on record of the jobs to the rows of runs; a row in a terminal state stays as it is."""
    mine = JobRow.select(*(getattr(JobRow, name) for name in _COPIED), JobRow.gone_at, JobRow.array_id, RunJob.id,
                         RunJob.is_lost, *(getattr(RunJob, name) for name in _COPIED))  # fmt: skip
    wanted = (JobRow.cluster == cluster) & _LIVE & ((RunJob.run == run_id) if run_id else True)
    width, changed = len(_COPIED), []
    with connected():
        for row in mine.join(RunJob, on=RunJob.tag == JobRow.tag).where(wanted).tuples():
            new, (gone_at, array_id, id_, was_lost), old = row[:width], row[width : width + 4], row[width + 4 :]
            if array_id is not None and array_id == new[0]:
                whole, is_lost = arrays.whole(cluster, array_id)
                new = tuple(whole.get(name, value) for name, value in zip(_COPIED, new, strict=True))
            else:
                new = (new[0] or old[0], *new[1:])  # the id may be a newer job's by now
                is_lost = gone_at is not None and new[0] is not None and not states.is_terminal(new[1])
            if (new, is_lost) != (old, was_lost):
                changed.append((*new, is_lost, id_, old[1]))
        if changed:
            with db.atomic():
                db.connection().executemany(_COPY, changed)


def live_runs(cluster: str, run_id: str | None = None) -> list[Run]:
    """The runs that are not over, and those of which a job is still alive and must not go on; no cell that waits."""
    is_sent = RunJob.job_id.is_null(False) | JobRow.attempted_at.is_null(False)
    alive = RunJob.select(RunJob.run).join(JobRow, on=RunJob.tag == JobRow.tag).where(_LIVE & ~RunJob.is_lost & is_sent)
    waits = (Run.status == progress.PENDING) & Run.lane.is_null() & Run.cancel_requested_at.is_null()
    is_open = (Run.status.not_in(progress.TERMINAL) & ~waits) | Run.id.in_(alive)
    with connected():
        return list(Run.select().where((Run.cluster == cluster) & is_open & ((Run.id == run_id) if run_id else True)))


def rule_out(found: list[Entry]) -> list[int]:
    """Mark the jobs that can never start; the ids of those that wait in Slurm's queue all the same."""
    neutral = progress.unreached([entry.part for entry in found])
    waiting = []
    for entry in found:
        parent = neutral.get(entry.row.name)
        if parent is None or entry.is_tried:
            continue
        if not entry.row.is_unreached:
            values = {"is_unreached": True, "reason": f"never starts: {parent.kind} {parent.job}"}
            if entry.row.job_id is None:
                values["state"] = states.CANCELLED
            change(entry.row, **values)
        if entry.is_alive:
            waiting.append(entry.row.job_id)
    return waiting


def drop_missing(found: list[Entry], reason: str = NOT_SUBMITTED) -> None:
    """What was not handed in will not be."""
    for entry in found:
        if entry.is_missing:
            change(entry.row, state=states.CANCELLED, reason=reason)


def change(row: RunJob, **values) -> bool:
    """Change a row, if it still is as it was read, and the object with it."""
    with connected():
        mine = (RunJob.id == row.id) & (RunJob.state == row.state) & _same(RunJob.job_id, row.job_id)
        is_done = RunJob.update(**values).where(mine).execute() == 1
    if is_done:
        for name, value in values.items():
            setattr(row, name, value)
    return is_done


def _same(field, value):
    return field.is_null() if value is None else field == value


def conclude(run: Run, found: list[Entry]) -> str:
    """Move the run to where its jobs are, and return its state; a terminal one never changes."""
    if run.status in progress.TERMINAL:
        return run.status
    if any(entry.is_tried for entry in found):
        return run.status
    end = progress.run_state([entry.part for entry in found], run.cancel_requested_at is not None)
    if end:
        lost = [entry.row.name for entry in found if entry.row.is_lost]
        error = (
            f"How {', '.join(lost)} ended is not known: the cluster forgot it, and keeps no accounting"
            if lost
            else None
        )
        rule_out(found)  # what can never start will not be handed in either
        return move(run, end, error)
    if run.status == progress.SUBMITTING and not any(entry.is_missing for entry in found):
        return move(run, progress.RUNNING)
    return run.status


def move(run: Run, status: str, error: str | None = None) -> str:
    """Give the run a new state, if it still has the one that was read and that is no end; the one that it has then."""
    values = {"status": status, "error": error or run.error}
    if status in progress.TERMINAL:
        values["completed_at"] = time.time()
    with connected(), db.atomic("IMMEDIATE"):
        mine = (Run.id == run.id) & (Run.status == run.status) & Run.status.not_in(progress.TERMINAL)
        if Run.update(**values).where(mine).execute():
            for name, value in values.items():
                setattr(run, name, value)
            if run.sweep_id is not None:
                recount(run.sweep_id)
        else:
            run.status = Run.select(Run.status).where(Run.id == run.id).scalar() or run.status
    return run.status
