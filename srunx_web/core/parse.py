"""The answers of squeue, sacct, sinfo and scontrol as values.

Every listing is asked for with separators of our own (SEP between fields, a mark after the last one), numbers first
and free text last: names hold whatever people type, newlines and separators too. Proved against recordings of
Slurm 20.11, 22.05, 24.11 and 26.05.
"""

import math
import re
from functools import lru_cache
from sys import intern

from . import states
from .model import Job, Node, Partition

SEP = "\x1f"
# squeue(1), --Format. Before Name come the fields that another user can't fill with text of his own choice,
# so that a record with a separator in its text keeps its id, state and owner.
SQUEUE = (
    "JobID", "ArrayJobID", "ArrayTaskID", "State", "Reason", "UserName", "Account", "Partition", "NumNodes", "NumCPUs",
    "tres-alloc", "tres-per-node", "tres-per-job", "TimeLimit", "SubmitTime", "StartTime", "EndTime", "exit_code",
    "PriorityLong", "NodeList", "Dependency", "WorkDir", "STDOUT", "STDERR", "Comment", "Name",
)  # fmt: skip
SACCT = (
    "JobIDRaw", "JobID", "State", "User", "Account", "Partition", "NNodes", "NCPUS", "ReqCPUS", "AllocTRES", "ReqTRES",
    "TimelimitRaw", "Submit", "Start", "End", "ExitCode", "Priority", "NodeList", "WorkDir", "Comment", "JobName",
)  # fmt: skip
SACCT_SOUGHT = ("JobIDRaw", "JobID", "State", "Submit", "Comment", "WorkDir", "JobName")
SINFO = (
    "NodeList", "Partition", "StateLong", "CPUsState", "Memory", "AllocMem", "Gres", "GresUsed", "Features", "User",
    "Timestamp", "Reason",
)  # fmt: skip
PARTITIONS = ("PartitionName", "Partition", "Available", "Time", "DefaultTime")
UNREADABLE = "(name can't be read)"
_SAFE = SQUEUE.index("WorkDir")
_LAST_TIME = 253_402_300_799
_NOTHING = {"", "(null)", "N/A", "None", "Unknown", "UNLIMITED", "None assigned", "none"}
_GPUS = re.compile(r"gpu(?::([^:,=()]+))?[:=](\d+)")
_DURATION = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?(?:\.\d+)?$")
_SACCT_START = re.compile(r"^(?=\d+(?:\+\d+)?\x1f\d+[\d_+.\[\]%,:-]*\x1f[A-Z_]+)", re.MULTILINE)
_ARRAY_ID = re.compile(r"(\d+)_(?:(\d+)|\[(.+)\])$")
_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}


def squeue(text: str, mark: str, known: dict[str, Job] | None = None) -> dict[str, Job]:
    """The jobs of a `squeue -O` of SQUEUE by their records, each ended by `mark`; what `-v` says before the first
    is left out. Records that are `known` from the last listing are not parsed again: most don't change."""
    jobs, known = {}, known or {}
    for record in text.split(mark + "\n"):
        job = known.get(record) or _queued_record(record)
        if job:
            jobs[record] = job
    return jobs


def _queued_record(record: str) -> Job | None:
    """The job of a record; None for what is no record, such as the words of `-v` after the last one."""
    fields = record.split(SEP)
    if len(fields) > len(SQUEUE):  # a separator in somebody's text
        fields = [*fields[:_SAFE], "", "", "", "", UNREADABLE]
    try:
        return _queued(fields) if len(fields) == len(SQUEUE) else None
    except ValueError:
        return None


def _queued(fields: list[str]) -> Job:
    (id_, array_id, task, state, reason, user, account, partition, nodes, cpus, tres, per_node, per_job, limit, submit,
     start, end, code, priority, node_list, dependency, work_dir, stdout, stderr, comment, name) = fields  # fmt: skip
    id_number = int(id_.rpartition("\n")[2])
    node_count = _count(nodes)
    array, index, rest = _array(id_number, array_id, task)
    state = intern(state)
    return Job(
        id=id_number, array_id=array, task=index, tasks=rest, name=name,
        user=intern(user), account=_text(account), partition=intern(partition), state=state,
        reason=_text(reason), nodes=node_count, cpus=_count(cpus),
        gpus=gpu_count(tres) or max(gpu_count(per_node) * node_count, gpu_count(per_job)),
        memory=_memory(tres), tres=intern(tres), node_list=intern(node_list), time_limit=duration(limit),
        submit_time=_time(submit), start_time=_time(start),
        end_time=_time(end) if state in states.TERMINAL else None,
        exit_code=_exit_code(code), priority=_number(priority), dependency=_text(dependency),
        work_dir=_text(work_dir), stdout=_text(stdout), stderr=_text(stderr), comment=_text(comment),
    )  # fmt: skip


