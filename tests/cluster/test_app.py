"""The app on a real Slurm: over SSH, through a jump host, and locally as an unprivileged user."""

import re
import subprocess
import time

import pytest

from srunx_web.cluster.slurm import Slurm
from srunx_web.services.cluster import Cluster
from tests.conftest import Jobs, close, cluster_of, make_app

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["login", "inner"])
def app(request, slurm, tmp_path):
    """Over SSH, and through a jump host."""
    app = make_app(tmp_path, **slurm.environ(request.param))
    yield app
    close(app)


def test_a_job_from_submission_to_its_log(client, jobs):
    id_ = jobs.submit("#SBATCH -o srunx-%j.log\necho hello; sleep 1; echo done >&2", name="a|b\nc")
    assert jobs.wait(id_, "COMPLETED", "FAILED") == "COMPLETED"
    assert client.get(f"/api/jobs/{id_}").json["name"] == "a|b\nc"
    assert client.get(f"/api/jobs/{id_}/logs").json["stdout"] == "hello\ndone\n"
    assert "hello\ndone" in client.get(f"/jobs/{id_}").text


def test_an_array_its_tasks_their_logs_and_their_end(client, jobs):
    id_ = jobs.submit("#SBATCH -a 1-3\necho task $SLURM_ARRAY_TASK_ID; [ $SLURM_ARRAY_TASK_ID != 3 ] || sleep 100")
    jobs.wait(f"{id_}_2", "COMPLETED")
    assert client.get(f"/api/jobs/{id_}_2/logs").json["stdout"] == "task 2\n"
    jobs.wait(f"{id_}_3", "RUNNING")
    assert client.delete(f"/api/jobs/{id_}_3").status_code == 204
    assert jobs.wait(f"{id_}_3", "CANCELLED", "COMPLETED") == "CANCELLED"
    assert "3 tasks" in client.get("/jobs").text


def test_gpus_are_counted_in_use(client, jobs):
    before = _gpus(client)
    id_ = jobs.submit("#SBATCH -p gpu --gpus=a100:3\nsleep 100")
    jobs.wait(id_, "RUNNING")
    time.sleep(5.5)  # the nodes are asked every 5 s
    _gpus(client)
    time.sleep(0.5)
    assert _gpus(client) >= before + 3
    assert re.search(rf'href="/jobs/{id_}">{id_}<', client.get("/resources").text)


def _gpus(client) -> int:
    return next(row["gpus_in_use"] for row in client.get("/api/resources").json if row["partition"] == "gpu")


def test_a_refusal_and_a_check_are_slurms_own_words(client):
    refused = client.post("/jobs/new", data={"script": "#!/bin/sh\n#SBATCH --mem=999G\n"})
    assert "Memory specification can not be satisfied" in refused.text
    checked = client.post("/jobs/new", data={"script": "#!/bin/sh\ntrue\n", "check": "1"})
    assert "to start at" in checked.text


def test_another_users_job_is_seen_and_not_ours_to_cancel(client, slurm):
    argv = [
        "ssh",
        "-F",
        slurm.ssh_config,
        "as-colleague",
        "sbatch",
        "--parsable",
        "-J",
        "theirs",
        "--wrap",
        "'sleep 60'",
    ]
    id_ = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    try:
        assert "theirs" in client.get("/jobs?whose=everyone&user=colleague").text
        answer = client.delete(f"/api/jobs/{id_}")
        assert answer.status_code == 502 and "Access/permission denied" in answer.json["detail"]
    finally:
        subprocess.run([*argv[:4], "scancel", id_], check=True)


def test_twenty_tabs_cost_one_squeue(app, slurm):
    here, client = cluster_of(app), app.test_client()
    client.get("/jobs")
    before = _calls(slurm)
    for _ in range(20):
        assert client.get("/jobs").status_code == 200
    assert _calls(slurm) - before <= 1
    assert here.mine.interval == 2


def _calls(cluster) -> int:
    """How often the user asked slurmctld for jobs of one user."""
    text = cluster.user("sdiag")
    found = re.search(r"REQUEST_JOB_USER_INFO.*count:(\d+)", text)
    return int(found[1]) if found else 0


def test_it_works_locally_as_an_unprivileged_user(as_researcher, tmp_path):
    app = make_app(tmp_path, SRUNX_BACKEND="slurm")
    app.extensions["srunx"].cluster = Cluster("local", "slurm", "local", Slurm(as_researcher))
    client = app.test_client()
    id_ = Jobs(client).run("echo local", name="local")
    assert client.get(f"/api/jobs/{id_}/logs").json["stdout"] == "local\n"
    job = client.get(f"/api/jobs/{id_}").json
    assert (job["user"], job["status"]) == ("researcher", "COMPLETED")
    close(app)
