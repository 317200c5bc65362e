"""The result table of a sweep, from what is on record, and as files to take away."""

import csv
import io
import math
from collections.abc import Iterable

from ..core import progress, states
from ..core.errors import NotFound
from ..core.matrix import Matrix
from ..core.metrics import Metric
from ..core.results import Row, Table, best, sorted_by
from ..core.sweep import cell_state
from ..store import Result, Run, RunJob, Sweep, connected
from .readings import collect, definition

__all__ = ["as_csv", "as_json", "collect", "table"]
NOT_READ = "it was not read yet"
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # what a spreadsheet takes for the beginning of one (owasp.org, CSV Injection)


def table(sweep_id: int) -> Table:
    """The last attempts of all cells, by number; NotFound."""
    with connected():
        sweep = Sweep.select(Sweep.yaml, Sweep.matrix).where(Sweep.id == sweep_id).tuples().first()
        if sweep is None:
            raise NotFound(f"Sweep run {sweep_id} not found")
        mine = (Run.sweep == sweep_id) & Run.is_current
        columns = (Run.cell, Run.id, Run.status, Run.attempt, Result.metrics, Result.faults)
        runs = list(Run.select(*columns).left_outer_join(Result).where(mine).order_by(Run.cell).tuples())
        jobs = _jobs(mine)
    text, axes = sweep
    metrics, points = definition(text).metrics, Matrix(axes).cells()
    unread = {metric.name: NOT_READ for metric in metrics}
    rows = []
    for number, id_, status, attempt, *read in runs:
        seconds, log = jobs.get(id_, (None, None))
        is_over = status in progress.TERMINAL
        values, faults = read if is_over and read[0] is not None else ({}, unread if is_over else {})
        took = seconds if is_over else None
        rows.append(Row(number, id_, cell_state(status), took, attempt, points[number], values, faults, log))
    return Table(tuple(axes), metrics, rows)


Seen = tuple[int | None, tuple[str, int] | None]  # seconds from the first start to the last end; the job to look at


def _jobs(mine) -> dict[str, Seen]:
    """What the jobs of each run tell: the one to look at is the first that failed, else the last."""
    columns = (RunJob.run, RunJob.name, RunJob.job_id, RunJob.state, RunJob.start_time, RunJob.end_time,
               RunJob.carried_from)  # fmt: skip
    rows: dict[str, list[tuple]] = {}
    for id_, *job in RunJob.select(*columns).join(Run).where(mine).order_by(RunJob.position).tuples():
        rows.setdefault(id_, []).append(job)
    return {id_: _seen(found) for id_, found in rows.items()}


def _seen(jobs: list[tuple]) -> Seen:
    starts = [start for *_, start, _, carried in jobs if start is not None and carried is None]
    ends = [end for *_, end, carried in jobs if end is not None and carried is None]
    known = [(name, job_id) for name, job_id, *_ in jobs if job_id is not None]
    failed = [(name, job_id) for name, job_id, state, *_ in jobs if job_id is not None and state in states.FAILURES]
    seconds = max(0, max(ends) - min(starts)) if starts and ends else None
    return seconds, next(iter(failed or known[-1:]), None)


def as_csv(found: Table, rows: Iterable[Row] | None = None) -> str:
    """The rows (None: all, best first) as CSV (RFC 4180), whose cells no spreadsheet takes for formulas. Numbers stay
    numbers, nan and inf among them; what is missing is empty, and the last column says why."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)  # some spreadsheets part plain text at semicolons
    inner = found.columns[2 : 2 + len(found.axes) + len(found.metrics)]
    writer.writerow(["cell", "state", *inner, "duration", "attempt", "run_id", "job", "job_id", "faults"])
    for row in sorted_by(found) if rows is None else rows:
        values = [row.values.get(axis) for axis in found.axes]
        values += [row.metrics.get(metric.name) for metric in found.metrics]
        faults = "; ".join(f"{name}: {words}" for name, words in row.faults.items())
        line = [row.number + 1, row.state, *values, row.seconds, row.attempt, row.run_id, *(row.log or ("", ""))]
        writer.writerow([_harmless(value) for value in (*line, faults)])
    return out.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_json(sweep: Sweep, found: Table, rows: Iterable[Row] | None = None) -> dict:
    """The rows (None: all, best first) as data; cells are numbered from 1. JSON has no words for NaN and infinity, so
    they are the texts "NaN", "Infinity" and "-Infinity"; what is missing is null, and `faults` says why."""
    names = [metric.name for metric in found.metrics]
    return {
        "sweep_run_id": sweep.id, "name": sweep.workflow_name, "status": sweep.status, "axes": list(found.axes),
        "columns": list(found.columns), "metrics": [_metric_json(found, metric) for metric in found.metrics],
        "cells": [_row_json(row, names) for row in (sorted_by(found) if rows is None else rows)],
    }  # fmt: skip


def _metric_json(found: Table, metric: Metric) -> dict:
    return {**metric._asdict(), "best": [number + 1 for number in best(found, metric)]}


def _row_json(row: Row, names: list[str]) -> dict:
    job, job_id = row.log or (None, None)
    return {
        "cell": row.number + 1, "run_id": row.run_id, "status": row.state, "attempt": row.attempt,
        "duration_seconds": row.seconds, "args": {name: _finite(value) for name, value in row.values.items()},
        "metrics": {name: _finite(row.metrics.get(name)) for name in names}, "faults": dict(row.faults),
        "job": job, "job_id": job_id,
    }  # fmt: skip


def _finite(value: object) -> object:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
