"""What is done to a run on its page, submissions in doubt, and jobs that are tried again; on the embedded executor."""

import time

import pytest

from srunx_web.core.model import Submission
from srunx_web.services import attempts
from srunx_web.store import connected
from tests.conftest import cluster_of
from tests.flows import Flows, diamond, job, node_of, written_job, written_run


@pytest.fixture
def flows(client):
    """Workflows on the embedded executor."""
    return Flows(client)


def test_a_run_is_cancelled_after_a_question_with_the_number_of_its_jobs(client, flows):
    run_id = flows.start("slow", [job("one", "sleep 60"), job("two", "true", "one")])
    page = client.get(f"/runs/{run_id}").text
    assert 'data-confirm="Cancel run slow? 2 jobs are alive."' in page
    asked = client.post(f"/runs/{run_id}/cancel").text
    assert "Cancel run slow?" in asked and "2 jobs are alive." in asked
    assert flows.show(run_id)["status"] == "running"
    answer = client.post(f"/runs/{run_id}/cancel", data={"confirmed": "1"})
    assert answer.status_code == 303
    assert flows.wait(run_id)["status"] == "cancelled"


def test_what_is_over_can_not_be_cancelled_and_the_page_says_so(client, flows):
    run_id = flows.start("good", [job("one")])
    flows.wait(run_id)
    answer = client.post(f"/runs/{run_id}/cancel", data={"confirmed": "1"})
    assert answer.status_code == 422 and "already completed" in answer.text
    assert f'<base href="/runs/{run_id}">' in answer.text


def test_what_failed_is_run_again_and_the_rest_carried_over(client, flows, tmp_path):
    run_id = flows.start("flaky", diamond(f"test -e {tmp_path}/ok"))
    flows.wait(run_id)
    assert "The 2 that failed or were not reached" in client.get(f"/runs/{run_id}").text
    (tmp_path / "ok").touch()
    again = client.post(f"/runs/{run_id}/rerun", data={"which": "failed"}).headers["Location"]
    flows.wait(again.rpartition("/")[2])
    page = client.get(again).text
    assert "4 of 4 jobs done" in page and "earlier run" in node_of(page, "prepare")
    assert f"/runs/{run_id}" in page and again in client.get(f"/runs/{run_id}").text
    assert f"/runs/{run_id}?job=prepare" in client.get(f"{again}?job=prepare").text


def test_a_run_is_repeated_from_a_job_on(client, flows):
    run_id = flows.start("good", diamond())
    flows.wait(run_id)
    again = client.post(f"/runs/{run_id}/rerun", data={"which": "from", "from_job": "right"}).headers["Location"]
    found = flows.wait(again.rpartition("/")[2])
    page = client.get(again).text
    assert "earlier run" in node_of(page, "left") and "earlier run" not in node_of(page, "right")
    assert found["status"] == "completed"


def test_a_rerun_that_can_not_be_is_told_on_the_page(client, flows):
    run_id = flows.start("good", [job("one")])
    flows.wait(run_id)
    answer = client.post(f"/runs/{run_id}/rerun", data={"which": "failed"})
    assert answer.status_code == 422 and "nothing to run again" in answer.text


def test_a_refused_job_is_told_in_slurms_words(client, flows):
    flows.create("large", [job("one"), job("two", resources={"nodes": 900})])
    assert client.post("/api/workflows/large/run", json={}).status_code == 502
    run_id = client.get("/api/workflows/runs").json[0]["id"]
    page = client.get(f"/runs/{run_id}").text
    assert "Slurm refused a job" in page and "sbatch failed for &#39;two&#39;" in page
    assert "refused" in node_of(page, "two")


# ---- submissions whose answer never came


@pytest.fixture
def doubtful(app):
    """A run of which one job may or may not have reached Slurm; nobody knows."""
    here, now = cluster_of(app), time.time()
    here.records.begin([Submission("#!/bin/sh\necho late\n", "late", "tag-late")], "run", now - 600)
    with connected():
        run_id = written_run(app, "doubtful", status="submitting", started_at=now - 600)
        written_job(run_id, "late", tag="tag-late")
    return run_id


def test_a_submission_that_is_looked_up_is_told(client, doubtful):
    page = client.get(f"/runs/{doubtful}").text
    assert "it is being looked up whether Slurm has it" in page and "being looked up" in node_of(page, "late")


def test_what_nobody_knows_is_asked_and_submitted_at_the_users_word(app, client, flows, doubtful):
    cluster_of(app).records.lose("tag-late", time.time())
    page = client.get(f"/runs/{doubtful}").text
    assert "Nobody knows whether Slurm took <code>late</code>" in page
    answer = client.post(f"/runs/{doubtful}/resolve", data={"name": "late", "answer": "absent"})
    assert answer.status_code == 303
    client.get(f"/runs/{doubtful}")
    assert flows.wait(doubtful)["status"] == "completed"


def test_what_nobody_knows_is_the_job_that_the_user_names(app, client, flows, doubtful):
    here = cluster_of(app)
    here.records.lose("tag-late", time.time())
    id_ = here.scheduler.submit(Submission("#!/bin/sh\necho it was here\n", "late"))
    client.post(f"/runs/{doubtful}/resolve", data={"name": "late", "answer": "there", "job_id": f"#{id_}"})
    assert flows.wait(doubtful)["job_ids"] == {"late": str(id_)}


@pytest.mark.parametrize(("given_id", "status"), [("", 422), ("12x", 422), ("999", 502), ("0", 400), ("9" * 30, 422)])
def test_an_answer_that_can_not_be_is_refused_beside_its_field(app, client, doubtful, given_id, status):
    cluster_of(app).records.lose("tag-late", time.time())
    answer = client.post(f"/runs/{doubtful}/resolve", data={"name": "late", "answer": "there", "job_id": given_id})
    assert answer.status_code == status
    assert 'aria-invalid="true"' in answer.text and 'class="wrong"' in answer.text


# ---- jobs that are tried several times


def test_attempts_are_counted_and_told(app, client, flows, tmp_path):
    command = f"test -e {tmp_path}/once || {{ touch {tmp_path}/once; exit 2; }}; sleep 30"
    run_id = flows.start("flaky", [job("one", command, retry=2, retry_delay=0)])
    flows.wait_job(run_id, "one", "RUNNING")
    for _ in range(100):
        attempts.record(cluster_of(app))
        if "attempt 2 of 3" in node_of(client.get(f"/runs/{run_id}").text, "one"):
            break
        time.sleep(0.1)
    page = client.get(f"/runs/{run_id}?job=one").text
    assert "attempt 1 of 3 ended with exit code 2" in page.split('class="attempts"')[1]
    assert "attempt 2 of 3" in node_of(page, "one")


def test_attempts_of_what_ended_lately_are_counted_once_more(app, client, flows):
    run_id = flows.start("flaky", [job("one", "exit 2", retry=2, retry_delay=0)])
    flows.wait(run_id)
    attempts.record(cluster_of(app))
    assert "3 attempts" in node_of(client.get(f"/runs/{run_id}").text, "one")
