"""A workflow in the making: operations on its definition as data, of which all that they do not name stays as it is."""

from collections.abc import Callable, Sequence

import yaml

from . import typed
from .edges import (
    check_jobs,
    connect,
    disconnect,
    entries,
    entry,
    index,
    jobs_of,
    renamed_entry,
    retype,
    with_entries,
    with_jobs,
)
from .errors import Invalid, TooLarge
from .placing import known_key, placed, renamed, within, without
from .renaming import rename_arg, rename_job
from .workflow import JOBS_LIMIT, NAME, SIZE_LIMIT

MEASURED = 100  # operations after which the size is looked at


def apply(document: object, operations: Sequence[dict]) -> dict:
    """The definition after these operations; Invalid says in a sentence why one of them makes no sense.

    Each is {"op": name, ...} with the parameters that OPERATIONS lists. What they do not touch stays the same object.
    """
    check_jobs(document)
    found = document or {}
    for number, operation in enumerate(operations, 1):
        if not isinstance(operation, dict) or operation.get("op") not in list(OPERATIONS):
            raise Invalid("There is no such operation")
        act, *names = OPERATIONS[operation["op"]]
        found = act(found, *(operation.get(name) for name in names))
        if number % MEASURED == 0 or number == len(operations):
            _check_size(found)
    return found


