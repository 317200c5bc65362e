"""What jobs print: pieces of their logs by byte offset, found text, the first error."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from ..cluster.shell import Result
from ..core.errors import NotFound, SlurmFailed
from ..core.logpaths import log_paths
from ..core.logtext import ERROR_PATTERN, is_error
from ..core.model import Chunk
from . import jobs
from .cluster import API_WAIT, PAGE_WAIT, Cluster

WINDOW = 64 << 10  # bytes of a page's first look
API_LIMIT = 4 << 20
FOLLOW_LIMIT = 256 << 10  # bytes that a reader may be behind before the middle is skipped
HITS = 200
DOWNLOADS = threading.BoundedSemaphore(6)  # each holds a thread for as long as its reader likes
# a line can be as long as the file: cut what travels, and bound what grep may hold
_SEARCH = 'ulimit -v 2000000; grep -a -b "$@" | cut -b -600'


@dataclass(frozen=True)
class Piece:
    """A part of a stream's file, and the file's name."""

    path: str
    chunk: Chunk

    @property
    def end(self) -> int:
        """The offset of the first byte after it."""
        return self.chunk.offset + len(self.chunk.data)


def path(cluster: Cluster, shown: jobs.Shown, stream: str, wait: float = PAGE_WAIT) -> str | None:
    """Where the stream ("stdout", "stderr") is written on the cluster; None for a stderr that goes to stdout."""
    job = shown.job
    if job.stdout is None and shown.record and shown.record.stdout:
        job = job._replace(stdout=shown.record.stdout, stderr=shown.record.stderr)
    text = jobs.script(cluster, shown, wait) if job.stdout is None else None
    stdout, stderr = log_paths(job, text)
    return stdout if stream == "stdout" else stderr


def read(cluster: Cluster, path: str, offset: int | None, limit: int, wait: float) -> Piece:
    """Up to `limit` bytes from `offset` (None: the last ones). A file that is shorter than `offset` was begun
    anew and is read from its start. NotFound, Denied."""
    shell = cluster.scheduler.shell

    def call() -> Chunk:
        chunk = shell.read(path, offset, limit, wait)
        return shell.read(path, 0, limit, wait) if offset and chunk.size < offset else chunk

    return Piece(path, cluster.calls.ask(("read", path, offset, limit), call, wait))


def read_both(cluster: Cluster, label: str, stdout_offset: int | None, stderr_offset: int | None) -> dict[str, Piece]:
    """New bytes of both streams, as far as the files are there; NotFound when neither is."""
    shown = jobs.show(cluster, label, API_WAIT)
    pieces = {}
    for stream, offset in (("stdout", stdout_offset), ("stderr", stderr_offset)):
        name = path(cluster, shown, stream, API_WAIT)
        try:
            if name:
                pieces[stream] = read(cluster, name, offset, API_LIMIT, API_WAIT)
        except NotFound:
            continue
    if not pieces:
        raise NotFound(missing(cluster, shown))
    return pieces


def missing(cluster: Cluster, shown: jobs.Shown) -> str:
    """Why there may be no log, and where it would be."""
    name = path(cluster, shown, "stdout")
    if shown.job.state == "PENDING":
        return f"Job {shown.label} has not started, so there is no log yet; it will be {name}"
    return f"No log of job {shown.label}: there is no file {name} on {cluster.scheduler.shell.host}"


def find(cluster: Cluster, path: str, text: str, wait: float = 5) -> list[tuple[int, str]]:
    """(offset, line) of the first lines that hold `text`, upper and lower case alike, in the whole file."""
    return _grep(cluster, ["-i", "-F", "-m", str(HITS), "-e", text], path, wait)


def first_error(cluster: Cluster, path: str, wait: float = 5) -> int | None:
    """The offset of the first line that looks like an error, or None."""
    hits = _grep(cluster, ["-E", "-m", str(HITS), "-e", ERROR_PATTERN], path, wait)
    return next((offset for offset, line in hits if is_error(line)), None)


def _grep(cluster: Cluster, options: list[str], path: str, wait: float) -> list[tuple[int, str]]:
    """grep(1) where the file is, so that a large one needs not travel."""
    shell = cluster.scheduler.shell

    def call() -> Result:
        shell.read(path, 0, 1, wait)  # refuses what is no file: a device never ends, a fifo would lose its data
        return shell.run(["sh", "-c", _SEARCH, "sh", *options, "--", path], timeout=wait)

    result = cluster.calls.ask(("grep", path, *options), call, wait)
    if result.err and not result.out:
        raise SlurmFailed(f"grep failed: {result.err.strip()[:500]}")
    hits = (line.partition(":") for line in result.out.split("\n") if line)
    return [(int(offset), line[:500]) for offset, _, line in hits if offset.isdigit()]


def download(cluster: Cluster, path: str) -> tuple[int, Iterator[bytes]]:
    """(size, pieces) of the whole file as it is now; what is written meanwhile is left out. The caller holds
    one of DOWNLOADS while the pieces are read."""
    size = read(cluster, path, None, 1, API_WAIT).chunk.size

    def pieces() -> Iterator[bytes]:
        at = 0
        while at < size:
            data = read(cluster, path, at, min(API_LIMIT, size - at), 30).chunk.data
            if not data:  # it was cut short meanwhile
                return
            at += len(data)
            yield data

    return size, pieces()
