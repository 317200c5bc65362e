"""The jobs of a definition as data, and the dependencies between them: found, made, changed and taken away."""

from collections import Counter
from collections.abc import Sequence

from .errors import Invalid
from .placing import placed, without
from .spec import JOB_KEYS, KINDS

Edge = tuple[str, str, str]  # parent, child, kind of dependency


def check_jobs(document: object) -> None:
    """Invalid when the jobs of a definition are not such that each can be told by its name.

    All other functions here are for definitions that pass this.
    """
    if document is not None and not isinstance(document, dict):
        raise Invalid("The file is not a mapping with jobs")
    jobs = (document or {}).get("jobs")
    if jobs is not None and not isinstance(jobs, list):
        raise Invalid("The jobs are not a list")
    names = [job.get("name") if isinstance(job, dict) else None for job in jobs or []]
    for number, name in enumerate(names, 1):
        if not isinstance(name, str) or not name:
            raise Invalid(f"Job {number} has no name")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise Invalid(f"Two jobs are called {twice[0]!r}")


def jobs_of(document: dict) -> list[dict]:
    """Its jobs, in the order of the file."""
    return document.get("jobs") or []


def with_jobs(document: dict, jobs: list[dict]) -> dict:
    """The definition with other jobs."""
    return {**document, "jobs": jobs}


def index(document: dict, name: object) -> int:
    """Where the job of that name stands; Invalid."""
    for number, job in enumerate(jobs_of(document)):
        if job["name"] == name:
            return number
    raise Invalid(f"There is no job {str(name)[:130]!r}")


def edges(document: dict) -> list[Edge]:
    """The dependencies between its jobs, each once; those on unknown jobs are left out."""
    known = {job["name"] for job in jobs_of(document)}
    found = [(parent, job["name"], kind) for job in jobs_of(document) for kind, parent in map(entry, entries(job))]
    return [edge for edge in dict.fromkeys(found) if edge[0] in known and edge[2] in KINDS]


def with_ancestors(document: dict, name: str) -> dict:
    """The definition with only this job and those that it depends on; Invalid."""
    index(document, name)
    parents: dict[str, list[str]] = {}
    for parent, child, _ in edges(document):
        parents.setdefault(child, []).append(parent)
    kept, rest = {name}, [name]
    while rest:
        new = set(parents.get(rest.pop(), ())) - kept
        kept |= new
        rest += new
    return with_jobs(document, [job for job in jobs_of(document) if job["name"] in kept])


# ---- entries of depends_on


def entries(job: dict) -> list:
    """What its depends_on lists, [] when that is no list."""
    found = job.get("depends_on")
    return found if isinstance(found, list) else []


def entry(written: object) -> tuple[str, str]:
    """(kind, job) of JOB or KIND:JOB, ("", "") when it is neither."""
    kind, colon, job = written.rpartition(":") if isinstance(written, str) else ("", ":", "")
    return (kind.strip() if colon else "") or ("afterok" if job else ""), job.strip()


def renamed_entry(written: object, old: str, new: str) -> object:
    """The entry with another job, written as it was."""
    if entry(written)[1] != old:
        return written
    kind, colon, job = written.rpartition(":")
    return kind + colon + job.replace(old, new)


def with_entries(job: dict, found: list) -> dict:
    """The job with this depends_on; without the key when there is none. Invalid where it is no list."""
    if found == entries(job):
        return job
    if not isinstance(job.get("depends_on", []), list | None):
        raise Invalid(f"depends_on of {job['name']} is no list; edit it as YAML")
    return placed(job, "depends_on", found, JOB_KEYS) if found else without(job, "depends_on")


# ---- operations


def connect(document: dict, parent: str, child: str, kind: str) -> dict:
    """Let a job wait for another; Invalid names the circle that this would close."""
    _check_kind(kind)
    index(document, parent)
    at, known = index(document, child), edges(document)
    if parent == child:
        raise Invalid(f"{child} can't wait for itself")
    if any(edge[:2] == (parent, child) for edge in known):
        raise Invalid(f"{child} waits for {parent} already")
    if path := _path(known, child, parent):
        raise Invalid(f"{parent} → {child} would close a circle: {' → '.join([*path, child])}")
    return _with_entries_of(document, at, [*entries(jobs_of(document)[at]), _written(kind, parent)])


def retype(document: dict, parent: str, child: str, kind: str, was: str | None) -> dict:
    """Another kind for a dependency; where there are two on the same job, `was` says which."""
    _check_kind(kind)
    at = _dependent(document, parent, child, was)
    found = [_written(kind, parent) if _is(one, parent, was) else one for one in entries(jobs_of(document)[at])]
    return _with_entries_of(document, at, found)


def disconnect(document: dict, parent: str, child: str, kind: str | None) -> dict:
    """Without the dependency; where there are two on the same job, `kind` says which."""
    at = _dependent(document, parent, child, kind)
    return _with_entries_of(document, at, [one for one in entries(jobs_of(document)[at]) if not _is(one, parent, kind)])


def _dependent(document: dict, parent: str, child: str, kind: str | None) -> int:
    """The index of the job that waits."""
    at = index(document, child)
    if not any(_is(one, parent, kind) for one in entries(jobs_of(document)[at])):
        raise Invalid(f"{child} does not wait for {str(parent)[:130]}")
    return at


def _check_kind(kind: object) -> None:
    if kind not in KINDS:
        raise Invalid(f"{str(kind)[:80]!r} is no type of dependency; there are {', '.join(KINDS)}")


def _path(known: Sequence[Edge], start: str, goal: str) -> list[str] | None:
    """The jobs on a shortest way along the dependencies, both ends included; None when there is none."""
    children: dict[str, list[str]] = {}
    for parent, child, _ in known:
        children.setdefault(parent, []).append(child)
    came: dict[str, str | None] = {start: None}
    rest = [start]
    for job in rest:
        new = [child for child in children.get(job, ()) if child not in came]
        came.update(dict.fromkeys(new, job))
        rest += new
    path = [goal] if goal in came else []
    while path and (before := came[path[0]]) is not None:
        path.insert(0, before)
    return path or None


def _is(written: object, parent: str, kind: str | None) -> bool:
    found = entry(written)
    return found == (kind or found[0], parent)


def _written(kind: str, parent: str) -> str:
    return parent if kind == "afterok" else f"{kind}:{parent}"


def _with_entries_of(document: dict, at: int, found: list) -> dict:
    jobs = jobs_of(document)
    return with_jobs(document, [*jobs[:at], with_entries(jobs[at], found), *jobs[at + 1 :]])
