"""An array handed in for a run: how it stands as one job, from what is on record of all its tasks."""

from peewee import fn

from ..core import states
from ..core.labels import count_tasks
from ..core.options import array_indices
from ..core.script import directives
from ..store import JobRow, RunJob

_STANDS = ("running", "waiting", "failed", "unknown", "cancelled", "done")
_INCOMPLETE = "not all of its tasks were seen; being looked up"
MOST_TORN = 20  # arrays looked up in a tick


def whole(cluster: str, array_id: int) -> tuple[dict, bool]:
    """What an array is as one job, by the names of columns, and whether it ended and nobody knows how.

    It goes on until every task has ended, as it does for slurmctld's dependencies (sbatch(1), --dependency), and
    fails with any of them.
    """
    head = _head(cluster, array_id)
    if head is None:  # its id was taken meanwhile
        return {}, False
    groups = _groups(head)
    live = [group for group in groups if not states.is_terminal(group["state"]) and not group["is_gone"]]
    lead = min(live or groups, key=lambda group: _STANDS.index(states.kind(group["state"])))
    started = [group for group in groups if group["node_list"]]
    found = {
        "state": lead["state"], "reason": lead["reason"], "exit_code": lead["exit_code"],
        "node_list": started[0]["node_list"] if started else "",
        "start_time": min((group["start_time"] for group in started if group["start_time"]), default=None),
        "end_time": None,
    }  # fmt: skip
    if live:
        return found, False
    if any(group["is_gone"] for group in groups):
        return found | {"state": states.UNKNOWN}, True
    if _count(groups) < _wanted(head):
        return found | {"state": states.UNKNOWN, "reason": _INCOMPLETE}, False
    return found | {"end_time": max((group["end_time"] for group in groups if group["end_time"]), default=None)}, False


def _head(cluster: str, array_id: int) -> JobRow | None:
    return JobRow.get_or_none((JobRow.cluster == cluster) & (JobRow.job_id == array_id))


def _groups(head: JobRow) -> list[dict]:
    """The records of the array by state. Tasks have no lower ids; those seen before it was tried are an older one's."""
    of_it = (JobRow.array_id == head.job_id) & (JobRow.seen_at >= (head.attempted_at or 0)) | (JobRow.id == head.id)
    is_gone = JobRow.gone_at.is_null(False)
    columns = [fn.MAX(getattr(JobRow, name)).alias(name) for name in ("reason", "exit_code", "node_list", "end_time")]
    tasks = (fn.MIN(JobRow.start_time).alias("start_time"), fn.COUNT(JobRow.task).alias("count"),
             fn.MAX(JobRow.tasks).alias("tasks"), is_gone.alias("is_gone"))  # fmt: skip
    mine = (JobRow.cluster == head.cluster) & (JobRow.job_id >= head.job_id) & of_it
    return list(JobRow.select(JobRow.state, *columns, *tasks).where(mine).group_by(JobRow.state, is_gone).dicts())


def _count(groups: list[dict]) -> int:
    return sum(group["count"] + (count_tasks(group["tasks"]) if group["tasks"] else 0) for group in groups)


def _wanted(head: JobRow) -> int:
    """How many tasks the script asked for; 0 when it does not say."""
    try:
        return len(array_indices(directives(head.script or "")["array"])[0])
    except (KeyError, ValueError):
        return 0


def torn(cluster: str) -> list[int]:
    """The arrays of runs of which the queue did not show every task."""
    waiting = (RunJob.state == states.UNKNOWN) & RunJob.is_lost.__invert__() & JobRow.array_id.is_null(False)
    rows = JobRow.select(JobRow.job_id).join(RunJob, on=RunJob.tag == JobRow.tag)
    known = (JobRow.cluster == cluster) & JobRow.job_id.is_null(False) & JobRow.gone_at.is_null()
    return [id_ for (id_,) in rows.where(known & waiting).limit(MOST_TORN).tuples()]


def is_torn(cluster: str, array_id: int) -> bool:
    """Whether it is still so with one of these."""
    return whole(cluster, array_id)[0].get("state") == states.UNKNOWN
