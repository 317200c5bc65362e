"""Whether a sweep keeps within the limits of its cluster, in sentences for the person who starts it.

What slurmctld does was tried on 20.11 to 26.05: it refuses CPUs, memory and GPUs that no node has, and jobs beyond
MaxSubmitJobs; what else is beyond a limit waits for ever, unless EnforcePartLimits has that refused, too.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .asked import Asked, asked
from .limits import Association, Limits, PartitionLimit, Qos
from .matrix import Matrix
from .plan import PlannedJob
from .text import duration

_NAMED = 20  # partitions that a sentence tells


class Notice(NamedTuple):
    """A sentence; a fatal one says that the sweep can't go as it is. `job` is whose it is, None: the sweep's."""

    text: str
    is_fatal: bool = False
    job: str | None = None

    @property
    def loc(self) -> tuple[str, ...]:
        """The keys that lead to what is to be changed."""
        return ("jobs", self.job) if self.job else ("sweep", "max_parallel")


class Cap(NamedTuple):
    """So many jobs, and who says so."""

    count: int
    who: str


class _Fault(NamedTuple):
    """How a job is beyond a partition; `lift` is the flag with which a QOS allows it all the same."""

    words: str
    lift: str = ""


def notices(limits: Limits, jobs: Sequence[PlannedJob], matrix: Matrix | None, queued: int = 0,
            others: Iterable[PlannedJob] = ()) -> list[Notice]:  # fmt: skip
    """What there is to say before anything is submitted, fatal ones first.

    `jobs` are those of one cell, `others` those of further cells that may ask for other sizes; `queued` is how many
    jobs the user has in the queue. Without a matrix it is about the jobs alone.
    """
    one_cell = [(job.name, asked(job.script)) for job in jobs]
    found = _of_sweep(limits, [one for _, one in one_cell if one], matrix, queued) if matrix else []
    different = dict.fromkeys([*one_cell, *((job.name, asked(job.script)) for job in others)])
    for name, one in different:
        found += _of_job(limits, name, one) if one else []
    return sorted(dict.fromkeys(found), key=lambda notice: not notice.is_fatal)


def fits_ahead(limits: Limits, jobs: Sequence[PlannedJob], matrix: Matrix, queued: int) -> bool:
    """Whether a waiting cell behind each running one fits into the queue; `queued` are the user's other jobs.

    When the accounting gives no answer it does not: then the sweep is slower, and nothing is refused.
    """
    scripts = filter(None, (asked(job.script) for job in jobs))
    caps = _caps(limits, list(scripts), "max_submit")
    return limits.is_accounting_known and all(
        cap.count >= queued + _most(matrix) * per_cell for cap, per_cell in caps.items()
    )


def _most(matrix: Matrix) -> int:
    """Cells in the queue when one waits behind each that runs."""
    return min(2 * matrix.max_parallel, matrix.size)


# ---- the sweep as a whole


def _of_sweep(limits: Limits, jobs: list[Asked], matrix: Matrix, queued: int) -> list[Notice]:
    lanes = min(matrix.max_parallel, matrix.size)
    found = [_submitted(cap, per_cell, matrix, queued) for cap, per_cell in _caps(limits, jobs, "max_submit").items()]
    for cap in _caps(limits, jobs, "max_jobs"):
        if cap.count < lanes:
            text = f"{cap.who} may run {_jobs(cap.count)} at once (MaxJobs)"
            found.append(Notice(f"{text}: {cap.count} of {lanes} cells run at a time, the others wait"))
    at_once = lanes * sum(one.tasks for one in jobs)
    if limits.max_job_count is not None and at_once > limits.max_job_count:
        text = (
            f"The cluster keeps {_jobs(limits.max_job_count)} at most (MaxJobCount); this sweep has {at_once} at once"
        )
        found.append(Notice(f"{text}: set max_parallel lower"))
    return [notice for notice in found if notice]


def _caps(limits: Limits, jobs: list[Asked], field: str) -> dict[Cap, int]:
    """Every limit on the number of jobs, and how many of a cell's it counts: tasks of an array count one by one."""
    found: dict[Cap, int] = {}
    for one in jobs:
        if cap := _cap(limits, one, field):
            found[cap] = found.get(cap, 0) + one.tasks
    return found


