"""Shells that lead to the real clusters."""

import os
import pwd
import shutil
import subprocess

import pytest

from srunx_web.cluster.shell import LocalShell
from tests.conftest import SCRIPTS, TestCluster


class AsResearcher(LocalShell):
    """This machine as an unprivileged user sees it."""

    def __init__(self):
        super().__init__()
        self.user = "researcher"
        self._home = pwd.getpwnam(self.user).pw_dir

    def run(self, argv, stdin=b"", timeout=30, is_read=True):
        """The command as that user, in their home folder."""
        become = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups"]
        home = ["env", "-C", self._home, f"HOME={self._home}", f"USER={self.user}"]
        return super().run([*become, *home, *argv], stdin, timeout, is_read)

    def write(self, path, data, timeout=30):
        """A file that is theirs."""
        super().write(path, data, timeout)
        shutil.chown(path, self.user, self.user)


@pytest.fixture
def as_researcher(slurm, monkeypatch):
    """A local shell on the test cluster."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become the researcher")
    monkeypatch.setenv("SLURM_CONF", str(slurm.folder / "etc/slurm.conf"))
    shell = AsResearcher()
    yield shell
    shell.close()


@pytest.fixture(scope="session")
def forgetful(slurm):
    """A second Slurm of the same version, whose slurmctld forgets finished jobs after two seconds."""
    knobs = {"CLUSTER_DIR": "/tmp/srunx-forgetful", "CLUSTER_NAME": "forgetful", "MIN_JOB_AGE": "2", "SSH_PORT": "2252",
             "PORT_BASE": "18310", "NO_ETC_SLURM": "1", "CPU_NODES": "2", "GPU_NODES": "0"}  # fmt: skip
    found = TestCluster(["env", *(f"{name}={value}" for name, value in knobs.items()), str(SCRIPTS / "slurm")])
    found.up()
    yield found
    subprocess.run([*found.command, "down"], check=False, capture_output=True)
