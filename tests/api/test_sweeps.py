"""Sweeps through the API, on the embedded executor."""

import pytest

from srunx_web.store import Run, Sweep, connected
from tests.flows import Sweeps, job

NOTE = "echo {{ lr }} {{ bs }} >> out"


@pytest.fixture
def sweeps(client):
    """What a user of sweeps does."""
    return Sweeps(client)


@pytest.fixture
def grid(sweeps):
    """A workflow of one job with two args, which writes a line."""
    sweeps.create("grid", [job("train", NOTE)], args={"lr": 1, "bs": 2, "name": "n-{{ lr }}"})


def written(tmp_path) -> list[str]:
    """What the cells wrote, sorted."""
    return sorted((tmp_path / "out").read_text().splitlines())


def test_a_sweep_runs_every_cell(sweeps, grid, tmp_path):
    sweep_id = sweeps.sweep("grid", {"lr": [0.1, 0.2], "bs": [1, 2]}, max_parallel=2)
    found = sweeps.settle(sweep_id)
    assert found["status"] == "completed" and found["cells_completed"] == found["cell_count"] == 4
    assert written(tmp_path) == ["0.1 1", "0.1 2", "0.2 1", "0.2 2"]


def test_the_answer_comes_before_anything_runs(client, grid):
    answer = client.post("/api/workflows/grid/run", json={"sweep": {"matrix": {"lr": [1, 2]}}})
    assert answer.status_code == 202 and set(answer.json) == {"sweep_run_id", "status", "cell_count"}
    assert (answer.json["status"], answer.json["cell_count"]) == ("pending", 2)


def test_the_object_is_the_contracts(sweeps, grid):
    body = {"args_override": {"bs": 7, "lr": 3}}
    found = sweeps.get(sweeps.sweep("grid", {"lr": [1, 2]}, body, max_parallel=3))
    assert (found["name"], found["matrix"], found["args"], found["max_parallel"]) == (
        "grid",
        {"lr": [1, 2]},
        {"bs": 7},
        3,
    )
    assert found["workflow_yaml_path"].endswith("grid.yaml") and found["fail_fast"] is False
    assert (found["submission_source"], found["completed_at"], found["cancel_requested_at"]) == ("web", None, None)


def test_axes_beat_overrides_which_beat_args(sweeps, grid):
    cells = sweeps.cells(sweeps.sweep("grid", {"lr": ["a", "b"]}, {"args_override": {"bs": 7, "lr": 3}}))
    assert [cell["args"] for cell in cells] == [{"lr": lr, "bs": 7, "name": f"n-{lr}"} for lr in "ab"]


def test_the_last_axis_changes_fastest(sweeps, grid):
    sweep_id = sweeps.sweep("grid", {"lr": [3, 4], "bs": [1, 2]})
    assert list(sweeps.get(sweep_id)["matrix"]) == ["lr", "bs"]
    found = [(cell["args"]["lr"], cell["args"]["bs"]) for cell in sweeps.cells(sweep_id)]
    assert found == [(3, 1), (3, 2), (4, 1), (4, 2)]


