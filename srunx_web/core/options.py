"""What the options of a script ask for, by sbatch's rules; ValueError carries sbatch's words for a value it refuses."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from .parse import duration

ARRAY_LIMIT = 1001  # Slurm's default MaxArraySize: indices are below
_BASIC = ("HOME", "USER", "LOGNAME", "SHELL", "LANG")  # left of the environment by --export=NONE
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_COUNT = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_MEMORY = re.compile(r"(\d{1,12})([KMGT]?)B?", re.IGNORECASE | re.ASCII)
_KIBIBYTES = {"K": 1, "": 1 << 10, "M": 1 << 10, "G": 1 << 20, "T": 1 << 30}
_GPUS = re.compile(r"(?:[A-Za-z][\w.-]*)?(?::?(\d{1,6}))?", re.ASCII)
_GRES = re.compile(r"(?:gres[:/])?gpu(?:[:/](?![\d])[\w.-]+)?(?::(\d{1,6}))?(?:\(.*\))?", re.ASCII)
_SPAN = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", re.ASCII)
_TERM = re.compile(r"(after|afterany|afternotok|afterok)((?::\d{1,18}(?:_\d{1,9})?)+)", re.IGNORECASE | re.ASCII)


class Sizes(NamedTuple):
    """What is asked of one node. Memory is MiB: None when nothing was said, 0 for all there is."""

    nodes: int = 1
    tasks: int = 1
    cpus_per_task: int = 1
    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    time_limit: int | None = None  # seconds


def sizes_of(options: Mapping[str, str]) -> Sizes:
    """The sizes that these options (long names, as from script.directives) stand for."""
    nodes = _nodes(options.get("nodes", "1"))
    per_node = max(gpu_count(options.get("gpus-per-node", "")), gres_gpus(options.get("gres", "")))
    total, per_task = gpu_count(options.get("gpus", "")), gpu_count(options.get("gpus-per-task", ""))
    default = _count(options, "ntasks-per-node", 1) * nodes
    tasks = _count(options, "ntasks", total // per_task if per_task and total else default)
    cpus_per_task = _count(options, "cpus-per-task", 1)
    gpus = max(total, per_node * nodes, per_task * tasks)
    cpus = max(tasks * cpus_per_task, _count(options, "cpus-per-gpu", 0) * gpus)
    limit = time_limit(options["time"]) if "time" in options else None
    return Sizes(nodes, tasks, cpus_per_task, cpus, gpus, _asked_memory(options, cpus, gpus), limit)


def _asked_memory(options: Mapping[str, str], cpus: int, gpus: int) -> int | None:
    for name, times in (("mem", 1), ("mem-per-cpu", cpus), ("mem-per-gpu", gpus)):
        if name in options:
            match = _MEMORY.fullmatch(options[name])
            if not match:
                raise ValueError(f"Invalid --{name} specification")
            return -(-int(match[1]) * _KIBIBYTES[match[2].upper()] // 1024) * times  # rounded up
    return None


def _count(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not _COUNT.fullmatch(text):
        raise ValueError(f'Invalid numeric value "{text}" for --{name}.')
    return int(text)


def _nodes(text: str) -> int:
    first = text.partition("-")[0]
    if not _COUNT.fullmatch(first):
        raise ValueError(f"Invalid --nodes specification: {text}")
    return int(first)


def time_limit(text: str) -> int | None:
    """Seconds of a --time, None for no limit."""
    if text.upper() in ("UNLIMITED", "INFINITE", "-1"):
        return None
    seconds = None if "." in text else duration(text)
    if seconds is None:
        raise ValueError("Invalid --time specification")
    return seconds or None


def gpu_count(text: str) -> int:
    """GPUs of a --gpus, --gpus-per-node or --gpus-per-task: 2, a100:2, a100, a100:2,v100:1."""
    matches = [_GPUS.fullmatch(part) for part in text.split(",")] if text else []
    if not all(matches):
        raise ValueError("Invalid generic resource (gres) specification")
    return sum(int(match[1]) if match[1] else 1 for match in matches)


def gres_gpus(text: str) -> int:
    """GPUs of a --gres: gpu, gpu:2, gpu:a100:2; there is no other generic resource."""
    matches = [_GRES.fullmatch(part) for part in text.split(",")] if text not in ("", "none") else []
    if not all(matches):
        raise ValueError("Invalid generic resource (gres) specification")
    return sum(int(match[1]) if match[1] else 1 for match in matches)


def array_indices(text: str) -> tuple[list[int], int | None]:
    """The indices of an --array, in order, and how many may run at once: 0-3, 1,5,7-9:2%3."""
    body, percent, most = text.partition("%")
    matches = [_SPAN.fullmatch(part) for part in body.removeprefix("[").removesuffix("]").split(",")]
    if not all(matches) or (percent and not most.isdigit()):
        raise ValueError("Batch job submission failed: Invalid job array specification")
    found: set[int] = set()
    for match in matches:
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if not first <= last < ARRAY_LIMIT or not step:
            raise ValueError("Batch job submission failed: Invalid job array specification")
        found.update(range(first, last + 1, step))
    return sorted(found), int(most or 0) or None


def dependency_terms(text: str) -> tuple[bool, list[tuple[str, str]]]:
    """Whether one of the terms is enough (joined by "?"), and the terms: ("afterok", "12"), ("after", "12_3"),
    ("singleton", "")."""
    terms: list[tuple[str, str]] = []
    is_any = "?" in text
    for part in text.replace(" ", "").split("?" if is_any else ",") if text else []:
        match = _TERM.fullmatch(part)
        if part.lower() == "singleton":
            terms.append(("singleton", ""))
        elif match:
            terms += [(match[1].lower(), label) for label in match[2][1:].split(":")]
        else:
            raise ValueError("Batch job submission failed: Job dependency problem")
    return is_any, terms


def exported(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What --export lets through of the submitter's environment: ALL, NONE, NAME,NAME=value,..."""
    words = [word for word in text.split(",") if word]
    if "ALL" in words or not words:
        kept = dict(environ)
    else:
        names = {*_BASIC, *words}
        kept = {"PATH": "/usr/local/bin:/usr/bin:/bin"} | {name: environ[name] for name in names if name in environ}
    return kept | dict(word.split("=", 1) for word in words if _ASSIGNMENT.match(word))


def spans(indices: list[int]) -> str:
    """Ascending indices as squeue writes them: 1,4-9."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1][-1] = index
        else:
            runs.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
