"""Handing in what a run still lacks: rows first, then Slurm, then the ids, so that a kill at any line loses nothing
and runs nothing twice."""

import time

from ..core import progress, states
from ..core.errors import Invalid, NotNow, NotReached, Problem, SlurmFailed, Uncertain
from ..core.model import Submission
from ..store import JobRow, Run, RunJob, connected, db
from .cluster import Cluster
from .follow import Entry, drop_missing, entries, follow, move, rule_out

FIRST_BATCH, LARGEST_BATCH = 50, 200
BATCH_SECONDS = 8  # what a batch should take, well below the deadline of one call
PAUSE_SECONDS = 10  # before cells are handed in again to a controller that is away or full
CONFIRM_SECONDS = 1  # what was seen of a parent longer ago is asked again before a dependent names it


def submit_missing(cluster: Cluster, run: Run) -> None:
    """Hand in every job that can be; those whose parent's submission is being looked up have to wait for it.

    Called with the run's lock held. SlurmFailed: one was refused, and nothing of the run goes on. Uncertain: the
    answer did not come, and is looked up. NotConnected: nothing was sent, and nothing is lost. NotReached: the same;
    NotNow: a cell has to wait for room in the queue.
    """
    size = FIRST_BATCH
    while batch := _next_batch(cluster, run, size):
        begun = time.monotonic()
        _hand_in(cluster, run, batch)
        size = int(min(LARGEST_BATCH, max(8, len(batch) * BATCH_SECONDS / max(time.monotonic() - begun, 0.01))))


def _next_batch(cluster: Cluster, run: Run, size: int) -> dict[str, Submission]:
    """The next submissions by their jobs' names, once their parents' states are known for sure; {} when there are none.

    It matters that slurmctld surely knows a parent: it takes one that it has forgotten for fulfilled, even when that
    failed.
    """
    is_over = _is_over(run.after)
    asked: set[int] = set()  # each is asked for once, or a squeue that takes long would never be new enough
    while True:
        found, before = entries(run.id), entries(run.after) if run.after else []
        if any(entry.is_tried or (entry.is_missing and not is_over) for entry in before):
            return {}
        rule_out(found)
        batch = _possible(found, size)
        ahead = [entry.row.job_id for entry in before if entry.is_alive] if batch else []
        parents = [row.job_id for row in _live_parents(found, batch)] + ahead
        old = set(parents) - asked - cluster.sure.known(CONFIRM_SECONDS)
        if not old:
            return _submissions(found, batch, ahead)
        jobs = cluster.look()  # not the accounting, which may know it later or longer
        follow(cluster.key, run.id)
        asked |= old
        if any(id_ not in jobs for id_ in old):  # forgotten: the tick finds out how it ended, or gives up
            return {}


def _is_over(run_id: str | None) -> bool:
    """Whether what is missing of that run will not come any more."""
    with connected():
        return Run.select().where((Run.id == run_id) & Run.status.in_(progress.TERMINAL)).exists()


def _possible(found: list[Entry], size: int) -> list[str]:
    """The names of the missing jobs whose parents all have an id, are over, or come before them in the batch."""
    known = {entry.row.name for entry in found if entry.row.job_id is not None or entry.is_over}
    batch: list[str] = []
    for entry in found:
        if len(batch) == size:
            break
        if entry.is_missing and all(parent.job in known for parent in entry.depends_on):
            batch.append(entry.row.name)
            known.add(entry.row.name)
    return batch


def _live_parents(found: list[Entry], batch: list[str]) -> list[RunJob]:
    """The parents outside the batch that are not over."""
    chosen = set(batch)
    named = {parent.job for entry in found if entry.row.name in chosen for parent in entry.depends_on} - chosen
    return [entry.row for entry in found if entry.row.name in named and not entry.is_over]


def _submissions(found: list[Entry], batch: list[str], ahead: list[int]) -> dict[str, Submission]:
    """What is handed in, by name; all of it waits for the jobs `ahead` to end, however they do. A parent that is over
    is not named: its state has decided already."""
    rows = {entry.row.name: entry.row for entry in found}
    over = {entry.row.name for entry in found if entry.is_over}
    place = {name: number for number, name in enumerate(batch)}
    texts, made = _scripts([rows[name].tag for name in batch]), {}
    for name in batch:
        row = rows[name]
        terms = [f"{kind}:{f'@{place[parent]}' if parent in place else rows[parent].job_id}"
                 for kind, parent in row.depends_on if parent not in over]  # fmt: skip
        terms += [f"afterany:{id_}" for id_ in ahead]
        made[name] = Submission(
            texts[row.tag], name, row.tag, row.work_dir, ",".join(terms) or None, tuple(row.folders)
        )
    return made


