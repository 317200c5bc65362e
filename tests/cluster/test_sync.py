"""Mounts of a run, sent by rsync over the test sshd."""

import json

import pytest

from tests.conftest import close, make_app
from tests.flows import Flows, job

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["login", "inner"])
def app(request, slurm, shared, tmp_path):
    """A profile with a mount, reached directly and through a jump host."""
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (project / "sub/job.sh").write_text("#!/bin/bash\n#SBATCH -t 5\ncat data.txt >result; pwd >>result\n")
    (project / "sub/data.txt").write_text("it's here\n")
    (project / "big.tmp").write_text("not sent")
    mount = {"name": "proj", "local": str(project), "remote": f"{shared}/my project", "exclude_patterns": ["*.tmp"]}
    profile = {"hostname": request.param, "ssh_host": request.param, "mounts": [mount]}
    (tmp_path / ".config/srunx").mkdir(parents=True)
    config = {"current_profile": "test", "profiles": {"test": profile}}
    (tmp_path / ".config/srunx/config.json").write_text(json.dumps(config))
    app = make_app(tmp_path, SRUNX_SSH_CONFIG=slurm.ssh_config)
    yield app
    close(app)


def test_a_run_syncs_its_mount_and_runs_the_script_where_it_lies(client, slurm, shared):
    flows = Flows(client)
    body = {"name": "flow", "default_project": "proj", "jobs": [{"name": "a", "script_path": "sub/job.sh"}]}
    assert client.post("/api/workflows/create", json=body).status_code == 200
    answer = client.post("/api/workflows/flow/run?mount=proj", json={})
    run = flows.wait(answer.json["id"], seconds=60)
    assert run["status"] == "completed"
    assert slurm.user("cat", f"'{shared}/my project/sub/result'") == f"it's here\n{shared}/my project/sub\n"
    assert slurm.user("ls", f"'{shared}/my project'") == "sub\n"


def test_a_command_starts_in_the_mount(client, slurm, shared, tmp_path):
    flows = Flows(client)
    flows.create("flow", [job("a", "pwd >where", work_dir=str(tmp_path / "project/sub"))])
    assert flows.wait(flows.run("flow"), seconds=60)["status"] == "completed"
    assert slurm.user("cat", f"'{shared}/my project/sub/where'") == f"{shared}/my project/sub\n"


def test_a_sync_that_fails_submits_nothing(client, slurm, shared):
    slurm.user("touch", f"'{shared}/my project'")
    body = {"name": "flow", "default_project": "proj", "jobs": [job("a")]}
    client.post("/api/workflows/create", json=body)
    answer = client.post("/api/workflows/flow/run?mount=proj", json={})
    assert answer.status_code == 502 and "Mount 'proj' sync failed: " in answer.json["detail"]
    (run,) = client.get("/api/workflows/runs").json
    assert (run["status"], run["job_ids"]) == ("failed", {})
