"""Sweeps on a real Slurm over SSH: lanes that go on by themselves, cells of several jobs, cancelling, faults."""

import json
import os
import time

import pytest

from srunx_web.services.tick import tick
from tests.conftest import close, cluster_of, make_app
from tests.flows import Sweeps, job
from tests.server import Server
from tests.unit.test_sweepfaults import check, fault_runs, most_at_once

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to stop daemons")]
SHORT = {"SRUNX_SUBMIT_SECONDS": "3", "SRUNX_GRACE_SECONDS": "3"}


@pytest.fixture
def app(slurm, shared, tmp_path):
    app = make_app(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ())
    yield app
    close(app)


@pytest.fixture
def sweeps(client):
    """What a user of sweeps does."""
    return Sweeps(client)


def noted(name: str, seconds: float) -> str:
    """A command that writes when it begins and when it ends."""
    line = f"echo {name} {{{{ n }}}} %s $(date +%%s%%N) >> out"
    return f"{line % 'begins'}; sleep {seconds}; {line % 'ends'}"


def lines(slurm, shared) -> list[list[str]]:
    """What was written."""
    return [line.split() for line in slurm.user(f"cat {shared}/out 2>/dev/null || true").splitlines()]


def test_every_cell_runs_exactly_once(slurm, shared, tmp_path):
    ended = fault_runs(tmp_path / "root", shared, 700, **slurm.environ(), **SHORT)
    check(ended, slurm.user("cat", f"{shared}/ran"))
    assert len(ended) >= 7 and {found.get("sweep") for found in ended.values()} <= {None, "completed"}


def test_the_next_cell_starts_without_us(app, sweeps, slurm, shared):
    """One tick, then nobody looks: a cell behind each that runs goes on by itself, and not before it may."""
    sweeps.create("some", [job("cell", noted("x", 1))], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": list(range(9))}, max_parallel=2)
    tick(cluster_of(app))
    wait_for(lambda: len([line for line in lines(slurm, shared) if line[2] == "ends"]) == 4)
    time.sleep(1)
    assert len(lines(slurm, shared)) == 8 and most_at_once(lines(slurm, shared)) == 2
    assert sweeps.settle(sweep_id, seconds=60)["cells_completed"] == 9
    assert most_at_once(lines(slurm, shared)) == 2


def wait_for(is_so, seconds=40) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.3)


def test_a_cell_ahead_is_pending_until_the_one_before_is_over(app, sweeps, client):
    sweeps.create("some", [job("cell", "sleep 30")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]}, max_parallel=1)
    tick(cluster_of(app))
    cells = sweeps.cells(sweep_id)
    assert [cell["status"] for cell in cells] == ["running", "pending", "pending"]
    ids = [sweeps.show(cell["id"])["job_ids"] for cell in cells]
    assert [bool(found) for found in ids] == [True, True, False]
    sweeps.post(sweep_id, "cancel")
    assert sweeps.settle(sweep_id)["cells_cancelled"] == 3
    states = [client.get(f"/api/jobs/{found['cell']}").json["status"] for found in ids[:2]]
    assert states == ["CANCELLED", "CANCELLED"]


def test_a_cell_of_several_jobs_holds_its_lane_until_all_have_ended(sweeps, slurm, shared):
    """The last job is cancelled as soon as its first parent fails; the other parent still runs."""
    jobs = [job("bad", "false"), job("long", noted("x", 3)), job("last", "true", "bad", "long")]
    sweeps.create("some", jobs, args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]}, max_parallel=1)
    found = sweeps.settle(sweep_id, seconds=90)
    assert found["cells_failed"] == 3 and most_at_once(lines(slurm, shared)) == 1
    assert len(lines(slurm, shared)) == 6


def test_fail_fast_hands_nothing_in_ahead(app, sweeps, slurm, shared):
    sweeps.create("some", [job("cell", noted("x", 1) + "; [ {{ n }} != 1 ]")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2, 3]}, max_parallel=1, fail_fast=True)
    tick(cluster_of(app))
    assert [bool(sweeps.show(cell["id"])["job_ids"]) for cell in sweeps.cells(sweep_id)] == [True, False, False, False]
    found = sweeps.settle(sweep_id, seconds=60)
    assert (found["status"], found["cells_cancelled"]) == ("failed", 2)
    assert {line[1] for line in lines(slurm, shared)} == {"0", "1"}


def test_cancelling_one_cell_reaches_slurm(app, sweeps, client):
    sweeps.create("some", [job("cell", "sleep 60")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1]}, max_parallel=2)
    tick(cluster_of(app))
    first = sweeps.cells(sweep_id)[0]
    id_ = sweeps.show(first["id"])["job_ids"]["cell"]
    assert client.post(f"/api/workflows/runs/{first['id']}/cancel").json["status"] == "cancelled"
    wait_for(lambda: client.get(f"/api/jobs/{id_}").json["status"] == "CANCELLED")
    assert sweeps.get(sweep_id)["cells_cancelled"] == 1


def test_a_server_killed_and_started_again_sees_the_sweep_through(slurm, shared, tmp_path):
    server = Server(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ(), **SHORT).wait()
    try:
        body = {"name": "some", "jobs": [job("cell", noted("x", 1))], "args": {"n": 0}}
        assert server.post("/api/workflows/create", body)[0] == 200
        sweep = {"matrix": {"n": list(range(8))}, "max_parallel": 3}
        status, text = server.post("/api/workflows/some/run", {"sweep": sweep})
        assert status == 202
        for _ in range(3):
            time.sleep(1.5)
            server.restart()
        place = f"/api/sweep_runs/{json.loads(text)['sweep_run_id']}"
        wait_for(lambda: json.loads(server.get(place)[1])["status"] == "completed", 60)
    finally:
        server.close()
    assert len(lines(slurm, shared)) == 16 and most_at_once(lines(slurm, shared)) <= 3


def test_a_lane_that_has_nothing_left_takes_what_waits_behind_a_slow_cell(sweeps, slurm, shared):
    """The cell behind the slow one does not wait for it."""
    sweeps.create("some", [job("cell", "sleep $((20 - {{ n }})); echo {{ n }} >> out")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 19, 18, 17]}, max_parallel=2)
    wait_for(lambda: sweeps.get(sweep_id)["cells_completed"] == 3, 17)
    assert {line[0] for line in lines(slurm, shared)} == {"19", "18", "17"}
    assert sweeps.settle(sweep_id)["cells_completed"] == 4