def _scripts(tags: list[str]) -> dict[str, str]:
    with connected():
        return dict(JobRow.select(JobRow.tag, JobRow.script).where(JobRow.tag.in_(tags)).tuples())


def _hand_in(cluster: Cluster, run: Run, batch: dict[str, Submission]) -> None:
    """Note that they are tried, try, note what came of it."""
    tags = [submission.tag for submission in batch.values()]
    begun = time.monotonic()
    if run.sweep_id and begun < cluster.pause[0]:
        raise NotNow(cluster.pause[1])
    if not _may_try(cluster, run, tags):
        raise Uncertain("the run was cancelled or taken over meanwhile")
    try:
        outcomes = cluster.scheduler.submit_all(list(batch.values()))
    except Uncertain:
        raise
    except Invalid as fault:
        outcomes = [fault, *[None] * (len(batch) - 1)]
    except Problem:
        cluster.records.retract(tags)
        raise
    cluster.sure.add([outcome for outcome in outcomes if isinstance(outcome, int)], begun)
    refused = _note(cluster, run, batch, outcomes)
    cluster.changed()
    if refused:
        _give_up(cluster, run, *refused)
    if late := next((outcome for outcome in outcomes if isinstance(outcome, Uncertain)), None):
        raise late
    if later := next((outcome for outcome in outcomes if _may_wait(run, outcome)), None):
        cluster.pause = time.monotonic() + PAUSE_SECONDS, later.detail
        raise later


def _may_wait(run: Run, outcome: object) -> bool:
    """Whether it is no refusal: nothing was sent, or there is only no room for a cell now."""
    return isinstance(outcome, NotReached) or (isinstance(outcome, NotNow) and run.sweep_id is not None)


def _may_try(cluster: Cluster, run: Run, tags: list[str]) -> bool:
    """Mark them as tried, all or none, unless the run was cancelled meanwhile."""
    going_on = (Run.id == run.id) & Run.cancel_requested_at.is_null() & (Run.status.not_in(progress.TERMINAL))
    with connected(), db.atomic("IMMEDIATE"):
        return Run.select().where(going_on).exists() and cluster.records.attempt(tags, time.time())


def _note(cluster: Cluster, run: Run, batch: dict[str, Submission], outcomes: list) -> tuple[str, Problem] | None:
    """Write down what Slurm answered; the job that it refused, and its words."""
    refused, untried, ids = None, [], {}
    for (name, submission), outcome in zip(batch.items(), outcomes, strict=True):
        if isinstance(outcome, int):
            ids[submission.tag] = outcome
        elif not isinstance(outcome, Uncertain):
            untried.append(submission.tag)
            refused = refused or ((name, outcome) if outcome and not _may_wait(run, outcome) else None)
    with connected(), db.atomic("IMMEDIATE"):
        cluster.records.adopt_all(ids, time.time())
        cluster.records.retract(untried)
        if refused:
            _mark_refused(run, *refused)
    return refused


def _mark_refused(run: Run, name: str, fault: Problem) -> None:
    mine = (RunJob.run == run.id) & (RunJob.name == name) & RunJob.job_id.is_null()
    RunJob.update(state=states.FAILED, reason=_own_words(fault)).where(mine).execute()
    Run.update(cancel_requested_at=time.time(), error=f"sbatch failed for {name!r}: {_own_words(fault)}").where(
        (Run.id == run.id) & Run.cancel_requested_at.is_null()
    ).execute()


def _own_words(fault: Problem) -> str:
    return fault.detail.removeprefix("sbatch failed: ")


def _give_up(cluster: Cluster, run: Run, name: str, fault: Problem) -> None:
    """Cancel what was accepted; the run has failed. Should this be cut short, the tick does the rest."""
    found = entries(run.id)
    drop_missing(found)
    words = f"sbatch failed for {name!r}: {_own_words(fault)}"
    try:
        cluster.scheduler.cancel([str(entry.row.job_id) for entry in found if entry.is_alive])
    finally:
        move(run, progress.FAILED, words)
    raise SlurmFailed(words)
