"""/api/workflows/.../run and /api/workflows/runs on the embedded executor."""

import json
import time

import pytest

from tests.conftest import make_app
from tests.flows import Flows, job


class Runs(Flows):
    """Runs of a workflow called flow."""

    def begin(self, *jobs, status=202, body=None, **more):
        """Write it if jobs are given, and run it: the answer."""
        if jobs:
            self.create("flow", list(jobs), **more)
        return self._answer(self._client.post("/api/workflows/flow/run", json=body or {}), status)

    def finish(self, *jobs, **more):
        """Run to the end."""
        return self.wait(self.begin(*jobs, **more)["id"])

    def post(self, id_, verb, **body):
        """Cancel a run, or run it again."""
        return self._client.post(f"/api/workflows/runs/{id_}/{verb}", json=body)

    def all(self, query=""):
        """Every run."""
        return self._client.get(f"/api/workflows/runs{query}").json


@pytest.fixture
def runs(client):
    """Runs on the embedded executor."""
    return Runs(client)


def test_a_run_is_submitted_whole_and_completes(runs, tmp_path):
    started = runs.begin(job("a", "echo a >>ran"), job("b", "echo b >>ran", "a"), job("c", "echo c >>ran", "b"))
    assert started["job_ids"].keys() == {"a", "b", "c"}
    assert (started["status"], set(started["job_statuses"].values())) == ("running", {"PENDING"})
    assert runs.wait(started["id"])["status"] == "completed"
    assert (tmp_path / "ran").read_text() == "a\nb\nc\n"


def test_the_contracts_keys_are_there(runs):
    run = runs.finish(job("a"))
    assert run.keys() >= {
        "id",
        "workflow_name",
        "started_at",
        "completed_at",
        "status",
        "job_ids",
        "job_statuses",
        "error",
    }
    assert (run["workflow_name"], run["job_statuses"], run["error"]) == ("flow", {"a": "COMPLETED"}, None)
    assert isinstance(run["job_ids"]["a"], str) and run["completed_at"].endswith("+00:00")


def test_a_failure_leaves_dependents_unreached_and_runs_the_branch_for_it(runs):
    run = runs.finish(
        job("a", "exit 3"), job("b", "true", "a"), job("c", "true", "b"), job("rescue", "true", "afternotok:a")
    )
    assert run["status"] == "failed"
    assert run["job_statuses"] == {"a": "FAILED", "b": "CANCELLED", "c": "CANCELLED", "rescue": "COMPLETED"}


def test_an_unused_rescue_does_not_spoil_a_good_run(runs):
    run = runs.finish(job("a"), job("rescue", "true", "afternotok:a"), job("always", "true", "afterany:rescue"))
    assert run["status"] == "completed"
    assert run["job_statuses"]["rescue"] == "CANCELLED" and run["job_statuses"]["always"] == "COMPLETED"


def test_a_dry_run_submits_nothing(client, runs):
    runs.create("flow", [job("a", "echo {{ x }}"), job("b", "true", "a")], args={"x": 1})
    dry = runs.begin(body={"dry_run": True, "args_override": {"x": 2}})
    assert (dry["execution_order"], dry["jobs"][1]["depends_on"]) == (["a", "b"], ["a"])
    assert "echo 2" in dry["jobs"][0]["script"]
    assert client.get("/api/jobs").json == [] and runs.all() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"from_job": "z"}, 422),
        ({"from_job": "b", "to_job": "a"}, 422),
        ({"args_override": {"x": "python: 1"}}, 422),
        ({"args_override": [1]}, 422),
        ({"preset": "some"}, 422),
        ({"notify": True}, 422),
        ({"notify": True, "endpoint_id": 1}, 404),
        ({"sweep": {"matrix": {"x": [1]}, "unknown": 1}}, 422),
    ],
)
def test_a_faulty_request_starts_nothing(runs, body, status):
    runs.create("flow", [job("a"), job("b")])
    assert isinstance(runs.begin(body=body, status=status)["detail"], str)
    assert runs.all() == []


