"""A job of a workflow as its definition says it: every key checked, all faults at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from .errors import Invalid
from .options import time_limit

KINDS = ("afterok", "after", "afterany", "afternotok")  # of dependencies, in the words of sbatch(1)
NAME = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MEMORY = re.compile(r"\d{1,12}(?:\.\d{1,6})?[KMGT]?B?", re.IGNORECASE | re.ASCII)
_PARTITION = re.compile(r"[A-Za-z0-9_.-]+(?:,[A-Za-z0-9_.-]+)*", re.ASCII)
_NODELIST = re.compile(r"[A-Za-z0-9_.\[\],-]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RESERVED = ("SLURM_", "SBATCH_")  # of environment variables: Slurm's own
_LONGEST_DELAY = 30 * 86400
APPTAINER_ONLY = ("nv", "rocm", "cleanenv", "fakeroot", "writable_tmpfs", "overlay", "env")
RUNTIMES = ("pyxis", "apptainer", "singularity")


class Fault(NamedTuple):
    """What is wrong, and where: the keys that lead there from the top of the definition."""

    path: tuple
    words: str
    job: str | None = None

    def __str__(self) -> str:
        inner = self.path[2:] if self.job and self.path[:1] == ("jobs",) else self.path
        keys = ".".join(str(key) for key in inner)
        place = ", ".join(filter(None, [f"job {self.job!r}" if self.job else "", keys]))
        return f"{place}: {self.words}" if place else self.words


class Dependency(NamedTuple):
    """One entry of `depends_on`."""

    kind: str
    job: str

    def __str__(self) -> str:
        return self.job if self.kind == "afterok" else f"{self.kind}:{self.job}"


@dataclass(frozen=True)
class JobSpec:
    """A job as defined. Before rendering, values may still hold `{{ }}`, then numbers are text, too.

    `resources`, `environment` and `container` have the contract's keys, those that were given.
    """

    name: str
    command: str | tuple[str, ...] | None = None
    script_path: str | None = None
    script_vars: Mapping = field(default_factory=dict)
    depends_on: tuple[Dependency, ...] = ()
    exports: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping = field(default_factory=dict)
    environment: Mapping = field(default_factory=dict)
    work_dir: str | None = None
    log_dir: str | None = None
    retry: int = 0
    retry_delay: int = 60
    template: str | None = None
    srun_args: str | tuple[str, ...] = ""
    launch_prefix: str | tuple[str, ...] = ""


PLACED = 40  # faults that are told with their line: it takes a reading of the text each
Position = Callable[[tuple], tuple[int, int] | None]  # (line, column) of the value that these keys lead to


def invalid(faults: list[Fault], position: Position = lambda path: None) -> Invalid:
    """All faults as one Problem."""
    errors = []
    for number, fault in enumerate(faults):
        where = position(fault.path) if number < PLACED else None
        place = {"line": where[0], "column": where[1]} if where else {}
        words = f"line {where[0]}, {fault}" if where else str(fault)
        errors.append({"loc": ["body", *fault.path], "msg": words, "type": "value_error", **place})
    return Invalid("; ".join(error["msg"] for error in errors), errors)


def is_template(value: object) -> bool:
    """Whether a value is only known once it has been rendered."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def read_job(data: object, path: tuple, faults: list[Fault]) -> JobSpec | None:
    """The job of a mapping; what is wrong is added to `faults`, and then the job is None."""
    if not isinstance(data, dict):
        faults.append(Fault(path, "must be a mapping with name and command or script_path"))
        return None
    found: list[Fault] = []
    values = _section(_JOB, data, path, found)
    found += _job_as_a_whole(data, path)
    name = data.get("name") if isinstance(data.get("name"), str) else None
    faults += [fault._replace(job=name) for fault in found]
    return None if found else JobSpec(**values)


def unsettled(spec: JobSpec) -> list[Fault]:
    """What of a job is still an expression where a number or a word is needed, for a rendered value may look like one;
    each would go into the script unchecked."""
    container = spec.environment.get("container") or {}
    checked = {
        **{("resources", key): value for key, value in spec.resources.items()},
        **{("environment", "container", key): value for key, value in container.items() if key in _SETTLED},
        ("retry",): spec.retry, ("retry_delay",): spec.retry_delay,
    }  # fmt: skip
    return [Fault(path, "can't hold {{ or {% here", spec.name) for path, value in checked.items() if is_template(value)]


