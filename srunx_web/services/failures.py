"""What the failed jobs of a run said last, and the job of a run as Slurm's own."""

import threading
import time
from dataclasses import dataclass, replace

from ..core import states
from ..core.errors import NotConnected, NotFound, Problem
from ..core.listing import Row
from ..core.logtext import clean
from ..core.model import Chunk
from ..store import RunJob, connected
from . import jobs, logs
from .cluster import Cluster
from .follow import Entry
from .runs import Shown

MOST = 5  # jobs
LINES = 8
WINDOW = 8 << 10  # bytes that are read of each
READ_SECONDS = 5
SETTLED_SECONDS = 30  # a log on a network file system may get its last lines after the job has ended
REMEMBER_SECONDS, AGAIN_SECONDS = 3600, 5
REMEMBERED = 500
_known: dict[tuple, tuple[float, "Failure"]] = {}  # until when, and what
_lock = threading.Lock()


@dataclass(frozen=True)
class Failure:
    """A failed job and the end of what it wrote to stderr, or to its one log: `text` begins at byte `at`.
    `problem` says why there is nothing; with `is_late`, it may come."""

    entry: Entry
    label: str | None = None  # of the Slurm job
    stream: str = "stderr"
    text: str = ""
    at: int = 0
    problem: str | None = None
    is_late: bool = False


def failed(shown: Shown) -> list[Entry]:
    """The jobs that began and failed, the first one first."""
    found = [entry for entry in shown.entries if entry.row.state in states.FAILURES and entry.row.job_id is not None]
    return sorted(found, key=lambda entry: (entry.row.end_time or float("inf"), entry.row.position))


def job_of(cluster: Cluster, entry: Entry) -> jobs.Shown | None:
    """What is on record of it as a job, found by its tag, for ids can begin again at 1; of a carried one, what
    the earlier run knows. None before it has an id, and when it belongs to another cluster."""
    tag = entry.row.tag
    if entry.row.carried_from:
        with connected():
            same = (RunJob.run == entry.row.carried_from) & (RunJob.name == entry.row.name)
            tag = RunJob.select(RunJob.tag).where(same).scalar()
    record = cluster.records.tagged(tag)
    if record is None or record.job_id is None:
        return None
    return jobs.Shown(Row(record.job), record, record.seen_at, None)


def failures(cluster: Cluster, shown: Shown, wait: float) -> list[Failure]:
    """The first MOST failures, each with its last LINES lines, as far as they come within `wait` seconds in all."""
    end = time.monotonic() + wait
    found = [_Log(cluster, entry) for entry in failed(shown)[:MOST]]
    for log in found:
        log.look(0)  # all questions go out at once
    return [log.look(max(0, end - time.monotonic())) for log in found]


class _Log:
    """The log of one failed job. What it ended with is kept: it hardly changes, and must not be read for each poll."""

    def __init__(self, cluster: Cluster, entry: Entry):
        self._cluster, self._entry = cluster, entry
        self._key = (cluster.key, entry.row.run_id, entry.row.name, entry.row.job_id)

    def look(self, wait: float) -> Failure:
        """Its end, if that comes within so many seconds, else as it was known."""
        until, known = _known.get(self._key, (0, None))
        if known and time.time() < until:
            return replace(known, entry=self._entry)
        try:
            found = self._found(wait)
        except NotConnected as fault:
            return known or Failure(self._entry, problem=fault.detail, is_late=True)
        self._keep(found)
        return found

    def _found(self, wait: float) -> Failure:
        """Its end, or why there is none; NotConnected when that takes longer."""
        job = job_of(self._cluster, self._entry)
        if job is None:
            return Failure(self._entry, problem="Its log is not known here")
        try:
            return self._read(job, wait)
        except NotConnected:
            raise
        except NotFound:
            return Failure(self._entry, job.label, problem=logs.missing(self._cluster, job))
        except Problem as fault:
            return Failure(self._entry, job.label, problem=fault.detail)

    def _read(self, job: jobs.Shown, wait: float) -> Failure:
        """The end of stderr, or of stdout when both are one file or nothing was written to stderr."""
        for stream in ("stderr", "stdout"):
            path = logs.path(self._cluster, job, stream, wait)
            if path is None:
                continue
            at, text = ending(self._tail(path, wait, is_needed=stream == "stdout"))
            if text or stream == "stdout":
                return Failure(self._entry, job.label, stream, text, at)
        raise NotFound("it has no log")

    def _tail(self, path: str, wait: float, is_needed: bool) -> Chunk:
        shell = self._cluster.scheduler.shell
        try:
            return self._cluster.calls.ask(("end", path), lambda: shell.read(path, None, WINDOW, READ_SECONDS), wait)
        except NotFound:
            if is_needed:
                raise
            return Chunk(b"", 0, 0)

    def _keep(self, found: Failure) -> None:
        """For good, but for a while at first."""
        now = time.time()
        is_settled = found.text and now - (self._entry.row.end_time or now) > SETTLED_SECONDS
        with _lock:
            if len(_known) >= REMEMBERED:
                _known.clear()
            _known[self._key] = (now + (REMEMBER_SECONDS if is_settled else AGAIN_SECONDS), found)


def ending(chunk: Chunk, lines: int = LINES) -> tuple[int, str]:
    """(offset, text) of the last lines of a piece, without blank ones after them; a line that the piece cuts is
    left out unless it is the only one."""
    data, at = chunk.data, chunk.offset
    if at and b"\n" in data.rstrip():
        cut = data.index(b"\n") + 1
        data, at = data[cut:], at + cut
    whole = data.rstrip()
    kept = b"\n".join(whole.split(b"\n")[-lines:])
    return at + len(whole) - len(kept), clean(kept)
