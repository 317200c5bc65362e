"""What a script asks of one node, as its #SBATCH lines say: never more than sbatch would read there."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from .labels import count_tasks
from .options import Sizes, sizes_of
from .script import directives

_HEAD = re.compile(r"(?:[^\S\n]*(?:#.*)?(?:\n|\Z))*")  # the blank lines and comments where sbatch looks for options
_HETEROGENEOUS = re.compile(r"^#SBATCH\s+(?:het|pack)job\b", re.MULTILINE)
_ELSEWHERE = {"cluster", "clusters"}


class Asked(NamedTuple):
    """What limits are held against. `time` is seconds, infinite for no limit, None for the partition's default;
    `cpus`, `memory` (MiB) and `gpus` are the least that some node must have; `tasks` are the jobs it counts as."""

    partitions: tuple[str, ...] = ()
    account: str | None = None
    qos: tuple[str, ...] = ()
    time: float | None = None
    nodes: int = 1
    cpus: int = 1
    memory: int = 0
    gpus: int = 0
    tasks: int = 1
    highest_index: int | None = None  # of an array


def asked(text: str) -> Asked | None:
    """What this script asks for; None of one that is several jobs, or another cluster's. What sbatch would refuse to
    read is left out: it says so itself."""
    return _asked(_HEAD.match(text)[0])


@lru_cache(1024)
def _asked(head: str) -> Asked | None:
    """The same of the head alone, which the cells of a sweep often have in common."""
    options = directives(head)
    if _ELSEWHERE & options.keys() or _HETEROGENEOUS.search(head):
        return None
    sizes = _sizes(options, "nodes", "ntasks", "ntasks-per-node", "cpus-per-task")
    is_exact = re.fullmatch(r"\d+", options.get("nodes", ""), re.ASCII) is not None
    cpus = _cpus(options, sizes, is_exact)
    tasks, highest = _array(options.get("array"))
    return Asked(
        _list(options.get("partition", "")), options.get("account"), _list(options.get("qos", "")), _time(options),
        sizes.nodes, cpus, _memory(options, cpus), _gpus(options, sizes.nodes if is_exact else None), tasks, highest,
    )  # fmt: skip


def _list(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _sizes(options: Mapping[str, str], *names: str) -> Sizes:
    """The sizes that these options alone stand for."""
    try:
        return sizes_of({name: options[name] for name in names if name in options})
    except ValueError:
        return Sizes()


def _time(options: Mapping[str, str]) -> float | None:
    try:
        limit = sizes_of({"time": options["time"]}).time_limit
    except (KeyError, ValueError):
        return None
    return math.inf if limit is None else limit


def _cpus(options: Mapping[str, str], sizes: Sizes, is_exact: bool) -> int:
    """With --ntasks, the tasks of a node are known only when the number of nodes is; the fullest has no fewer."""
    if "overcommit" in options:
        return 1
    if "ntasks" in options:
        return (-(-sizes.tasks // sizes.nodes) if is_exact else 1) * sizes.cpus_per_task
    return sizes.tasks // sizes.nodes * sizes.cpus_per_task


def _memory(options: Mapping[str, str], cpus: int) -> int:
    if "mem" in options:
        return _sizes(options, "mem").memory or 0
    return (_sizes(options, "mem-per-cpu").memory or 0) * cpus


def _gpus(options: Mapping[str, str], nodes: int | None) -> int:
    per_node = max(_sizes(options, name).gpus for name in ("gpus-per-node", "gres"))
    return max(per_node, -(-_sizes(options, "gpus").gpus // nodes) if nodes else 0)


def _array(text: str | None) -> tuple[int, int | None]:
    """How many tasks it has, and its highest index."""
    if text is None:
        return 1, None
    spans = [part.partition(":")[0] for part in text.partition("%")[0].strip("[]").split(",")]
    indices = [int(number) for number in re.findall(r"\d{1,18}", ",".join(spans), re.ASCII)]
    return max(1, count_tasks(text.strip("[]"))), max(indices, default=None)