def _submitted(cap: Cap, per_cell: int, matrix: Matrix, queued: int) -> Notice | None:
    """A sweep has one running and one waiting cell for each of max_parallel; with fail_fast none waits."""
    lanes = min(matrix.max_parallel, matrix.size)
    need, free = lanes * per_cell, cap.count - queued
    may = f"{cap.who} may have {_jobs(cap.count)} in the queue (MaxSubmitJobs)"
    cells = f"{lanes} cell{'s' * (lanes != 1)} of {_jobs(per_cell)} need{'s' * (lanes == 1)} {need}"
    if cap.count < per_cell:
        return Notice(f"{may}; one cell has {per_cell}: make it smaller", is_fatal=True)
    if cap.count < need:
        return Notice(f"{may}; {cells}: set max_parallel to {cap.count // per_cell} or lower", is_fatal=True)
    if free < need:
        lower = f", or set max_parallel to {free // per_cell} or lower" if free >= per_cell else ""
        return Notice(f"{may}, and there are {queued} now; {cells}, and Slurm refuses what finds no room: wait{lower}")
    if not matrix.fail_fast and _most(matrix) * per_cell > free:
        return Notice(f"{may}: no cell is handed in ahead, so that the next one starts a moment after one has ended")
    return None


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


# ---- the accounting


def _cap(limits: Limits, one: Asked, field: str) -> Cap | None:
    """The limit that holds for this job: that of the partition's QOS, else of its own, else of the association.

    None where there is none, and where nobody but slurmctld knows which one holds.
    """
    if not limits.is_enforced or not limits.is_accounting_known:
        return None
    where, own = _where(limits, one), _qos(limits, one)
    of_partitions = [limits.qos[place.qos] for place in where if place.qos in limits.qos]
    is_moved = len(where) > 1 or (limits.has_plugins and not one.partitions)
    if (of_partitions and is_moved) or (len(own) > 1 and any(getattr(qos, field) is not None for qos in own)):
        return None
    order = [*of_partitions, *own]
    if len(own) == 1 and "OverPartQOS" in own[0].flags:
        order.reverse()
    for qos in order:
        if (count := getattr(qos, field)) is not None:
            return Cap(count, f"With QOS {qos.name} you")
    association = _association(limits, one)
    count = getattr(association, field) if association else None
    return None if count is None else Cap(count, f"Your account {association.account}")


def _where(limits: Limits, one: Asked) -> list[PartitionLimit]:
    """The partitions that it names and that are there, or the default one."""
    if one.partitions:
        return [limits.partitions[name] for name in one.partitions if name in limits.partitions]
    return [place for place in limits.partitions.values() if place.is_default]


def _association(limits: Limits, one: Asked) -> Association | None:
    """An association for the partition comes before one for all."""
    names = [place.name for place in _where(limits, one)]
    mine = [
        each for each in limits.associations if each.account == one.account or (not one.account and each.is_default)
    ]
    special = [each for each in mine if [each.partition] == names]
    return next(iter(special + [each for each in mine if each.partition is None]), None)


def _qos(limits: Limits, one: Asked) -> list[Qos]:
    """The QOS of this job; several when it can be one of these."""
    association = _association(limits, one)
    names = one.qos
    if not names and association:
        names = (association.default_qos,) if association.default_qos else association.qos
    elif not names:
        names = tuple(limits.qos)
    return [limits.qos[name] for name in names if name in limits.qos]


# ---- each job


def _of_job(limits: Limits, name: str, one: Asked) -> list[Notice]:
    found = []
    if one.highest_index is not None and one.highest_index >= (limits.max_array_size or math.inf):
        text = f"has the array index {one.highest_index}, and the cluster's end below {limits.max_array_size}"
        found.append((f"{text} (MaxArraySize): split the array", True))
    if limits.partitions:
        found += _missing(limits, one) or _beyond(limits, one)
    return [Notice(f"Job {name} {text}", is_fatal, name) for text, is_fatal in found]


