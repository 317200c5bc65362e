"""What is on record of a cluster's jobs: every one of mine that was seen or submitted, for good."""

import threading
from collections.abc import Set

from peewee import EXCLUDED, Case, fn

from ..cluster.batch import TAG
from ..cluster.scheduler import Scheduler
from ..core import progress, states
from ..core.model import Job, Sought, Submission
from ..store import JobRow, Run, RunJob, connected, db, execute_many, insert
from . import arrays

RECENT_SECONDS = 24 * 3600
RECENT_JOBS = 500
REMEMBERED = 100_000
LAG_SECONDS = 60
STALE_SECONDS = 900  # the accounting may call a job alive for ever that slurmctld lost
PIECE = 10_000  # ids in one statement
NOT_SUBMITTED = "not submitted"
LOOKED_UP = "not in the queue any more; being looked up"
_COLUMNS = Job._fields[1:]
_STORED = [JobRow.job_id, *(getattr(JobRow, name) for name in _COLUMNS)]
_KEPT = {"work_dir", "stdout", "stderr", "comment"}  # the accounting may not know them any more
_LIVE = JobRow.state.not_in(states.TERMINAL) & JobRow.gone_at.is_null()


class Records:
    """The jobs of one cluster in the database. Times are seconds since the epoch."""

    def __init__(self, cluster: str):
        self._cluster = cluster
        self._lock = threading.Lock()
        self._written: dict[int, Job] = {}
        self._missing: dict[int, float] = {}  # since when the queue does not show these live jobs

    def _mine(self):
        return JobRow.select(*_STORED).where((JobRow.cluster == self._cluster) & JobRow.job_id.is_null(False))

    def write(self, jobs: list[Job], now: float) -> None:
        """Write down what changed since the last call. A terminal state stays, unless Slurm shows a newer
        submission under the same id (a requeue, or ids that began again at 1)."""
        with self._lock, connected():
            changed = [job for job in jobs if self._written.get(job.id) != job._replace(priority=None)]
            self._recognise(changed, now)
            self._part(changed, now)
            if changed:
                with db.atomic():
                    self._upsert(changed, now)
            if len(self._written) > REMEMBERED:
                self._written.clear()
            self._written.update((job.id, job._replace(priority=None)) for job in changed)

    def _recognise(self, jobs: list[Job], now: float) -> None:
        """Give submissions of ours their ids by the tags that the jobs carry: their own answer may never come."""
        tags: dict[str, int] = {}
        for job in jobs:
            if tag := _tag(job.comment):  # parts of a heterogeneous job all carry it; the first one stands for them
                tags[tag] = min(job.array_id or job.id, tags.get(tag, job.id))
        waiting = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & JobRow.tag.in_(list(tags))
        for (tag,) in JobRow.select(JobRow.tag).where(waiting).tuples() if tags else ():
            self.adopt(tag, tags[tag], now)

    def _part(self, jobs: list[Job], now: float) -> None:
        """Ids can begin again at 1: a submission whose id is another job's by now keeps its script, not the id."""
        ours = (JobRow.cluster == self._cluster) & JobRow.tag.is_null(False) & JobRow.submit_time.is_null(False)
        for start in range(0, len(jobs), PIECE):
            new = {job.id: job for job in jobs[start : start + PIECE]}
            rows = JobRow.select().where(ours & JobRow.job_id.in_(list(new)))
            if others := [row.id for row in rows if _is_another(new[row.job_id], row)]:
                _strip(JobRow.id.in_(others), now)

    def _upsert(self, jobs: list[Job], now: float) -> None:
        rows = [(self._cluster, now, None, *job) for job in jobs]
        fields = [JobRow.cluster, JobRow.seen_at, JobRow.gone_at, JobRow.job_id, *_STORED[1:]]
        changes = {getattr(JobRow, name): _new_value(name) for name in (*_COLUMNS, "seen_at", "gone_at")}
        # of a requeue, or an id used anew, the accounting may only know the submission before
        is_late = EXCLUDED.submit_time < JobRow.submit_time
        is_open = JobRow.state.not_in(states.TERMINAL) & (fn.COALESCE(is_late, 0) == 0)
        may_change = is_open | (EXCLUDED.submit_time > JobRow.submit_time)
        target = [JobRow.cluster, JobRow.job_id]
        one = JobRow.insert_many(rows[:1], fields).on_conflict(conflict_target=target, update=changes, where=may_change)
        execute_many(one, rows)

    def merged(self, jobs: list[Job], now: float) -> list[Job]:
        """The jobs, and after them those on record that the queue does not show: ended lately, or vanished."""
        shown = {job.id for job in jobs}
        with connected():
            recent = self._mine().where(JobRow.end_time > now - RECENT_SECONDS).order_by(JobRow.end_time.desc())
            ended = [Job(*row) for row in recent.limit(RECENT_JOBS).tuples()]
            live = [Job(*row) for row in self._mine().where(_LIVE).tuples()]
        vanished = [job._replace(state=states.UNKNOWN, reason=LOOKED_UP) for job in live if job.id not in shown]
        return jobs + [job for job in ended if job.id not in shown] + vanished

    def last_known(self) -> tuple[list[Job], float | None]:
        """The live and the lately ended jobs as they were when last seen, and when that was."""
        with connected():
            at = JobRow.select(fn.MAX(JobRow.seen_at)).where(JobRow.cluster == self._cluster).scalar()
            rows = self._mine().where(_LIVE | (JobRow.end_time > (at or 0) - RECENT_SECONDS))
            return [Job(*row) for row in rows.order_by(JobRow.job_id.desc()).limit(RECENT_JOBS).tuples()], at

    def settle(self, scheduler: Scheduler, shown: set[int], now: float) -> None:
        """Look up the live jobs that the queue does not show any more, and arrays of which it does not show all tasks;
        those that nobody knows are gone, their end unknown. Problems of the look-up pass through, and then nothing
        changes."""
        with connected():
            live = [row[0] for row in self._mine().where(_LIVE).tuples()]
            torn = arrays.torn(self._cluster)
        vanished = [id_ for id_ in live if id_ not in shown]
        found = scheduler.jobs(vanished) if vanished else {}
        tasks = [job for id_ in torn for job in scheduler.array(id_)]
        self.write([*found.values(), *tasks], now)
        self._give_up(vanished, torn, found.keys(), now)

    def _give_up(self, vanished: list[int], torn: list[int], known: Set[int], now: float) -> None:
        """Not at once: the accounting hears of a job some seconds after slurmctld, which may have forgotten it; and
        of the end of one that it still calls alive perhaps later."""
        self._missing = {id_: self._missing.get(id_, now) for id_ in (*vanished, *torn)}
        gone = [
            id_ for id_, since in self._missing.items()
            if now - since >= (STALE_SECONDS if id_ in known else LAG_SECONDS)
        ]  # fmt: skip
        with connected():
            still = [id_ for id_ in torn if id_ in gone and arrays.is_torn(self._cluster, id_)]
            is_open = _LIVE | JobRow.job_id.in_(still)
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.in_(gone) & is_open
            JobRow.update(state=states.UNKNOWN, reason="ended, result unknown", gone_at=now).where(mine).execute()
        for id_ in gone:  # should the queue show one again, it is alive
            self._written.pop(id_, None)

    def row(self, job_id: int) -> JobRow | None:
        """What is on record of one job."""
        with connected():
            return JobRow.get_or_none((JobRow.cluster == self._cluster) & (JobRow.job_id == job_id))

    def array(self, array_id: int) -> list[Job]:
        """The records of an array."""
        with connected():
            return [Job(*row) for row in self._mine().where(JobRow.array_id == array_id).tuples()]

    def begin(self, submissions: list[Submission], source: str, now: float, is_tried: bool = True) -> None:
        """Write down submissions before they are tried."""
        rows = []
        for submission in submissions:
            job = Job(0, name=submission.name or "", state=states.PENDING, work_dir=submission.work_dir)
            own = {"tag": submission.tag, "script": submission.script, "source": source}
            known = {"cluster": self._cluster, "seen_at": now, "attempted_at": now if is_tried else None}
            rows.append({**known, **own, **dict(zip(_COLUMNS, job[1:], strict=True))})
        with connected(), db.atomic():
            insert(JobRow, rows)

    def attempt(self, tags: list[str], now: float) -> bool:
        """Write down that these are about to be sent; False, and nothing changes, when one of them was already."""
        with connected(), db.atomic("IMMEDIATE") as change:
            untried = JobRow.tag.in_(tags) & JobRow.attempted_at.is_null() & JobRow.job_id.is_null()
            if JobRow.update(attempted_at=now, gone_at=None).where(untried).execute() == len(tags):
                return True
            change.rollback()
            return False

    def retract(self, tags: list[str]) -> None:
        """These surely never reached Slurm: they may be tried again, unless their run is over."""
        with connected(), db.atomic("IMMEDIATE"):
            JobRow.update(attempted_at=None, gone_at=None, state=states.PENDING, reason=None).where(
                JobRow.tag.in_(tags) & JobRow.job_id.is_null()
            ).execute()
            over = Run.select(Run.id).where(Run.status.in_(progress.TERMINAL))
            mine = RunJob.tag.in_(tags) & RunJob.job_id.is_null() & RunJob.run.in_(over)
            RunJob.update(state=states.CANCELLED, reason=NOT_SUBMITTED).where(
                mine & RunJob.state.not_in(states.TERMINAL)
            ).execute()

    def adopt(self, tag: str, job_id: int, now: float) -> None:
        """Slurm took the submission under this id; what was seen of it meanwhile is joined to it. An older job that
        had the id (they can begin again at 1) loses it."""
        with connected(), db.atomic("IMMEDIATE"):
            ours = (JobRow.tag == tag) & JobRow.job_id.is_null()
            row = JobRow.get_or_none(ours)
            if row is None:
                return
            same = (JobRow.cluster == self._cluster) & (JobRow.job_id == job_id)
            meanwhile = JobRow.seen_at >= (row.attempted_at or 0)
            seen = self._mine().where(same & JobRow.tag.is_null() & meanwhile).tuples().first()
            JobRow.delete().where(same & JobRow.tag.is_null()).execute()
            _strip(same, now)
            values = dict(zip(_COLUMNS, seen[1:], strict=True)) if seen else {"state": states.PENDING, "reason": None}
            JobRow.update(job_id=job_id, gone_at=None, **values).where(ours).execute()
            RunJob.update(job_id=job_id).where((RunJob.tag == tag) & RunJob.job_id.is_null()).execute()

    def adopt_all(self, ids: dict[str, int], now: float) -> None:
        """Slurm took these submissions, by their tags; mostly under ids that nobody had."""
        with connected(), db.atomic("IMMEDIATE"):
            known = (JobRow.cluster == self._cluster) & JobRow.job_id.in_(list(ids.values()))
            taken = {id_ for (id_,) in JobRow.select(JobRow.job_id).where(known).tuples()}
            for tag in [tag for tag, id_ in ids.items() if id_ in taken]:
                self.adopt(tag, ids[tag], now)
            new = {tag: id_ for tag, id_ in ids.items() if id_ not in taken}
            if new:
                ours = JobRow.tag.in_(list(new)) & JobRow.job_id.is_null()
                JobRow.update(job_id=Case(JobRow.tag, list(new.items())), gone_at=None).where(ours).execute()
                mine = RunJob.tag.in_(list(new)) & RunJob.job_id.is_null()
                RunJob.update(job_id=Case(RunJob.tag, list(new.items()))).where(mine).execute()

    def forget(self, tag: str) -> None:
        """The submission was refused: there is no such job."""
        with connected():
            JobRow.delete().where((JobRow.tag == tag) & JobRow.job_id.is_null()).execute()

    def lose(self, tag: str, now: float) -> None:
        """No witness knows the submission: it is not looked up again, and not tried again either."""
        with connected():
            mine = (JobRow.tag == tag) & JobRow.job_id.is_null()
            JobRow.update(state=states.UNKNOWN, reason="never seen in Slurm", gone_at=now).where(mine).execute()

    def lost(self, since: float) -> list[JobRow]:
        """The submissions tried since then of which nobody knows whether Slurm took them, the newest first."""
        with connected():
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & (JobRow.attempted_at > since)
            alone = JobRow.tag.not_in(RunJob.select(RunJob.tag).where(RunJob.tag.is_null(False)))
            return list(
                JobRow.select().where(mine & JobRow.submit_time.is_null() & alone).order_by(JobRow.attempted_at.desc())
            )

    def tagged(self, tag: str) -> JobRow | None:
        """The submission of ours with that tag."""
        with connected():
            return JobRow.get_or_none((JobRow.cluster == self._cluster) & (JobRow.tag == tag)) if tag else None

    def uncertain(self, before: float) -> list[Sought]:
        """The submissions tried before that time whose end is not known."""
        columns = (JobRow.tag, JobRow.name, JobRow.work_dir, JobRow.attempted_at)
        with connected():
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & (JobRow.attempted_at < before)
            rows = JobRow.select(*columns).where(mine & JobRow.gone_at.is_null()).tuples()
            return [Sought(tag, name or None, work_dir, since) for tag, name, work_dir, since in rows]

    def of_runs(self, tags: list[str]) -> set[str]:
        """Those of these tags that belong to runs."""
        with connected():
            return {row[0] for row in RunJob.select(RunJob.tag).where(RunJob.tag.in_(tags)).tuples()}


def _tag(comment: str | None) -> str | None:
    """Our mark at the beginning of a comment."""
    first = (comment or "").split(" ", 1)[0]
    return first.removeprefix(TAG) if first.startswith(TAG) else None


def _is_another(job: Job, row: JobRow) -> bool:
    """Whether a job is not the one that was submitted as this row, though it has its id."""
    if job.submit_time is None or job.submit_time <= row.submit_time:
        return False
    if tag := _tag(job.comment):
        return tag != row.tag
    is_elsewhere = None not in (job.work_dir, row.work_dir) and job.work_dir != row.work_dir
    return job.name != row.name or is_elsewhere


def _strip(which, now: float) -> None:
    """Take the id from rows whose job has gone; how it ended is not known unless it was seen."""
    state = Case(None, [(JobRow.state.in_(states.TERMINAL), JobRow.state)], states.UNKNOWN)
    JobRow.update(job_id=None, gone_at=now, state=state).where(which).execute()


def _new_value(name: str):
    new = getattr(EXCLUDED, name)
    return fn.COALESCE(new, getattr(JobRow, name)) if name in _KEPT else new
