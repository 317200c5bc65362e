"""What a run will do: the jobs that were chosen, in order, each with its script; nothing is submitted here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from graphlib import CycleError
from typing import NamedTuple

from . import sandbox, sbatch
from .errors import BadRequest, Invalid, NotFound
from .sandbox import Budget, RenderFault
from .spec import Dependency, Fault, JobSpec, invalid, is_template, read_job, unsettled
from .workflow import Workflow, ancestors, refuse_python, topological

STEPS = 20_000_000  # of all renderings together, as core.sandbox counts them: some seconds


class Selection(NamedTuple):
    """Which part of a workflow: from one job to another, both included, in the order of the definition, or one job."""

    from_job: str | None = None
    to_job: str | None = None
    single_job: str | None = None


@dataclass(frozen=True)
class Defaults:
    """What fills in for keys that a job leaves out (api-contract, section 11)."""

    resources: Mapping = field(default_factory=dict)
    environment: Mapping = field(default_factory=dict)
    log_dir: str | None = None
    work_dir: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)  # of the profile; a job's own come after


class ShellScript(NamedTuple):
    """A script file that a job names: its text, and the folder it starts in (None: the home folder)."""

    text: str
    folder: str | None = None


@dataclass(frozen=True)
class Site:
    """What a plan needs to know of the place it will run at."""

    defaults: Callable[[JobSpec], Defaults] = lambda spec: Defaults()
    read: Callable[[str], ShellScript] = lambda path: _refuse(f"there is no script {path!r}")
    template: Callable[[str], str] = lambda name: _refuse(f"there is no template {name!r}")
    remote: Callable[[str | None], str | None] = lambda folder: folder  # a local work_dir as the cluster knows it


@dataclass(frozen=True)
class PlannedJob:
    """A job that is ready to be handed in. Parents outside the chosen part are left out."""

    name: str
    script: str
    depends_on: tuple[Dependency, ...]
    spec: JobSpec  # rendered
    work_dir: str | None
    folders: tuple[str, ...]  # to be made first


def _refuse(words: str):
    raise NotFound(words)


def chosen(workflow: Workflow, selection: Selection) -> list[str]:
    """The names of the part that is meant, in the order of the definition; Invalid."""
    names = [job.name for job in workflow.jobs]
    for name in filter(None, selection):
        if name not in names:
            raise Invalid(f"There is no job {name!r} in this workflow")
    if selection.single_job:
        if selection.from_job or selection.to_job:
            raise Invalid("single_job can't be combined with from_job or to_job")
        return [selection.single_job]
    first = names.index(selection.from_job) if selection.from_job else 0
    last = names.index(selection.to_job) if selection.to_job else len(names) - 1
    if first > last >= 0:
        raise Invalid(f"from_job {selection.from_job!r} comes after to_job {selection.to_job!r}")
    return names[first : last + 1]


def plan(workflow: Workflow, site: Site, overrides: Mapping | None = None, part: Iterable[str] | None = None,
         position=lambda path: None, *, budget: Budget | None = None) -> list[PlannedJob]:  # fmt: skip
    """The chosen jobs (all, or the names in `part`), parents first, rendered; Invalid carries all faults.

    `overrides` are laid over the workflow's args; `budget` is what the renderings may take, if others share it.
    """
    refuse_python(dict(overrides or {}), "args_override")
    names = {job.name for job in workflow.jobs} if part is None else set(part)
    faults: list[Fault] = []
    budget = budget or Budget(STEPS, who="the workflow as a whole does")
    args = Arguments({**workflow.args, **(overrides or {})}, budget)
    specs = _rendered(workflow, args, ancestors(workflow, names), faults)
    ready = [specs[name] for name in workflow.order if name in specs and name in names]
    planned = [_planned(spec, site, names, faults, budget) for spec in ready]
    if faults:
        raise invalid(_located(faults, workflow), position)
    return planned


def resolved(workflow: Workflow, overrides: Mapping, budget: Budget) -> dict[str, object]:
    """All args as the jobs see them; one that can't be rendered stays as it was written."""
    args, found = {**workflow.args, **overrides}, {}
    known = Arguments(args, budget)
    for name, value in args.items():
        try:
            found[name] = known.needed({name})[name]
        except RenderFault:
            found[name] = value
    return found


