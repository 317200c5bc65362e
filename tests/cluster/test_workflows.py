"""Workflows on a real Slurm, over SSH."""

import os
import re
import time
from pathlib import Path

import pytest

import srunx_web
from srunx_web.cluster.slurm import Slurm
from srunx_web.core.errors import SlurmFailed
from srunx_web.core.model import Submission
from srunx_web.services.cluster import Cluster
from tests.conftest import close, cluster_of, make_app
from tests.flows import Flows, job
from tests.unit.test_sbatch import JOBS

pytestmark = pytest.mark.cluster
EXAMPLES = Path(srunx_web.__file__).parent / "examples"


@pytest.fixture
def app(slurm, shared, tmp_path):
    """Over SSH; jobs write into the shared."""
    app = make_app(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ())
    yield app
    close(app)


@pytest.fixture
def flows(client):
    return Flows(client)


@pytest.mark.parametrize("planned", JOBS, ids=lambda planned: planned.name)
def test_sbatch_takes_every_rendered_script(app, planned):
    assert " to start at " in cluster_of(app).scheduler.check(Submission(planned.script))


def test_every_default_is_a_script_that_sbatch_takes(app, client, flows):
    flows.create("flow", [job("a"), job("b", "true", "a")])
    dry = client.post("/api/workflows/flow/run", json={"dry_run": True}).json
    for one in dry["jobs"]:
        cluster_of(app).scheduler.check(Submission(one["script"]))


def add(client, name) -> None:
    """Keep an example."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert client.post("/api/workflows/upload", json={"yaml": text, "filename": f"{name}.yaml"}).status_code == 200


def test_the_example_of_four_jobs_completes(client, flows):
    add(client, "hello")
    run = flows.wait(flows.run("hello"), seconds=60)
    assert set(run["job_statuses"].values()) == {"COMPLETED"} and run["status"] == "completed"
    assert client.get(f"/api/jobs/{run['job_ids']['finish']}/logs").json["stdout"] == "both sides are done, world\n"


def test_the_example_of_training_runs_on_gpus(client, flows):
    add(client, "gpu-training")
    run = flows.wait(flows.run("gpu-training", args_override={"gpus": 2, "epochs": 1}), seconds=60)
    assert run["status"] == "completed", run
    log = client.get(f"/api/jobs/{run['job_ids']['train']}/logs").json["stdout"]
    assert re.search(r"GPUs: \d,\d\n", log) and "epoch 1 of 1 on checkpoints/epochs-1/data.txt" in log


def test_the_example_of_all_dependencies_ends_as_it_says(client, flows):
    add(client, "dependencies")
    run = flows.wait(flows.run("dependencies"), seconds=60)
    assert run["status"] == "failed"
    assert run["job_statuses"] == {"server": "COMPLETED", "client": "COMPLETED", "check": "FAILED",
                                   "publish": "CANCELLED", "rescue": "COMPLETED", "cleanup": "COMPLETED"}  # fmt: skip


def test_a_job_that_is_tried_again_keeps_its_dependents(client, flows):
    jobs = [job("a", "echo x >>tries; test $(wc -l <tries) -ge 2", retry=2, retry_delay=1), job("b", "true", "a")]
    run = flows.wait(flows.start("flow", jobs), seconds=60)
    assert run["status"] == "completed"
    log = client.get(f"/api/jobs/{run['job_ids']['a']}/logs").json["stdout"]
    assert log.count(" begins at ") == 2 and "attempt 1 of 3 ended with exit code 1; the next one begins in 1 s" in log


def test_a_refusal_midway_is_slurms_words_and_cancels_the_rest(client, flows, slurm, shared):
    flows.create(
        "flow", [job("a", f"sleep 30; touch {shared}/ran"), job("b", "true", "a", resources={"partition": "no"})]
    )
    answer = client.post("/api/workflows/flow/run", json={})
    assert answer.status_code == 502 and "sbatch failed for 'b': " in answer.json["detail"]
    assert "invalid partition specified: no" in answer.json["detail"]
    time.sleep(2)
    assert slurm.user("squeue", "--me", "-h", "-n", "a") == ""


def test_cancelling_a_run_leaves_nothing_alive(client, flows, slurm):
    id_ = flows.start("flow", [job("long-a", "sleep 100"), job("long-b", "sleep 100"), job("long-c", "true", "long-a")])
    flows.wait_job(id_, "long-a", "RUNNING")
    assert client.post(f"/api/workflows/runs/{id_}/cancel").json == {"status": "cancelled", "run_id": id_}
    end = time.monotonic() + 15
    while slurm.user("squeue", "--me", "-h", "-n", "long-a,long-b,long-c"):
        assert time.monotonic() < end
        time.sleep(0.3)


DROPS = """#!/bin/bash
words=()
for word in "$@"; do [[ $word == --kill-on-invalid-dep* ]] || words+=("$word"); done
exec /usr/bin/sbatch "${words[@]}"
"""


def test_an_unreached_job_does_not_keep_a_run_open_where_slurm_does_not_kill_it(as_researcher, tmp_path, monkeypatch):
    """As on sites where --kill-on-invalid-dep has no effect."""
    commands = tmp_path.parent / f"{tmp_path.name}-bin"
    commands.mkdir()
    (commands / "sbatch").write_text(DROPS)
    for path, mode in (
        (commands / "sbatch", 0o755),
        (commands, 0o755),
        (tmp_path.parent, 0o755),
        (tmp_path.parents[1], 0o755),
    ):
        path.chmod(mode)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    app = make_app(tmp_path, SRUNX_BACKEND="slurm")
    app.extensions["srunx"].cluster = Cluster("local", "slurm", "local", Slurm(as_researcher))
    flows = Flows(app.test_client())
    jobs = [job("a", "sleep 3; exit 1"), job("b", "true", "a"), job("c", "true", "afternotok:b")]
    id_ = flows.start("flow", jobs)
    dependent = flows.show(id_)["job_ids"]["b"]
    assert "KillOInInvalidDependent=Yes" not in as_researcher.run(["scontrol", "show", "job", dependent]).out
    run = flows.wait(id_, seconds=60)
    assert run["job_statuses"] == {"a": "FAILED", "b": "CANCELLED", "c": "COMPLETED"} and run["status"] == "failed"
    close(app)


def test_a_folder_that_is_not_there_is_told_before_anything_is_submitted(client, flows):
    flows.create("flow", [job("a", work_dir="/nowhere/at/all")])
    answer = client.post("/api/workflows/flow/run", json={})
    assert answer.status_code == 502 and "/nowhere/at/all" in answer.json["detail"]


def test_a_check_refuses_what_can_not_run(app):
    with pytest.raises(SlurmFailed):
        cluster_of(app).scheduler.check(Submission(JOBS[0].script.replace("--nodes=1", "--nodes=99")))
