"""Sweeps on record, as their cells left them."""

import time
import uuid

from srunx_web.core.matrix import Matrix
from srunx_web.core.yamltext import dump
from srunx_web.store import JobRow, Run, RunJob, Sweep, connected
from tests.conftest import cluster_of


def written_sweep(app, metrics: dict | None = None, matrix: dict | None = None, names=("train",), **more) -> Sweep:
    """A sweep of a workflow with these jobs and metrics, without any cells; over the axis lr unless told otherwise."""
    matrix = matrix or {"lr": [0.1, 0.2, 0.3]}
    document = {"name": "flow", "metrics": metrics, "jobs": [{"name": name, "command": ["true"]} for name in names]}
    yaml = dump({key: value for key, value in document.items() if value is not None})
    known = {"path": "flow.yaml", "args": {}, "part": {}, "max_parallel": 4, "source": "web", "triggered_by": "web",
             "status": "running", "started_at": time.time(), "workflow_name": "flow"}  # fmt: skip
    size = Matrix(matrix).size
    with connected():
        return Sweep.create(**{**known, "cluster": cluster_of(app).key, "yaml": yaml, "matrix": matrix,
                               "cell_count": size, "jobs": len(names), **more})  # fmt: skip


def written_cell(app, sweep: Sweep, number: int, jobs: dict[str, int | None] | None = None, **more) -> str:
    """An attempt at a cell whose jobs have these ids, on record already (None: not started); its run's id."""
    args = Matrix(sweep.matrix).cells()[number]
    now = time.time()
    known = {"workflow_name": sweep.workflow_name, "yaml": "", "part": {}, "source": "web", "triggered_by": "web",
             "status": "completed", "started_at": now, "completed_at": now, "resolved": args}  # fmt: skip
    with connected():
        run = Run.create(**{**known, "id": str(uuid.uuid4()), "cluster": cluster_of(app).key, "sweep": sweep,
                            "cell": number, "args": args, **more}, force_insert=True)  # fmt: skip
        for place, (name, job_id) in enumerate((jobs or {}).items()):
            _written_job(run.id, place, name, job_id)
    return run.id


def _written_job(run_id: str, place: int, name: str, job_id: int | None) -> None:
    row = JobRow.get_or_none(JobRow.job_id == job_id) if job_id is not None else None
    known = {"run": run_id, "name": name, "position": place, "depends_on": [], "resources": {}, "folders": []}
    if row is None:
        RunJob.create(**known, state="CANCELLED")
        return
    tag = row.tag or uuid.uuid4().hex[:16]
    JobRow.update(tag=tag).where(JobRow.id == row.id).execute()
    seen = {name: getattr(row, name) for name in ("job_id", "state", "node_list", "start_time", "end_time", "work_dir")}
    RunJob.create(**known, tag=tag, **seen)
