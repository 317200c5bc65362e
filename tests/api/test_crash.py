"""Nothing is lost and nothing runs twice, whatever moment the server dies at."""

import time

import pytest

from srunx_web.core.errors import Uncertain
from srunx_web.services import jobs as service
from tests.conftest import cluster_of
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
