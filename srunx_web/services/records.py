"""What is on record of a cluster's jobs: every one of mine that was seen or submitted, for good."""

import threading

from peewee import EXCLUDED, fn

from ..cluster.scheduler import Scheduler
from ..core import states
from ..core.model import Job, Submission
from ..store import JobRow, connected, db

RECENT_SECONDS = 24 * 3600
RECENT_JOBS = 500
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

    def _mine(self):
        return JobRow.select(*_STORED).where((JobRow.cluster == self._cluster) & JobRow.job_id.is_null(False))

    def write(self, jobs: list[Job], now: float) -> None:
        """Write down what changed since the last call. A terminal state stays, unless Slurm shows a newer
        submission under the same id (a requeue, or ids that began again at 1)."""
        with self._lock, connected():
            changed = [job for job in jobs if self._written.get(job.id) != job._replace(priority=None)]
            with db.atomic():
                for start in range(0, len(changed), 500):
                    self._upsert(changed[start : start + 500], now)
            self._written.update((job.id, job._replace(priority=None)) for job in changed)

    def _upsert(self, jobs: list[Job], now: float) -> None:
        known = {"cluster": self._cluster, "seen_at": now, "gone_at": None}
        rows = [{**known, "job_id": job.id, **dict(zip(_COLUMNS, job[1:], strict=True))} for job in jobs]
        changes = {getattr(JobRow, name): _new_value(name) for name in (*_COLUMNS, "seen_at", "gone_at")}
        may_change = JobRow.state.not_in(states.TERMINAL) | (EXCLUDED.submit_time > JobRow.submit_time)
        target = [JobRow.cluster, JobRow.job_id]
        JobRow.insert_many(rows).on_conflict(conflict_target=target, update=changes, where=may_change).execute()

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
        """Look up the live jobs that the queue does not show any more; those that nobody knows are gone,
        their end unknown. Problems of the look-up pass through, and then nothing changes."""
        with connected():
            live = [row[0] for row in self._mine().where(_LIVE).tuples()]
        vanished = [id_ for id_ in live if id_ not in shown]
        if vanished:
            found = scheduler.jobs(vanished)
            self.write(list(found.values()), now)
            self._give_up([id_ for id_ in vanished if id_ not in found], now)

    def _give_up(self, ids: list[int], now: float) -> None:
        with connected():
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.in_(ids) & _LIVE
            JobRow.update(state=states.UNKNOWN, reason="ended, result unknown", gone_at=now).where(mine).execute()

    def row(self, job_id: int) -> JobRow | None:
        """What is on record of one job."""
        with connected():
            return JobRow.get_or_none((JobRow.cluster == self._cluster) & (JobRow.job_id == job_id))

    def array(self, array_id: int) -> list[Job]:
        """The records of an array."""
        with connected():
            return [Job(*row) for row in self._mine().where(JobRow.array_id == array_id).tuples()]

    def begin(self, submission: Submission, source: str, now: float) -> None:
        """Write down a submission before it is tried."""
        job = Job(0, name=submission.name or "", state=states.PENDING, work_dir=submission.work_dir)
        values = dict(zip(_COLUMNS, job[1:], strict=True))
        own = {"tag": submission.tag, "script": submission.script, "source": source}
        with connected():
            JobRow.create(cluster=self._cluster, seen_at=now, attempted_at=now, **own, **values)

    def adopt(self, tag: str, job_id: int) -> None:
        """Slurm took the submission under this id; what was seen of it meanwhile is joined to it."""
        with connected(), db.atomic("IMMEDIATE"):
            same = (JobRow.cluster == self._cluster) & (JobRow.job_id == job_id) & JobRow.tag.is_null()
            seen = self._mine().where(same).tuples().first()
            JobRow.delete().where(same).execute()
            values = dict(zip(_COLUMNS, seen[1:], strict=True)) if seen else {}
            JobRow.update(job_id=job_id, **values).where((JobRow.tag == tag) & JobRow.job_id.is_null()).execute()

    def forget(self, tag: str) -> None:
        """The submission was refused: there is no such job."""
        with connected():
            JobRow.delete().where((JobRow.tag == tag) & JobRow.job_id.is_null()).execute()

    def lose(self, tag: str, now: float) -> None:
        """No witness knows the submission: it is not looked up again, and not tried again either."""
        with connected():
            mine = (JobRow.tag == tag) & JobRow.job_id.is_null()
            JobRow.update(state=states.UNKNOWN, reason="never seen in Slurm", gone_at=now).where(mine).execute()

    def uncertain(self, before: float) -> list[str]:
        """The tags of submissions tried before that time whose end is not known."""
        with connected():
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & (JobRow.attempted_at < before)
            return [row[0] for row in JobRow.select(JobRow.tag).where(mine & JobRow.gone_at.is_null()).tuples()]


def _new_value(name: str):
    new = getattr(EXCLUDED, name)
    return fn.COALESCE(new, getattr(JobRow, name)) if name in _KEPT else new
