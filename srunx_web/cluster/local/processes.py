"""Processes as the kernel knows them: which is which, which belong to a job, and their end."""

import contextlib
import functools
import os
import signal
import time
from pathlib import Path

PAUSE = 0.05  # seconds between two looks at what is left
PATIENCE = 10  # seconds for KILL: a process that waits for its disk may not even die of that


def _stat(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc(5) counts it as the third); none when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def born(pid: int) -> int | None:
    """When it began, in clock ticks since boot: what tells it from a later process with the same number."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


@functools.cache
def this_boot() -> str:
    """The kernel's name for the time since the machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int, start: int | None, boot: str) -> bool:
    """Whether the process that had this number then still runs."""
    return boot == this_boot() and start is not None and born(pid) == start


def members(mark: str, session: int | None = None) -> list[int]:
    """The processes of a job: those with its mark in their environment, whatever they did to leave it, and those
    of its session. None for a session that may have ended, since its number may be somebody else's by now."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and _belongs(pid, mark.encode(), session)]


def _belongs(pid: int, mark: bytes, session: int | None) -> bool:
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid() or not (fields := _stat(pid)):
            return False
        return int(fields[3]) == session or mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it is gone, or another user's
        return False


def end(mark: str, session: int, grace: float) -> None:
    """End all processes of a job: TERM, KILL to what is left after `grace` seconds, until PATIENCE is over too."""
    began = time.monotonic()
    told: set[int] = set()
    while (pids := members(mark, session)) and time.monotonic() - began < grace + PATIENCE:
        if time.monotonic() - began >= grace:
            kill(pids)
        for pid in set(pids) - told:
            _send(pid, signal.SIGTERM)
            _send(pid, signal.SIGCONT)  # a stopped one would not hear it
        told.update(pids)
        time.sleep(PAUSE)


def kill(pids: list[int]) -> None:
    """End them at once."""
    for pid in pids:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