def _array(id_number: int, array_id: str, task: str) -> tuple[int | None, int | None, str | None]:
    """(array id, task, pending rest) of what squeue prints as ArrayJobID and ArrayTaskID ("N/A": no array)."""
    if task == "N/A" or not array_id.isdigit():
        return None, None, None
    return (int(array_id), int(task), None) if task.isdigit() else (int(array_id), None, task)


def sacct(text: str) -> list[Job]:
    """The records of a `sacct -X -n -P --delimiter SEP --format` of SACCT."""
    return [_accounted(fields) for fields in _sacct_records(text, len(SACCT))]


def sacct_sought(text: str) -> list[Job]:
    """What a `sacct -X -n -P --delimiter SEP --format` of SACCT_SOUGHT says to recognise jobs by."""
    return [_recognisable(fields) for fields in _sacct_records(text, len(SACCT_SOUGHT))]


def _recognisable(fields: list[str]) -> Job:
    raw, label, state, submit, comment, work_dir, name = fields
    match = _ARRAY_ID.match(label)
    return Job(
        id=int(raw.split("+")[0]), array_id=int(match[1]) if match else None, name=name, state=state.split()[0],
        submit_time=_time(submit), work_dir=_text(work_dir), comment=_text(comment),
    )  # fmt: skip


def _sacct_records(text: str, width: int) -> list[list[str]]:
    """The fields of each record. Lines don't do, for names hold newlines: a record begins where a line does
    with two ids and a state."""
    pieces = [piece.removesuffix("\n").split(SEP) for piece in _SACCT_START.split(text)]
    return [[*fields[: width - 1], SEP.join(fields[width - 1 :])] for fields in pieces if len(fields) >= width]


def _accounted(fields: list[str]) -> Job:
    (raw, label, state, user, account, partition, nodes, cpus, asked_cpus, given, asked, limit, submit, start, end,
     code, priority, node_list, work_dir, comment, name) = fields  # fmt: skip
    match = _ARRAY_ID.match(label)
    tres = given or asked
    state = intern(state.split()[0])
    return Job(
        id=int(raw.split("+")[0]),
        array_id=int(match[1]) if match else None,
        task=int(match[2]) if match and match[2] else None,
        tasks=match[3] if match else None,
        name=name, user=intern(user), account=_text(account), partition=intern(partition), state=state,
        nodes=_count(nodes), cpus=_count(cpus) if given else _count(asked_cpus), gpus=gpu_count(tres),
        memory=_memory(tres), tres=intern(tres), node_list=_text(node_list) or "",
        time_limit=int(limit) * 60 if limit.isdigit() else None, submit_time=_time(submit),
        start_time=_time(start), end_time=_ended_at(state, start, end), exit_code=_text(code),
        priority=_number(priority), work_dir=_text(work_dir), comment=_text(comment),
    )  # fmt: skip


def _ended_at(state: str, start: str, end: str) -> int | None:
    """When it ended; 24.11 knows no end of jobs killed by --kill-on-invalid-dep, whose start is that moment."""
    return (_time(end) or _time(start)) if state in states.TERMINAL else None


def min_job_age(text: str) -> float:
    """Seconds for which slurmctld remembers ended jobs, from `scontrol show config`; 0 when it does not say."""
    match = re.search(r"^MinJobAge\s*=\s*(\d+)", text, re.MULTILINE)
    return (int(match[1]) or math.inf) if match else 0  # slurm.conf(5): 0 prevents any purging


def sinfo(text: str, mark: str) -> list[Node]:
    """The nodes of a `sinfo -N -O` of SINFO, each once with all its partitions, in Slurm's order."""
    nodes: dict[str, Node] = {}
    for record in text.split(mark + "\n"):
        fields = record.split(SEP)
        if len(fields) < len(SINFO):
            continue
        name, partition = fields[0].rpartition("\n")[2], fields[1].rstrip("*")
        if known := nodes.get(name):
            nodes[name] = known._replace(partitions=(*known.partitions, partition))
        else:
            nodes[name] = _node(name, partition, fields)
    return list(nodes.values())


