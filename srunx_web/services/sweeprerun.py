"""Running cells of a sweep again: a new attempt beside the old one, which stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from peewee import IntegrityError

from ..core import progress, states, workflow
from ..core.errors import Conflict, Denied, Invalid, NotFound, Problem
from ..core.matrix import Matrix
from ..core.plan import PlannedJob, Selection, chosen, plan, resolved
from ..core.sandbox import Budget
from ..core.spec import Fault, invalid, read_job, unsettled
from ..core.workflow import Workflow, refuse_python
from ..settings import Settings
from ..store import Run, Sweep, connected, db, insert
from . import limits
from .cluster import Cluster, fresh
from .copying import copy
from .counts import record, recount
from .follow import Entry, entries_of
from .rows import Planned, write_jobs
from .site import once, site, used_mounts
from .sweeps import check_cluster, show
from .sweepstart import STEPS, cell

WHICH = {"failed": (progress.FAILED,), "unfinished": (progress.FAILED, progress.CANCELLED)}


Old = tuple[Run, list[Entry]]  # an attempt that is over, and its jobs


@dataclass(frozen=True)
class Again:
    """Which cells: those that failed, those that failed or were cancelled, or the chosen runs; and what is to be other
    than the workflow says, for this attempt only."""

    which: str = "unfinished"  # failed, unfinished, chosen
    runs: tuple[str, ...] = ()
    resources: Mapping = field(default_factory=dict)
    args: Mapping = field(default_factory=dict)


def rerun(cluster: Cluster, settings: Settings, sweep_id: int, what: Again) -> Sweep:
    """Give cells another attempt; a sweep that was over goes on. Jobs of a cell that completed are carried over, unless
    its args change.

    Invalid, NotFound, Conflict, NotConnected and what sync brings: nothing was changed.
    """
    sweep = show(sweep_id)
    check_cluster(cluster, sweep)
    runs = _chosen(sweep, what)
    found = entries_of([run.id for run in runs])
    old = [(run, found.get(run.id, [])) for run in runs]
    _check(sweep, old)
    whole = _workflow(sweep, what)
    planned = _planned(settings, sweep, whole, what, old)
    _check_limits(cluster, sweep, planned)
    fresh(cluster.mine, cluster.title)
    copy(cluster, settings, used_mounts(settings, _new(planned), whole.default_project or sweep.mount))
    again = [run for run in runs if run.cell in {one.run.cell for one in planned}]
    _write(cluster, sweep, again, planned, _words(again, what))
    cluster.wake()
    return show(sweep_id)


def _check_limits(cluster: Cluster, sweep: Sweep, planned: list[Planned]) -> None:
    """Invalid for what the cluster would not take, or never start."""
    jobs = [job for _, jobs, earlier in planned for job in jobs if job.name not in earlier]
    if jobs:
        matrix = Matrix(sweep.matrix, sweep.fail_fast, sweep.max_parallel)
        limits.check(cluster, [job for job in planned[0].jobs if job in jobs] or jobs[:1], matrix, jobs)


def _new(planned: list[Planned]) -> list:
    return [job.spec for _, jobs, earlier in planned for job in jobs if job.name not in earlier]


def _chosen(sweep: Sweep, what: Again) -> list[Run]:
    """The last attempts of the cells that are meant."""
    current = (Run.sweep == sweep.id) & Run.is_current
    with connected():
        if what.which in WHICH:
            found = list(Run.select().where(current & Run.status.in_(WHICH[what.which])).order_by(Run.cell))
        elif what.which == "chosen":
            found = list(Run.select().where(current & Run.id.in_(what.runs)).order_by(Run.cell))
            if missing := set(what.runs) - {run.id for run in found}:
                raise NotFound(f"{min(missing)[:80]!r} is not the last attempt at a cell of sweep {sweep.id}")
        else:
            raise Invalid("which: must be failed, unfinished or chosen")
    if not found:
        raise Invalid(f"There are no {'' if what.which == 'chosen' else what.which + ' '}cells to run again")
    return found


def _check(sweep: Sweep, old: list[Old]) -> None:
    """Two attempts at a cell must not run at once."""
    if sweep.cancel_requested_at and sweep.status not in progress.TERMINAL:
        raise Conflict("The sweep is being cancelled; wait until its last cell has ended")
    for run, found in old:
        is_alive = any(entry.is_alive or entry.is_tried for entry in found)
        if run.status not in progress.TERMINAL or is_alive:
            raise Conflict(f"Cell {run.cell + 1} is not over yet; cancel it first, or wait for its end")


def _workflow(sweep: Sweep, what: Again) -> Workflow:
    """The sweep's workflow with the resources of this attempt; Invalid for what can't be changed."""
    refuse_python(dict(what.args), "args")
    if axes := what.args.keys() & sweep.matrix.keys():
        raise Invalid(f"{min(axes)!r} is an axis of the sweep: another value would be another cell")
    whole = workflow.parse(sweep.yaml)
    if not what.resources:
        return whole
    scripts = [job.name for job in whole.jobs if job.script_path]
    if scripts:
        raise Invalid(f"Job {scripts[0]!r} is a script of its own: its resources stand in its #SBATCH lines")
    own = _resources(what.resources)
    return replace(whole, jobs=tuple(replace(job, resources={**job.resources, **own}) for job in whole.jobs))


def _resources(given: Mapping) -> Mapping:
    faults: list[Fault] = []
    spec = read_job({"name": "job", "command": ["true"], "resources": dict(given)}, (), faults)
    faults += unsettled(spec) if spec else []
    if faults:
        raise invalid(faults)
    return spec.resources


def _planned(settings: Settings, sweep: Sweep, whole: Workflow, what: Again, old: list[Old]) -> list[Planned]:
    """The new attempts with their jobs; the problem when none of them can be rendered."""
    place, budget = once(site(settings, whole.default_project or sweep.mount)), Budget(STEPS, who="the rerun does")
    part = chosen(whole, Selection(**sweep.part))
    made = []
    first: Problem | None = None
    for run, found in old:
        args = {**run.args, **what.args}
        try:
            jobs = plan(whole, place, args, part, budget=budget)
        except Denied:
            raise
        except Problem as fault:  # it stays as it is, and keeps no other from running
            first = first or fault
            continue
        new = cell(sweep, run.cell, args, resolved(whole, args, budget), attempt=run.attempt + 1, parent=run.id,
                   resources=dict(what.resources) or None)  # fmt: skip
        made.append(Planned(new, jobs, {} if what.args else _kept(found, jobs)))
    if not made:
        raise first
    return made


def _kept(found: list[Entry], jobs: list[PlannedJob]) -> dict:
    """The jobs that completed, of a cell in which something else is left to run."""
    done = {entry.row.name: entry.row for entry in found
            if entry.row.state == states.COMPLETED and not entry.row.is_unreached}  # fmt: skip
    return done if len(done) < len(jobs) else {}


def _words(old: list[Run], what: Again) -> str:
    """What is done, for the record."""
    changes = [f"{name} {value}" for name, value in {**what.resources, **what.args}.items()]
    number = f"{len(old)} cells" if len(old) > 1 else f"cell {old[0].cell + 1}"
    return f"rerun of {number}" + (f" with {', '.join(changes)}" if changes else "")


def _write(cluster: Cluster, sweep: Sweep, old: list[Run], planned: list[Planned], words: str) -> None:
    """The new attempts in the places of the old ones, in one transaction; Conflict when somebody else was quicker."""
    now = planned[0].run.started_at
    with connected(), db.atomic("IMMEDIATE"):
        mine = Run.id.in_([run.id for run in old]) & Run.is_current & Run.status.in_(progress.TERMINAL)
        if Run.update(is_current=False).where(mine).execute() != len(old):
            raise Conflict("These cells are being run again already")
        try:
            insert(Run, [one.run.__data__ for one in planned])
        except IntegrityError:
            raise Conflict("These cells are being run again already") from None
        write_jobs(cluster, planned)
        _reopen(sweep, now, words)


def _reopen(sweep: Sweep, now: float, words: str) -> None:
    """Only this takes a sweep out of a terminal state: its user asked for it."""
    before = Sweep.get_by_id(sweep.id)
    if before.cancel_requested_at and before.status not in progress.TERMINAL:
        raise Conflict("The sweep is being cancelled; wait until its last cell has ended")
    status = progress.PENDING if before.status in progress.TERMINAL else before.status
    values = {"status": status, "completed_at": None, "cancel_requested_at": None, "reopened_at": now, "error": None}
    Sweep.update(**values).where(Sweep.id == sweep.id).execute()
    record(sweep.id, before.status, status, words)
    recount(sweep.id)
