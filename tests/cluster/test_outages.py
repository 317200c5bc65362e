"""While the cluster does not answer: pages with the last data and their age, recovery unaided, a quick end."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.server import Server

pytestmark = pytest.mark.cluster
PAGES = ["/", "/jobs", "/jobs?whose=everyone", "/jobs/rows?q=outage", "/resources", "/jobs/new", "/connection",
         "/jobs/{id}", "/jobs/{id}/state", "/jobs/{id}/log?offset=0"]  # fmt: skip


@contextlib.contextmanager
def stopped_sshd(cluster):
    """Every process of the test sshd stopped: connections are accepted, and nothing ever comes back."""
    pids = _family(int((cluster.folder / "run/sshd.pid").read_text()))
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _family(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [pid, *(one for child in children for one in _family(child))]


def _signal(pids, number) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def without(daemon, cluster):
    """slurmctld or slurmdbd down."""
    pid = int((cluster.folder / f"run/{daemon}.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    subprocess.run(["timeout", "20", "tail", "--pid", str(pid), "-f", "/dev/null"], check=True)
    try:
        yield
    finally:
        cluster.up()


OUTAGES = {
    "sshd stopped": stopped_sshd,
    "no slurmctld": lambda cluster: without("slurmctld", cluster),
    "no slurmdbd": lambda cluster: without("slurmdbd", cluster),
}


@pytest.fixture
def server(slurm, tmp_path):
    server = Server(tmp_path, **slurm.environ()).wait()
    yield server
    server.close()
    slurm.up()
    slurm.user("scancel", "--name=outage")


@contextlib.contextmanager
def load(server, paths):
    """Six readers that never rest."""
    over = threading.Event()

    def read():
        while not over.is_set():
            for path in paths:
                server.get(path)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        over.set()
        for reader in readers:
            reader.join()


def timed(server, path) -> tuple[float, int, str]:
    begun = time.monotonic()
    status, text = server.get(path)
    return time.monotonic() - begun, status, text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to stop daemons")
@pytest.mark.parametrize("outage", OUTAGES)
def test_pages_answer_with_what_is_known(server, slurm, outage):
    body = {"name": "outage", "script_content": "#!/bin/bash\necho line one\nsleep 300\n"}
    id_ = int(server.post("/api/jobs", body)[1].split('"job_id":')[1].split(",")[0])
    paths = [path.format(id=id_) for path in PAGES]
    _until(lambda: "line one" in server.get(f"/jobs/{id_}")[1])
    for path in paths:
        server.get(path)
    with load(server, paths):
        with OUTAGES[outage](slurm):
            _until_told(server, outage)
            for _ in range(3):
                answers = {path: timed(server, path) for path in paths}
                assert {path: seconds for path, (seconds, *_) in answers.items() if seconds >= 1} == {}
                assert {path: status for path, (_, status, _) in answers.items() if status not in (200, 204)} == {}
                assert "outage" in answers["/jobs"][2] and f"#{id_}" in answers[f"/jobs/{id_}"][2]
            if outage != "no slurmdbd":
                _api_says_so(server, outage)
        begun = time.monotonic()
        _until(lambda: server.get("/api/jobs")[0] == 200 and 'class="dot live"' in server.get("/connection")[1], 20)
        assert time.monotonic() - begun < 15


def _until(holds, seconds=30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def _until_told(server, outage) -> None:
    """The pages say that what they show is old; slurmdbd alone makes nothing old."""
    if outage == "no slurmdbd":
        assert 'class="dot live"' in server.get("/connection")[1]
    else:
        _until(lambda: "Last answer" in server.get("/jobs")[1], 60)


def _api_says_so(server, outage) -> None:
    status, text = server.get("/api/jobs")
    assert status in (502, 503)
    words = "Unable to contact slurm controller" if outage == "no slurmctld" else "answer"
    assert words in text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to stop daemons")
@pytest.mark.parametrize("outage", OUTAGES)
def test_the_server_ends_within_five_seconds(server, slurm, outage):
    with OUTAGES[outage](slurm):
        for path in ("/jobs", "/resources"):
            server.get(path)
        assert server.stop() < 5
