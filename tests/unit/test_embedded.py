"""Embedded: the contract, and what may happen to its processes."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import timeit
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from srunx_web.cluster.embedded import Embedded
from srunx_web.cluster.local import processes
from srunx_web.cluster.shell import LocalShell
from srunx_web.core.errors import SlurmFailed
from srunx_web.core.model import Job, Sought, Submission
from srunx_web.core.states import CANCELLED, COMPLETED, PENDING, RUNNING, TERMINAL
from tests.contract import SchedulerContract, TimeLimits


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def restart(spool):
    """Another server on the same spool; the one before lives on in no thread."""
    return lambda **sizes: Embedded(spool, LocalShell(), **{"cpus": 4, "gpus": 0, "memory": 8000, **sizes})


@pytest.fixture
def scheduler(restart):
    return restart()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "work").mkdir()
    return str(tmp_path / "work")


class TestContract(SchedulerContract, TimeLimits):
    time_limit, time_limit_seconds = "0:01", 1


class Bench:
    """A spool, a folder to work in, and the words of these tests."""

    def __init__(self, restart, folder):
        self.restart, self.scheduler, self.folder = restart, restart(), Path(folder)

    def submit(self, body: str = "true", *directives: str, **options) -> int:
        lines = ["#!/bin/bash", *(f"#SBATCH {words}" for words in directives), body]
        return self.scheduler.submit(Submission("\n".join(lines) + "\n", work_dir=str(self.folder), **options))

    def job(self, id_: int) -> Job:
        return self.scheduler.jobs([id_])[id_]

    def wait(self, id_: int, states=TERMINAL) -> Job:
        until(lambda: self.job(id_).state in states)
        return self.job(id_)

    def wait_for_all(self) -> list[Job]:
        until(lambda: all(job.is_terminal for job in self.scheduler.queue(mine=True)), 60)
        return self.scheduler.queue(mine=True)

    def read(self, name: str) -> str:
        until((self.folder / name).exists)
        return (self.folder / name).read_text()

    def supervisor(self, id_: int) -> int:
        return json.loads((self.state(id_)).read_bytes())["pid"]

    def state(self, id_: int) -> Path:
        return self.folder.parent / f"spool/live/{id_}/state"


def until(is_reached, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    return processes.born(pid) is not None


@pytest.fixture
def bench(restart, folder):
    bench = Bench(restart, folder)
    yield bench
    bench.scheduler.cancel([str(job.id) for job in bench.scheduler.queue(mine=True) if not job.is_terminal])
    bench.wait_for_all()


# ---- what dies


def test_a_chain_goes_on_without_any_server(bench):
    first = bench.submit("sleep 0.3; exit 1")
    second = bench.submit("true", dependency=f"afternotok:{first}")
    bench.submit("echo done >last; mv last end", "--array=3", dependency=f"afterok:{second}")
    assert bench.read("end") == "done\n"  # nobody looked at the spool meanwhile


def test_killed_at_any_line_a_submission_is_whole_or_not_at_all(bench, spool):
    argv = [sys.executable, str(Path(__file__).with_name("killed.py")), str(spool), str(bench.folder), "11"]
    acknowledged = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    jobs = bench.wait_for_all()
    assert {job.state for job in jobs} == {COMPLETED}
    ran = sorted(bench.read("ran").splitlines())
    assert ran == sorted(f"{job.array_id} {job.task}" for job in jobs)  # each task once, and none without its job
    assert len(ran) == 2 * len({job.array_id for job in jobs}) > 20
    assert len(acknowledged) == 1 and f"{acknowledged[0]} 1" in ran


def test_a_server_killed_at_some_moment_leaves_whole_jobs(bench, spool):
    code = (
        "import sys; from pathlib import Path; from srunx_web.cluster.embedded import Embedded\n"
        "from srunx_web.cluster.shell import LocalShell; from srunx_web.core.model import Submission\n"
        "scheduler = Embedded(Path(sys.argv[1]), LocalShell(), cpus=4, gpus=0)\n"
        "script = '#!/bin/bash\\n#SBATCH -o /dev/null\\necho $SLURM_JOB_ID >>ran\\n'\n"
        "while True: print(scheduler.submit(Submission(script, work_dir=sys.argv[2])), flush=True)\n"
    )
    acknowledged = []
    for seconds in (0.01, 0.05, 0.09):
        argv = [sys.executable, "-c", code, str(spool), str(bench.folder)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
            acknowledged.append(server.stdout.readline())
            time.sleep(seconds)
            server.kill()
            acknowledged += [line for line in server.stdout if line.endswith("\n")]
    jobs = bench.wait_for_all()
    assert {job.state for job in jobs} == {COMPLETED}
    ran = sorted(map(int, bench.read("ran").split()))
    assert ran == sorted(job.id for job in jobs)
    assert set(map(int, acknowledged)) <= set(ran)


def test_a_killed_supervisor_is_a_node_failure_and_takes_its_job_along(bench):
    id_ = bench.submit("setsid sleep 600 & echo $! >pid; mv pid child; sleep 600")
    after = bench.submit("true", dependency=f"afternotok:{id_}")
    child = int(bench.read("child"))
    os.kill(bench.supervisor(id_), signal.SIGKILL)
    job = bench.wait(id_)
    assert (job.state, job.reason) == ("NODE_FAIL", "NodeDown")
    until(lambda: not is_running(child))
    assert bench.wait(after).state == COMPLETED


@pytest.mark.parametrize("change", [{"born": 1}, {"boot": "another"}])
def test_a_process_with_a_supervisors_old_number_is_not_taken_for_it(bench, change):
    with subprocess.Popen(["sleep", "600"]) as bystander:
        id_ = bench.submit("sleep 600")
        state = json.loads(bench.state(id_).read_bytes())
        os.kill(state["pid"], signal.SIGKILL)
        who = {"pid": bystander.pid, "born": processes.born(bystander.pid)}
        bench.state(id_).write_text(json.dumps({**state, **who, **change}))
        bench.scheduler.cancel([str(id_)])
        assert bench.job(id_).state == "NODE_FAIL"
        assert is_running(bystander.pid)
        bystander.kill()


def test_two_servers_at_once_share_the_spool(bench):
    others = [bench.restart() for _ in range(2)]
    submission = Submission("#!/bin/bash\n#SBATCH -o /dev/null\n", work_dir=str(bench.folder))
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(server.submit, submission) for server in others for _ in range(10)]
        ids = {call.result() for call in calls}
    assert ids == set(range(1, 21))
    assert {job.state for job in bench.wait_for_all()} == {COMPLETED}


def test_a_full_disk_refuses_and_leaves_nothing(bench, spool):
    script = "#!/bin/bash\n" + "#" * 20_000
    submission = Submission(script, work_dir=str(bench.folder))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(SlurmFailed, match="Batch job submission failed: File too large"):
            bench.scheduler.submit(submission)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert bench.scheduler.queue(mine=True) == []
    assert bench.wait(bench.scheduler.submit(submission)).state == COMPLETED


def test_a_deleted_spool_ends_its_jobs(bench, spool):
    bench.submit("echo $$ >pid; mv pid child; sleep 600")
    child, supervisor = int(bench.read("child")), bench.supervisor(1)
    shutil.rmtree(spool)
    bench.scheduler = bench.restart()
    os.kill(supervisor, signal.SIGCONT)  # it looks once a minute
    until(lambda: not is_running(child) and not is_running(supervisor))


def test_what_ignores_term_is_killed(bench):
    id_ = bench.submit("trap '' TERM; echo >ready; while true; do sleep 600; done")
    bench.read("ready")
    bench.scheduler.cancel([str(id_)])
    job = bench.wait(id_)
    assert (job.state, job.end_time - job.start_time >= 5) == (CANCELLED, True)


# ---- whose turn it is


def test_gpus_are_given_to_one_job_each(bench, restart):
    bench.scheduler = restart(gpus=2, cpus=8)
    body = "echo $CUDA_VISIBLE_DEVICES $SLURM_JOB_GPUS; sleep 600"
    ids = [bench.submit(body, "-o %j", words) for words in ("-G1", "--gres=gpu:a100:1", "-n2 --gpus-per-task=1", "-c1")]
    assert [bench.job(id_).state for id_ in ids] == [RUNNING, RUNNING, PENDING, PENDING]
    assert [bench.job(id_).reason for id_ in ids[2:]] == ["Resources", "Priority"]
    until(lambda: {bench.read("1"), bench.read("2")} == {"0 0\n", "1 1\n"})
    assert bench.scheduler.nodes()[0].gpus == (("gpu", 2, 2),)
    bench.scheduler.cancel(["1"])
    bench.wait(1)
    assert bench.job(3).reason == "Resources"
    bench.scheduler.cancel(["2"])
    until(lambda: "0,1 0,1\n" == (bench.folder / "3").read_text() if (bench.folder / "3").exists() else False)
    until(lambda: (bench.folder / "4").exists() and (bench.folder / "4").read_text() == "\n")  # it asked for none


def test_memory_is_shared_out(bench):
    first, second = bench.submit("sleep 600", "--mem=5G"), bench.submit("true", "--mem-per-cpu=2G -c2")
    assert (bench.job(first).memory, bench.job(second).memory) == (5120, 4096)
    assert bench.job(second).reason == "Resources"
    node = bench.scheduler.nodes()[0]
    assert (node.state, node.cpus_used, node.memory_used) == ("mixed", 1, 5120)
    bench.scheduler.cancel([str(first)])
    assert bench.wait(second).state == COMPLETED


def test_what_no_longer_fits_the_machine_holds_nobody_up(bench, restart):
    bench.submit("sleep 600")
    wide = bench.submit("true", "-c4")
    assert bench.job(wide).reason == "Resources"
    bench.scheduler = restart(cpus=2)
    assert bench.wait(bench.submit()).state == COMPLETED
    assert bench.job(wide).reason == "BadConstraints"


@pytest.mark.parametrize("label", ["99", "1_7"])
def test_nothing_runs_after_what_never_was(bench, label):
    bench.submit("true", "--array=0-1")
    with pytest.raises(SlurmFailed, match="Batch job submission failed: Job dependency problem"):
        bench.submit("true", dependency=f"afterany:{label}")


def test_nothing_runs_after_a_failure_of_long_ago(bench):
    id_ = bench.submit("exit 1")
    bench.wait(id_)
    assert bench.wait(bench.submit("true", dependency=f"afterok:{id_}")).reason == "DependencyNeverSatisfied"
    assert bench.wait(bench.submit("true", dependency=f"afternotok:{id_}")).state == COMPLETED


def test_a_task_can_be_waited_for(bench):
    id_ = bench.submit("exit $SLURM_ARRAY_TASK_ID", "--array=0-1")
    ends = [bench.wait(bench.submit("true", dependency=f"afterok:{id_}_{task}")).state for task in (0, 1)]
    assert ends == [COMPLETED, CANCELLED]


def test_open_dependencies_are_told_as_in_squeue(bench):
    good, bad = bench.submit("sleep 600"), bench.submit("exit 1")
    bench.wait(bad)
    id_ = bench.submit("true", f"--dependency=afterok:{bad}?afterany:{good}?singleton")
    bench.submit("true", "--hold")
    job = bench.job(id_)
    assert (job.reason, job.dependency) == (
        "Dependency",
        f"afterok:{bad}(failed)?afterany:{good}(unfulfilled)?singleton(unfulfilled)",
    )


def test_some_tasks_of_an_array_are_cancelled(bench):
    id_ = bench.submit("true", "--array=0-5 --hold")
    bench.scheduler.cancel([f"{id_}_[1-2]", f"{id_}_5"])
    assert [job.label for job in bench.scheduler.array(id_)] == [f"{id_}_{task}" for task in (1, 2, 5)] + [
        f"{id_}_[0,3-4]"
    ]
    bench.scheduler.cancel([f"{id_}_[0,3-4]"])
    assert {job.state for job in bench.scheduler.array(id_)} == {CANCELLED}


@pytest.mark.parametrize("label", ["", "abc", "1_", "-1", "1_[5-1]", "1 2"])
def test_what_is_no_id_cannot_be_cancelled(bench, label):
    with pytest.raises(SlurmFailed, match="scancel: error: Invalid job id"):
        bench.scheduler.cancel([label])


# ---- what a job finds


def test_srun_has_the_allocation_and_the_input_of_its_job(bench):
    calls = ("srun -n3 true", "srun --label -o s%t-%j cat <<X\nin\nX", "srun -O -n3 -D / -l pwd | sort -u", "srun")
    body = "\n".join([*calls, "srun -nx true", "srun -o /dev/null -e err sh -c 'echo $SLURM_LOCALID >&2'; sort err"])
    id_ = bench.submit(body, "-n2 -o log")
    bench.wait(id_)
    assert bench.read(f"s0-{id_}") == bench.read(f"s1-{id_}") == "in\n"
    assert bench.read("log").splitlines() == [
        f"srun: error: Unable to create step for job {id_}: More processors requested than permitted",
        "/",
        "srun: fatal: No command given to execute.",
        'srun: error: Invalid numeric value "x" for --ntasks.',
        "0",
        "1",
    ]


def test_a_strict_srun_ends_all_tasks_with_the_first_that_fails(bench):
    body = "srun -K bash -c 'test $SLURM_PROCID = 0 && exit 7; sleep 600'"
    job = bench.wait(bench.submit(body, "-n2 -o log"))
    assert job.exit_code == "143:0"
    assert "task 0: Exited with exit code 7\n" in bench.read("log")


def test_a_folder_that_is_not_there_is_replaced_by_tmp(bench):
    script = f"#!/bin/bash\n#SBATCH -D /none -o {bench.folder}/log\npwd\n"
    assert bench.wait(bench.scheduler.submit(Submission(script))).state == COMPLETED
    assert bench.read("log").splitlines() == [
        "slurmstepd: error: couldn't chdir to `/none': No such file or directory: going to /tmp instead",
        "/tmp",
    ]


def test_a_missing_interpreter_is_said_in_the_output(bench):
    id_ = bench.scheduler.submit(Submission("#!/none/sh\n", work_dir=str(bench.folder)))
    assert bench.wait(id_).exit_code == "2:0"
    assert "slurmstepd: error: execve(): " in bench.read(f"slurm-{id_}.out")


def test_input_and_environment_are_as_asked_for(bench, monkeypatch):
    monkeypatch.setenv("PASSWORD", "secret")
    (bench.folder / "in").write_text("input\n")
    bench.wait(bench.submit("cat; echo $PASSWORD $COLOUR", "-i in -o log --export=NONE,COLOUR=red"))
    assert bench.read("log") == "input\nred\n"


# ---- the spool


def test_two_thousand_finished_jobs_do_not_slow_the_queue(bench, spool):
    bench.wait(bench.submit())
    done = spool / "done"
    for id_ in range(2, 2002):
        shutil.copytree(done / "1", done / str(id_))
        (done / str(id_) / "job").write_text((done / "1/job").read_text().replace('"id": 1', f'"id": {id_}'))
    assert len(bench.scheduler.queue(mine=True)) == 2001
    seconds = min(timeit.repeat(lambda: bench.scheduler.queue(mine=True), number=1, repeat=10))
    assert seconds < 0.02


def test_the_queue_forgets_and_the_record_stays(bench, spool):
    id_ = bench.submit()
    bench.wait(id_)
    old = time.time() - 400
    os.utime(spool / f"done/{id_}", (old, old))
    bench.scheduler = bench.restart()
    assert bench.scheduler.queue(mine=True) == []
    assert bench.job(id_).state == COMPLETED


def test_the_spool_is_its_owners_only(bench, spool):
    bench.submit("sleep 600", tag="t")
    modes = {path.stat().st_mode & 0o077 for path in [spool, *spool.rglob("*")]}
    assert modes == {0}


def test_a_tag_can_hold_any_text(bench):
    assert bench.scheduler.find([Sought("../../etc/passwd"), Sought("a b")]) == {"../../etc/passwd": None, "a b": None}
    id_ = bench.submit("true", tag="../x")
    assert bench.scheduler.find([Sought("../x")]) == {"../x": id_}
