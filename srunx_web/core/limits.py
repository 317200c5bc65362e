"""What a cluster allows: the limits of its configuration, its partitions and a user's accounting, as values.

The rules are those of slurm.conf(5), sacctmgr(1) and Slurm's "Resource Limits", tried on 20.11 to 26.05.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from .parse import SEP, duration, gpu_count

# sacctmgr(1), "show user withassoc", which gives an account's limits where its users have none, and "show qos"
USER = ("cluster", "defaultaccount", "account", "partition", "maxjobs", "maxsubmit", "qos", "defaultqos")
QOS = ("name", "flags", "maxjobspu", "maxjobspa", "maxsubmitpu", "maxsubmitpa")
NODES = ("PartitionName", "CPUs", "Memory", "Gres")  # sinfo(1), --Format
_SETTING = re.compile(r"^(\w+)\s*= (.*?)\s*$", re.MULTILINE)
_PAIR = re.compile(r"(\w+)=(\S*)")
_NONE = {"", "(null)", "N/A", "none"}


class PartitionLimit(NamedTuple):
    """A partition: its limits (None: there is none), and the most that one of its nodes has (None: not known).

    Time is in seconds, memory in MiB, `state` is UP, DOWN, DRAIN or INACTIVE.
    """

    name: str
    is_default: bool = False
    state: str = "UP"
    max_time: int | None = None
    max_nodes: int | None = None
    max_cpus_per_node: int | None = None
    max_mem_per_node: int | None = None
    nodes: int | None = None
    node_cpus: int | None = None
    node_memory: int | None = None
    node_gpus: int | None = None
    qos: str | None = None  # whose limits all its jobs have


class Association(NamedTuple):
    """A user in an account, for one partition or for all: how many jobs may run, and how many be in the queue."""

    account: str
    partition: str | None = None
    max_jobs: int | None = None
    max_submit: int | None = None
    qos: tuple[str, ...] = ()
    default_qos: str | None = None
    is_default: bool = False  # whether its account is the user's default one


class Qos(NamedTuple):
    """A quality of service; its limits on a user's jobs come before those of associations."""

    name: str
    flags: frozenset[str] = frozenset()
    max_jobs: int | None = None
    max_submit: int | None = None


class Limits(NamedTuple):
    """What is known; without accounting there are no associations and no QOS."""

    max_array_size: int | None = None
    max_job_count: int | None = None
    refuses_part: str = "NO"  # EnforcePartLimits: ANY and ALL refuse what else would wait for ever
    has_plugins: bool = False  # job_submit or cli_filter plugins, which may send a job to another partition
    is_partial: bool = False  # whether partitions or nodes are hidden from us (PrivateData)
    is_enforced: bool = False  # whether limits of the accounting hold (AccountingStorageEnforce)
    is_accounting_known: bool = True
    associations: tuple[Association, ...] = ()
    qos: Mapping[str, Qos] = {}
    partitions: Mapping[str, PartitionLimit] = {}


def read(config: str, partitions: str, nodes: str, user: str | None, qos: str | None) -> Limits:
    """The limits in what these print: `scontrol show config`, `scontrol -a -o show partition`, `sinfo -e -O` of NODES
    (SEP after each field), `sacctmgr -nP show user withassoc` of USER and `show qos` of QOS; None: it gave no answer.
    """
    found = dict(_SETTING.findall(config))
    enforced = _words(found.get("AccountingStorageEnforce", ""))
    private = _words(found.get("PrivateData", ""))
    is_accounting = "slurmdbd" in found.get("AccountingStorageType", "")
    return Limits(
        max_array_size=number(found.get("MaxArraySize")), max_job_count=number(found.get("MaxJobCount")),
        refuses_part=_enforced(found.get("EnforcePartLimits", "NO")),
        has_plugins=any(_text(found.get(name)) for name in ("JobSubmitPlugins", "CliFilterPlugins")),
        is_partial=bool(private & {"partitions", "nodes"}), is_enforced=bool(enforced & {"limits", "safe", "all"}),
        is_accounting_known=not is_accounting or (user is not None and qos is not None),
        associations=_associations(user or "", found.get("ClusterName", "")), qos=_qualities(qos or ""),
        partitions=_partitions(partitions, nodes, number(found.get("MaxMemPerNode"))),
    )  # fmt: skip


def number(text: str | None) -> int | None:
    """A limit; None for UNLIMITED, INFINITE, N/A, nothing, and whatever else is no number."""
    return int(text) if text and re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _enforced(text: str) -> str:
    """Older versions said YES for ANY."""
    return {"YES": "ANY", "ANY": "ANY", "ALL": "ALL"}.get(text.upper(), "NO")


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(",")}


def _text(text: str | None) -> str | None:
    return None if text is None or text in _NONE else text


def _list(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _associations(text: str, cluster: str) -> tuple[Association, ...]:
    """The rows of this cluster: one slurmdbd may serve several."""
    rows = [line.split("|") for line in text.splitlines()]
    return tuple(
        Association(account, _text(partition), number(jobs), number(submit), _list(qos), _text(default), account == own)
        for of, own, account, partition, jobs, submit, qos, default in (row for row in rows if len(row) == len(USER))
        if account and of in (cluster, "")
    )


def _qualities(text: str) -> dict[str, Qos]:
    rows = [line.split("|") for line in text.splitlines()]
    return {
        name: Qos(name, frozenset(_list(flags)), _least(jobs, jobs_pa), _least(submit, submit_pa))
        for name, flags, jobs, jobs_pa, submit, submit_pa in (row for row in rows if len(row) == len(QOS))
    }


def _least(*texts: str) -> int | None:
    """The limit for each user and that for each account, of which the lower one holds."""
    return min((value for value in map(number, texts) if value is not None), default=None)


def _partitions(text: str, nodes: str, usual_memory: int | None) -> dict[str, PartitionLimit]:
    largest = _largest(nodes)
    found = {}
    for line in text.splitlines():
        words = dict(reversed(_PAIR.findall(line)))  # of a key that is there twice, the first
        if name := _text(words.get("PartitionName")):
            found[name] = _partition(name, words, usual_memory)._replace(**largest.get(name, {}))
    return found


def _partition(name: str, words: Mapping[str, str], usual_memory: int | None) -> PartitionLimit:
    memory = number(words.get("MaxMemPerNode"))
    per_cpu = "MaxMemPerCPU" in words  # which does not bound a node's: Slurm gives more CPUs then
    return PartitionLimit(
        name, words.get("Default") == "YES", words.get("State", "UP"), duration(words.get("MaxTime", "")),
        number(words.get("MaxNodes")) or None, number(words.get("MaxCPUsPerNode")) or None,
        None if per_cpu else memory or usual_memory or None, number(words.get("TotalNodes")) or None,
        qos=_text(words.get("QoS")),
    )  # fmt: skip


def _largest(text: str) -> dict[str, dict[str, int]]:
    """The most CPUs, memory and GPUs that a node of each partition has."""
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        fields = line.split(SEP)
        if len(fields) <= len(NODES):
            continue
        name, cpus, memory, gres = fields[: len(NODES)]
        sizes = {"node_cpus": number(cpus), "node_memory": number(memory), "node_gpus": gpu_count(gres)}
        known = found.setdefault(name, {})
        known.update({key: max(known.get(key, 0), value) for key, value in sizes.items() if value is not None})
    return found
