"""What we say of a cluster's limits is what slurmctld then does, tried with limits set for a colleague."""

import os
import subprocess
import time

import pytest

from srunx_web.cluster.slurm import Slurm
from srunx_web.cluster.ssh import SSHShell, Target
from srunx_web.core.errors import NotNow, SlurmFailed
from srunx_web.core.fitting import fits_ahead, notices
from srunx_web.core.matrix import Matrix
from srunx_web.core.model import Job, Submission
from srunx_web.core.plan import PlannedJob
from srunx_web.core.spec import JobSpec
from srunx_web.core.states import COMPLETED, PENDING, RUNNING
from tests.conftest import REQUIRED, cluster

pytestmark = pytest.mark.cluster
RELEASES = os.environ.get("SRUNX_TEST_RELEASES", "").split()
NEVER = {"PartitionTimeLimit", "PartitionNodeLimit", "MaxMemPerLimit"}  # why a job waits for ever
SET = """
sacctmgr -i add qos few,lift >/dev/null
sacctmgr -i modify qos few set MaxSubmitJobsPerUser=8 MaxJobsPerUser=1
sacctmgr -i modify qos lift set flags=PartitionTimeLimit,PartitionMaxNodes
sacctmgr -i modify user colleague where account=lab set maxsubmit=6 maxjobs=2 qos=normal,few,lift defaultqos=normal
scontrol create partitionname=tight nodes=c[1-2] maxtime=30 maxnodes=1 maxcpuspernode=8 maxmempernode=1000
"""
UNSET = """
scancel -u colleague
for second in 1 2 3 4 5 6 7 8 9; do [ -z "$(squeue -h -u colleague)" ] || sleep 1; done
scontrol delete partitionname=tight
sacctmgr -i modify user colleague where account=lab set maxsubmit=-1 maxjobs=-1 defaultqos=-1
sacctmgr -i modify user colleague where account=lab set qos=normal
sacctmgr -i delete qos few,lift
"""


def as_root(cluster, lines):
    """Run lines as the cluster's root."""
    inside = [*cluster.command, "exec", "sh"] if "release" in cluster.command[0] else ["sh"]
    environ = {**os.environ, "SLURM_CONF": str(cluster.folder / "etc/slurm.conf")}
    return subprocess.run(inside, input=lines, text=True, env=environ, check=False, capture_output=True, timeout=60)


@pytest.fixture(scope="module", params=[None, *RELEASES], ids=str)
def colleague(request):
    """A Slurm whose user has limits, until the end of these tests."""
    if os.geteuid() != 0:
        (pytest.fail if REQUIRED else pytest.skip)("needs root, to set limits")
    found = cluster(request.param)
    shell = SSHShell(Target(ssh_host="as-colleague", config_file=found.ssh_config))
    try:
        done = as_root(found, f"{UNSET}\nset -e\n{SET}")
        assert done.returncode == 0, done.stderr
        yield Slurm(shell)
    finally:
        as_root(found, UNSET)
        shell.close()


@pytest.fixture
def slurm(colleague):
    """With an empty queue before and after."""
    yield colleague
    colleague.cancel([job.cancel_label for job in colleague.queue(mine=True) if not job.is_terminal])
    until(lambda: all(job.is_terminal for job in colleague.queue(mine=True)))


def until(is_reached, timeout=20):
    """Ask until it is so."""
    deadline = time.monotonic() + timeout
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def script(*directives, body="true"):
    lines = [f"#SBATCH {words}" for words in ("--output=/dev/null", *directives)]
    return "\n".join(["#!/bin/bash", *lines, body, ""])


def told(slurm, text, matrix=None):
    """What we say of a job with this script."""
    return notices(slurm.limits(), [PlannedJob("train", text, (), JobSpec("train", "true"), None, ())], matrix)


def sweep(max_parallel):
    return Matrix({"x": list(range(50))}, fail_fast=True, max_parallel=max_parallel)


def submitted(slurm, text):
    """Hand it in; how its job stands, as often as it is asked."""
    id_ = slurm.submit(Submission(text))
    return lambda: next((job for job in slurm.queue(mine=True) if job.id == id_), Job(id_))


def runs(slurm, text):
    """Wait until it runs."""
    look = submitted(slurm, text)
    until(lambda: look().state in (RUNNING, COMPLETED))


def never_runs(slurm, text):
    """It is refused, or waits for what never comes."""
    try:
        look = submitted(slurm, text)
    except SlurmFailed:
        return
    until(lambda: look().reason in NEVER)
    assert look().state == PENDING


@pytest.mark.parametrize(
    "directives",
    ["-p tight -t 60", "-p tight -t 0", "-p tight -N 2", "-p tight -c 9", "-p tight --mem=2000", "-c 33", "--mem=999G",
     "-p gpu --gpus-per-node=9", "--gres=gpu:1", "-p nope", "-p cpu,nope", "-t 8-0"],
)  # fmt: skip
def test_what_we_call_impossible_never_runs(slurm, directives):
    assert [notice.is_fatal for notice in told(slurm, script(directives))] == [True]
    never_runs(slurm, script(directives))


@pytest.mark.parametrize(
    "directives",
    ["", "-p tight -t 30 -c 8 -N 1 --mem=1000", "-p tight,cpu -t 60", "-p tight,cpu -N 2", "-c 32", "--mem=125G",
     "-N 2 -n 64 --mem-per-cpu=10", "-p gpu --gpus-per-node=8", "-n 64 --mem-per-cpu=10"],
)  # fmt: skip
def test_what_we_say_nothing_of_runs(slurm, directives):
    assert told(slurm, script(directives)) == []
    runs(slurm, script(directives))


@pytest.mark.parametrize("directives", ["-p tight -t 60 -q lift", "-p tight -N 2 -q lift"])
def test_what_a_qos_lifts_is_a_notice_and_runs(slurm, directives):
    (notice,) = told(slurm, script(directives))
    assert not notice.is_fatal and notice.text.endswith("QOS lift may allow it")
    runs(slurm, script(directives))


@pytest.mark.parametrize(("directives", "most"), [("--hold", 6), ("--hold -q few", 8), ("--hold -a 0-1", 3)])
def test_so_many_jobs_as_we_say_are_taken(slurm, directives, most):
    notice, *_ = told(slurm, script(directives), sweep(most + 1))
    assert notice.is_fatal and notice.text.endswith(f"set max_parallel to {most} or lower")
    assert not any(notice.is_fatal for notice in told(slurm, script(directives), sweep(most)))
    assert all(slurm.submit(Submission(script(directives))) for _ in range(most))
    with pytest.raises(NotNow, match="MaxSubmitJob"):
        slurm.submit(Submission(script(directives)))


def test_so_many_as_we_say_run_at_once(slurm):
    (notice,) = told(slurm, script(), sweep(3))
    assert not notice.is_fatal and "may run 2 jobs at once (MaxJobs): 2 of 3 cells" in notice.text
    for _ in range(3):
        slurm.submit(Submission(script(body="sleep 60")))
    until(lambda: {job.reason for job in slurm.queue(mine=True) if job.state == PENDING} == {"AssocMaxJobsLimit"})
    assert [job.state for job in slurm.queue(mine=True) if not job.is_terminal].count(RUNNING) == 2


def test_there_is_room_ahead_for_half_as_many(slurm):
    limits = slurm.limits()
    jobs = [PlannedJob("train", script(), (), JobSpec("train", "true"), None, ())]
    found = [fits_ahead(limits, jobs, sweep(lanes), queued) for lanes, queued in ((3, 0), (3, 1), (4, 0))]
    assert found == [True, False, False]