def _missing(limits: Limits, one: Asked) -> list[tuple[str, bool]]:
    """Partitions that are not there; Slurm refuses a job for one of them, even when it names others."""
    is_sure = not limits.has_plugins and not limits.is_partial
    names = list(limits.partitions)
    there = f"there are {', '.join(names[:_NAMED])}{' and others' if len(names) > _NAMED else ''}"
    if not one.partitions and not _where(limits, one):
        return [(f"names no partition, and the cluster has no default one: name one, {there}", is_sure)]
    unknown = [name for name in one.partitions if name not in limits.partitions]
    return [(f"asks for partition {name}, which the cluster does not have; {there}", is_sure) for name in unknown]


def _beyond(limits: Limits, one: Asked) -> list[tuple[str, bool]]:
    """What is beyond the partitions; one of several that has room for the job is enough, unless all have to."""
    where = _where(limits, one)
    faults = {place.name: _faults(one, place) for place in where}
    if not all(faults.values()):
        is_all = limits.refuses_part == "ALL"
        faults = {name: [fault for fault in found if fault.lift and is_all] for name, found in faults.items()}
    told = [_told(limits, one, place, fault) for place in where for fault in faults[place.name]]
    closed = [place for place in where if place.state != "UP"]
    if where == closed:
        told += [
            (f"is for partition {place.name}, which is closed now (state {place.state})", False) for place in closed
        ]
    return told


def _told(limits: Limits, one: Asked, place: PartitionLimit, fault: _Fault) -> tuple[str, bool]:
    """The sentence, and whether it is sure."""
    if fault.lift and (lifting := _lifting(limits, one, place, fault.lift)):
        return f"{fault.words}; {lifting} may allow it", False
    if limits.has_plugins and not one.partitions:
        return f"{fault.words}, unless the cluster sends it to another partition", False
    return fault.words, not limits.is_partial


def _lifting(limits: Limits, one: Asked, place: PartitionLimit, flag: str) -> str:
    """The QOS that sets this limit aside, as far as anybody knows; "" when there is none."""
    if not limits.is_accounting_known:
        return "a QOS"
    own = [*_qos(limits, one), *filter(None, [limits.qos.get(place.qos or "")])]
    return next((f"QOS {qos.name}" for qos in own if flag in qos.flags), "")


def _memory(mebibytes: int) -> str:
    """To the last digit, for it is compared."""
    return f"{mebibytes}M" if mebibytes % 1024 else f"{mebibytes // 1024}G"


def _faults(one: Asked, place: PartitionLimit) -> list[_Fault]:
    """Where a job is beyond a partition, the first fault of each kind."""
    found: dict[str, _Fault] = {}
    for kind, value, most, written, limit, lift in (
        ("{} of time", one.time, place.max_time, duration, "{} allows {} (MaxTime)", "PartitionTimeLimit"),
        ("{} nodes", one.nodes, place.max_nodes, str, "{} allows {} (MaxNodes)", "PartitionMaxNodes"),
        ("{} nodes", one.nodes, place.nodes, str, "{} has {}", ""),
        ("{} CPUs on a node", one.cpus, place.max_cpus_per_node, str, "{} allows {} (MaxCPUsPerNode)", ""),
        ("{} CPUs on a node", one.cpus, place.node_cpus, str, "{} has nodes with {} at most", ""),
        ("{} of memory on a node", one.memory, place.max_mem_per_node, _memory, "{} allows {} (MaxMemPerNode)", ""),
        ("{} of memory on a node", one.memory, place.node_memory, _memory, "{} has nodes with {} at most", ""),
        ("{} GPUs on a node", one.gpus, place.node_gpus, str, "{} has nodes with {} at most", ""),
    ):
        if most is not None and (value or 0) > most and kind not in found:
            wanted = kind.format("no limit" if value == math.inf else written(value))
            wanted = "1 GPU on a node" if wanted == "1 GPUs on a node" else wanted
            words = f"asks for {wanted}, and partition {limit.format(place.name, written(most))}"
            found[kind] = _Fault(f"{words}: ask for less, or for another partition", lift)
    return list(found.values())
