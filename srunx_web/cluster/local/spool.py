"""The spool: where the embedded executor keeps its jobs.

    lock         who holds it (flock) may change anything
    next         the next free id
    node         what this machine has: name, cpus, memory (MiB), gpus (their numbers)
    tags/TAG     the id that the submission with this tag was to have
    live/ID/     a job that has not ended: `job` (as submitted), `state` (once it has one), `script`, `environ`
    done/ID/     a job that has

Folders move whole and files are replaced whole, so a job exists or it does not, whenever a writer is killed.
An array is one record; each task becomes a job of its own when its turn comes, the last one under the array's id.
"""

import contextlib
import fcntl
import json
import os
import shutil
import time
from pathlib import Path

PENDING, RUNNING, COMPLETED, FAILED = "PENDING", "RUNNING", "COMPLETED", "FAILED"
CANCELLED, TIMEOUT, NODE_FAIL = "CANCELLED", "TIMEOUT", "NODE_FAIL"
_RETRY = 0.005  # seconds between two attempts at the lock


class Spool:
    """A spool folder. Whatever reads or changes jobs is called with the lock held."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.live, self.done, self.tags = self.root / "live", self.root / "done", self.root / "tags"
        self._submitted: dict[int, dict] = {}  # of live jobs; never changes, so it is read once

    @contextlib.contextmanager
    def lock(self, seconds: float | None = None):
        """Hold the spool; TimeoutError when somebody else does for that long."""
        with open(self.root / "lock", "ab", opener=private) as file:
            _flock(file, seconds)
            yield

    def next_id(self) -> int:
        """The id that the next job gets."""
        path = self.root / "next"
        return int(path.read_text()) if path.exists() else 1

    def add(self, job: dict, files: dict[str, bytes], tag: str | None = None) -> dict:
        """Take in a job under the next id and return it; it exists once its folder has been renamed."""
        id_ = self.next_id()
        job = {**job, "id": id_, **({"array_id": id_} if "array" in job else {})}
        write(self.root / "next", str(id_ + 1).encode())
        fresh = self.root / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(0o700)
        for name, data in {**files, "job": json.dumps(job).encode()}.items():
            write(fresh / name, data)
        (fresh / "script").chmod(0o700)
        if tag:
            write(self.tags / tag, str(id_).encode())
        fresh.rename(self.live / str(id_))
        self._submitted[id_] = job
        return _with_state(job, {})

    def folder(self, id_: int) -> Path:
        """Where this job is, if there is one."""
        live = self.live / str(id_)
        return live if live.is_dir() else self.done / str(id_)

    def read(self, id_: int) -> dict | None:
        """A job with its state; None for what is unknown or can't be read."""
        folder = self.folder(id_)
        is_live = folder.parent == self.live
        try:
            job = (is_live and self._submitted.get(id_)) or json.loads((folder / "job").read_bytes())
            state = json.loads((folder / "state").read_bytes()) if (folder / "state").exists() else {}
        except (OSError, ValueError):
            return None
        if is_live:
            self._submitted[id_] = job
        return _with_state(job, state)

    def live_jobs(self) -> list[dict]:
        """The jobs that have not ended, by id."""
        ids = sorted(int(name) for name in os.listdir(self.live) if name.isdigit())
        self._submitted = {id_: self._submitted[id_] for id_ in ids if id_ in self._submitted}
        jobs = {id_: job for id_ in ids if (job := self.read(id_))}
        for job in jobs.values():
            array = jobs.get(job.get("array_id") or 0, job)
            if array is not job and job["task"] in array["rest"]:  # somebody was killed in the midst of split()
                self._note_split(array, job)
        return list(jobs.values())

    def family(self, id_: int, index: int | None = None) -> list[dict]:
        """The job with this id, for an array all its records; with an index, the one record that has this task."""
        job = self.read(id_)
        if job is None or "array" not in job:
            return [job] if job and index is None else []
        if index is None:
            return [job, *filter(None, map(self.read, job["split"].values()))]
        if job.get("task") == index or index in job["rest"]:
            return [job]
        return list(filter(None, [self.read(job["split"].get(str(index), 0))]))

    def split(self, array: dict, index: int) -> dict:
        """Make a job of a waiting task, of the last one the array's own record, and return it."""
        if array["rest"] == [index]:
            self.change(array, task=index)
            array["rest"] = []
            return array
        folder = self.live / str(array["id"])
        job = {name: value for name, value in self._submitted[array["id"]].items() if name != "array"}
        task = self.add({**job, "task": index}, {name: (folder / name).read_bytes() for name in ("script", "environ")})
        self._note_split(array, task)
        return task

    def _note_split(self, array: dict, task: dict) -> None:
        self.change(array, split={**array["split"], str(task["task"]): task["id"]})
        array["rest"].remove(task["task"])

    def change(self, job: dict, **state) -> None:
        """Lay a new state over the old one."""
        path = self.live / str(job["id"]) / "state"
        old = json.loads(path.read_bytes()) if path.exists() else {}
        write(path, json.dumps({**old, **state}).encode())
        job.update(state)

    def end(self, job: dict, state: str, exit_code: str = "0:0", reason: str | None = None) -> None:
        """Write down how it ended, and put it away."""
        self.change(job, state=state, exit_code=exit_code, reason=reason, end_time=int(time.time()))
        self.put_away(job)

    def put_away(self, job: dict) -> None:
        """Move an ended job out of the way of the live ones."""
        folder = self.live / str(job["id"])
        (folder / "environ").unlink(missing_ok=True)
        folder.rename(self.done / folder.name)
        self._submitted.pop(job["id"], None)


def _with_state(job: dict, state: dict) -> dict:
    """A job as it is now. Of an array: `array`, its indices; `split`, those that are jobs, with their ids; `rest`."""
    job = {"state": PENDING, "split": {}, **job, **state}
    job["rest"] = [] if "task" in job else [i for i in job.get("array", ()) if str(i) not in job["split"]]
    return job


def private(path: str | Path, flags: int) -> int:
    """An opener of files for their owner only."""
    return os.open(path, flags, 0o600)


def write(path: Path, data: bytes) -> None:
    """Replace a file at once, durably, for its owner only."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb", opener=private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _flock(file, seconds: float | None) -> None:
    if seconds is None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError from None
            time.sleep(_RETRY)