BAD = [
    {}, {"matrix": {}}, {"matrix": []}, {"matrix": {"lr": []}}, {"matrix": {"lr": 1}}, {"matrix": {"lr": [[1]]}},
    {"matrix": {"lr": [None]}}, {"matrix": {"deps": [1]}}, {"matrix": {"": [1]}}, {"matrix": {"lr": list(range(1001))}},
    {"matrix": {"lr": list(range(40)), "bs": list(range(26))}}, {"matrix": {"lr": [1]}, "max_parallel": 0},
    {"matrix": {"lr": [1]}, "max_parallel": True}, {"matrix": {"lr": [1]}, "fail_fast": "yes"},
    {"matrix": {"lr": [1]}, "other": 1}, {"matrix": {"lr": [" Python: 1"]}}, [], "x",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_sweep_is_refused_before_any_effect(client, grid, body):
    answer = client.post("/api/workflows/grid/run", json={"sweep": body})
    assert answer.status_code == 422 and isinstance(answer.json["detail"], str)
    with connected():
        assert not Sweep.select().exists() and not Run.select().exists()


def test_every_fault_is_named_at_once(client, grid):
    body = {"sweep": {"matrix": {"lr": [], "deps": [1]}, "max_parallel": 0, "x": 1}}
    errors = client.post("/api/workflows/grid/run", json=body).json["errors"]
    assert [error["loc"] for error in errors] == [
        ["body", "sweep", "x"], ["body", "sweep", "matrix", "lr"], ["body", "sweep", "matrix", "deps"],
        ["body", "sweep", "max_parallel"],
    ]  # fmt: skip


def test_a_dry_run_returns_the_cells_and_does_nothing(client, grid):
    body = {"dry_run": True, "sweep": {"matrix": {"lr": [1, 2]}}}
    answer = client.post("/api/workflows/grid/run", json=body)
    assert answer.status_code == 202 and answer.json["dry_run"] and answer.json["cell_count"] == 2
    assert [cell["args"]["lr"] for cell in answer.json["cells"]] == [1, 2]
    assert "echo 1 2" in answer.json["jobs"][0]["script"] and client.get("/api/sweep_runs").json == []


def test_a_cell_that_can_not_be_rendered_fails_alone(sweeps, tmp_path):
    sweeps.create("ratio", [job("train", "echo {{ 10 // n }} >> out")], args={"n": 1})
    sweep_id = sweeps.sweep("ratio", {"n": [5, 0, 2]})
    assert sweeps.settle(sweep_id)["status"] == "failed" and written(tmp_path) == ["2", "5"]
    bad = sweeps.cells(sweep_id)[1]
    assert bad["status"] == "failed" and "zero" in bad["error"]


def test_when_no_cell_can_be_rendered_nothing_is_begun(client, sweeps):
    sweeps.create("ratio", [job("train", "echo {{ 10 // n }} >> out")], args={"n": 1})
    assert client.post("/api/workflows/ratio/run", json={"sweep": {"matrix": {"n": [0]}}}).status_code == 422
    assert client.get("/api/sweep_runs").json == []


def test_a_cell_that_is_refused_fails_alone(sweeps, tmp_path):
    sweeps.create("some", [job("train", "pwd >> out", work_dir="{{ place }}")], args={"place": "."})
    sweep_id = sweeps.sweep("some", {"place": ["/no/such/place", str(tmp_path)]}, max_parallel=1)
    assert sweeps.settle(sweep_id)["cells_failed"] == 1 and written(tmp_path) == [str(tmp_path)]
    assert "sbatch failed for 'train'" in sweeps.cells(sweep_id)[0]["error"]


def test_a_failing_cell_stops_nothing_else(sweeps):
    sweeps.create("some", [job("train", "[ {{ n }} != 1 ]")], args={"n": 0})
    found = sweeps.settle(sweeps.sweep("some", {"n": [0, 1, 2, 3]}, max_parallel=1))
    assert (found["status"], found["cells_completed"], found["cells_failed"]) == ("failed", 3, 1)


def test_fail_fast_starts_nothing_after_a_failure(sweeps, tmp_path):
    sweeps.create("some", [job("train", "echo {{ n }} >> out; [ {{ n }} != 1 ]")], args={"n": 0})
    found = sweeps.settle(sweeps.sweep("some", {"n": [0, 1, 2, 3]}, max_parallel=1, fail_fast=True))
    assert (found["status"], found["cells_failed"], found["cells_cancelled"]) == ("failed", 1, 2)
    assert written(tmp_path) == ["0", "1"]


def test_cancelling_drains_and_ends_what_runs(sweeps, jobs, tmp_path):
    sweeps.create("long", [job("train", "echo {{ n }} >> out; exec sleep 60")], args={"n": 0})
    sweep_id = sweeps.sweep("long", {"n": [0, 1, 2, 3, 4, 5]}, max_parallel=2)
    sweeps.settle(sweep_id, "running")
    first = sweeps.post(sweep_id, "cancel")
    assert first["status"] in ("draining", "cancelled") and first["cells_cancelled"] >= 2
    again = sweeps.post(sweep_id, "cancel")
    assert again["cancel_requested_at"] == first["cancel_requested_at"]
    found = sweeps.settle(sweep_id)
    assert found["status"] == "cancelled" and found["cells_cancelled"] == 6
    assert not [one for one in sweeps._client.get("/api/jobs").json if one["status"] in ("PENDING", "RUNNING")]


def test_cancelling_what_is_over_changes_nothing(sweeps, grid):
    sweep_id = sweeps.sweep("grid", {"lr": [1]})
    before = sweeps.settle(sweep_id)
    assert sweeps.post(sweep_id, "cancel") == before and before["cancel_requested_at"] is None


def test_a_waiting_cell_that_is_cancelled_never_runs(client, sweeps, tmp_path):
    sweeps.create("some", [job("train", "echo {{ n }} >> out; sleep 0.5")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2, 3]}, max_parallel=1)
    cells = sweeps.cells(sweep_id)
    assert client.post(f"/api/workflows/runs/{cells[3]['id']}/cancel").status_code == 200
    found = sweeps.settle(sweep_id)
    assert (found["status"], found["cells_cancelled"]) == ("cancelled", 1) and written(tmp_path) == ["0", "1", "2"]


