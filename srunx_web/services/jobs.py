"""Jobs: listed, shown, submitted, checked, cancelled."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from peewee import DatabaseError

from ..cluster.batch import TAG
from ..cluster.feed import View
from ..core.errors import Invalid, NotFound, Problem, TooLarge, Uncertain
from ..core.labels import has_task, parse_label
from ..core.listing import Row, array_row
from ..core.model import Job, Submission
from ..store import JobRow
from .cluster import API_WAIT, PAGE_WAIT, Cluster, fresh

log = logging.getLogger("srunx_web")
SCRIPT_LIMIT = 1 << 20


@dataclass(frozen=True)
class Shown:
    """One job, or one array: its row, what we keep of it, and how old this is (epoch seconds)."""

    row: Row
    record: JobRow | None
    at: float | None
    problem: Problem | None

    @property
    def job(self) -> Job:
        """The job, or the record that stands for the array."""
        return self.row.job

    @property
    def tasks(self) -> tuple[Job, ...]:
        """The records of an array, () of a job or a single task."""
        return self.row.tasks

    @property
    def label(self) -> str:
        """The id of all of it."""
        return self.row.label


def list_jobs(cluster: Cluster) -> View[list[Job]]:
    """Everyone's jobs and those of mine that ended lately; the view is fresh, or its problem is raised."""
    return fresh(cluster.everyone, cluster.title)


def show(cluster: Cluster, label: str, wait: float = PAGE_WAIT) -> Shown:
    """A job by its label ("123", "123_4") from what is known, else from Slurm within `wait` seconds; NotFound."""
    id_, task = parse_label(label)
    view = cluster.queue(mine=True, wait=wait)
    found = _known(cluster, view, id_, task)
    if found:
        return Shown(_row(found, task), cluster.records.row(found[0].id), view.at, view.problem)
    if task is None and (record := cluster.records.row(id_)):
        return Shown(Row(record.job), record, record.seen_at, view.problem)
    found = cluster.calls.ask(("job", id_, task), lambda: _asked(cluster, id_, task), wait)
    return Shown(_row(found, task), None, time.time(), None)


def show_now(cluster: Cluster, label: str) -> Shown:
    """A job for a program: as it is now, or the problem that keeps us from knowing; what has ended stays known."""
    shown = show(cluster, label, API_WAIT)
    if shown.job.is_terminal:
        return shown
    fresh(cluster.mine, cluster.title)
    return show(cluster, label, API_WAIT)


def _known(cluster: Cluster, view: View[list[Job]], id_: int, task: int | None) -> list[Job]:
    """The records of a job, a task or an array in the queue as last seen, else in the database."""
    for jobs in (view.value, cluster.everyone.last.value):
        if found := _among(jobs or [], id_, task):
            return found
    return _among(cluster.records.array(id_), id_, task)


def _among(jobs: list[Job], id_: int, task: int | None) -> list[Job]:
    if task is not None:
        started = [job for job in jobs if job.array_id == id_ and job.task == task]
        rest = [job for job in jobs if job.array_id == id_ and job.tasks and has_task(job.tasks, task)]
        return started or [job._replace(task=task, tasks=None) for job in rest]
    whole = [job for job in jobs if job.array_id == id_]
    return whole or [job for job in jobs if job.id == id_]


def _asked(cluster: Cluster, id_: int, task: int | None) -> list[Job]:
    records = _among(cluster.scheduler.array(id_), id_, task)
    if not records:
        raise NotFound(f"Job {id_ if task is None else f'{id_}_{task}'} is not known to Slurm")
    return records


def _row(records: list[Job], task: int | None) -> Row:
    is_array = task is None and records[0].array_id is not None
    return array_row(records) if is_array else Row(records[0])


def submit(cluster: Cluster, script: str, name: str | None, work_dir: str | None, source: str = "web") -> int:
    """Hand in a script and return its id. It is on record before it is sent, so that nothing gets lost:
    Uncertain says that it is being looked up."""
    submission = Submission(_checked(script, name), name, secrets.token_hex(8), work_dir)
    try:
        cluster.records.begin([submission], source, time.time())
    except DatabaseError as fault:
        raise Problem(
            f"Not submitted, for it can't be recorded: {fault}. Look at the disk of the state folder."
        ) from None
    try:
        id_ = cluster.scheduler.submit(submission)
    except Uncertain as fault:
        raise Uncertain(f"{fault.detail}. It is being looked up, and appears under Jobs if Slurm took it.") from None
    except Problem:
        _noted(lambda: cluster.records.forget(submission.tag))
        raise
    _noted(lambda: cluster.records.adopt(submission.tag, id_, time.time()))
    cluster.changed()
    return id_


def _noted(write: Callable[[], None]) -> None:
    """What Slurm answered stands, even when it can't be written down: the tag brings it back later."""
    try:
        write()
    except DatabaseError as fault:
        log.error("the answer to a submission was not recorded: %s", fault)


def check(cluster: Cluster, script: str, name: str | None, work_dir: str | None) -> str:
    """What Slurm says of the script without taking it: when and where it would start."""
    return cluster.scheduler.check(Submission(_checked(script, name), name, None, work_dir))