def _node(name: str, partition: str, fields: list[str]) -> Node:
    state, cpus, memory, used, gres, gres_used, features, user, when = fields[2:11]
    allocated, _idle, _other, total = (int(n) if n.isdigit() else 0 for n in cpus.split("/"))
    reason = _text(SEP.join(fields[11:]))
    return Node(
        name, (partition,), re.sub(r"[~#!%$@+^-]+$", "", state), cpus=total, cpus_used=allocated,
        memory=_count(memory), memory_used=_count(used), gpus=_node_gpus(gres, gres_used), reason=reason,
        reason_by=_text(user) if reason else None, reason_time=_time(when) if reason else None,
        features=_text(features) or "",
    )  # fmt: skip


def _node_gpus(gres: str, used: str) -> tuple[tuple[str, int, int], ...]:
    busy: dict[str, int] = {}
    for kind, count in _GPUS.findall(used):
        busy[kind] = busy.get(kind, 0) + int(count)
    total: dict[str, int] = {}
    for kind, count in _GPUS.findall(gres):
        total[kind] = total.get(kind, 0) + int(count)
    return tuple((kind or "gpu", count, busy.get(kind, 0)) for kind, count in total.items())


def partitions(text: str, mark: str) -> list[Partition]:
    """The partitions of a `sinfo -O` of PARTITIONS, which has one row or more for each."""
    found = {}
    for record in text.split(mark + "\n"):
        fields = record.split(SEP)
        if len(fields) == len(PARTITIONS):
            name = fields[0].rpartition("\n")[2]
            found[name] = Partition(name, fields[1].endswith("*"), fields[2], duration(fields[3]), duration(fields[4]))
    return list(found.values())


@lru_cache(4096)
def duration(text: str) -> int | None:
    """Seconds of a time as sbatch(1) takes and squeue prints it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S.

    None for no limit and for what is no time.
    """
    match = _DURATION.match(text)
    if not match:
        return None
    days, *parts = (int(group) if group else 0 for group in match.groups())
    if match[1]:
        hours, minutes, seconds = parts
    elif match[4]:
        hours, minutes, seconds = parts
    else:
        hours, minutes, seconds = 0, parts[0], parts[1]
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@lru_cache(4096)
def gpu_count(text: str) -> int:
    """GPUs in gres words of any version: gpu:2, gres:gpu:a100:4, gres/gpu=8,gres/gpu:a100=8 (both name the same)."""
    found = _GPUS.findall(text)
    plain = sum(int(count) for kind, count in found if not kind)
    return plain or sum(int(count) for kind, count in found if kind)


def gpu_types(tres: str) -> str:
    """ "8 a100" of a TRES that names the type, else ""."""
    return ", ".join(f"{count} {kind}" for kind, count in _GPUS.findall(tres) if kind)


@lru_cache(4096)
def _memory(tres: str) -> int | None:
    match = re.search(r"(?:^|,)mem=(\d+(?:\.\d+)?)([KMGTP]?)", tres)
    return int(float(match[1]) * _UNITS[match[2] or "M"]) if match else None


@lru_cache(256)
def _exit_code(text: str) -> str | None:
    """ "3:0" as 24.11 prints it; the raw wait status (768) of older versions is turned into it."""
    if text.isdigit():
        status = int(text)
        return f"{status >> 8 & 0xFF}:{status & 0x7F}"
    return _text(text)


def _text(text: str) -> str | None:
    return None if text in _NOTHING else intern(text)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _time(text: str) -> int | None:
    """Seconds since the epoch; a begin time beyond the year 9999, which Slurm takes, is none."""
    number = _number(text)
    return number if number is None or number <= _LAST_TIME else None


@lru_cache(1024)
def _count(text: str) -> int:
    """A count; sacct and squeue shorten large ones (1K, 2.5K) in some versions."""
    if text.isdigit():
        return int(text)
    match = re.match(r"(\d+(?:\.\d+)?)([KMG])?", text)
    return int(float(match[1]) * {"K": 1024, "M": 1024**2, "G": 1024**3, None: 1}[match[2]]) if match else 0