def test_a_part_is_run(runs):
    runs.create("flow", [job("a", "exit 1"), job("b", "true", "a"), job("c", "true", "b")])
    run = runs.wait(runs.begin(body={"from_job": "b"})["id"])
    assert (run["status"], run["job_statuses"]) == ("completed", {"b": "COMPLETED", "c": "COMPLETED"})


def test_a_refusal_midway_cancels_what_was_accepted(client, runs, tmp_path):
    jobs = (
        job("a", "sleep 60; echo a >>ran"),
        job("b", "true", resources={"memory_per_node": "999T"}),
        job("c", "true", "b"),
    )
    answer = runs.begin(*jobs, status=502)
    assert "sbatch failed for 'b': " in answer["detail"] and "Memory specification" in answer["detail"]
    (run,) = runs.all()
    assert (run["status"], run["error"]) == ("failed", answer["detail"])
    end = time.monotonic() + 15
    while any(one["status"] not in ("CANCELLED", "COMPLETED") for one in client.get("/api/jobs").json):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not (tmp_path / "ran").exists()


def test_cancelling_reaches_every_job(runs, tmp_path):
    id_ = runs.begin(job("a", "sleep 60; echo a >>ran"), job("b", "echo b >>ran", "afterany:a"))["id"]
    assert runs.post(id_, "cancel").json == {"status": "cancelled", "run_id": id_}
    assert runs.show(id_)["status"] == "cancelled"
    again = runs.post(id_, "cancel")
    assert (again.status_code, again.json["detail"]) == (422, "Run is already cancelled")
    end = time.monotonic() + 15
    while set(runs.show(id_)["job_statuses"].values()) != {"CANCELLED"}:
        assert time.monotonic() < end, runs.show(id_)
        time.sleep(0.1)
    assert not (tmp_path / "ran").exists()


def test_a_rerun_of_what_failed_does_not_run_the_rest_again(runs, tmp_path):
    jobs = job("a", "echo a >>ran"), job("b", "test -e ok && echo b >>ran", "a"), job("c", "echo c >>ran", "b")
    first = runs.finish(*jobs)
    (tmp_path / "ok").touch()
    again = runs.post(first["id"], "rerun", **{"which": "failed"})
    assert again.status_code == 202 and again.json["rerun_of"] == first["id"]
    run = runs.wait(again.json["id"])
    assert (run["status"], (tmp_path / "ran").read_text()) == ("completed", "a\nb\nc\n")
    assert run["job_ids"]["a"] == first["job_ids"]["a"] and run["job_ids"]["b"] != first["job_ids"]["b"]


def test_a_rerun_from_a_job_runs_it_and_what_depends_on_it(runs, tmp_path):
    first = runs.finish(
        job("a", "echo a >>ran"), job("b", "echo b >>ran", "a"), job("c", "echo c >>ran", "b"), job("d")
    )
    body = {"which": "from", "from_job": "b"}
    run = runs.wait(runs.post(first["id"], "rerun", **body).json["id"])
    assert (run["status"], (tmp_path / "ran").read_text()) == ("completed", "a\nb\nc\nb\nc\n")
    assert run["job_ids"]["d"] == first["job_ids"]["d"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"which": "failed"}, 422), ({"which": "from", "from_job": "z"}, 422), ({"which": "some"}, 422)],
)
def test_a_rerun_that_makes_no_sense_is_refused(runs, body, status):
    id_ = runs.finish(job("a"))["id"]
    assert runs.post(id_, "rerun", **body).status_code == status


def test_a_run_that_goes_on_is_not_run_again(runs):
    id_ = runs.begin(job("a", "sleep 60"))["id"]
    assert runs.post(id_, "rerun", **{}).status_code == 409


def test_an_unknown_run_is_not_found(client):
    for method, tail in (("get", ""), ("post", "/cancel"), ("post", "/rerun")):
        answer = client.open(f"/api/workflows/runs/nope{tail}", method=method.upper(), json={})
        assert answer.status_code == 404


