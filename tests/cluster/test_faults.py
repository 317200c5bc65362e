"""Exactly once on a real Slurm: servers killed, connections cut, an sbatch that hangs, a controller that forgets."""

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests import faults
from tests.flows import job
from tests.server import Server
from tests.unit.test_faults import fault_runs, wrong

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to stop daemons")]
SHORT = {"SRUNX_SUBMIT_SECONDS": "3", "SRUNX_GRACE_SECONDS": "3"}


def test_every_job_runs_exactly_once(slurm, shared, tmp_path):
    states = fault_runs(tmp_path / "root", shared, 20, **slurm.environ(), **SHORT)
    assert wrong(states, slurm.user("cat", f"{shared}/ran")) == {}
    assert len(states) >= 24 and {tuple(found) for found in states.values()} <= {(), ("completed",)}


@pytest.fixture
def server(slurm, tmp_path):
    server = Server(tmp_path, **slurm.environ(), **SHORT).wait()
    yield server
    server.close()


@contextlib.contextmanager
def stopped(cluster):
    """slurmctld stopped: it takes connections, and answers nobody."""
    pid = int((cluster.folder / "run/slurmctld.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def start(server, shared) -> threading.Thread:
    """Ask for a run of three jobs that each write a line; the answer may take long."""
    jobs = [job("a", f"echo a >>{shared}/ran"), job("b", f"echo b >>{shared}/ran", "a"),
            job("c", f"echo c >>{shared}/ran", "b")]  # fmt: skip
    body = {"name": "flow", "jobs": [{**one, "work_dir": shared} for one in jobs]}
    assert server.post("/api/workflows/create", body)[0] == 200
    asking = threading.Thread(target=lambda: server.post("/api/workflows/flow/run", {}))
    asking.start()
    return asking


def wait(server, seconds=60) -> str:
    """The state of the one run, once it is over."""
    end = time.monotonic() + seconds
    while (run := json.loads(server.get("/api/workflows/runs")[1])[0])["status"] in ("submitting", "running"):
        run = json.loads(server.get(f"/api/workflows/runs/{run['id']}")[1])
        assert time.monotonic() < end, run
        time.sleep(0.3)
    return run["status"]


def test_an_sbatch_that_hangs_is_looked_up(slurm, server, shared):
    with stopped(slurm):
        asking = start(server, shared)
        asking.join(30)
        assert not asking.is_alive()
        assert json.loads(server.get("/api/workflows/runs")[1])[0]["status"] == "submitting"
    assert wait(server) == "completed"
    assert slurm.user("cat", f"{shared}/ran") == "a\nb\nc\n"


def test_a_connection_that_is_cut_during_sbatch_is_looked_up(slurm, server, shared):
    with stopped(slurm):
        asking = start(server, shared)
        time.sleep(1.5)
        for pid in _sessions(slurm):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1)
    asking.join(30)
    assert wait(server) == "completed"
    assert slurm.user("cat", f"{shared}/ran") == "a\nb\nc\n"


def _sessions(cluster) -> list[int]:
    """The processes of sshd that serve connections."""
    pid = int((cluster.folder / "run/sshd.pid").read_text())
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def test_a_server_killed_while_a_run_goes_on_follows_it_to_its_end(slurm, server, shared):
    start(server, shared).join(30)
    server.restart()
    assert wait(server) == "completed"
    assert slurm.user("cat", f"{shared}/ran") == "a\nb\nc\n"


ARRAY = "#!/bin/bash\n#SBATCH -t 5 -o /dev/null --array=0-3%2\n[ $SLURM_ARRAY_TASK_ID != 0 ] || exit 3\nsleep 3\n"


def test_an_array_of_a_run_ends_with_its_last_task_and_fails_with_any(slurm, server, shared, tmp_path):
    """slurmctld holds the dependents back in the same way."""
    (tmp_path / ".config/srunx/workflows").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".config/srunx/workflows/array.sh").write_text(f"{ARRAY}echo task >>{shared}/ran\n")
    kinds = "afterok", "afternotok"
    after = [job(kind, f"echo {kind} >>{shared}/ran", f"{kind}:a", work_dir=shared) for kind in kinds]
    jobs = [{"name": "a", "script_path": "array.sh", "work_dir": shared}, *after]
    text = json.dumps({"name": "flow", "jobs": jobs})
    assert server.post("/api/workflows/upload", {"filename": "flow.yaml", "yaml": text})[0] == 200
    assert server.post("/api/workflows/flow/run", {})[0] == 202
    assert wait(server) == "failed"
    assert slurm.user("cat", f"{shared}/ran") == "task\ntask\ntask\nafternotok\n"


def test_a_dependent_of_a_forgotten_failure_never_runs(forgetful, tmp_path, monkeypatch):
    """slurmctld takes a purged parent for fulfilled, up to 22.05; the first batch holds the parents only."""
    shared = forgetful.user("mktemp", "-d").strip()
    for name, text in {**forgetful.environ(), **SHORT}.items():
        monkeypatch.setenv(name, text)
    settings = faults.settings_of(tmp_path / "f", shared)
    write_many(settings, shared)
    assert faults.in_a_process(faults.begin, settings, second_batch()) == -signal.SIGKILL
    wait_until_forgotten(forgetful, shared)
    faults.in_a_process(faults.recover, settings)
    assert faults.statuses(settings) == ["failed"]
    wait_until_forgotten(forgetful, shared)  # whatever was handed in has had its time to run
    assert "dependent" not in forgetful.user("cat", f"{shared}/ran")


def write_many(settings, shared) -> None:
    """Fifty jobs that fail, and one after the first of them."""
    jobs = [f"- {{name: p{number}, script_path: fails.sh}}\n" for number in range(50)]
    text = "jobs:\n" + "".join(jobs) + "- {name: dependent, script_path: dependent.sh, depends_on: [p0]}\n"
    (settings.workflow_dir / "flow.yaml").write_text(text)
    for name, code in (("fails", 1), ("dependent", 0)):
        script = f"#!/bin/bash\n#SBATCH -o /dev/null -t 5\necho {name} >>{shared}/ran\nexit {code}\n"
        (settings.workflow_dir / f"{name}.sh").write_text(script)


def second_batch():
    """The moment between the first batch and the next."""
    calls = 0

    def is_last(frame, event) -> bool:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_name == "_next_batch"
        return calls == 2

    return is_last


def wait_until_forgotten(cluster, shared, seconds=120) -> None:
    """Until all have failed, and slurmctld knows none of them any more."""
    end = time.monotonic() + seconds
    while cluster.user("squeue", "-h", "-t", "all") or cluster.user("cat", f"{shared}/ran").count("fails") < 50:
        assert time.monotonic() < end
        time.sleep(1)
