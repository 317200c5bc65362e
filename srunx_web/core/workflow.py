"""A workflow: args and jobs that depend on each other, as its YAML says it (api-contract, section 10)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from . import matrix, metrics, yamltext
from .errors import Invalid, TooLarge
from .metrics import Metric
from .spec import Dependency, Fault, JobSpec, invalid, read_job

SIZE_LIMIT = 1 << 20  # bytes of a definition
JOBS_LIMIT = 5000
NAME = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
VERBATIM = frozenset({"command", "srun_args", "launch_prefix", "env_vars", "env", "exports"})
RESERVED = frozenset({"new", "runs", "validate", "upload", "create"})  # they are routes
_PYTHON = re.compile(r"\s*python:", re.IGNORECASE)


@dataclass(frozen=True)
class Workflow:
    """A definition that has been checked. `sweep` is kept as written: nothing starts it by itself."""

    jobs: tuple[JobSpec, ...] = ()
    title: str | None = None
    description: str | None = None
    args: Mapping[str, object] = field(default_factory=dict)
    default_project: str | None = None
    sweep: Mapping | None = None
    metrics: tuple[Metric, ...] = ()

    @property
    def by_name(self) -> dict[str, JobSpec]:
        """The jobs by their names, in the order of the definition."""
        return {job.name: job for job in self.jobs}

    @property
    def edges(self) -> list[tuple[str, str, str]]:
        """(parent, child, kind) of every dependency."""
        return [(parent.job, job.name, parent.kind) for job in self.jobs for parent in job.depends_on]

    @property
    def order(self) -> list[str]:
        """The names, parents before children; within that the order of the definition."""
        return topological({job.name: [parent.job for parent in job.depends_on] for job in self.jobs})


class PythonRefused(Invalid):
    """A value that a command line would evaluate as Python, which no server may."""


def check_name(name: str) -> str:
    """The name of a workflow or template; Invalid."""
    if not NAME.fullmatch(name):
        raise Invalid(f"{name[:80]!r} is not a valid name: letters, digits, - and _ only")
    return name


def parse(text: str) -> Workflow:
    """The workflow of a YAML text; Invalid carries every fault with its line, TooLarge."""
    return read(load(text), yamltext.positions(text))


def load(text: str) -> object:
    """The definition as data. Words of commands and values of variables are text, as they were written."""
    check_size(text)
    return yamltext.load(text, VERBATIM)


def check_size(text: str) -> None:
    """TooLarge for what is no definition any more."""
    if len(text.encode("utf-8", "replace")) > SIZE_LIMIT:
        raise TooLarge(f"The workflow is larger than {SIZE_LIMIT >> 20} MB")


def read(data: object, position=lambda path: None) -> Workflow:
    """The workflow of a definition as data; `position` finds the (line, column) of a path for the faults."""
    if data is None:
        raise Invalid("Empty YAML content")
    if not isinstance(data, dict):
        raise Invalid("A workflow is a mapping with name and jobs")
    refuse_python(data.get("args"), "args")
    sweep = data.get("sweep")
    refuse_python(sweep.get("matrix") if isinstance(sweep, dict) else None, "sweep.matrix")
    faults: list[Fault] = []
    values = _top(data, faults)
    if isinstance(sweep, dict):
        faults += matrix.faults(sweep)
    jobs = _jobs(data, faults)
    faults += metrics.faults(data.get("metrics"), _names(data["jobs"])) if isinstance(data.get("jobs"), list) else []
    if faults:
        raise invalid(faults, position)
    return Workflow(jobs=jobs, metrics=metrics.read(data.get("metrics")), **values)


def refuse_python(value: object, where: str, key: str = "") -> None:
    """Invalid for a value that a command line would evaluate as Python, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            refuse_python(inner, where, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for inner in value:
            refuse_python(inner, where, key)
    elif isinstance(value, str) and _PYTHON.match(value):
        words = f"{where} at {key!r} contains 'python:' prefix which is not allowed via web for security reasons"
        raise PythonRefused(words)


def _top(data: dict, faults: list[Fault]) -> dict:
    """The values beside the jobs."""
    shapes = {"name": (str, int), "description": str, "args": dict, "default_project": str, "sweep": dict}
    words = {dict: "must be a mapping", str: "must be text"}
    for key, shape in shapes.items():
        if data.get(key) is not None and not isinstance(data[key], shape):
            faults.append(Fault((key,), words.get(shape, "must be text")))
    for key in data.get("args") if isinstance(data.get("args"), dict) else ():
        if not isinstance(key, str) or not key.isidentifier() or key == "deps":
            faults.append(Fault(("args", key), "must be named like a variable, and not deps"))
    return {
        "title": None if data.get("name") is None else str(data["name"]), "description": data.get("description"),
        "args": data.get("args") or {}, "default_project": data.get("default_project"), "sweep": data.get("sweep"),
    }  # fmt: skip


def _jobs(data: dict, faults: list[Fault]) -> tuple[JobSpec, ...]:
    entries = data.get("jobs")
    if not isinstance(entries, list):
        faults.append(Fault(("jobs",), "must be a list of jobs"))
        return ()
    if len(entries) > JOBS_LIMIT:
        faults.append(Fault(("jobs",), f"are more than {JOBS_LIMIT}"))
        return ()
    jobs = [read_job(entry, ("jobs", number), faults) for number, entry in enumerate(entries)]
    faults += _as_a_graph(entries, jobs)
    return tuple(job for job in jobs if job)


def _names(entries: list) -> list[object]:
    """The names of jobs as data, right or wrong."""
    return [entry.get("name") if isinstance(entry, dict) else None for entry in entries]


def _as_a_graph(entries: list, jobs: Sequence[JobSpec | None]) -> list[Fault]:
    """What is wrong between the jobs: names used twice, unknown parents, cycles."""
    names = _names(entries)
    first = {name: number for number, name in reversed(list(enumerate(names))) if isinstance(name, str)}
    faults = []
    for number, (name, job) in enumerate(zip(names, jobs, strict=True)):
        if isinstance(name, str) and first[name] < number:
            faults.append(Fault(("jobs", number, "name"), "is used by another job already", name))
        for parent in job.depends_on if job else ():
            if parent.job not in first:
                faults.append(Fault(("jobs", number, "depends_on"), f"there is no job {parent.job!r}", name))
    faults += _contradictions(jobs)
    if not faults and (cycle := _cycle({job.name: job.depends_on for job in jobs if job})):
        faults.append(Fault(("jobs",), f"depend on each other in a circle: {' -> '.join(cycle)}"))
    return faults


def _contradictions(jobs: Sequence[JobSpec | None]) -> list[Fault]:
    """Jobs that want the same parent to have ended well and badly."""
    faults = []
    for number, job in enumerate(jobs):
        wanted = {(parent.job, parent.kind) for parent in job.depends_on} if job else ()
        for name in {name for name, kind in wanted if kind == "afterok" and (name, "afternotok") in wanted}:
            words = f"{name!r} can't have ended both well (afterok) and badly (afternotok)"
            faults.append(Fault(("jobs", number, "depends_on"), words, job.name))
    return faults


def _cycle(parents: Mapping[str, Sequence[Dependency]]) -> list[str] | None:
    try:
        topological({name: [parent.job for parent in found] for name, found in parents.items()})
    except CycleError as fault:
        return fault.args[1][::-1]
    return None


def topological(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """The names, parents first; CycleError. Names that are only parents are left out."""
    sorter = TopologicalSorter({name: [one for one in found if one in parents] for name, found in parents.items()})
    place = {name: number for number, name in enumerate(parents)}
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        order += ready
        sorter.done(*ready)
    return order


def ancestors(workflow: Workflow, names: Iterable[str]) -> set[str]:
    """The jobs that these depend on, directly or not, and they themselves."""
    return _reached({job.name: [parent.job for parent in job.depends_on] for job in workflow.jobs}, names)


def descendants(edges: Iterable[tuple[str, str, str]], names: Iterable[str]) -> set[str]:
    """The jobs that depend on these, directly or not, and they themselves."""
    children: dict[str, list[str]] = {}
    for parent, child, _ in edges:
        children.setdefault(parent, []).append(child)
    return _reached(children, names)


def _reached(steps: Mapping[str, Sequence[str]], names: Iterable[str]) -> set[str]:
    found, queue = set(names), list(names)
    while queue:
        new = [name for name in steps.get(queue.pop(), ()) if name not in found]
        found.update(new)
        queue += new
    return found