def _checked(script: str, name: str | None) -> str:
    """The script when it can be sent at all; whether it makes sense, Slurm says itself."""
    for field, text in (("script_content", script), ("name", name or "")):
        if "\0" in text or not _is_unicode(text):
            raise _fault(field, "holds a NUL or broken character, which no shell can read")
    if len(script.encode()) > SCRIPT_LIMIT:
        raise TooLarge(f"The script is larger than {SCRIPT_LIMIT >> 20} MiB; put data into files, not into the script")
    if not script.strip():
        raise _fault("script_content", "is empty")
    return script


def _is_unicode(text: str) -> bool:
    """Whether it can be encoded: JSON can bring lone surrogates."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _fault(field: str, words: str) -> Invalid:
    return Invalid(f"{field} {words}", [{"loc": ["body", field], "msg": words, "type": "value_error"}])


def cancel(cluster: Cluster, label: str) -> None:
    """Cancel a job, an array or a task; NotFound when Slurm does not know it, nothing when it has ended."""
    shown = show(cluster, label, API_WAIT)
    if any(not job.is_terminal for job in shown.tasks or [shown.job]):
        cancel_many(cluster, [label])


def cancel_many(cluster: Cluster, labels: list[str]) -> None:
    """Cancel all of these at once; what has ended stays as it is."""
    if labels:
        cluster.scheduler.cancel(labels)
        cluster.changed()


def script(cluster: Cluster, shown: Shown, wait: float = PAGE_WAIT) -> str | None:
    """The script of a job as submitted: ours, else the one Slurm keeps; None when nobody does."""
    if shown.record and shown.record.script:
        return shown.record.script
    return cluster.calls.ask(("script", shown.job.id), lambda: cluster.scheduler.script(shown.job), wait)


def own_comment(comment: str | None) -> str | None:
    """A job's comment without our mark."""
    return re.sub(rf"^{TAG}\w+ ?", "", comment) if comment else None


def settle(cluster: Cluster) -> None:
    """One round of book-keeping, as the tick does it: see the queue, learn how vanished jobs ended, look up
    submissions whose answer never came. Only the first of these has to work: the accounting can be down for days."""
    fresh(cluster.mine, cluster.title)
    for step in (_settle_vanished, look_up):
        try:
            step(cluster, time.time())
        except Problem as fault:
            log.warning("tick: %s", fault.detail)


def _settle_vanished(cluster: Cluster, now: float) -> None:
    cluster.records.settle(cluster.scheduler, cluster.in_queue, now)


def look_up(cluster: Cluster, now: float) -> None:
    """Find the submissions without an id by their tags, once sbatch must have ended.

    What is surely not there is tried again when it belongs to a run; of what no witness knows, the pages ask.
    """
    sought = cluster.records.uncertain(now - cluster.settled_after)
    if not sought:
        return
    found = cluster.scheduler.find(sought)
    of_runs = cluster.records.of_runs([one.tag for one in sought])
    for one in sought:
        id_ = found.get(one.tag)
        if id_ is not None and not _is_taken(cluster, id_, one.tag):
            cluster.records.adopt(one.tag, id_, now)
            cluster.changed()
        elif one.tag in found and id_ is None and one.tag in of_runs:
            cluster.records.retract([one.tag])
        else:
            cluster.records.lose(one.tag, now)


def _is_taken(cluster: Cluster, id_: int, tag: str) -> bool:
    """Whether the job is another submission of ours: then the one that is sought only looks like it."""
    record = cluster.records.row(id_)
    return bool(record and record.tag not in (None, tag))


# Slurm's reasons (squeue(1), JOB REASON CODES) in a sentence: what it waits for, and what could be done
_WHY = {
    "Resources": "Waits until enough nodes, CPUs, memory or GPUs are free; it is next in line.",
    "Priority": "Jobs with a higher priority are before it.",
    "Dependency": "Waits for other jobs to end.",
    "DependencyNeverSatisfied": "A job it depends on ended the wrong way, so it can never start. Cancel it.",
    "JobHeldUser": "Held by its owner. Release it with: scontrol release {id}",
    "JobHeldAdmin": "Held by an administrator.",
    "BeginTime": "Its start time is not reached yet (--begin, or a pause after a requeue).",
    "JobArrayTaskLimit": "As many tasks of the array run as its % limit allows.",
    "PartitionTimeLimit": "Asks for more time than the partition allows. Submit it with a shorter --time.",
    "PartitionNodeLimit": "Asks for more nodes than the partition allows.",
    "PartitionDown": "The partition is down.",
    "PartitionInactive": "The partition does not start jobs now.",
    "ReqNodeNotAvail": "A node it asks for is busy, down or reserved.",
    "QOSMaxJobsPerUserLimit": "You run as many jobs as the QOS allows.",
    "AssocGrpGRES": "Your account uses as many GPUs as it may.",
    "AssocMaxJobsLimit": "Your account runs as many jobs as it may.",
    "Licenses": "Waits for a licence.",
    "Nodes required for job are DOWN": "The nodes it needs are down, drained or reserved; see Resources for why.",
    "NonZeroExitCode": "Its script ended with an exit code other than 0.",
    "TimeLimit": "It ran into its time limit.",
    "NodeDown": "A node it ran on failed.",
    "JobLaunchFailure": "It could not be started or was killed by a signal; its output file may not be writable.",
    "OutOfMemory": "It used more memory than it asked for. Submit it with a larger --mem.",
}


def why(job: Job) -> str | None:
    """Slurm's reason as a sentence, where we know one."""
    token = (job.reason or "").split(",")[0].split(":")[0]
    return _WHY[token].format(id=job.label) if token in _WHY else None
