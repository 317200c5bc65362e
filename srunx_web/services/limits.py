"""The limits of the cluster, named before a sweep is started."""

from collections.abc import Iterable, Sequence

from ..core.errors import Invalid
from ..core.fitting import Notice
from ..core.fitting import notices as told
from ..core.labels import count_tasks
from ..core.matrix import Matrix
from ..core.plan import PlannedJob
from .cluster import PAGE_WAIT, Cluster

CHECK_WAIT = 5


def notices(cluster: Cluster, jobs: Sequence[PlannedJob], matrix: Matrix | None, wait: float = PAGE_WAIT,
            others: Iterable[PlannedJob] = ()) -> list[Notice]:  # fmt: skip
    """What there is to say about these jobs of one cell, fatal ones first, after `wait` seconds at most.

    `others` are jobs of further cells, which may ask for other sizes. Nothing when no limits are known.
    """
    limits = cluster.limits.read(wait).value
    return told(limits, jobs, matrix, queued(cluster), others) if limits else []


def check(cluster: Cluster, jobs: Sequence[PlannedJob], matrix: Matrix | None,
          others: Iterable[PlannedJob] = ()) -> list[Notice]:  # fmt: skip
    """Invalid with everything that can't go as it is; else what else there is to say.

    A cluster that tells no limits within five seconds keeps nobody from starting: it refuses by itself.
    """
    view = cluster.limits.read(CHECK_WAIT)
    if view.value is None or view.problem:
        return []
    found = told(view.value, jobs, matrix, queued(cluster), others)
    fatal = [notice for notice in found if notice.is_fatal]
    if fatal:
        errors = [{"loc": ["body", *notice.loc], "msg": notice.text, "type": "value_error"} for notice in fatal]
        raise Invalid("; ".join(notice.text for notice in fatal), errors)
    return found


def queued(cluster: Cluster) -> int:
    """How many jobs the user has in the queue, as limits count them, by the last look at it."""
    waiting = [job for job in cluster.mine.last.value or () if not job.is_terminal]
    return sum(count_tasks(job.tasks) if job.tasks else 1 for job in waiting)