def test_runs_are_listed_newest_first_and_by_workflow(runs):
    ids = [runs.start(name, [job("a")]) for name in ("one", "two", "one")]
    assert [run["id"] for run in runs.all()] == ids[::-1]
    assert [run["id"] for run in runs.all("?name=one")] == [ids[2], ids[0]]


def test_a_run_keeps_the_definition_that_it_began_with(runs):
    first = runs.finish(job("a", "exit 1"))
    runs.create("flow", [job("other")])
    again = runs.post(first["id"], "rerun", **{"which": "all"}).json
    assert again["job_statuses"].keys() == {"a"}


def test_deleting_a_definition_keeps_its_runs(client, runs):
    id_ = runs.finish(job("a"))["id"]
    client.delete("/api/workflows/flow")
    assert runs.show(id_)["status"] == "completed"


def test_without_connection_nothing_is_half_done(tmp_path):
    app = make_app(tmp_path, SRUNX_BACKEND="ssh", SRUNX_SSH_HOSTNAME="127.0.0.1", SRUNX_SSH_PORT="1")
    runs = Runs(app.test_client())
    assert isinstance(runs.begin(job("a"), job("b", "true", "a"), status=503)["detail"], str)
    (run,) = runs.all()
    assert (run["status"], set(run["job_statuses"].values())) == ("failed", {"CANCELLED"})


def scripts(tmp_path, **texts) -> list[dict]:
    """A job of a definition for each of these scripts."""
    folder = tmp_path / ".config/srunx/workflows"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.sh").write_text(f"#!/bin/bash\n{text}\n")
    return [{"name": name, "script_path": f"{name}.sh"} for name in texts]


def begin_text(client, runs, jobs, status=202) -> dict:
    """Upload a definition of these jobs and run it: the answer."""
    body = {"filename": "flow.yaml", "yaml": json.dumps({"jobs": jobs}), "overwrite": True}
    assert client.post("/api/workflows/upload", json=body).status_code == 200
    return runs.begin(status=status)


def test_an_array_of_a_run_ends_with_its_last_task_and_fails_with_any(client, runs, tmp_path):
    fails = "[ $SLURM_ARRAY_TASK_ID != 0 ] || exit 3"
    array = f"#SBATCH --array=0-2 -o /dev/null\n{fails}\nsleep 1; echo task >>{tmp_path}/ran"
    after = [job(kind, f"echo {kind} >>ran", f"{kind}:a") for kind in ("afterok", "afternotok")]
    run = runs.wait(begin_text(client, runs, [*scripts(tmp_path, a=array), *after])["id"])
    assert run["job_statuses"] == {"a": "FAILED", "afterok": "CANCELLED", "afternotok": "COMPLETED"}
    assert (run["status"], (tmp_path / "ran").read_text()) == ("failed", "task\ntask\nafternotok\n")


def test_cancelling_reaches_every_task_of_an_array(client, runs, tmp_path):
    jobs = scripts(tmp_path, a="#SBATCH --array=0-2 -o /dev/null\nsleep 60")
    id_ = begin_text(client, runs, jobs)["id"]
    runs.wait_job(id_, "a", "RUNNING")
    assert runs.post(id_, "cancel").json["status"] == "cancelled"
    runs.wait_job(id_, "a", "CANCELLED")
    assert {one["status"] for one in client.get("/api/jobs").json} == {"CANCELLED"}


def test_a_script_that_can_not_be_handed_in_ends_its_run(client, runs, tmp_path):
    answer = begin_text(client, runs, scripts(tmp_path, a="true", b="#SBATCH --clusters=other"), status=502)
    assert "not possible here" in answer["detail"]
    (run,) = runs.all()
    assert (run["status"], run["job_statuses"]) == ("failed", {"a": "FAILED", "b": "CANCELLED"})


def test_a_rerun_asked_for_twice_is_one(runs):
    first = runs.begin(job("a", "sleep 60"))["id"]
    runs.post(first, "cancel")
    assert [runs.post(first, "rerun", which="all").status_code for _ in range(2)] == [202, 409]
    assert len(runs.all()) == 2
