"""Slurm passes the contract: locally as an unprivileged user, over SSH, through a jump host, and in other versions."""

import os

import pytest

from srunx_web.cluster.slurm import Slurm
from srunx_web.cluster.ssh import SSHShell, Target
from tests.conftest import cluster
from tests.contract import SchedulerContract, TimeLimits

pytestmark = pytest.mark.cluster
RELEASES = os.environ.get("SRUNX_TEST_RELEASES", "").split()


class OnSlurm(SchedulerContract):
    """`shells()` gives another connection for each life of the server."""

    @pytest.fixture
    def restart(self, shells):
        return lambda: Slurm(shells())

    @pytest.fixture
    def scheduler(self, restart):
        return restart()

    @pytest.fixture
    def folder(self, shells):
        folder = shells().run(["mktemp", "-d"]).out.strip()
        yield folder
        shells().run(["rm", "-rf", folder])


class TestLocally(OnSlurm):
    @pytest.fixture
    def shells(self, as_researcher):
        return lambda: as_researcher


def over_ssh(cluster, host):
    """One connection for all lives: what a kill -9 does to connections, test_ssh.py shows."""
    shell = SSHShell(Target(ssh_host=host, config_file=cluster.ssh_config))
    yield lambda: shell
    shell.close()


class TestOverSSH(OnSlurm, TimeLimits):
    @pytest.fixture
    def shells(self, slurm):
        yield from over_ssh(slurm, "login")


class TestThroughAJumpHost(OnSlurm):
    @pytest.fixture
    def shells(self, slurm):
        yield from over_ssh(slurm, "inner")


@pytest.mark.skipif(
    not RELEASES, reason="no other versions asked for: SRUNX_TEST_RELEASES='trixie', or make test-matrix"
)
class TestOtherVersions(OnSlurm, TimeLimits):
    @pytest.fixture(params=RELEASES or ["none"])
    def shells(self, request):
        yield from over_ssh(cluster(request.param), "login")
