"""Sweeps on a scheduler that does not answer, refuses for a while, or loses what it was asked."""

import time

import pytest

from srunx_web.core.errors import NotConnected, NotNow, NotReached, Problem, SlurmFailed, Uncertain
from srunx_web.services import sweeps as services
from srunx_web.services.tick import beat, tick
from tests.conftest import close, cluster_of, make_app
from tests.flows import Sweeps, job
from tests.sweepfaults import roomy

SHORT = {"SRUNX_SUBMIT_SECONDS": "0.05", "SRUNX_GRACE_SECONDS": "0.05"}


class Unreliable:
    """A scheduler whose next answers to submissions and releases are these; the rest is the real one's."""

    def __init__(self, real):
        self._real = real
        self.submissions: list = []
        self.releases: list = []
        self.is_knowing = True

    def __getattr__(self, name):
        return getattr(self._real, name)

    def submit_all(self, submissions):
        """The next answer, for the first of them; of the real one when there is none."""
        answer = self.submissions.pop(0) if self.submissions else None
        if isinstance(answer, NotConnected):
            raise answer
        return [answer, *[None] * (len(submissions) - 1)] if answer else self._real.submit_all(submissions)

    def depend(self, terms):
        """The next problem."""
        if self.releases:
            raise self.releases.pop(0)
        self._real.depend(terms)

    def find(self, sought):
        """Nobody knows, when that is so."""
        return self._real.find(sought) if self.is_knowing else {}


@pytest.fixture
def app(tmp_path):
    app = make_app(tmp_path, SRUNX_BACKEND="embedded", SRUNX_DEFAULT_WORK_DIR=str(tmp_path), **SHORT)
    cluster = roomy(cluster_of(app), tmp_path / "state")
    cluster.scheduler = Unreliable(cluster.scheduler)
    yield app
    close(app)


@pytest.fixture
def sweeps(client):
    """What a user of sweeps does."""
    return Sweeps(client)


def go_on(app, sweep_id, seconds=0, *, until=("completed", "failed", "cancelled")):
    """Tick and beat until the sweep is there, or that time is over; the sweep."""
    cluster, end = cluster_of(app), time.monotonic() + (seconds or 20)
    while time.monotonic() < end and services.show(sweep_id).status not in until:
        cluster.pause = (0, "")
        cluster.changed()
        for step in (beat, tick):
            try:
                step(cluster)
            except Problem:
                continue
        time.sleep(0.05)
    return services.show(sweep_id)


@pytest.mark.parametrize("kind", [NotReached, NotNow])
def test_what_is_not_taken_now_waits_and_fails_nothing(app, sweeps, kind):
    sweeps.create("some", [job("cell", "true")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]}, max_parallel=2)
    cluster_of(app).scheduler.submissions = [kind("sbatch failed: not now")]
    tick(cluster_of(app))
    waiting = services.show(sweep_id)
    assert (waiting.cells_failed, waiting.error) == (0, "Cells wait: sbatch failed: not now")
    assert cluster_of(app).pause[0] > time.monotonic()
    found = go_on(app, sweep_id)
    assert (found.status, found.cells_completed, found.error) == ("completed", 3, None)


def test_a_plain_run_that_reaches_no_controller_has_failed_and_nothing_was_sent(app, client, sweeps):
    sweeps.create("some", [job("cell", "true")])
    cluster_of(app).scheduler.submissions = [NotReached("sbatch failed: no controller")]
    answer = client.post("/api/workflows/some/run", json={})
    assert answer.status_code == 502 and "no controller" in answer.json["detail"]
    assert client.get("/api/workflows/runs").json[0]["status"] == "failed" and client.get("/api/jobs").json == []


def test_a_lost_answer_and_a_refusal_together_block_no_lane(app, sweeps):
    jobs = [job("a", "true"), job("b", "true")]
    sweeps.create("two", jobs, args={"n": 0})
    sweep_id = sweeps.sweep("two", {"n": [0, 1]}, max_parallel=1)
    scheduler = cluster_of(app).scheduler
    scheduler.submissions = [Uncertain("cut"), SlurmFailed("sbatch failed: no")]
    found = go_on(app, sweep_id)
    assert found.status == "failed" and (found.cells_failed, found.cells_completed) == (1, 1)


def test_a_cell_that_was_moved_is_released_in_the_end(app, sweeps):
    sweeps.create("some", [job("cell", "sleep {{ n }}")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [30, 0.1, 0.2, 0.3]}, max_parallel=2)
    cluster_of(app).scheduler.releases = [NotConnected("cut"), SlurmFailed("no")]
    end = time.monotonic() + 15
    while services.show(sweep_id).cells_completed < 3:
        assert time.monotonic() < end
        go_on(app, sweep_id, 0.5)


def test_fail_fast_keeps_back_what_was_claimed_and_not_handed_in(app, sweeps, tmp_path):
    sweeps.create("some", [job("cell", "echo {{ n }} >> out; exit 1")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1, 2]}, max_parallel=3, fail_fast=True)
    scheduler = cluster_of(app).scheduler
    scheduler.submissions = [None] + [NotConnected("cut")] * 500
    while not services.show(sweep_id).cells_failed:
        go_on(app, sweep_id, 0.1)
    scheduler.submissions.clear()
    found = go_on(app, sweep_id)
    assert (found.status, found.cells_failed, found.cells_cancelled) == ("failed", 1, 2)
    assert (tmp_path / "out").read_text() == "0\n"


def test_an_answer_that_nobody_knows_is_asked_for_on_the_sweeps_page(app, client, sweeps):
    sweeps.create("some", [job("cell", "true")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1]}, max_parallel=1)
    scheduler = cluster_of(app).scheduler
    scheduler.submissions, scheduler.is_knowing = [Uncertain("cut")], False
    go_on(app, sweep_id, 1)
    run = sweeps.cells(sweep_id)[0]["id"]
    page = client.get(f"/sweeps/{sweep_id}").text
    assert "Nobody knows whether Slurm took" in page and f"/runs/{run}" in page


def test_with_a_poller_no_reader_hands_anything_in(app, sweeps, client):
    called = []
    cluster_of(app).hurry = lambda: called.append(1)
    sweeps.create("some", [job("cell", "true")], args={"n": 0})
    sweep_id = sweeps.sweep("some", {"n": [0, 1]})
    for below in ("", "/cells"):
        client.get(f"/api/sweep_runs/{sweep_id}{below}")
    assert client.get(f"/sweeps/{sweep_id}").status_code == 200 and called
    assert client.get("/api/jobs").json == [] and services.show(sweep_id).cells_pending == 2