def _located(faults: list[Fault], workflow: Workflow) -> list[Fault]:
    """The faults of rendering with the place of their job in the definition."""
    places = {job.name: number for number, job in enumerate(workflow.jobs)}
    return [
        fault._replace(path=("jobs", places[fault.job], *fault.path)) if fault.job in places else fault
        for fault in faults
    ]


def _rendered(workflow: Workflow, values: "Arguments", names: set[str], faults: list[Fault]) -> dict[str, JobSpec]:
    """The jobs with these names, every value rendered with args and the exports of their parents."""
    jobs, done = workflow.by_name, {}
    for name in workflow.order:
        if name in names:
            parents = [parent.job for parent in jobs[name].depends_on if parent.job in done]
            deps = {parent: dict(done[parent].exports) for parent in parents}
            if spec := _render(jobs[name], values, deps, faults):
                done[name] = spec
    return done


class Arguments:
    """The args of a workflow, each rendered when the first job needs it."""

    def __init__(self, args: Mapping, budget: Budget):
        self._args = args
        self.budget = budget
        self._known: dict[str, object] = {}
        self._refers: dict[str, list[str]] = {}

    def needed(self, names: set[str]) -> dict[str, object]:
        """The values of those of these names that are args, and whatever they refer to, rendered."""
        wanted = self._with_their_own(names & self._args.keys())
        try:
            order = topological(wanted)
        except CycleError as fault:
            raise RenderFault(f"args refer to each other in a circle: {' -> '.join(fault.args[1][::-1])}") from None
        for name in order:
            if name not in self._known:
                self._known[name] = self._evaluated(name)
        return {name: self._known[name] for name in wanted}

    def _with_their_own(self, names: set[str]) -> dict[str, list[str]]:
        """What each of these refers to, and what that does."""
        found: dict[str, list[str]] = {}
        queue = sorted(names)
        while queue:
            name = queue.pop()
            if name not in found:
                self.budget.spend(sandbox.PARSING)
                if name not in self._refers:
                    self._refers[name] = sorted(self._names(name) & self._args.keys())
                found[name] = self._refers[name]
                queue += found[name]
        return found

    def _names(self, name: str) -> set[str]:
        try:
            return sandbox.names(self._args[name], self.budget)
        except RenderFault as fault:
            raise RenderFault(f"arg {name!r}: {fault}") from None

    def _evaluated(self, name: str) -> object:
        try:
            value = sandbox.render_leaves(self._args[name], self._known, self.budget)
            refuse_python(value, "args", name)
            return value
        except RenderFault as fault:
            raise RenderFault(f"arg {name!r}: {fault}") from None


_RENDERED = tuple(one.name for one in fields(JobSpec) if one.name not in ("name", "depends_on"))


def _render(spec: JobSpec, arguments: Arguments, deps: dict, faults: list[Fault]) -> JobSpec | None:
    """The job with every text rendered, checked again, for only now its numbers are numbers."""
    values = {name: _plain(getattr(spec, name)) for name in _RENDERED}
    if not _has_templates(values):
        return spec
    found: list[Fault] = []
    data: dict[str, object] = {"name": spec.name}
    for name, value in values.items():
        try:
            known = arguments.needed(sandbox.names(value, arguments.budget))
            data[name] = sandbox.render_leaves(value, {**known, "deps": deps}, arguments.budget)
        except RenderFault as fault:
            found.append(Fault((name,), str(fault), spec.name))
    if not found:
        given = {name: value for name, value in data.items() if value not in (None, {}, [], "")}
        rendered = read_job(given, (), found)
        found += unsettled(rendered) if rendered else []
    faults += found
    return None if found else replace(rendered, depends_on=spec.depends_on)


