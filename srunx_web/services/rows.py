"""Writing down what will be handed in: the jobs of runs, and their submissions, before anything is tried."""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from ..core import states
from ..core.model import Submission
from ..core.plan import PlannedJob
from ..store import Run, RunJob, insert
from .cluster import Cluster

_FRESH = {"tag": None, "job_id": None, "state": states.PENDING, "reason": None, "is_unreached": False, "node_list": "",
          "submit_time": None, "start_time": None, "end_time": None, "exit_code": None, "attempts": 0,
          "carried_from": None}  # fmt: skip
_CARRIED = ("job_id", "state", "node_list", "submit_time", "start_time", "end_time", "exit_code", "retry", "attempts")


class Planned(NamedTuple):
    """A run with its jobs; `earlier` are those, by name, that it does not run again."""

    run: Run
    jobs: list[PlannedJob]
    earlier: Mapping[str, RunJob] = {}


def write_jobs(cluster: Cluster, runs: list[Planned]) -> None:
    """The jobs of these runs and their submissions, within the caller's transaction."""
    submissions, rows = [], []
    for run, jobs, earlier in runs:
        for position, job in enumerate(jobs):
            if job.name in earlier:
                own = _carried(earlier[job.name])
            else:
                own = {"tag": secrets.token_hex(8)}
                submissions.append(Submission(job.script, job.name, own["tag"], job.work_dir))
            rows.append(_row(run, position, job) | own)
    cluster.records.begin(submissions, "run", runs[0].run.started_at, is_tried=False)
    insert(RunJob, rows)


def _row(run: Run, position: int, job: PlannedJob) -> dict:
    return _FRESH | {
        "run": run.id, "name": job.name, "position": position,
        "depends_on": [list(parent) for parent in job.depends_on], "resources": dict(job.spec.resources),
        "folders": list(job.folders), "work_dir": job.work_dir, "retry": job.spec.retry,
    }  # fmt: skip


def _carried(row: RunJob) -> dict:
    """What a run keeps of a job that it does not run again: all of one that completed, of others that they are out."""
    if row.state != states.COMPLETED:
        return {"state": states.CANCELLED, "is_unreached": True, "reason": "not part of this rerun"}
    return {"carried_from": row.carried_from or row.run_id, **{name: getattr(row, name) for name in _CARRIED}}
