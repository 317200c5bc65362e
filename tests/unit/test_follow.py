"""Runs follow what is on record of their jobs, in a real SQLite file."""

import pytest

from srunx_web.core.model import Job, Submission
from srunx_web.services.follow import conclude, drop_missing, entries, follow, move
from srunx_web.services.records import LAG_SECONDS, Records
from srunx_web.store import Run, RunJob, open_database

NOW = 1_700_000_000
ARRAY = "#!/bin/sh\n#SBATCH --array=0-2\n"


@pytest.fixture
def records(tmp_path):
    open_database(tmp_path / "srunx.db")
    return Records("atlas")


def begun(records, script="#!/bin/sh\n", tag="tag1") -> Run:
    """A run of one job that was tried."""
    run = Run.create(id=f"run {tag}", cluster="atlas", workflow_name="flow", yaml="", args={}, part={}, source="web",
                     status="running", started_at=NOW, triggered_by="web")  # fmt: skip
    RunJob.create(run=run, name="a", position=0, tag=tag, depends_on=[], resources={}, folders=[])
    records.begin([Submission(script, "a", tag)], "run", NOW)
    return run


def state(run) -> tuple[str, str]:
    """How the job and the run stand."""
    follow("atlas")
    found = entries(run.id)
    return found[0].row.state, conclude(run, found)


def task(id_, index=None, state="COMPLETED", **more) -> Job:
    """A record of array 7."""
    where = {"node_list": "n1", "end_time": NOW + 2} if state != "PENDING" else {}
    return Job(id_, array_id=7, task=index, name="a", state=state, submit_time=NOW, **where, **more)


class Witness:
    """A scheduler that knows this array, and no single job."""

    def __init__(self, *tasks):
        self.array = lambda array_id: list(tasks)
        self.jobs = lambda ids: {}


def test_an_array_is_over_when_its_last_task_is(records):
    run = begun(records, ARRAY)
    records.adopt("tag1", 7, NOW)
    records.write([task(7, None, "PENDING", tasks="1-2"), task(8, 0, "FAILED")], NOW)
    assert state(run) == ("PENDING", "running")
    records.write([task(7, 2), task(9, 1, "RUNNING")], NOW + 1)
    assert state(run) == ("RUNNING", "running")
    records.write([task(9, 1)], NOW + 3)
    assert state(run) == ("FAILED", "failed")


def test_a_task_that_the_queue_never_showed_is_looked_up(records):
    run = begun(records, ARRAY)
    records.adopt("tag1", 7, NOW)
    records.write([task(7, 2), task(8, 0)], NOW)
    assert state(run) == ("UNKNOWN", "running")
    records.settle(Witness(task(9, 1, "TIMEOUT")), {7, 8}, NOW + 1)
    assert state(run) == ("TIMEOUT", "failed")


def test_a_task_that_nobody_knows_leaves_the_array_lost(records):
    run = begun(records, ARRAY)
    records.adopt("tag1", 7, NOW)
    records.write([task(7, 2), task(8, 0)], NOW)
    assert state(run) == ("UNKNOWN", "running")
    for later in (1, LAG_SECONDS + 1):
        records.settle(Witness(), {7, 8}, NOW + later)
    assert state(run) == ("UNKNOWN", "failed")


def test_tasks_of_an_older_array_with_that_id_do_not_count(records):
    records.write([task(8, 0, "FAILED"), task(9, 1, "FAILED")], NOW - 99)
    run = begun(records, "#!/bin/sh\n#SBATCH --array=0\n")
    records.adopt("tag1", 7, NOW)
    records.write([task(7, 0)._replace(submit_time=NOW + 1)], NOW + 1)
    assert state(run) == ("COMPLETED", "completed")


def test_a_job_recognised_before_its_answer_came_is_never_dropped(records):
    run = begun(records)
    records.write([Job(7, name="a", state="RUNNING", submit_time=NOW, comment="srunx:tag1")], NOW)
    drop_missing(entries(run.id))
    assert state(run) == ("RUNNING", "running")
    assert [(entry.row.job_id, entry.is_alive) for entry in entries(run.id)] == [(7, True)]


def test_a_job_whose_id_is_taken_is_lost_and_nobody_is_asked(records):
    old = begun(records)
    records.adopt("tag1", 7, NOW)
    new = begun(records, tag="tag2")
    records.adopt("tag2", 7, NOW + 9)
    assert (state(old), state(new)) == (("UNKNOWN", "failed"), ("PENDING", "running"))
    assert [(entry.row.job_id, entry.is_asked) for entry in entries(old.id)] == [(7, False)]


def test_the_end_of_a_run_never_changes(records):
    run = begun(records)
    assert move(run, "failed", "refused") == "failed"
    assert move(run, "cancelled") == "failed"
    assert Run.get_by_id(run.id).status == "failed"
