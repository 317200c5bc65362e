"""The metrics of cells, read where their logs and files are, in batches, once the cells are over."""

import logging
import posixpath
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ..cluster import lastmatch
from ..cluster.lastmatch import END_LIMIT, Read, Told
from ..core import metrics, progress, sandbox, workflow
from ..core.errors import Invalid, Problem, TooLarge
from ..core.logpaths import log_paths
from ..core.metrics import Metric, TooSlow, Unreadable
from ..store import JobRow, Result, Run, RunJob, Sweep, connected
from .cluster import Cluster

log = logging.getLogger("srunx_web")
CELLS = 50  # in one batch
LAG_SECONDS = 120  # after its end a log may still grow, or not be seen yet
RETRY_SECONDS = 10
CALL_SECONDS = 10  # for the reads of a batch
MOST_TEXT = 32 << 20
SEARCH_SECONDS = 3  # for all searches in what they brought
FETCHES = 2  # the ends of logs, then the lines that are not there
SPENT_SECONDS = 3  # after that no further batch begins
FAILED_SECONDS = 60  # of rest after a failure
STEPS = 400_000  # of rendering the paths of a cell, as core.sandbox counts them
JSON_LIMIT = 256 << 10
LATE = f"it could not be read within {CALL_SECONDS} s"
SLOW_TIMES = 3  # after that a pattern counts as slow for the whole batch
_rest_until: WeakKeyDictionary[Cluster, float] = WeakKeyDictionary()  # monotonic time
_all_final: WeakKeyDictionary[Cluster, float] = WeakKeyDictionary()  # sweeps that were over before then are read


class Definition(NamedTuple):
    """What is needed of a workflow: its metrics, and its jobs in order."""

    metrics: tuple[Metric, ...] = ()
    jobs: tuple[str, ...] = ()


class Job(NamedTuple):
    """A job of a cell: its logs, none before it has started, and its work folder (None: the home folder)."""

    name: str
    logs: tuple[str, ...]
    work_dir: str | None


@dataclass
class Cell:
    """A cell that is over, with its jobs in the order of the definition."""

    run_id: str
    ended_at: float
    resolved: dict
    metrics: tuple[Metric, ...]
    jobs: list[Job] = field(default_factory=list)
    budget: sandbox.Budget = field(default_factory=lambda: sandbox.Budget(STEPS, who="the metrics do"))
    paths: dict[tuple, str] = field(default_factory=dict)

    def of(self, metric: Metric) -> list[Job]:
        """The jobs that have started, of those that the metric means; Unreadable when there is none."""
        found = [job for job in self.jobs if metric.job in (None, job.name)]
        if not found:
            raise Unreadable(f"{metric.job} is not part of the run" if metric.job else "the run has no jobs")
        if started := [job for job in found if job.logs]:
            return started
        raise Unreadable(f"{metric.job or 'no job of the cell'} {'has not' if metric.job else 'has'} started")

    def path(self, metric: Metric) -> str:
        """Of the metric's file; Unreadable."""
        job = self.of(metric)[-1]
        key = (job.name, metric.file)
        if key not in self.paths:
            try:
                path = sandbox.render(metric.file, self.resolved, self.budget)
            except sandbox.RenderFault as fault:
                raise Unreadable(str(fault)) from None
            if not path.strip() or "\0" in path:
                raise Unreadable("the path of the file is empty, or holds a NUL character")
            self.paths[key] = posixpath.join(job.work_dir or "", path)
        return self.paths[key]


class Late(Unreadable):
    """It was not read in time."""


@lru_cache(maxsize=128)
def definition(text: str) -> Definition:
    """What the YAML of a sweep says; nothing where it can't be read (any more)."""
    try:
        data = workflow.load(text)
        jobs = tuple(str(job["name"]) for job in data["jobs"])
        given = data.get("metrics")
        return Definition() if metrics.faults(given, jobs) else Definition(metrics.read(given), jobs)
    except (Invalid, TooLarge, TypeError, LookupError, AttributeError):
        return Definition()


def collect(cluster: Cluster) -> None:
    """Read what is due, and write it down; a failure is logged, and what is left is read after a while."""
    begun = time.monotonic()
    if begun < _rest_until.get(cluster, 0):
        return
    with cluster.locks.hold("results") as is_held:
        if not is_held:
            return
        try:
            while time.monotonic() < begun + SPENT_SECONDS and (cells := _due(cluster, time.time())):
                _read(cluster, cells, time.time())
            return
        except Problem as fault:
            log.warning("metrics were not read: %s", fault.detail)
        except Exception:
            log.exception("metrics were not read")
        _rest_until[cluster] = time.monotonic() + FAILED_SECONDS