def _job_as_a_whole(data: dict, path: tuple) -> list[Fault]:
    faults = []
    if data.get("name") is None:
        faults.append(Fault((*path, "name"), "is missing"))
    if (data.get("command") is None) == (data.get("script_path", data.get("path")) is None):
        faults.append(Fault(path, "needs exactly one of command and script_path"))
    if data.get("command") is not None and data.get("script_vars"):
        faults.append(Fault((*path, "script_vars"), "goes with script_path, not with command"))
    if data.get("script_path") is not None and data.get("path") is not None:
        faults.append(Fault((*path, "path"), "is another word for script_path; give one of them"))
    return faults


def _section(table: Mapping[str, Callable], data: dict, path: tuple, faults: list[Fault]) -> dict:
    """The checked values of a mapping; a null counts as not given."""
    values = {}
    for key, value in data.items():
        reader = table.get(key) if isinstance(key, str) else None
        if reader is None:
            faults.append(Fault((*path, key), _unknown(key, table)))
        elif value is not None:
            try:
                values[_ALIASES.get(key, key)] = reader(value, (*path, key), faults)
            except ValueError as fault:
                faults.append(Fault((*path, key), str(fault)))
    return values


def _unknown(key: object, table: Mapping[str, Callable]) -> str:
    if key == "outputs":
        return "is now called exports"
    near = get_close_matches(str(key), table, 1) or [name for name in table if str(key) in name]
    return f"is not known{f'; did you mean {near[0]}?' if near else ''}"


# ---- readers of single values: (value, path, faults) -> value; ValueError says what it must be


def _name(value, _path, _faults) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"{value!r} must be letters, digits, - and _, at most 128")
    return value


def _line(value, _path, _faults) -> str:
    """Text without control characters: it becomes a directive or a word of one line."""
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value):
        raise ValueError("must be text of one line")
    return value


def _log_dir(value, path, faults) -> str:
    if "\\" in _line(value, path, faults):
        raise ValueError("can't hold a backslash: sbatch would not replace %x and %j then")
    return value


def _matching(pattern: re.Pattern, words: str) -> Callable:
    def read(value, _path, _faults) -> str:
        text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        if not is_template(text) and not (isinstance(text, str) and pattern.fullmatch(text)):
            raise ValueError(words)
        return text

    return read


def _time(value, _path, _faults) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError("must be a time such as 30, 4:00:00 or 2-00:00:00")
    if not is_template(text):
        try:
            time_limit(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a time such as 30 (minutes), 4:00:00 or 2-00:00:00") from None
    return text


def _count(least: int, most: int = 10**9) -> Callable:
    def read(value, _path, _faults) -> int | str:
        if is_template(value):
            return value
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,10}\s*", value, re.ASCII):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least}" + (f" to {most}" if most < 10**9 else ""))
        return value

    return read


def _flag(value, _path, _faults) -> bool | str:
    if value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool) and not is_template(value):
        raise ValueError("must be true or false")
    return value


