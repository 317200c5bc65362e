"""Jobs as processes of this machine, where there is no Slurm: the Scheduler over a spool folder."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from ..core.errors import NotConnected, SlurmFailed
from ..core.limits import Limits, PartitionLimit
from ..core.model import Job, Node, Partition, Sought, Submission
from ..core.options import ARRAY_LIMIT, array_indices, dependency_terms, spans
from . import batch
from .admission import PARTITION, REFUSED, admitted, check_dependencies, make_folders, refusal
from .batch import TAG
from .local import processes, turns
from .local.spool import CANCELLED, PENDING, RUNNING, Spool, write
from .shell import Shell

LOCK_SECONDS = 20
MEMORY_SECONDS = 300  # how long the queue shows what has ended: Slurm's default MinJobAge
_LABEL = re.compile(r"(\d{1,18})(?:_(?:(\d{1,9})|\[([\d,:-]+)\]))?", re.ASCII)


class Embedded:
    """The Scheduler that starts processes itself. Nothing of it needs to live on: supervisors go on with the chain."""

    floor = 0.2  # it is this machine's own folder
    limited = False

    def __init__(
        self, spool: Path, shell: Shell, cpus: int | None = None, gpus: int | None = None, memory: int | None = None
    ):
        self.shell = shell
        self._spool = Spool(spool.resolve())
        self._node = {
            "name": socket.gethostname().split(".")[0],
            "cpus": cpus or len(os.sched_getaffinity(0)),
            "gpus": _cards() if gpus is None else list(range(gpus)),
            "memory": memory or _memory(),
        }
        self._ended: dict[int, Job] = {}  # lately
        self._seen: set[int] = set()
        self._prepare()

    def _prepare(self) -> None:
        root = self._spool.root
        for folder in (root, self._spool.live, self._spool.done, self._spool.tags, root / "bin"):
            folder.mkdir(0o700, parents=True, exist_ok=True)
        srun = shlex.join([sys.executable, "-I", "-S", str(Path(processes.__file__).with_name("srun.py"))])
        with self._locked():
            write(root / "node", json.dumps(self._node).encode())
            write(root / "bin/srun", f'#!/bin/sh\nexec {srun} "$@"\n'.encode())
            (root / "bin/srun").chmod(0o700)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Spool]:
        try:
            with self._spool.lock(LOCK_SECONDS):
                yield self._spool
        except TimeoutError:
            raise NotConnected(f"the spool {self._spool.root} has been in use for {LOCK_SECONDS} s") from None
        except OSError as error:
            raise SlurmFailed(f"the spool {self._spool.root} failed: {error.strerror or error}") from error

    def queue(self, mine: bool) -> list[Job]:
        """The jobs that have not ended, and those that did in the last five minutes."""
        with self._locked() as spool:
            live = [_as_job(record) for record in turns.schedule(spool)]
            self._look_at_ended(spool)
            return [*self._ended.values(), *live]

    def _look_at_ended(self, spool: Spool) -> None:
        """Read what has ended since the last look, and forget what did long ago."""
        oldest = time.time() - MEMORY_SECONDS
        ids = {int(name) for name in os.listdir(spool.done) if name.isdigit()}
        for id_ in sorted(ids - self._seen):
            if spool.folder(id_).stat().st_mtime > oldest and (record := spool.read(id_)):
                self._ended[id_] = _as_job(record)
        self._seen = ids
        self._ended = {id_: job for id_, job in self._ended.items() if (job.end_time or 0) > oldest}

    def jobs(self, ids: list[int]) -> dict[int, Job]:
        """Of all that were ever in this spool."""
        with self._locked() as spool:
            live = {record["id"]: record for record in turns.schedule(spool)}
            records = [live.get(id_) or spool.read(id_) for id_ in ids]
            return {record["id"]: _as_job(record) for record in records if record}

    def array(self, array_id: int) -> list[Job]:
        """Every record of an array, by task."""
        with self._locked() as spool:
            live = {record["id"]: record for record in turns.schedule(spool)}
            jobs = [_as_job(live.get(record["id"], record)) for record in spool.family(array_id)]
        return sorted(jobs, key=lambda job: (job.task is None, job.task or 0))

    def submit(self, submission: Submission) -> int:
        """Take it in, and start it when there is room."""
        with self._locked() as spool:
            id_ = self._take_in(spool, submission)
            _start(spool)
        return id_

    def submit_all(self, submissions: list[Submission]) -> list[int | SlurmFailed | None]:
        """Take in one after the other until one is refused."""
        batch.check(submissions)
        ids: list[int] = []
        with self._locked() as spool:
            try:
                for submission in submissions:
                    ids.append(self._take_in(spool, batch.resolved(submission, ids)))
            except SlurmFailed as refused:
                return [*ids, refused, *[None] * (len(submissions) - len(ids) - 1)]
            finally:
                _start(spool)
        return ids

    def _take_in(self, spool: Spool, submission: Submission) -> int:
        make_folders(submission)
        job, files = admitted(submission, self._node, self.shell.user)
        check_dependencies(job, spool)
        try:
            return spool.add(job, files, submission.tag and quote(submission.tag, safe=""))["id"]
        except OSError as error:
            raise refusal(f"{REFUSED}{error.strerror}") from error

    def check(self, submission: Submission) -> str:
        """The words of `sbatch --test-only`."""
        with self._locked() as spool:
            try:
                job, _ = admitted(submission, self._node, self.shell.user)
                check_dependencies(job, spool)
            except SlurmFailed as refused:
                raise SlurmFailed(refused.detail.replace(f"sbatch: error: {REFUSED}", "allocation failure: ")) from None
            now = time.strftime("%Y-%m-%dT%H:%M:%S")
            return (
                f"sbatch: Job {spool.next_id()} to start at {now} or when there is room, using {job['cpus']} processors"
                f" on nodes {self._node['name']} in partition {PARTITION}"
            )

    def find(self, sought: list[Sought]) -> dict[str, int | None]:
        """By the notes that submissions leave, which are certain; one whose job never came to be does not count."""
        found: dict[str, int | None] = {}
        with self._locked() as spool:
            for one in sought:
                note = spool.tags / quote(one.tag, safe="")
                job = spool.read(int(note.read_text())) if note.exists() else None
                is_it = job and (job["comment"] or "").split(" ", 1)[0] == TAG + one.tag
                found[one.tag] = job["id"] if is_it else None
        return found

    def cancel(self, ids: list[str]) -> None:
        """End processes with TERM, and KILL five seconds later; what waits ends at once."""
        wanted = [_parsed(label) for label in ids]
        with self._locked() as spool:
            for id_, indices in wanted:
                _cancel(spool, id_, indices)
            turns.schedule(spool)

    def depend(self, terms: dict[int, str]) -> None:
        """In the spool; what is free to go then starts at once."""
        with self._locked() as spool:
            for id_, text in terms.items():
                job = spool.read(id_)
                if job and job["state"] == PENDING:
                    any_term, found = dependency_terms(text)
                    spool.change(job, any_term=any_term, terms=found)
            _start(spool)

    def script(self, job: Job) -> str | None:
        """From the spool, which keeps them all."""
        with self._locked() as spool:
            path = spool.folder(job.array_id or job.id) / "script"
            return path.read_bytes().decode(errors="replace") if path.exists() else None

    def partitions(self) -> list[Partition]:
        """The one there is."""
        return [Partition(PARTITION, is_default=True)]

    def limits(self) -> Limits:
        """What this machine has."""
        sizes = {"node_cpus": self._node["cpus"], "node_memory": self._node["memory"]}
        here = PartitionLimit(PARTITION, is_default=True, nodes=1, node_gpus=len(self._node["gpus"]), **sizes)
        return Limits(max_array_size=ARRAY_LIMIT, partitions={PARTITION: here})

    def nodes(self) -> list[Node]:
        """This machine."""
        with self._locked() as spool:
            running = [record for record in turns.schedule(spool) if record["state"] == RUNNING]
        cpus, memory, gpus = (sum(record[size] for record in running) for size in turns.SIZES)
        total = self._node["cpus"]
        state = "idle" if not running else "allocated" if cpus >= total else "mixed"
        cards = (("gpu", len(self._node["gpus"]), gpus),) if self._node["gpus"] else ()
        return [Node(self._node["name"], (PARTITION,), state, total, cpus, self._node["memory"], memory, cards)]


def _as_job(record: dict) -> Job:
    fields = {name: record[name] for name in Job._fields if name in record}
    fields["memory"] = record["memory"] or None
    if record["rest"]:
        fields["tasks"] = spans(record["rest"]) + (f"%{record['throttle']}" if record["throttle"] else "")
    return Job(**fields)


def _start(spool: Spool) -> None:
    with contextlib.suppress(OSError):  # the jobs are in: whoever looks next goes on from here
        turns.schedule(spool)


def _parsed(label: str) -> tuple[int, set[int] | None]:
    """The id, and the tasks that 123_4 or 123_[4-9] names."""
    match = _LABEL.fullmatch(label)
    try:
        indices = set(array_indices(match[2] or match[3])[0]) if match[2] or match[3] else None
    except (TypeError, ValueError):
        raise SlurmFailed(f"scancel failed: scancel: error: Invalid job id {label}") from None
    return int(match[1]), indices


def _cancel(spool: Spool, id_: int, indices: set[int] | None) -> None:
    """Cancel a job, an array, or some of its tasks."""
    for job in spool.family(id_):
        rest = set(job["rest"])
        if indices is None or job.get("task") in indices or (rest and indices >= rest):
            _cancel_one(spool, job)
        else:
            for index in sorted(indices & rest):
                spool.end(spool.split(job, index), CANCELLED)


def _cancel_one(spool: Spool, job: dict) -> None:
    if job["state"] == PENDING:
        spool.end(job, CANCELLED)
    elif job["state"] == RUNNING and processes.is_alive(job["pid"], job["born"], job["boot"]):
        spool.change(job, cancel=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(job["pid"], signal.SIGCONT)  # its supervisor looks at the state


def _cards() -> list[int]:
    """The numbers of the NVIDIA GPUs here."""
    return sorted(int(match[1]) for name in os.listdir("/dev") if (match := re.fullmatch(r"nvidia(\d+)", name)))


def _memory() -> int:
    """The memory of this machine, in MiB."""
    match = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(match[1]) // 1024