def _due(cluster: Cluster, now: float) -> list[Cell]:
    """Cells to read now, those that were never read first. One whose metrics were all found is read once more when its
    logs can't change any more, and is final then."""
    found = _definitions(cluster)
    is_open = Run.sweep.in_(list(found)) & Run.is_current & Run.status.in_(progress.TERMINAL)
    is_open &= Result.run.is_null() | ~Result.is_final
    is_due = (Result.faults != {}) | (Run.completed_at < now - LAG_SECONDS)
    is_due = Result.run.is_null() | ((Result.read_at < now - RETRY_SECONDS) & is_due)
    with connected():
        rows = Run.select(Run.id, Run.sweep, Run.completed_at, Run.resolved).left_outer_join(Result).where(is_open)
        due = list(rows.where(is_due).order_by(Result.read_at, Run.completed_at).limit(CELLS).tuples())
        if not due and not rows.exists():
            _all_final[cluster] = now - 1
    jobs = _jobs(cluster, [id_ for id_, *_ in due])
    return [_cell(id_, at, resolved, found[sweep], jobs.get(id_, [])) for id_, sweep, at, resolved in due]


def _cell(run_id: str, ended_at: float | None, resolved: dict | None, of: Definition, jobs: list[Job]) -> Cell:
    place = {name: number for number, name in enumerate(of.jobs)}
    in_order = sorted(jobs, key=lambda job: place.get(job.name, -1))
    return Cell(run_id, ended_at or 0, resolved or {}, of.metrics, in_order)


def _definitions(cluster: Cluster) -> dict[int, Definition]:
    """Of the sweeps that name metrics, and go on or ended since all was read."""
    is_open = Sweep.completed_at.is_null() | (Sweep.completed_at > _all_final.get(cluster, 0) - LAG_SECONDS)
    mine = (Sweep.cluster == cluster.key) & is_open & Sweep.yaml.contains("metrics")
    with connected():
        found = {id_: definition(text) for id_, text in Sweep.select(Sweep.id, Sweep.yaml).where(mine).tuples()}
    return {id_: one for id_, one in found.items() if one.metrics}


def _jobs(cluster: Cluster, run_ids: list[str]) -> dict[str, list[Job]]:
    """The jobs of these runs."""
    found: dict[str, list[Job]] = {}
    with connected():
        logs = _logs(cluster, run_ids)
        rows = RunJob.select(RunJob.id, RunJob.run, RunJob.name, RunJob.work_dir).where(RunJob.run.in_(run_ids))
        for id_, run_id, name, work_dir in rows.tuples():
            found.setdefault(run_id, []).append(Job(name, logs.get(id_, ()), work_dir))
    return found


def _logs(cluster: Cluster, run_ids: list[str]) -> dict[int, tuple[str, ...]]:
    """The logs of the jobs that have started, by row; of one that was carried over, those that it wrote before."""
    rows = JobRow.select(JobRow, RunJob.id.alias("row"), RunJob.job_id.alias("known_id"))
    mine = RunJob.run.in_(run_ids) & RunJob.start_time.is_null(False) & RunJob.job_id.is_null(False)
    is_same = (RunJob.job_id == JobRow.job_id) & (JobRow.cluster == cluster.key)
    own = rows.join(RunJob, on=RunJob.tag == JobRow.tag).where(mine)
    carried = rows.join(RunJob, on=is_same).where(mine & RunJob.tag.is_null() & RunJob.carried_from.is_null(False))
    found = {}
    for row in [*own.objects(), *carried.objects()]:
        stdout, stderr = log_paths(row.job._replace(id=row.known_id), row.script)
        found[row.row] = (stdout, stderr) if stderr else (stdout,)
    return found


