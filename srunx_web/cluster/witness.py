"""Who remembers a submission whose answer never came: what the queue and the accounting say of it."""

import math
import posixpath
import re
from collections import Counter

from ..core.model import Job, Sought
from .batch import TAG

MARGIN = 10  # seconds that a job may be remembered less than it should be
_EARLY = 2  # seconds by which times without fractions may be too early


def tagged(jobs: list[Job], sought: list[Sought]) -> dict[str, int]:
    """The ids of those whose comment begins with our mark; of an array its own, not those of its tasks, of a
    heterogeneous job the first."""
    wanted = {TAG + one.tag: one.tag for one in sought}
    ordered = sorted(jobs, key=_id, reverse=True)
    return {wanted[mark]: _id(job) for job in ordered if (mark := _mark(job)) in wanted}


def has_comments(records: list[Job]) -> bool:
    """Whether the accounting keeps comments, as far as these show it: many sites don't."""
    return any(_mark(job).startswith(TAG) for job in records)


def without_end(records: list[Job], in_memory: list[Job]) -> list[Job]:
    """Those whose comment may still come, which the accounting gets with the end of a job: memory has forgotten them,
    and it has not heard."""
    known = {_id(job) for job in in_memory}
    return [job for job in records if not job.comment and not job.is_terminal and _id(job) not in known]


def hours(sought: list[Sought], now: float) -> int:
    """How far to look back for all of them: a minute before the first was tried, two days when nobody knows."""
    since = min(one.since or now - 48 * 3600 for one in sought)
    return max(1, math.ceil((now - since + 60) / 3600))


def remembered(sought: list[Sought], now: float, job_age: float) -> dict[str, None]:
    """Those that slurmctld, which does not know them, would remember: a job stays for `job_age` seconds after its
    end. Where there is no accounting, nobody can tell of the others."""
    return {one.tag: None for one in sought if now - one.since + MARGIN < job_age}


def alike(
    sought: list[Sought], records: list[Job], in_memory: list[Job], ahead: float, seconds: float
) -> dict[str, int | None]:
    """By name, folder and time: a job submitted within `seconds` after the try, when it is the only one.

    `ahead` is how many seconds the cluster's clock is before ours. Left out are those of which that can't be said.
    """
    comments = {_id(job): job.comment for job in in_memory}
    jobs = [*in_memory, *(job._replace(comment=job.comment or comments.get(_id(job))) for job in records)]
    others = [job for job in jobs if not _mark(job).startswith(TAG)]
    near = {one.tag: {_id(job): job for job in others if _fits(job, one, ahead, seconds)} for one in sought}
    claims = Counter(id_ for jobs in near.values() for id_ in jobs)
    found: dict[str, int | None] = {tag: None for tag, jobs in near.items() if not jobs}
    for one in sought:
        if one.name and len(near[one.tag]) == 1:
            ((id_, job),) = near[one.tag].items()
            found |= {one.tag: id_} if claims[id_] == 1 and not job.comment else {}
    return found


def _fits(job: Job, one: Sought, ahead: float, seconds: float) -> bool:
    if one.name and _stored(job.name) != _stored(one.name):
        return False
    if one.work_dir and one.work_dir.startswith("/") and _folder(job.work_dir or "") != _folder(one.work_dir):
        return False
    return job.submit_time is None or -_EARLY <= job.submit_time - ahead - one.since <= seconds


def _folder(path: str) -> str:
    return posixpath.normpath(_stored(path))


def _stored(text: str) -> str:
    """As the database of older versions has it, which knows three bytes of UTF-8 and no more."""
    return re.sub("[\U00010000-\U0010ffff]", "?", text)


def _id(job: Job) -> int:
    return job.array_id or job.id


def _mark(job: Job) -> str:
    return (job.comment or "").split(" ", 1)[0]
