"""The place a run goes to, as its plan needs to know it: defaults, mounts, scripts, templates."""

import functools
import os
import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath

from ..core.errors import Invalid, NotFound
from ..core.plan import Defaults, ShellScript, Site
from ..core.spec import Fault, JobSpec, invalid, read_job, unsettled
from ..settings import Mount, Settings, merged, read_config
from . import files, templates

BUILT_IN = {
    "resources": {"nodes": 1, "gpus_per_node": 0, "ntasks_per_node": 1, "cpus_per_task": 1}, "environment": {},
    "log_dir": "logs", "work_dir": None,
}  # fmt: skip


def mounts(settings: Settings) -> tuple[Mount, ...]:
    """Those of the active profile."""
    return settings.profile.mounts if settings.profile else ()


def mount(settings: Settings, name: str) -> Mount:
    """The mount of that name; NotFound."""
    for one in mounts(settings):
        if one.name == name:
            return one
    raise NotFound(f"Mount {name!r} not found")


def site(settings: Settings, project: str | None = None) -> Site:
    """The site of this server's cluster; `project` is the mount that a workflow belongs to, if any."""
    home = mount(settings, project) if project else None
    return Site(
        defaults=lambda spec: _defaults(settings, _mount_of(settings, spec) or home),
        read=lambda path: _script(settings, path, home),
        template=lambda name: templates.text(settings, name),
        remote=lambda folder: _remote(settings, folder, home),
    )


def once(place: Site) -> Site:
    """The same site, which reads each script, template and set of defaults only once: all cells of a sweep are to be
    rendered from the same."""
    known: dict[tuple, Defaults] = {}

    def defaults(spec: JobSpec) -> Defaults:
        key = (spec.work_dir, spec.script_path)
        if key not in known:
            known[key] = place.defaults(spec)
        return known[key]

    return Site(defaults, functools.cache(place.read), functools.cache(place.template), place.remote)


def used_mounts(settings: Settings, specs: list[JobSpec], project: str | None) -> list[Mount]:
    """The mounts that these jobs use, each once: by their work_dir or script, else the one of the workflow."""
    home = mount(settings, project) if project else None
    found = {one.name: one for spec in specs if (one := _mount_of(settings, spec) or home)}
    return list(found.values())


def _mount_of(settings: Settings, spec: JobSpec) -> Mount | None:
    """By the longest prefix, on whole components: work_dir against the remote side or the local one, a script
    against the local side."""
    known = mounts(settings)
    places = [(spec.work_dir, [(PurePosixPath(one.remote), one) for one in known])] if spec.work_dir else []
    local = [(PurePosixPath(one.local), one) for one in known]
    places += [(path, local) for path in (spec.work_dir, spec.script_path) if path]
    fits = [
        (len(root.parts), one)
        for path, roots in places
        for root, one in roots
        if PurePosixPath(path).is_relative_to(root)
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def _defaults(settings: Settings, used: Mount | None) -> Defaults:
    """What the configuration says, from the built-in values up to SRUNX_DEFAULT_*; Invalid names a bad value."""
    project = read_config(used.local / "srunx.json") if used else {}
    levels = (BUILT_IN, settings.config, project, settings.job_defaults)
    found: Mapping = {}
    for level in levels:
        found = merged(found, {key: level[key] for key in BUILT_IN if key in level})
    usual = _read(found)
    environment = {key: value for key, value in usual.environment.items() if value}
    profile = settings.profile.env_vars if settings.profile else {}
    return Defaults(usual.resources, environment, usual.log_dir, usual.work_dir, profile)


def _read(found: Mapping) -> JobSpec:
    """Defaults as the job that they would be: each is as much part of a script as what the job says itself."""
    faults: list[Fault] = []
    given = {key: value for key, value in found.items() if value not in (None, {}, "")}
    spec = read_job({"name": "defaults", "command": ["true"], **given}, (), faults)
    faults += unsettled(spec) if spec else []
    if faults:
        raise Invalid(f"The configured defaults: {invalid(faults).detail}")
    return spec


def _remote(settings: Settings, folder: str | None, home: Mount | None) -> str | None:
    """A work_dir as the cluster knows it: none is the mount's root, a local path below a mount the remote one."""
    if not folder:
        return home.remote if home else None
    if folder == "~" or folder.startswith("~/"):
        return folder[2:] or None  # commands start in the home folder
    local = sorted(mounts(settings), key=lambda one: -len(one.local.parts))
    for one in local:
        if PurePosixPath(folder).is_relative_to(PurePosixPath(one.local)):
            return posixpath.join(one.remote, os.path.relpath(folder, one.local)).removesuffix("/.")
    return folder


def _script(settings: Settings, path: str, home: Mount | None) -> ShellScript:
    """A script file below a mount or the workflow folder, and the folder it starts in; Denied, NotFound."""
    base = home.local if home else settings.workflow_dir
    roots = [one.local for one in mounts(settings)] + [settings.workflow_dir]
    real = files.inside(base, path, roots)
    text = files.read_text(real)
    within = [one for one in mounts(settings) if real.is_relative_to(one.local.resolve())]
    if not within:
        return ShellScript(text)
    deepest = max(within, key=lambda one: len(one.local.parts))
    return ShellScript(
        text, posixpath.join(deepest.remote, os.path.relpath(real.parent, deepest.local.resolve())).removesuffix("/.")
    )