class Texts:
    """What was read for a batch of cells. What is asked for and not there is noted, and `fetch` gets it."""

    def __init__(self, cluster: Cluster):
        self._shell = cluster.scheduler.shell
        self._told: dict[Read, Told] = {}
        self._wanted: dict[Read, None] = {}
        self._lines: dict[Read, list[str]] = {}
        self._slow: Counter[str] = Counter()
        self._until = 0.0
        self._size = 0  # characters kept; beyond MOST_TEXT the rest comes with the next batch

    def fetch(self) -> bool:
        """Read what is wanted, as far as the time goes; whether anything was."""
        wanted, self._wanted = list(self._wanted), {}
        end = time.monotonic() + CALL_SECONDS
        for batch in lastmatch.batches(wanted):
            if (left := end - time.monotonic()) > 1 and self._size < MOST_TEXT:
                told = lastmatch.ask(self._shell, batch, left)
                self._size += sum(len(one.text) for one in told.values())
                self._told |= told
        self._until = time.monotonic() + SEARCH_SECONDS
        return bool(wanted)

    def get(self, read: Read) -> Told:
        """What came of a read; Late while nothing has, Unreadable."""
        if read not in self._told:
            self._wanted[read] = None
            raise Late(LATE)
        if words := self._told[read].problem:
            raise Unreadable(words)
        return self._told[read]

    def search(self, metric: Metric, read: Read) -> float | str | None:
        """The metric in what came of a read, or None; TooSlow, Late, Unreadable."""
        told = self.get(read)
        if read not in self._lines:
            is_cut = told.is_late or (read.pattern is None and told.size > read.limit)
            self._lines[read] = metrics.lines(lastmatch.without_first_line(told.text) if is_cut else told.text)
        self.check_time()
        if self._slow[metric.pattern] >= SLOW_TIMES:
            raise TooSlow(metrics.TOO_SLOW)
        try:
            return metrics.from_log(metric, self._lines[read], time.thread_time)
        except TooSlow:
            self._slow[metric.pattern] += 1
            raise

    def check_time(self) -> None:
        """Late when there is no more time for searches."""
        if time.monotonic() > self._until:
            raise Late(LATE)


def _read(cluster: Cluster, cells: list[Cell], now: float) -> None:
    """Read these cells: the ends of their logs, then the whole of those where nothing was found."""
    texts = Texts(cluster)
    found = [_measured(cell, texts) for cell in cells]
    for _ in range(FETCHES):
        if texts.fetch():
            found = [_measured(cell, texts) for cell in cells]
    rows = []
    for place, (cell, (values, faults)) in enumerate(zip(cells, found, strict=True)):
        is_late = any(isinstance(fault, Late) for fault in faults.values())
        is_over = now > cell.ended_at + LAG_SECONDS or not any(job.logs for job in cell.jobs)
        is_final = is_over and (not is_late or place == 0)  # the first one had all the time, and will have no more
        told = {"metrics": values, "faults": {name: str(fault) for name, fault in faults.items()}}
        rows.append({"run": cell.run_id, **told, "read_at": now, "is_final": is_final})
    with connected():
        Result.insert_many(rows).on_conflict_replace().execute()


def _measured(cell: Cell, texts: Texts) -> tuple[dict[str, float | str], dict[str, Unreadable]]:
    """The metrics of a cell by name, and why the others are missing."""
    values, faults = {}, {}
    for metric in cell.metrics:
        try:
            values[metric.name] = _from_logs(metric, cell, texts) if metric.pattern else _from_file(metric, cell, texts)
        except Unreadable as fault:
            faults[metric.name] = fault
    return values, faults


def _from_logs(metric: Metric, cell: Cell, texts: Texts) -> float | str:
    """From the last job whose log has it."""
    late, words = None, {}
    for job in reversed(cell.of(metric)):
        for path in job.logs:
            try:
                found = _from_log(metric, path, texts)
            except TooSlow:
                raise
            except Late as fault:
                late = fault
            except Unreadable as fault:
                words[str(fault)] = None
            else:
                if late is None and found is not None:
                    return found
                words[f"no match in the log of {job.name}"] = None
    raise late or Unreadable("; ".join(words)[:300])


def _from_log(metric: Metric, path: str, texts: Texts) -> float | str | None:
    """From the end of a log; when it is not there, from the last line that has it."""
    end = Read(path, END_LIMIT)
    found = texts.search(metric, end)
    if found is not None or texts.get(end).size <= END_LIMIT:
        return found
    line = end._replace(pattern=metric.pattern)
    found = texts.search(metric, line)
    if found is None and texts.get(line).is_late:
        raise Unreadable(f"no match in the end of {path}, and the whole of it could not be searched")
    return found


def _from_file(metric: Metric, cell: Cell, texts: Texts) -> float:
    path = cell.path(metric)
    told = texts.get(Read(path, JSON_LIMIT))
    if told.size > JSON_LIMIT:
        raise Unreadable(f"{path} is larger than {JSON_LIMIT >> 10} kB")
    texts.check_time()
    return metrics.from_json(metric, told.text)