def written_by_hand(text: str) -> list[str]:
    """What a YAML text has that is lost when its values are written anew: "comments", "anchors"."""
    rest, end, found = [], 0, []
    for token in yaml.scan(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if set("#&") & set(text) else ():
        if isinstance(token, yaml.AnchorToken):
            found = ["anchors"]
        elif isinstance(token, yaml.ScalarToken):
            rest.append(text[end : token.start_mark.index])
            if token.style in ("|", ">"):
                rest.append(text[token.start_mark.index :].partition("\n")[0])
            end = token.end_mark.index
    return ["comments"] * ("#" in "".join([*rest, text[end:]])) + found


# ---- jobs


def _add(document: dict, name: str, after: str | None) -> dict:
    """A new job at the end, or behind the one that it is to wait for."""
    _check_new(document, name)
    jobs = jobs_of(document)
    if after is None:
        return with_jobs(document, [*jobs, {"name": name}])
    at = index(document, after) + 1
    return with_jobs(document, [*jobs[:at], {"name": name, "depends_on": [after]}, *jobs[at:]])


def _duplicate(document: dict, job: str, name: str) -> dict:
    """A copy behind it, that waits for the same jobs."""
    _check_new(document, name)
    jobs, at = jobs_of(document), index(document, job)
    return with_jobs(document, [*jobs[: at + 1], {**jobs[at], "name": name}, *jobs[at + 1 :]])


def _delete(document: dict, job: str) -> dict:
    """Without it, and without the dependencies on it."""
    at = index(document, job)
    jobs = [with_entries(one, [wanted for wanted in entries(one) if entry(wanted)[1] != job])
            for one in jobs_of(document)]  # fmt: skip
    return with_jobs(document, jobs[:at] + jobs[at + 1 :])


def _rename(document: dict, job: str, to: str) -> dict:
    """Under a new name, in every depends_on and every {{ deps.NAME }} and the metrics, too."""
    at = index(document, job)
    if to == job:
        return document
    _check_new(document, to)
    jobs = [with_entries(rename_job(one, job, to), [renamed_entry(wanted, job, to) for wanted in entries(one)])
            for one in jobs_of(document)]  # fmt: skip
    jobs[at] = {**jobs[at], "name": to}
    return _with_metrics_of(with_jobs(document, jobs), job, to)


def _with_metrics_of(document: dict, job: str, to: str) -> dict:
    """The metrics that are read from a job follow it."""
    metrics = document.get("metrics")
    if not isinstance(metrics, dict):
        return document
    named = {name: {**entry, "job": to} if isinstance(entry, dict) and entry.get("job") == job else entry
             for name, entry in metrics.items()}  # fmt: skip
    return {**document, "metrics": named} if named != metrics else document


def _order(document: dict, job: str, before: str | None) -> dict:
    """Before another one in the file, or at the end of it."""
    jobs = list(jobs_of(document))
    moved = jobs.pop(index(document, job))
    rest = {**document, "jobs": jobs}
    jobs.insert(len(jobs) if before is None else index(rest, before), moved)
    return with_jobs(document, jobs)


def _check_new(document: dict, name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Invalid(f"{str(name)[:80]!r} can't be the name of a job: letters, digits, - and _, at most 128")
    if any(job["name"] == name for job in jobs_of(document)):
        raise Invalid(f"There is a job {name!r} already")
    if len(jobs_of(document)) >= JOBS_LIMIT:
        raise Invalid(f"There are {JOBS_LIMIT} jobs already, and no more are possible")


# ---- fields


def _set(document: dict, job: str | None, path: list, value: str | list | None) -> dict:
    """What was typed into a field of a job, or of the workflow (None); null or nothing takes the key away, and what
    is empty without it. Only an entry of a map may be empty."""
    form, keys = _field(job, path)
    is_field, removes = keys in form.kinds, value is None
    kind = form.kind(keys) if not (removes and form.has(keys)) else typed.TEXT
    _check_value(value)

    def change(section: dict) -> dict:
        key = known_key(section, keys[-1])
        found = None if removes else typed.read(kind, value, section.get(key))
        if removes or (is_field and found in (None, "", [])):
            return without(section, key)
        return placed(without(section, *_RIVALS.get(keys, ())), key, found, form.orders.get(keys[:-1], ()))

    return _within(document, job, form, keys[:-1], change)


def _key(document: dict, job: str | None, path: list, to: str) -> dict:
    """Another name for an entry of a map; one for an arg also in the expressions that use it, and in the sweep."""
    form, keys = _field(job, path)
    if form.kinds.get(keys[:-1]) not in (typed.TEXTS, typed.VALUES):
        raise Invalid("This field can't have another name")
    if not isinstance(to, str) or not to.strip():
        raise Invalid("A name is missing")

    def change(section: dict) -> dict:
        key = known_key(section, keys[-1])
        if key not in section:
            raise Invalid(f"There is no {keys[-1][:130]!r}")
        if key != to and known_key(section, to) in section:
            raise Invalid(f"There is a {to[:130]!r} already")
        return renamed(section, key, to)

    found = _within(document, job, form, keys[:-1], change)
    return found if job is not None or to == keys[-1] else _with_arg(found, keys[-1], to)


def _with_arg(document: dict, old: str, new: str) -> dict:
    used = [key for key in ("args", "metrics", "jobs") if key in document]
    found = {**document, **{key: rename_arg(document[key], old, new) for key in used}}
    sweep = found.get("sweep")
    if isinstance(sweep, dict) and isinstance(sweep.get("matrix"), dict) and old in sweep["matrix"]:
        found["sweep"] = {**sweep, "matrix": renamed(sweep["matrix"], old, new)}
    return found


def _field(job: str | None, path: object) -> tuple[typed.Form, tuple[str, ...]]:
    """The form and the path in it; Invalid."""
    if not isinstance(path, list) or not path or not all(isinstance(key, str) for key in path):
        raise Invalid("A path is a list of keys")
    if job is not None and path == ["name"]:
        raise Invalid("A job gets a new name by renaming it")
    return typed.TOP if job is None else typed.JOB, tuple(path)


def _check_value(value: object) -> None:
    texts = value if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(text, str) for text in texts):
        raise Invalid("A value is text, or a list of words")


def _within(document: dict, job: str | None, form: typed.Form, path: tuple, change: Callable[[dict], dict]) -> dict:
    if job is None:
        return within(document, path, change, form.orders)
    jobs, at = jobs_of(document), index(document, job)
    return with_jobs(document, [*jobs[:at], within(jobs[at], path, change, form.orders), *jobs[at + 1 :]])


def _check_size(document: object) -> None:
    """TooLarge for what would be no definition any more; copies of a large job count as often as they are there."""
    rest, size = [document], 0
    while rest and size <= SIZE_LIMIT:
        item = rest.pop()
        size += 1 + (len(item) if isinstance(item, str) else 0)
        if isinstance(item, dict):
            rest += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            rest += item
    if size > SIZE_LIMIT:
        raise TooLarge(f"The workflow would be larger than {SIZE_LIMIT >> 20} MB")


_RIVALS = {("command",): ("script_path", "path", "script_vars"), ("script_path",): ("command",)}
OPERATIONS = {
    "add": (_add, "name", "after"), "duplicate": (_duplicate, "job", "name"), "delete": (_delete, "job"),
    "rename": (_rename, "job", "to"), "order": (_order, "job", "before"), "connect": (connect, "from", "to", "kind"),
    "retype": (retype, "from", "to", "kind", "was"), "disconnect": (disconnect, "from", "to", "kind"),
    "set": (_set, "job", "path", "value"), "key": (_key, "job", "path", "to"),
}  # fmt: skip