def test_changes_of_its_state_are_recorded(sweeps, grid):
    sweep_id = sweeps.sweep("grid", {"lr": [1]})
    sweeps.settle(sweep_id)
    changes = [(event["kind"], event["old"], event["new"]) for event in sweeps.get(sweep_id, "/events")]
    kind = "sweep_run.status_changed"
    assert changes == [(kind, None, "pending"), (kind, "pending", "running"), (kind, "running", "completed")]


def test_a_cell_is_a_run(client, sweeps, grid):
    sweep_id = sweeps.sweep("grid", {"lr": [1]})
    sweeps.settle(sweep_id)
    run = sweeps.show(sweeps.cells(sweep_id)[0]["id"])
    assert run["sweep_run_id"] == sweep_id and run["job_statuses"] == {"train": "COMPLETED"}


FAILS_ONCE = "{ [ -e ok-{{ n }} ] || { touch ok-{{ n }}; [ {{ n }} != 1 ]; }; } && echo {{ n }} >> out"


def test_only_what_failed_is_run_again(sweeps, tmp_path):
    sweeps.create("some", [job("train", FAILS_ONCE)], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]})
    assert sweeps.settle(sweep_id)["status"] == "failed"
    again = sweeps.post(sweep_id, "rerun", resources={"time_limit": "7"})
    assert (again["status"], again["cells_pending"], again["completed_at"]) == ("pending", 1, None)
    assert sweeps.settle(sweep_id)["status"] == "completed" and written(tmp_path) == ["0", "1", "2"]
    assert [cell["attempt"] for cell in sweeps.cells(sweep_id)] == [1, 2, 1]


def test_an_attempt_keeps_what_was_changed_for_it(sweeps, app):
    sweeps.create("some", [job("train", FAILS_ONCE)], args={"n": 0, "x": 1})
    sweep_id = sweeps.sweep("some", {"n": [1]})
    sweeps.settle(sweep_id)
    sweeps.post(sweep_id, "rerun", resources={"memory_per_node": "77M"}, args={"x": 2})
    newest, oldest = sweeps.cells(sweep_id)[0]["attempts"]
    assert (newest["attempt"], newest["resources"], newest["args"]) == (2, {"memory_per_node": "77M"}, {"n": 1, "x": 2})
    assert (oldest["attempt"], oldest["resources"], oldest["status"]) == (1, None, "failed")


def test_a_rerun_keeps_the_jobs_that_completed(sweeps, tmp_path):
    jobs = [job("prepare", "echo p{{ n }} >> out"), job("train", FAILS_ONCE, "prepare")]
    sweeps.create("two", jobs, args={"n": 0})
    sweep_id = sweeps.sweep("two", {"n": [1]})
    sweeps.settle(sweep_id)
    sweeps.post(sweep_id, "rerun")
    assert sweeps.settle(sweep_id)["status"] == "completed" and written(tmp_path) == ["1", "p1"]