def _has_templates(value: object) -> bool:
    if isinstance(value, list | dict):
        return any(map(_has_templates, value.values() if isinstance(value, dict) else value))
    return is_template(value)


def _plain(value: object) -> object:
    """Tuples as lists, so that it can be read once more."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def _planned(spec: JobSpec, site: Site, names: set[str], faults: list[Fault], budget: Budget) -> PlannedJob | None:
    parents = tuple(parent for parent in spec.depends_on if parent.job in names)
    try:
        if spec.script_path:
            return _shell_job(spec, site, parents, budget)
        defaults = site.defaults(spec)
        filled = replace(_filled(spec, defaults), work_dir=site.remote(spec.work_dir or defaults.work_dir))
        text = _script(filled, site, defaults.variables, budget)
    except RenderFault as fault:
        faults.append(Fault(("script_path" if spec.script_path else "template",), str(fault), spec.name))
    except (BadRequest, Invalid, NotFound) as fault:
        faults.append(Fault((), fault.detail, spec.name))
    else:
        folders = (filled.log_dir,) if filled.log_dir else ()
        return PlannedJob(spec.name, text, parents, filled, filled.work_dir, folders)
    return None


def _shell_job(spec: JobSpec, site: Site, parents: tuple[Dependency, ...], budget: Budget) -> PlannedJob:
    """A script of the user's own: its text is the template, and no default touches it."""
    source = site.read(spec.script_path)
    text = _script_text(source.text, spec.script_vars, budget) if spec.script_vars else source.text
    folder = site.remote(spec.work_dir) if spec.work_dir else source.folder
    return PlannedJob(spec.name, text, parents, spec, folder, (spec.log_dir,) if spec.log_dir else ())


def _filled(spec: JobSpec, defaults: Defaults) -> JobSpec:
    """The job with what it leaves out taken from the defaults; conda and venv shut each other out."""
    own = dict(spec.environment)
    shut = {"conda", "venv"} if own.keys() & {"conda", "venv"} else set()
    usual = {key: value for key, value in defaults.environment.items() if key not in shut and key != "env_vars"}
    variables = {**defaults.environment.get("env_vars", {}), **own.get("env_vars", {})}
    return replace(
        spec, resources={**defaults.resources, **spec.resources},
        environment={**usual, **own, **({"env_vars": variables} if variables else {})},
        log_dir=spec.log_dir or defaults.log_dir,
    )  # fmt: skip


def _script(spec: JobSpec, site: Site, variables: Mapping[str, str], budget: Budget) -> str:
    if not spec.template:
        return sbatch.script(spec, variables)
    return from_template(site.template(spec.template), spec, variables, budget)


def from_template(text: str, spec: JobSpec, variables: Mapping[str, str] | None = None,
                  within: Budget | None = None) -> str:  # fmt: skip
    """The script that a template makes of a job; RenderFault. README lists what a template may use."""
    values = {
        **sbatch.parts(spec, variables), "job_name": spec.name, "command": sbatch.shell_text(spec.command or ()),
        "work_dir": spec.work_dir or "",
        "log_dir": spec.log_dir or "", "resources": dict(spec.resources), "environment": dict(spec.environment),
        **{key: "" for key in ("nodes", "gpus_per_node", "ntasks_per_node", "cpus_per_task", "memory_per_node",
                               "time_limit", "partition", "nodelist")},
        **spec.resources,
    }  # fmt: skip
    return _script_text(text, values, within)


def _script_text(text: str, values: Mapping, within: Budget | None) -> str:
    made = sandbox.render(text, values, within)
    if "\0" in made:
        raise RenderFault("a script can't hold a NUL character")
    return made
