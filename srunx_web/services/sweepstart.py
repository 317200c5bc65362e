"""Starting a sweep: every cell checked and rendered, the mounts synced, then all rows in one transaction."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from ..core import progress, yamltext
from ..core.errors import Denied, Invalid, Problem
from ..core.fitting import fits_ahead
from ..core.matrix import Matrix
from ..core.plan import PlannedJob, chosen, plan, resolved
from ..core.sandbox import Budget
from ..core.workflow import refuse_python
from ..settings import Settings
from ..store import Run, Sweep, connected, db, insert
from . import limits
from .cluster import Cluster, fresh
from .copying import copy
from .counts import record, recount
from .launch import Start
from .rows import Planned, write_jobs
from .site import once, site, used_mounts
from .workflows import Definition, valid

STEPS = 60_000_000  # of all renderings of all cells together, as core.sandbox counts them
MOST_JOBS = 10_000  # in all cells together
MOST_TEXT = 64 << 20  # characters of the args and scripts of all cells
MOST_WORDS = 2000
MOST_AHEAD = 20  # jobs of a cell that is handed in ahead: each of them names all jobs of the cell before it


@dataclass(frozen=True)
class Preview:
    """A cell as it would be: the values of its axes, all args, its jobs, or what keeps it from being rendered."""

    args: dict
    resolved: dict
    jobs: list[PlannedJob]
    fault: str | None = None

    @property
    def size(self) -> int:
        """About how many characters are kept of it."""
        return len(repr((self.args, self.resolved))) + sum(len(job.script) for job in self.jobs)


def preview(settings: Settings, definition: Definition, what: Start, matrix: Matrix) -> list[Preview]:
    """Every cell of a sweep, in order; Invalid when none of them can be rendered, Denied, NotFound."""
    found = valid(definition)
    refuse_python(dict(what.args or {}), "args_override")
    part = chosen(found, what.selection)
    if not part:
        raise Invalid("The workflow has no jobs")
    if len(part) * matrix.size > MOST_JOBS:
        raise Invalid(f"{matrix.size} cells of {len(part)} jobs are {matrix.size * len(part)} jobs, more than the "
                      f"{MOST_JOBS} that a sweep may have; take fewer values, or a part of the workflow")  # fmt: skip
    cells, first, size = [], None, 0
    render = _renderer(settings, definition, what, part)
    for axes in matrix.cells():
        cell, fault = render(axes)
        cells.append(cell)
        first, size = first or fault, size + cell.size
        if size > MOST_TEXT:
            raise Invalid(f"The args and scripts of all cells are more than {MOST_TEXT >> 20} MB; put data into files")
    _check_faults(cells, first, matrix)
    return cells


def _renderer(settings: Settings, definition: Definition, what: Start, part: list[str]):
    """A function that makes a cell of the values of its axes, and says what is wrong with it, if anything."""
    found, positions = valid(definition), yamltext.positions(definition.text)
    place, budget = once(site(settings, definition.project)), Budget(STEPS, who="the sweep as a whole does")

    def render(axes: dict) -> tuple[Preview, Problem | None]:
        overrides = {**(what.args or {}), **axes}
        known = resolved(found, overrides, budget)
        try:
            return Preview(axes, known, plan(found, place, overrides, part, positions, budget=budget)), None
        except Denied:
            raise
        except Problem as fault:
            return Preview(axes, known, [], fault.detail[:MOST_WORDS]), fault

    return render


def _check_faults(cells: list[Preview], first: Problem | None, matrix: Matrix) -> None:
    """A cell that can't be rendered is its own failure, unless nothing would be left to run."""
    faulty = sum(cell.fault is not None for cell in cells)
    if first and (faulty == len(cells) or matrix.fail_fast):
        raise first


def start(cluster: Cluster, settings: Settings, definition: Definition, what: Start, matrix: Matrix) -> Sweep:
    """Check and render every cell, sync the mounts, write the sweep and all its cells; the poller hands them in.

    Invalid, Denied, NotFound, NotConnected, and what sync brings: nothing was written.
    """
    found = preview(settings, definition, what, matrix)
    jobs = next(cell.jobs for cell in found if cell.jobs)
    limits.check(cluster, jobs, matrix, [job for cell in found for job in cell.jobs])
    fresh(cluster.mine, cluster.title)
    specs = [job.spec for cell in found for job in cell.jobs]
    copy(cluster, settings, used_mounts(settings, specs, definition.project))
    is_ahead = not matrix.fail_fast and len(jobs) <= MOST_AHEAD and _has_room(cluster, jobs, matrix)
    sweep = _sweep(cluster, definition, what, matrix, jobs=len(jobs), is_ahead=is_ahead)
    _write(cluster, sweep, found)
    cluster.wake()
    return sweep


def _has_room(cluster: Cluster, jobs: list[PlannedJob], matrix: Matrix) -> bool:
    """Whether the queue has room for a waiting cell behind each that runs."""
    known = cluster.limits.last.value
    return known is None or fits_ahead(known, jobs, matrix, limits.queued(cluster))


def _sweep(cluster: Cluster, definition: Definition, what: Start, matrix: Matrix, **more) -> Sweep:
    args = {name: value for name, value in (what.args or {}).items() if name not in matrix.axes}
    return Sweep(
        cluster=cluster.key, workflow_name=definition.name, mount=definition.mount, path=str(definition.path),
        yaml=definition.text, matrix=dict(matrix.axes), args=args,
        part={key: value for key, value in what.selection._asdict().items() if value}, fail_fast=matrix.fail_fast,
        max_parallel=matrix.max_parallel, cell_count=matrix.size, cells_pending=matrix.size, source=what.source,
        triggered_by=what.triggered_by, started_at=time.time(), **more,
    )  # fmt: skip


def _write(cluster: Cluster, sweep: Sweep, found: list[Preview]) -> None:
    """The sweep, its cells, their jobs, in one transaction."""
    with connected(), db.atomic("IMMEDIATE"):
        sweep.save(force_insert=True)
        runs = [cell(sweep, number, {**sweep.args, **one.args}, one.resolved, one.fault)
                for number, one in enumerate(found)]  # fmt: skip
        insert(Run, [run.__data__ for run in runs])
        write_jobs(cluster, [Planned(run, one.jobs) for run, one in zip(runs, found, strict=True)])
        record(sweep.id, None, sweep.status)
        recount(sweep.id)


def cell(sweep: Sweep, number: int, args: Mapping, known: Mapping, fault: str | None = None, **more) -> Run:
    """A run for a cell, with the args given and all of them rendered; one that can't be rendered has failed already."""
    now = time.time()
    usual = {
        "id": str(uuid.uuid4()), "cluster": sweep.cluster, "workflow_name": sweep.workflow_name, "mount": sweep.mount,
        "yaml": "", "args": dict(args), "part": sweep.part, "resolved": dict(known),
        "status": progress.FAILED if fault else progress.PENDING, "started_at": now,
        "completed_at": now if fault else None, "cancel_requested_at": None, "error": fault, "source": sweep.source,
        "triggered_by": sweep.triggered_by, "parent": None, "sweep": sweep.id, "cell": number, "attempt": 1,
        "is_current": True, "resources": None, "lane": None, "after": None,
    }  # fmt: skip
    return Run(**usual | more)
