"""A small srun for embedded jobs: `srun [options] command` runs the command in as many tasks as the job has, or -n
says, all at once. What its other options do on a cluster is left out."""

import contextlib
import errno
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from typing import BinaryIO

# srun(1): the options that need a value
VALUED = frozenset(
    """account acctg-freq bcast begin chdir comment constraint container container-image container-mounts
    container-name container-workdir core-spec cores-per-socket cpu-bind cpu-freq cpus-per-gpu cpus-per-task deadline
    delay-boot dependency distribution epilog error exclude export extra-node-info gpu-bind gpu-freq gpus
    gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint input job-name jobid licenses mail-type mail-user
    mem mem-bind mem-per-cpu mem-per-gpu mincpus mpi network nodelist nodes ntasks ntasks-per-core ntasks-per-gpu
    ntasks-per-node ntasks-per-socket open-mode output partition prefer priority profile prolog qos relative
    reservation signal sockets-per-node switches task-epilog task-prolog thread-spec threads threads-per-core time
    time-min tmp tres-bind tres-per-task wait wckey""".split()
)
SHORT = {"n": "ntasks", "c": "cpus-per-task", "o": "output", "e": "error", "i": "input", "D": "chdir",
         "K": "kill-on-bad-exit", "O": "overcommit"}  # fmt: skip
SHORT_VALUED = frozenset("AaBbCcDdeFGiJLMmNnopPqrSTtUwWx")
COUNT = re.compile(r"[1-9]\d{0,5}", re.ASCII)


class Refused(Exception):
    """srun's words for a call that it does not take, and its exit code then."""

    def __init__(self, words: str, code: int = 1):
        super().__init__(words)
        self.code = code


def main(argv: list[str]) -> int:
    """Run the command; the highest exit code of its tasks, 128 + n for one that signal n killed."""
    try:
        options, command = parse(argv)
        count = task_count(options)
        if not command:
            raise Refused("srun: fatal: No command given to execute.")
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.code
    stdin = copied_stdin() if count > 1 else None
    started = [start(options, command, number, count, stdin) for number in range(count)]
    tasks = {task.pid: (number, task) for number, task in enumerate(started) if isinstance(task, subprocess.Popen)}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: send(tasks, number))
    return max([code for code in started if isinstance(code, int)] + wait(tasks, "kill-on-bad-exit" in options))


def parse(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """The options by their long names, and the command: the first word that is no option, and all after it."""
    options: dict[str, str] = {}
    queue = argv[::-1]
    while queue and queue[-1].startswith("-") and len(queue[-1]) > 1:
        word = queue.pop()
        if word == "--":
            break
        name, equals, value = word[2:].partition("=") if word.startswith("--") else short(word[1:], options)
        if not equals and (name in VALUED or name in SHORT_VALUED):
            if not queue:
                raise Refused(f"srun: option '{word}' requires an argument", 255)
            value = queue.pop()
        options[name] = value
    return options, queue[::-1]


def short(letters: str, options: dict[str, str]) -> tuple[str, str, str]:
    """Take the flags among -letters; the option they end with, "=" when a value is glued to it, and that value."""
    for position, letter in enumerate(letters):
        name, rest = SHORT.get(letter, letter), letters[position + 1 :]
        if letter in SHORT_VALUED:
            return name, "=" if rest else "", rest
        options[name] = ""
    return name, "=", ""


def task_count(options: dict[str, str]) -> int:
    """How many tasks there are to be, when the job has the CPUs for them."""
    count = options.get("ntasks") or options.get("ntasks-per-node") or os.environ.get("SLURM_NTASKS", "1")
    each = options.get("cpus-per-task", "1")
    for name, value in (("ntasks", count), ("cpus-per-task", each)):
        if not COUNT.fullmatch(value):
            raise Refused(f'srun: error: Invalid numeric value "{value}" for --{name}.')
    if int(count) * int(each) > int(os.environ.get("SLURM_CPUS_ON_NODE", "1")) and "overcommit" not in options:
        job = os.environ.get("SLURM_JOB_ID", "0")
        raise Refused(f"srun: error: Unable to create step for job {job}: More processors requested than permitted")
    return int(count)


def copied_stdin() -> str | None:
    """A path from which each task reads all that comes on our stdin, if that is a file or a pipe."""
    mode = os.fstat(0).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        return None
    copy = tempfile.TemporaryFile(buffering=0)
    while piece := os.read(0, 1 << 16):
        copy.write(piece)
    return f"/proc/{os.getpid()}/fd/{os.dup(copy.fileno())}"


def start(options: dict[str, str], command: list[str], number: int, count: int, stdin: str | None):
    """One task as a process, or the exit code of one that can't be started."""
    ids = {"PROCID": number, "LOCALID": number, "NODEID": 0, "NTASKS": count, "NPROCS": count, "STEP_ID": 0,
           "STEPID": 0, "STEP_NUM_TASKS": count, "TASKS_PER_NODE": count}  # fmt: skip
    environ = {**os.environ, **{f"SLURM_{name}": str(value) for name, value in ids.items()}}
    with contextlib.ExitStack() as files:
        try:
            source = options.get("input") or stdin
            streams = {"stdin": files.enter_context(open(source, "rb"))} if source else {}
            for name, option in (("stdout", "output"), ("stderr", "error")):
                if option in options:
                    streams[name] = files.enter_context(written(options[option], number))
            if not (program := command[0] if "/" in command[0] else shutil.which(command[0])):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
            return subprocess.Popen(command, executable=program, env=environ, cwd=options.get("chdir"), **streams)
        except OSError as error:
            sys.stderr.write(f"slurmstepd: error: execve(): {error.filename}: {error.strerror}\n")
            return error.errno


def written(pattern: str, number: int) -> BinaryIO:
    """The file of a task; tasks that share one append to it."""
    values = {"t": str(number), "j": os.environ.get("SLURM_JOB_ID", "0"), "n": "0", "%": "%"}
    path = re.sub(r"%(\d*)([tjn%])", lambda match: values[match[2]].zfill(int(match[1] or 0)), pattern)
    is_first = number == 0 or "t" in re.findall(r"%\d*([tjn%])", pattern)
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | (os.O_TRUNC if is_first else 0), 0o666))


def wait(tasks: dict[int, tuple[int, subprocess.Popen]], is_strict: bool) -> list[int]:
    """The exit codes of all tasks; a strict caller has the others ended when one fails."""
    codes = []
    while tasks:
        pid, status = os.wait()
        number, task = tasks.pop(pid)
        task.returncode = code = os.waitstatus_to_exitcode(status)
        if code:
            words = f"Exited with exit code {code}" if code > 0 else signal.strsignal(-code)
            sys.stderr.write(f"srun: error: {os.uname().nodename}: task {number}: {words}\n")
            if is_strict:
                send(tasks, signal.SIGTERM)
        codes.append(code if code >= 0 else 128 - code)
    return codes


def send(tasks: dict[int, tuple[int, subprocess.Popen]], number: int) -> None:
    """Pass a signal on."""
    for pid in list(tasks):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
