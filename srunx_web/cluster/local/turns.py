"""Whose turn it is: first come, first served, when dependencies are fulfilled and the machine has room."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import processes
from .spool import CANCELLED, COMPLETED, NODE_FAIL, PENDING, RUNNING, Spool, private

NEVER, UNMET = "DependencyNeverSatisfied", "Dependency"
SIZES = ("cpus", "memory", "gpus")
# no more than Python may need: what the job gets is in its folder
_ENVIRON = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
_SUPERVISOR = str(Path(__file__).resolve().with_name("supervisor.py"))


def schedule(spool: Spool) -> list[dict]:
    """Notice who died and start whose turn it is; the live jobs, those that wait with their reason.

    Called with the lock held, by whoever changed anything: no daemon does this.
    """
    jobs = spool.live_jobs()
    for job in jobs:
        if job["state"] not in (PENDING, RUNNING):  # somebody was killed in the midst of end()
            spool.put_away(job)
        elif job["state"] == RUNNING and not processes.is_alive(job["pid"], job["born"], job["boot"]):
            processes.kill(processes.members(mark(spool, job["id"])))
            spool.end(job, NODE_FAIL, "1:0", "NodeDown")
    room = Room(json.loads((spool.root / "node").read_bytes()), jobs)
    for job in list(jobs):
        if job["state"] == PENDING:
            _advance(spool, job, jobs, room)
    return [job for job in jobs if job["state"] in (PENDING, RUNNING)]


def mark(spool: Spool, id_: int) -> str:
    """The environment variable by which a job's processes are known."""
    return f"SLURM_SPOOL_JOB={spool.root}:{id_}"


class Room:
    """What the machine has, and what of it is free."""

    def __init__(self, node: dict, jobs: list[dict]):
        busy = [job for job in jobs if job["state"] == RUNNING]
        taken = {card for job in busy for card in job["cards"]}
        self.name = node["name"]
        self.cards = [card for card in node["gpus"] if card not in taken]
        self.total = {"cpus": node["cpus"], "memory": node["memory"], "gpus": len(node["gpus"])}
        self.left = {size: self.total[size] - sum(job[size] for job in busy) for size in SIZES}
        self._is_full = False

    def obstacle(self, job: dict) -> str | None:
        """Why there is no room for it, or None; from the first one that has to wait on, the others wait behind it."""
        if any(job[size] > self.total[size] for size in SIZES):
            return "BadConstraints"  # the machine had more when it was submitted
        if self._is_full:
            return "Priority"
        self._is_full = any(job[size] > self.left[size] for size in SIZES)
        return "Resources" if self._is_full else None

    def take(self, job: dict) -> list[int]:
        """Give it what it asked for, and return its GPUs."""
        for size in SIZES:
            self.left[size] -= job[size]
        cards, self.cards = self.cards[: job["gpus"]], self.cards[job["gpus"] :]
        return cards


def _advance(spool: Spool, job: dict, jobs: list[dict], room: Room) -> None:
    """Start a waiting job, of an array as many tasks as may; they join the jobs."""
    try:
        while job["state"] == PENDING:
            job["reason"], job["dependency"] = _obstacle(spool, job, jobs, room)
            if job["reason"] == NEVER and job["kill"]:
                spool.end(job, CANCELLED, reason=NEVER)
            elif job["reason"]:
                break
            else:
                task = spool.split(job, job["rest"][0]) if job["rest"] else job
                jobs += [task] if task is not job else []
                _start(spool, task, room)
    except OSError as error:  # a full disk, no more processes: tried again the next time
        job["reason"] = error.strerror or str(error)


def _obstacle(spool: Spool, job: dict, jobs: list[dict], room: Room) -> tuple[str | None, str | None]:
    """Why it has to wait, in Slurm's words, and what of its dependencies is not fulfilled."""
    verdict, terms = _dependencies(spool, job, jobs)
    if job["hold"]:
        return "JobHeldUser", terms
    if verdict:
        return verdict, terms
    running = [other for other in jobs if other.get("array_id") == job["id"] and other["state"] == RUNNING]
    if job["throttle"] and len(running) >= job["throttle"]:
        return "JobArrayTaskLimit", None
    return room.obstacle(job), None


def _dependencies(spool: Spool, job: dict, jobs: list[dict]) -> tuple[str | None, str | None]:
    """None, UNMET or NEVER; and the terms that stand in the way, as squeue writes them."""
    found = [(_verdict(spool, job, jobs, kind, label), kind, label) for kind, label in job["terms"]]
    verdicts = {verdict for verdict, _, _ in found}
    if not verdicts - {None} or (job["any_term"] and None in verdicts):
        return None, None
    words = {UNMET: "unfulfilled", NEVER: "failed"}
    terms = [f"{kind}:{label}".rstrip(":") + f"({words[verdict]})" for verdict, kind, label in found if verdict]
    is_never = verdicts == {NEVER} if job["any_term"] else NEVER in verdicts
    return NEVER if is_never else UNMET, ("?" if job["any_term"] else ",").join(terms)


def _verdict(spool: Spool, job: dict, jobs: list[dict], kind: str, label: str) -> str | None:
    """Whether one term lets it run: None, UNMET (not yet) or NEVER. An id that is not known never does."""
    if kind == "singleton":
        return UNMET if any(_is_twin(other, job) for other in jobs) else None
    id_, _, index = label.partition("_")
    array = None if index else spool.read(int(id_))
    if array and array["rest"] and array["state"] == PENDING:
        return UNMET  # too early to read a thousand tasks
    states = {other["state"] for other in spool.family(int(id_), int(index) if index else None)}
    if not states or (kind == "afterok" and states - {PENDING, RUNNING, COMPLETED}):
        return NEVER
    if PENDING in states or (RUNNING in states and kind != "after"):
        return UNMET
    return NEVER if kind == "afternotok" and states == {COMPLETED} else None


def _is_twin(other: dict, job: dict) -> bool:
    """Whether `other` is an older live job of the same name, and not of the same array."""
    is_older = other["id"] < job["id"] and other.get("array_id", 0) != job.get("array_id", job["id"])
    return is_older and other["name"] == job["name"] and other["state"] in (PENDING, RUNNING)


def _start(spool: Spool, job: dict, room: Room) -> None:
    """Hand a job to a supervisor, which waits for the lock, and goes on only if the job's state then names it."""
    folder = spool.live / str(job["id"])
    with open(folder / "log", "ab", opener=private) as log:
        argv = [sys.executable, "-I", "-S", _SUPERVISOR, str(spool.root), str(job["id"])]
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_ENVIRON, start_new_session=True
        )
    threading.Thread(target=child.wait, name="reaper", daemon=True).start()
    who = {"pid": child.pid, "born": processes.born(child.pid), "boot": processes.this_boot()}
    spool.change(
        job, state=RUNNING, reason=None, start_time=int(time.time()), cards=room.take(job), node_list=room.name, **who
    )