def test_chosen_cells_are_run_again(sweeps, grid, tmp_path):
    sweep_id = sweeps.sweep("grid", {"lr": [1, 2]})
    sweeps.settle(sweep_id)
    sweeps.post(sweep_id, "rerun", which="chosen", cells=[sweeps.cells(sweep_id)[1]["id"]])
    assert sweeps.settle(sweep_id)["status"] == "completed" and written(tmp_path) == ["1 2", "2 2", "2 2"]


@pytest.mark.parametrize(("body", "status"), [
    ({}, 422), ({"which": "failed"}, 422), ({"which": "chosen", "cells": ["x"]}, 404), ({"which": "some"}, 422),
    ({"which": "chosen"}, 422), ({"other": 1}, 422), ({"args": {"lr": 2}, "which": "failed"}, 422),
])  # fmt: skip
def test_a_rerun_of_nothing_is_refused(client, sweeps, grid, body, status):
    sweep_id = sweeps.sweep("grid", {"lr": [1]})
    before = sweeps.settle(sweep_id)
    assert client.post(f"/api/sweep_runs/{sweep_id}/rerun", json=body).status_code == status
    assert sweeps.get(sweep_id) == before


@pytest.mark.parametrize("body", [
    {"resources": {"memory_per_node": "lots"}}, {"resources": {"colour": 1}}, {"args": {"n": 5}},
    {"args": {"x": "python: 1"}}, {"resources": {"nodes": -1}},
])  # fmt: skip
def test_a_rerun_with_bad_changes_is_refused(client, sweeps, body):
    sweeps.create("some", [job("train", "exit 1")], args={"n": 0, "x": 0})
    sweep_id = sweeps.sweep("some", {"n": [1]})
    before = sweeps.settle(sweep_id)
    assert client.post(f"/api/sweep_runs/{sweep_id}/rerun", json=body).status_code == 422
    assert sweeps.get(sweep_id) == before


def test_fail_fast_does_not_stop_what_is_run_again(sweeps, tmp_path):
    sweeps.create("some", [job("train", "echo {{ n }} >> out; [ {{ n }} = 2 ]")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]}, max_parallel=1, fail_fast=True)
    assert sweeps.settle(sweep_id)["cells_cancelled"] == 2
    chosen = [sweeps.cells(sweep_id)[2]["id"]]
    sweeps.post(sweep_id, "rerun", which="chosen", cells=chosen)
    assert sweeps.settle(sweep_id)["cells_completed"] == 1 and written(tmp_path) == ["0", "2"]


@pytest.mark.parametrize(("place", "status"), [("x", 422), ("0", 400), ("-1", 400), (str(2**63), 400), ("99", 404)])
@pytest.mark.parametrize("below", ["", "/cells", "/events"])
def test_an_unknown_sweep_is_told(client, place, below, status):
    answer = client.get(f"/api/sweep_runs/{place}{below}")
    assert answer.status_code == status and answer.json["detail"]
    assert status != 404 or answer.json == {"detail": "Sweep run 99 not found"}


def test_a_cell_that_can_not_be_rendered_keeps_no_other_from_being_run_again(sweeps, tmp_path):
    sweeps.create("some", [job("train", "mkdir once && exit 1; echo {{ 9 // n }} >> out")],
                  args={"n": 1})  # fmt: skip
    sweep_id = sweeps.sweep("some", {"n": [0, 3]})
    assert sweeps.settle(sweep_id)["cells_failed"] == 2
    sweeps.post(sweep_id, "rerun")
    found = sweeps.settle(sweep_id)
    assert (found["cells_failed"], found["cells_completed"]) == (1, 1) and written(tmp_path) == ["3"]
    assert [cell["attempt"] for cell in sweeps.cells(sweep_id)] == [1, 2]
