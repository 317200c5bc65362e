"""How often the jobs with `retry` were tried: their scripts write a line when an attempt begins and when it ends."""

import logging
import time
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ..core import states
from ..core.errors import Problem, SlurmFailed
from ..core.logpaths import log_paths
from ..core.logtext import clean
from ..core.sbatch import MARK
from ..store import JobRow, RunJob, connected
from . import logs
from .cluster import Cluster

log = logging.getLogger("srunx_web")
GREP_SECONDS = 10
SLOW_FACTOR = 10  # logs that took s seconds to read are read again after this many times s
FAILED_SECONDS = 60  # after a failure
LATE_SECONDS = 120  # after its end a log may still grow, and the last look may be older than the end
KEPT_SECONDS = 3600
MOST = 101  # attempts: retry is at most 100
_BEGINS = f"^{MARK} [0-9][0-9]* of [0-9][0-9]* begins at "
# by xargs, for one word of a command can't hold more than 128 KiB; -D skip: a pipe or device has no end
_COUNT = ["xargs", "-0", "-r", "grep", "-a", "-c", "-H", "-Z", "-s", "-D", "skip", "-m", str(MOST), "-e", _BEGINS, "--"]
_rest_until: WeakKeyDictionary[Cluster, float] = WeakKeyDictionary()  # monotonic time


class Line(NamedTuple):
    """What a job's log says of its attempts, and the offset of that line."""

    offset: int
    text: str


def record(cluster: Cluster) -> None:
    """Count the attempts of the jobs that run or ended lately, in one call; a failure is logged, and they are
    counted again after a while."""
    begun = time.monotonic()
    if begun < _rest_until.get(cluster, 0):
        return
    rest = FAILED_SECONDS
    try:
        _count(cluster)
        rest = SLOW_FACTOR * (time.monotonic() - begun)
    except Problem as fault:
        log.warning("attempts of jobs were not counted: %s", fault.detail)
    except Exception:
        log.exception("attempts of jobs were not counted")
    _rest_until[cluster] = time.monotonic() + rest


def _count(cluster: Cluster) -> None:
    paths = _logs(cluster)
    if not paths:
        return
    names = "\0".join(paths).encode(errors="surrogateescape")
    told = cluster.scheduler.shell.run(_COUNT, stdin=names, timeout=GREP_SECONDS)
    if told.err and not told.out:
        raise SlurmFailed(told.err.strip()[:500])
    with connected():
        for path, number in counts(told.out).items():
            for id_, most in paths.get(path, ()):
                seen = min(number, most)
                RunJob.update(attempts=seen).where((RunJob.id == id_) & (RunJob.attempts != seen)).execute()


def _logs(cluster: Cluster) -> dict[str, list[tuple[int, int]]]:
    """By the path of the log: (id of the row, attempts it can have) of the jobs that write there."""
    now = time.time()
    ended_lately = (RunJob.end_time > now - LATE_SECONDS) | (
        (RunJob.end_time > now - KEPT_SECONDS) & (RunJob.attempts == 0)
    )
    started = (RunJob.retry > 0) & (RunJob.node_list != "") & (RunJob.state.not_in(states.TERMINAL) | ended_lately)
    found: dict[str, list[tuple[int, int]]] = {}
    with connected():
        rows = JobRow.select(JobRow, RunJob.id.alias("row"), RunJob.retry).join(RunJob, on=RunJob.tag == JobRow.tag)
        for row in rows.where((JobRow.cluster == cluster.key) & started & JobRow.job_id.is_null(False)).objects():
            path, _ = log_paths(row.job, row.script)
            found.setdefault(path, []).append((row.row, row.retry + 1))
    return found


def counts(told: str) -> dict[str, int]:
    """The numbers above 0 that `grep -c -H -Z` printed, by file: NAME, a NUL, the number, a newline."""
    found, name = {}, None
    for piece in told.split("\0"):
        number, _, following = piece.partition("\n")
        if name is not None and number.isdigit() and int(number):
            found[name] = int(number)
        name = piece if name is None else following
    return found


def lines(cluster: Cluster, path: str, wait: float) -> list[Line]:
    """The lines by which a log at `path` tells of its attempts; NotConnected after `wait` seconds."""
    return [
        Line(at, clean(text.encode())) for at, text in logs.find(cluster, path, MARK, wait) if text.startswith(MARK)
    ]
