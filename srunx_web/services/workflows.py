"""Workflow definitions: YAML files in the server's own folder, or in that of a mount."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ..core import workflow, yamltext
from ..core.errors import Conflict, Invalid, NotFound, Problem
from ..core.plan import PlannedJob, Selection, chosen, plan
from ..core.spec import Position
from ..core.workflow import RESERVED, Workflow, check_name
from ..settings import Settings
from . import files
from .site import mount as find_mount
from .site import site

ENDINGS = (".yaml", ".yml")
REMEMBERED = 500
_known: dict[tuple, Workflow | Problem] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Definition:
    """A file with a workflow; `workflow` is None when it can't be read, and `problem` says why. `raw` is None when it
    is no text at all."""

    name: str
    path: Path
    raw: str | None
    workflow: Workflow | None
    problem: Problem | None
    mount: str | None = None

    @property
    def text(self) -> str:
        """What is written in it, "" when it is no text."""
        return self.raw or ""

    @property
    def project(self) -> str | None:
        """The mount that its jobs belong to when they do not say so."""
        return (self.workflow.default_project if self.workflow else None) or self.mount


def folder(settings: Settings, mount: str | None) -> Path:
    """Where definitions live; NotFound for an unknown mount, Denied where links lead out of it."""
    if not mount:
        return settings.workflow_dir
    local = find_mount(settings, mount).local
    files.inside(local, ".srunx/workflows", [local])
    return local / ".srunx/workflows"


def list_(settings: Settings, mount: str | None = None) -> list[Definition]:
    """All of them by file name, broken ones with their problem."""
    place = folder(settings, mount)
    paths = {path.stem: path for ending in reversed(ENDINGS) for path in place.glob(f"*{ending}")}
    return [_definition(settings, paths[stem], mount) for stem in sorted(paths) if workflow.NAME.fullmatch(stem)]


def show(settings: Settings, name: str, mount: str | None = None) -> Definition:
    """The definition of that name; NotFound, Invalid for what can't be a name."""
    return _definition(settings, _path(settings, name, mount), mount)


def valid(definition: Definition) -> Workflow:
    """Its workflow, or the problem that it has."""
    if definition.workflow is None:
        raise definition.problem
    return definition.workflow


def _path(settings: Settings, name: str, mount: str | None) -> Path:
    if path := _existing(folder(settings, mount), check_name(name)):
        return path
    raise NotFound(f"Workflow {name!r} not found")


def _existing(place: Path, name: str) -> Path | None:
    return next((path for ending in ENDINGS if os.path.lexists(path := place / f"{name}{ending}")), None)


def _definition(settings: Settings, path: Path, mount: str | None) -> Definition:
    """A file as it is now; parsed once for each version of it."""
    try:
        text = files.read_text(_real(settings, path, mount), workflow.SIZE_LIMIT)
    except Problem as fault:
        return Definition(path.stem, path, None, None, fault, mount)
    with _lock:
        if len(_known) > REMEMBERED:
            _known.clear()
        if (found := _known.get((path, text))) is None:
            found = _known[path, text] = _parsed(text)
    is_whole = isinstance(found, Workflow)
    return Definition(path.stem, path, text, found if is_whole else None, None if is_whole else found, mount)


def _real(settings: Settings, path: Path, mount: str | None) -> Path:
    """Where a file is when the links to it are followed: anywhere from the user's own folder, but a project that came
    from elsewhere must not lead out of its mount. Denied, BadRequest."""
    return files.inside(path.parent, path.name, [find_mount(settings, mount).local if mount else Path("/")])


def _parsed(text: str) -> Workflow | Problem:
    try:
        return workflow.parse(text)
    except Problem as fault:
        return fault


def check(settings: Settings, text: str, project: str | None = None) -> Workflow:
    """The workflow of a text when it can be run as it is: read, ordered, every script rendered; Invalid with all
    faults, Denied for a script out of bounds."""
    found = workflow.parse(text)
    planned(settings, found, project, yamltext.positions(text))
    return found


def planned(settings: Settings, found: Workflow, project: str | None = None, position: Position = lambda path: None,
            **run) -> list[PlannedJob]:  # fmt: skip
    """What a run of it would hand in, in order: `overrides` of its args, `selection` of its jobs; Invalid, Denied,
    NotFound."""
    place = site(settings, found.default_project or project)
    return plan(found, place, run.get("overrides"), chosen(found, run.get("selection") or Selection()), position)


def save(settings: Settings, name: str, text: str, mount: str | None, may_replace: bool) -> Definition:
    """Check a definition and write it, whole or not at all; Conflict when there is one of that name."""
    if check_name(name) in RESERVED:
        raise Invalid(f"{name!r} is a reserved name; choose another")
    text = text.replace("\r\n", "\n")
    if not check(settings, text, mount).jobs:
        fault = {"loc": ["body", "jobs"], "msg": "is empty", "type": "value_error"}
        raise Invalid("A workflow needs at least one job", [fault])
    place = folder(settings, mount)
    path = _existing(place, name) or place / f"{name}.yaml"
    if os.path.lexists(path) and not may_replace:
        raise Conflict(f"Workflow {name!r} exists already")
    files.write_text(_real(settings, path, mount), text, may_replace)
    if mount:
        _ignore(path.parent.parent)
    return _definition(settings, path, mount)


def _ignore(place: Path) -> None:
    """Keep what is ours in a project out of its git."""
    if not (place / ".gitignore").exists():
        files.write_text(place / ".gitignore", "*\n", may_replace=True)


def delete(settings: Settings, name: str, mount: str | None = None) -> None:
    """Delete a definition; its runs stay. NotFound."""
    files.delete(_path(settings, name, mount))


def duplicate(settings: Settings, name: str, mount: str | None = None) -> Definition:
    """A copy under a free name, NAME-copy, NAME-copy-2, ...; a broken one can't be copied."""
    found = show(settings, name, mount)
    valid(found)
    taken = {one.name for one in list_(settings, mount)}
    names = (f"{name}-copy" + (f"-{number}" if number > 1 else "") for number in range(1, 1000))
    return save(settings, next(one for one in names if one not in taken), found.text, mount, may_replace=False)
