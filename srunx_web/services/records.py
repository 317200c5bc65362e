"""What is on record of a cluster's jobs: every one of mine that was seen or submitted, for good."""

import threading

from peewee import EXCLUDED, Case, fn

from ..cluster.scheduler import Scheduler
from ..cluster.slurm import TAG
from ..core import states
from ..core.model import Job, Submission
from ..store import JobRow, connected, db

RECENT_SECONDS = 24 * 3600
RECENT_JOBS = 500
REMEMBERED = 100_000
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
            self._recognise(changed, now)
            with db.atomic():
                for start in range(0, len(changed), 500):
                    self._upsert(changed[start : start + 500], now)
            if len(self._written) > REMEMBERED:
                self._written.clear()
            self._written.update((job.id, job._replace(priority=None)) for job in changed)

    def _recognise(self, jobs: list[Job], now: float) -> None:
        """Give submissions of ours their ids by the tags that the jobs carry: their own answer may never come."""
        tags = {tag: job.array_id or job.id for job in jobs if (tag := _tag(job.comment))}
        waiting = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & JobRow.tag.in_(list(tags))
        for (tag,) in JobRow.select(JobRow.tag).where(waiting).tuples() if tags else ():
            self.adopt(tag, tags[tag], now)

    def _upsert(self, jobs: list[Job], now: float) -> None:
        known = {"cluster": self._cluster, "seen_at": now, "gone_at": None}
        rows = [{**known, "job_id": job.id, **dict(zip(_COLUMNS, job[1:], strict=True))} for job in jobs]
        changes = {getattr(JobRow, name): _new_value(name) for name in (*_COLUMNS, "seen_at", "gone_at")}
        # an id that began again at 1 is another job: what was submitted as the old one is not its script
        is_same = (EXCLUDED.name == JobRow.name) & (
            fn.COALESCE(EXCLUDED.work_dir, "") == fn.COALESCE(JobRow.work_dir, "")
        )
        changes |= {field: Case(None, [(is_same, field)], None) for field in (JobRow.script, JobRow.tag, JobRow.source)}
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

    def adopt(self, tag: str, job_id: int, now: float) -> None:
        """Slurm took the submission under this id; what was seen of it meanwhile is joined to it. An older job that
        had the id (they can begin again at 1) loses it."""
        with connected(), db.atomic("IMMEDIATE"):
            ours = (JobRow.tag == tag) & JobRow.job_id.is_null()
            if not JobRow.select().where(ours).exists():
                return
            same = (JobRow.cluster == self._cluster) & (JobRow.job_id == job_id)
            seen = self._mine().where(same & JobRow.tag.is_null()).tuples().first()
            JobRow.delete().where(same & JobRow.tag.is_null()).execute()
            JobRow.update(job_id=None, gone_at=now).where(same).execute()
            values = dict(zip(_COLUMNS, seen[1:], strict=True)) if seen else {}
            JobRow.update(job_id=job_id, gone_at=None, **values).where(ours).execute()

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
            return list(JobRow.select().where(mine & JobRow.end_time.is_null()).order_by(JobRow.attempted_at.desc()))

    def tagged(self, tag: str) -> JobRow | None:
        """The submission of ours with that tag."""
        with connected():
            return JobRow.get_or_none((JobRow.cluster == self._cluster) & (JobRow.tag == tag)) if tag else None

    def uncertain(self, before: float) -> list[str]:
        """The tags of submissions tried before that time whose end is not known."""
        with connected():
            mine = (JobRow.cluster == self._cluster) & JobRow.job_id.is_null() & (JobRow.attempted_at < before)
            return [row[0] for row in JobRow.select(JobRow.tag).where(mine & JobRow.gone_at.is_null()).tuples()]


def _tag(comment: str | None) -> str | None:
    """Our mark at the beginning of a comment."""
    first = (comment or "").split(" ", 1)[0]
    return first.removeprefix(TAG) if first.startswith(TAG) else None


def _new_value(name: str):
    new = getattr(EXCLUDED, name)
    return fn.COALESCE(new, getattr(JobRow, name)) if name in _KEPT else new
