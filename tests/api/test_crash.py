"""Nothing is lost and nothing runs twice, whatever moment the server dies at."""

import time

import pytest

from srunx_web.core.errors import Invalid, SlurmFailed, Uncertain
from srunx_web.services import jobs as service
from srunx_web.services import runs
from srunx_web.services.tick import tick
from srunx_web.store import Run, RunJob, connected
from tests.conftest import cluster_of
from tests.flows import Flows, job
from tests.server import Server


class CutOff:
    """A scheduler whose answer to a submission gets lost, after or before it arrived."""

    def __init__(self, scheduler, arrives):
        self._scheduler, self._arrives = scheduler, arrives

    def __getattr__(self, name):
        return getattr(self._scheduler, name)

    def submit(self, submission):
        if self._arrives:
            self._scheduler.submit(submission)
        raise Uncertain("sbatch on login gave no answer within 45 s")

    def submit_all(self, submissions):
        self.submit(submissions[0])


@pytest.mark.parametrize("arrives", [True, False])
def test_a_submission_without_an_answer_is_looked_up(app, client, arrives, tmp_path):
    here = cluster_of(app)
    real, here.scheduler = here.scheduler, CutOff(here.scheduler, arrives)
    answer = client.post("/api/jobs", json={"name": "lost", "script_content": "#!/bin/sh\necho ran >> ran\n"})
    here.scheduler = real
    assert answer.status_code == 502 and "being looked up" in answer.json["detail"]
    assert here.records.uncertain(time.time() + 1)
    service.look_up(here, time.time() + here.settled_after + 1)
    assert here.records.uncertain(time.time() + 1) == []
    assert [job["name"] for job in client.get("/api/jobs").json] == (["lost"] if arrives else [])


def test_a_refusal_leaves_nothing_on_record(app, client):
    client.post("/api/jobs", json={"name": "x", "script_content": "#!/bin/sh\n#SBATCH -p nope\n"})
    assert cluster_of(app).records.uncertain(time.time() + 1) == []


def test_jobs_outlive_the_server_and_are_found_again(tmp_path):
    server = Server(tmp_path, SRUNX_BACKEND="embedded").wait()
    body = {"name": "long", "script_content": "#!/bin/bash\nsleep 3; echo done\n"}
    assert server.post("/api/jobs", body)[0] == 201
    server.restart()
    assert '"status":"RUNNING"' in server.get("/api/jobs/1")[1]
    end = time.monotonic() + 15
    while '"status":"COMPLETED"' not in server.get("/api/jobs/1")[1]:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert "done" in server.get("/api/jobs/1/logs")[1]
    server.close()


def test_a_second_server_on_the_same_state_refuses_and_names_the_first(tmp_path):
    first = Server(tmp_path, SRUNX_BACKEND="embedded").wait()
    second = Server(tmp_path, SRUNX_BACKEND="embedded")
    assert second.process.wait(10) == 2
    assert f"pid {first.process.pid}" in (tmp_path / "server.log").read_text()
    first.close()
    second.close()


def test_a_full_disk_is_told_and_hides_nothing(app, client, jobs):
    id_ = jobs.run("true", name="seen")
    here = cluster_of(app)
    here.disk_problem = "What is seen can't be recorded: database or disk is full."
    assert "disk is full" in client.get("/jobs").text and "seen" in client.get("/jobs").text
    assert client.get(f"/api/jobs/{id_}").status_code == 200


class NoAccounting:
    """A scheduler whose accounting is down, and whose queue shows nothing any more."""

    def __init__(self, scheduler):
        self._scheduler = scheduler

    def __getattr__(self, name):
        return getattr(self._scheduler, name)

    def queue(self, mine):
        return []

    def jobs(self, ids):
        raise SlurmFailed("sacct failed: Connection refused")


def test_runs_go_on_while_the_accounting_is_down(app, client):
    flows, here = Flows(client), cluster_of(app)
    first, second = (flows.start(name, [job("a", "sleep 60")]) for name in ("first", "second"))
    with connected():  # as if the server had been killed before it told the scheduler
        Run.update(cancel_requested_at=time.time()).where(Run.id == second).execute()
    real, here.scheduler = here.scheduler, NoAccounting(here.scheduler)
    here.changed()
    tick(here)
    here.scheduler = real
    assert flows.wait(second)["status"] == "cancelled"
    assert flows.show(first)["status"] == "running"


def test_of_two_answers_to_a_doubt_only_the_first_counts(app, client):
    flows, here = Flows(client), cluster_of(app)
    real, here.scheduler = here.scheduler, CutOff(here.scheduler, arrives=False)
    id_ = flows.start("flow", [job("a", "sleep 60")])
    here.scheduler = real
    with connected():
        here.records.lose(RunJob.get(RunJob.run == id_).tag, time.time())
    runs.resolve(here, id_, "a", None)
    with pytest.raises(Invalid):
        runs.resolve(here, id_, "a", None)
    assert flows.wait_job(id_, "a", "RUNNING") is None and len(client.get("/api/jobs").json) == 1


class Slow(CutOff):
    """A scheduler whose queue takes longer than what is seen of a parent stays new."""

    def submit_all(self, submissions):
        return self._scheduler.submit_all(submissions)

    def queue(self, mine):
        time.sleep(1.2)
        return self._scheduler.queue(mine)


def test_a_slow_queue_does_not_hold_up_the_second_batch(app, client):
    flows, here = Flows(client), cluster_of(app)
    here.scheduler = Slow(here.scheduler, arrives=True)
    jobs = [job(f"p{number}", "sleep 60") for number in range(50)]
    run = flows.show(flows.start("flow", [*jobs, job("last", "true", "p0")]))
    assert len(run["job_ids"]) == 51