def _word(value: object) -> str:
    """A scalar as it stands in a command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("must be text or numbers")


def _words(value, _path, _faults) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list")
    words = tuple(_word(word) for word in value)
    if any("\0" in word for word in words):
        raise ValueError("can't hold a NUL character")
    return words


def _command(value, path, faults) -> str | tuple[str, ...]:
    """A list is quoted word by word; a string is shell text and goes as it is."""
    if isinstance(value, list):
        if not value:
            raise ValueError("is empty")
        return _words(value, path, faults)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be text, or a list of words")
    return value


def _arguments(value, path, faults) -> str | tuple[str, ...]:
    """Words before a command: a list, or shell text of one line."""
    if value == "" or (isinstance(value, str) and not value.strip()):
        return ""
    return _words(value, path, faults) if isinstance(value, list) else _line(value, path, faults)


def _dependencies(value, path, faults) -> tuple[Dependency, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of jobs, each as JOB or TYPE:JOB")
    found: dict[Dependency, None] = {}
    for number, entry in enumerate(value):
        kind, colon, job = entry.rpartition(":") if isinstance(entry, str) else ("", "", "")
        kind = (kind.strip() if colon else "") or "afterok"
        if kind not in KINDS:
            faults.append(Fault((*path, number), f"{kind!r} is no type of dependency; there are {', '.join(KINDS)}"))
        elif not NAME.fullmatch(job.strip()):
            faults.append(Fault((*path, number), f"{entry!r} must be JOB or TYPE:JOB"))
        else:
            found[Dependency(kind, job.strip())] = None
    return tuple(found)


def _variables(is_environment: bool) -> Callable:
    """A mapping of identifiers to scalars, as text."""

    def read(value, path, faults) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValueError("must be a mapping of names to values")
        for key, text in value.items():
            if not isinstance(key, str) or not _IDENTIFIER.fullmatch(key):
                faults.append(Fault((*path, key), "must be named by letters, digits and _, not beginning with a digit"))
            elif is_environment and key.startswith(_RESERVED):
                faults.append(Fault((*path, key), "belongs to Slurm; choose another name"))
            elif not isinstance(text, str | int | float) or "\0" in str(text):
                faults.append(Fault((*path, key), "must be text or a number"))
        return {str(key): _word(text) for key, text in value.items() if isinstance(text, str | int | float)}

    return read


def _mapping(value, _path, _faults) -> dict:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("must be a mapping of names to values")
    return value


def _lines(value, path, faults) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list")
    return tuple(_line(one, path, faults) for one in value)


def _container(value, path, faults) -> dict:
    """Its keys; a bare string is the image."""
    if isinstance(value, str):
        value = {"image": value}
    if not isinstance(value, dict):
        raise ValueError("must be an image, or a mapping with image")
    values = _section(_CONTAINER, value, path, faults)
    if value.get("image") is None:
        faults.append(Fault((*path, "image"), "is missing"))
    if value.get("runtime", "pyxis") == "pyxis":
        faults += [
            Fault((*path, key), "is for apptainer and singularity only") for key in APPTAINER_ONLY if value.get(key)
        ]
    return values


def _environment(value, path, faults) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping with {', '.join(_ENVIRONMENT)}")
    if value.get("conda") is not None and value.get("venv") is not None:
        faults.append(Fault((*path, "venv"), "can't be combined with conda; give one of them"))
    return _section(_ENVIRONMENT, value, path, faults)


def _resources(value, path, faults) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping with {', '.join(_RESOURCES)}")
    return _section(_RESOURCES, value, path, faults)


_ALIASES = {"path": "script_path"}
_RESOURCES = {
    "nodes": _count(1), "gpus_per_node": _count(0), "ntasks_per_node": _count(1), "cpus_per_task": _count(1),
    "memory_per_node": _matching(_MEMORY, "must be memory such as 512M or 32G"), "time_limit": _time,
    "partition": _matching(_PARTITION, "must be the name of a partition"),
    "nodelist": _matching(_NODELIST, "must be a list of nodes such as g[1-4],c3"),
}  # fmt: skip
_CONTAINER = {
    "runtime": _matching(re.compile("|".join(RUNTIMES)), f"must be one of {', '.join(RUNTIMES)}"), "image": _line,
    "mounts": _lines, "workdir": _line, "nv": _flag, "rocm": _flag, "cleanenv": _flag, "fakeroot": _flag,
    "writable_tmpfs": _flag, "overlay": _line, "env": _variables(False),
}  # fmt: skip
_SETTLED = ("runtime", "nv", "rocm", "cleanenv", "fakeroot", "writable_tmpfs")
_ENVIRONMENT = {"conda": _line, "venv": _line, "container": _container, "env_vars": _variables(True)}
_JOB = {
    "name": _name, "command": _command, "script_path": _line, "path": _line, "script_vars": _mapping,
    "depends_on": _dependencies, "exports": _variables(False), "resources": _resources, "environment": _environment,
    "work_dir": _line, "log_dir": _log_dir, "retry": _count(0, 100), "retry_delay": _count(0, _LONGEST_DELAY),
    "template": _name, "srun_args": _arguments, "launch_prefix": _arguments,
}  # fmt: skip
JOB_KEYS = tuple(key for key in _JOB if key != "path")
RESOURCE_KEYS = tuple(_RESOURCES)
