"""The examples that ship, on the embedded executor; the one with GPUs runs on the real cluster."""

from pathlib import Path

import pytest

import srunx_web
from tests.conftest import close, make_app
from tests.flows import Flows

EXAMPLES = Path(srunx_web.__file__).parent / "examples"
# no container runtime is to be had here: this one says what it was asked for, and runs the command
APPTAINER = """#!/bin/bash
echo "apptainer $*" >&2
while [[ $1 != docker://* ]]; do shift; done
shift
GREETING=$APPTAINERENV_GREETING exec "$@"
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    """The app with a stand-in for apptainer on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apptainer").write_text(APPTAINER)
    (tmp_path / "bin/apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    app = make_app(tmp_path, SRUNX_BACKEND="embedded", SRUNX_DEFAULT_WORK_DIR=str(tmp_path))
    yield app
    close(app)


@pytest.mark.parametrize(
    ("name", "status", "job", "words"),
    [
        ("hello", "completed", "finish", "both sides are done, world"),
        ("learning-rate", "completed", "train", "epoch 3 loss=0.2831 val_acc=0.7793"),
        ("dependencies", "failed", "rescue", "check failed, so this runs"),
        ("container", "completed", "version", "apptainer exec --cleanenv docker://python:3.12-slim python3 -c"),
    ],
)
def test_an_example_runs(client, name, status, job, words):
    flows = Flows(client)
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert client.post("/api/workflows/upload", json={"yaml": text, "filename": f"{name}.yaml"}).status_code == 200
    run = flows.wait(flows.run(name), seconds=60)
    assert run["status"] == status, run
    assert words in client.get(f"/api/jobs/{run['job_ids'][job]}/logs").json["stdout"]


def test_every_example_is_a_workflow_that_can_be_run(client):
    for path in EXAMPLES.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert client.post("/api/workflows/validate", json={"yaml": text}).json == {"valid": True}
