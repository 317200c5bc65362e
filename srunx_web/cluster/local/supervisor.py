"""One job: `python -I -S supervisor.py SPOOL ID` runs its script, ends it when that was asked for or its time is
over, writes down how it ended, and starts whose turn has come."""

import contextlib
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cluster.local import processes
from cluster.local.spool import CANCELLED, COMPLETED, FAILED, RUNNING, TIMEOUT, Spool
from cluster.local.turns import mark, schedule
from core.logpaths import expand, log_paths
from core.model import Job

GRACE = 5  # seconds between TERM and KILL for a job that is cancelled or out of time
LEFTOVER_GRACE = 1  # and for what a script leaves behind
LONGEST_WAIT = 60  # and then a look whether the spool is still there
NEWS = {signal.SIGCHLD, signal.SIGCONT}  # the script ended; somebody changed the state
INHERITED = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
OUT_OF_REACH = FAILED, "0:53", "RaisedSignal:53(Real-time signal 19)"  # Slurm's end of a job without its files


def main(root: str, id_: int) -> None:
    """Supervise the job, if it was given to this process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, NEWS)
    spool = Spool(root)
    with spool.lock():
        job = spool.read(id_)
    if job and job["state"] == RUNNING and job["pid"] == os.getpid():
        ending = run(spool, job)
        grace = GRACE if ending[0] in (CANCELLED, TIMEOUT) else LEFTOVER_GRACE
        processes.end(mark(spool, id_), os.getpid(), grace)
        finish(spool, job, *ending)


def run(spool: Spool, job: dict) -> tuple[str, str, str | None]:
    """Run the script to its end; the job's state, exit code and reason then."""
    if job.get("cancel"):
        return CANCELLED, "0:0", None
    try:
        files = open_files(job)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return OUT_OF_REACH
    try:
        os.chdir(job["work_dir"])
    except OSError as error:
        os.chdir("/tmp")  # noqa: S108 - where Slurm goes
        say(files[2], f"couldn't chdir to `{job['work_dir']}': {error.strerror}: going to /tmp instead")
    script = str(spool.live / str(job["id"]) / "script")
    actions = [(os.POSIX_SPAWN_DUP2, file, number) for number, file in enumerate(files)]
    try:
        child = os.posix_spawn(
            script, [script], environment(spool, job),
            file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=INHERITED,
        )  # fmt: skip
    except OSError as error:
        say(files[2], f"execve(): {script}: {error.strerror}")
        return FAILED, f"{error.errno}:0", "NonZeroExitCode"
    return watch(spool, job, child, files[2])


def open_files(job: dict) -> list[int]:
    """Descriptors for stdin, stdout and stderr; OSError when one can't be opened."""
    output = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if job["append"] else os.O_TRUNC)
    known = Job(**{name: job[name] for name in Job._fields if name in job})
    stdin, (stdout, stderr) = expand(job["stdin"], known), log_paths(known)
    files = [open_file(os.path.join(job["work_dir"], stdin), os.O_RDONLY), open_file(stdout, output)]
    return [*files, open_file(stderr, output) if stderr else files[1]]


def open_file(path: str, flags: int) -> int:
    """A descriptor that waits for its data, but did not wait for the other end of a pipe."""
    file = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    os.set_blocking(file, True)
    return file


def environment(spool: Spool, job: dict) -> dict[str, str]:
    """The submitter's environment, with what is only known now."""
    environ = json.loads((spool.live / str(job["id"]) / "environ").read_bytes())
    name, _, value = mark(spool, job["id"]).partition("=")
    environ |= {name: value, "SLURM_JOB_ID": str(job["id"]), "SLURM_JOBID": str(job["id"])}
    environ["PATH"] = f"{spool.root}/bin:{environ.get('PATH', os.defpath)}"
    if "task" in job:
        environ |= {"SLURM_ARRAY_JOB_ID": str(job["array_id"]), "SLURM_ARRAY_TASK_ID": str(job["task"])}
    cards = ",".join(map(str, job["cards"]))
    if cards:
        environ |= {"SLURM_JOB_GPUS": cards, "SLURM_GPUS_ON_NODE": str(len(job["cards"])), "GPU_DEVICE_ORDINAL": cards}
    if json.loads((spool.root / "node").read_bytes())["gpus"]:
        environ["CUDA_VISIBLE_DEVICES"] = cards  # empty for a job that asked for none
    return environ


def watch(spool: Spool, job: dict, child: int, stderr: int) -> tuple[str, str, str | None]:
    """Wait until the script has ended, or has to."""
    deadline = time.monotonic() + (job["time_limit"] or math.inf)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return ending(os.waitstatus_to_exitcode(status))
        now = spool.read(job["id"])
        heading = f"*** JOB {job['id']} ON {job['node_list']} CANCELLED AT {time.strftime('%Y-%m-%dT%H:%M:%S')}"
        if now is None or now.get("cancel"):  # None: the spool was deleted
            say(stderr, f"{heading} ***")
            return CANCELLED, "0:15", None
        left = deadline - time.monotonic()
        if left <= 0:
            say(stderr, f"{heading} DUE TO TIME LIMIT ***")
            return TIMEOUT, "0:0", "TimeLimit"
        signal.sigtimedwait(NEWS, min(left, LONGEST_WAIT))


def ending(code: int) -> tuple[str, str, str | None]:
    """What an exit code (negative: a signal) means."""
    if code < 0:
        return FAILED, f"0:{-code}", f"RaisedSignal:{-code}({signal.strsignal(-code)})"
    return (FAILED, f"{code}:0", "NonZeroExitCode") if code else (COMPLETED, "0:0", None)


def say(file: int, words: str) -> None:
    """Tell the user in the job's own output."""
    with contextlib.suppress(OSError):
        os.write(file, f"slurmstepd: error: {words}\n".encode(errors="surrogateescape"))


def finish(spool: Spool, job: dict, state: str, exit_code: str, reason: str | None) -> None:
    """Write down how the job ended; while the disk is full, again and again, until the spool is deleted."""
    while spool.live.is_dir():
        try:
            with spool.lock():
                now = spool.read(job["id"])
                if now and now["state"] == RUNNING and now["pid"] == os.getpid():
                    spool.end(job, state, exit_code, reason)
                schedule(spool)
            return
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
