"""A server killed at any line of a submission loses nothing and runs nothing twice."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

JOBS = ("a", "b", "c")
SECONDS = {"SRUNX_SUBMIT_SECONDS": "0.05", "SRUNX_GRACE_SECONDS": "0.05"}


def fault_runs(root, folder, step, *words, **environ) -> dict[str, list[str]]:
    """The runs' states by fault run."""
    argv = [sys.executable, "-m", "tests.faults", str(root), str(step), *words]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("SRUNX_")}
    done = subprocess.run(argv, env={**clean, "FOLDER": str(folder), **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def wrong(states: dict[str, list[str]], ran: str) -> dict[str, int]:
    """The jobs that did not run exactly once, or ran although no run was written down."""
    counts = Counter(ran.splitlines())
    wanted = {f"{name} {job}": len(found) for name, found in states.items() for job in JOBS}
    return {line: counts[line] for line, count in wanted.items() if counts[line] != count}


@pytest.mark.parametrize(("step", "least"), [(2, 200)])
def test_every_job_runs_exactly_once(tmp_path, step, least):
    (tmp_path / "out").mkdir()
    states = fault_runs(tmp_path / "root", tmp_path / "out", step, SRUNX_BACKEND="embedded", **SECONDS)
    assert wrong(states, (tmp_path / "out/ran").read_text()) == {}
    assert len(states) >= least and {tuple(found) for found in states.values()} <= {(), ("completed",)}


def test_without_the_tags_jobs_would_run_twice(tmp_path):
    """That the test above can fail."""
    (tmp_path / "out").mkdir()
    states = fault_runs(tmp_path / "root", tmp_path / "out", 25, "blind", SRUNX_BACKEND="embedded", **SECONDS)
    assert 2 in wrong(states, (tmp_path / "out/ran").read_text()).values()
