"""Nodes, GPUs and partitions: what is in use, what is free."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple

from ..cluster.feed import View
from ..core import states
from ..core.errors import NotFound
from ..core.labels import expand_nodes
from ..core.model import Job, Node, Partition
from .cluster import API_WAIT, Cluster, fresh, prime


class GPUs(NamedTuple):
    """GPUs of one type: `total` of nodes that take jobs or, on others, still in use; `out` are out of service."""

    total: int = 0
    used: int = 0
    out: int = 0

    @property
    def free(self) -> int:
        """Those that a job could have."""
        return self.total - self.used


@dataclass
class Use:
    """What a partition has, and what of it is taken."""

    partition: Partition
    nodes: list[Node] = field(default_factory=list)
    gpus: dict[str, GPUs] = field(default_factory=dict)  # by type
    jobs_running: int = 0

    @property
    def gpus_total(self) -> int:
        """GPUs of all types."""
        return sum(gpus.total for gpus in self.gpus.values())

    @property
    def gpus_used(self) -> int:
        """GPUs in use, of all types."""
        return sum(gpus.used for gpus in self.gpus.values())

    @property
    def nodes_idle(self) -> int:
        """Nodes without any job that take one."""
        return sum(node.state == "idle" for node in self.nodes)

    @property
    def nodes_down(self) -> int:
        """Nodes that take no new jobs."""
        return sum(node.is_down for node in self.nodes)

    @property
    def cpus(self) -> tuple[int, int]:
        """CPUs of nodes that take jobs: (total, in use)."""
        up = [node for node in self.nodes if not node.is_down]
        return sum(node.cpus for node in up), sum(node.cpus_used for node in up)


def uses(nodes: list[Node], partitions: list[Partition], jobs: list[Job]) -> list[Use]:
    """The use of each partition, by name; a node in several is in use in each of them."""
    known = {partition.name: Use(partition) for partition in partitions}
    for node in nodes:
        for name in node.partitions:
            _add(known.setdefault(name, Use(Partition(name))), node)
    for job in jobs:
        if job.state == states.RUNNING and job.partition in known:
            known[job.partition].jobs_running += 1
    return [known[name] for name in sorted(known)]


def _add(use: Use, node: Node) -> None:
    use.nodes.append(node)
    for kind, total, used in node.gpus:
        before = use.gpus.get(kind, GPUs())
        counted = used if node.is_down else total
        use.gpus[kind] = GPUs(before.total + counted, before.used + used, before.out + total - counted)


def snapshot(cluster: Cluster, wait: float) -> tuple[list[Use], View[list[Node]]]:
    """What is known of all partitions, and the view of the nodes that it was made of."""
    prime(cluster.nodes, cluster.partitions, cluster.everyone)
    nodes, partitions = cluster.nodes.read(wait), cluster.partitions.read(wait)
    jobs = cluster.queue(mine=False, wait=wait)
    return uses(nodes.value or [], partitions.value or [], jobs.value or []), nodes


def list_resources(cluster: Cluster, partition: str | None) -> list[dict]:
    """The contract's rows, one a partition or the one asked for; NotFound."""
    prime(cluster.partitions, cluster.everyone)
    view = fresh(cluster.nodes, cluster.title)
    found, _ = snapshot(cluster, API_WAIT)
    stamp = datetime.fromtimestamp(view.at or time.time(), timezone.utc)
    rows = [_row(use, stamp) for use in found if partition in (None, use.partition.name)]
    if partition and not rows:
        raise NotFound(f"Partition {partition!r} not found")
    return rows


def _row(use: Use, stamp: datetime) -> dict:
    total, used = use.gpus_total, use.gpus_used
    return {
        "timestamp": stamp.isoformat(timespec="seconds"), "partition": use.partition.name,
        "total_gpus": total, "gpus_in_use": used, "gpus_available": total - used, "jobs_running": use.jobs_running,
        "nodes_total": len(use.nodes), "nodes_idle": use.nodes_idle, "nodes_down": use.nodes_down,
        "gpu_utilization": round(used / total, 4) if total else 0.0, "has_available_gpus": used < total,
    }  # fmt: skip


def jobs_by_node(jobs: list[Job]) -> dict[str, list[Job]]:
    """The jobs that hold something on each node."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if job.node_list and not job.is_terminal and job.state != states.PENDING:
            for name in expand_nodes(job.node_list):
                found.setdefault(name, []).append(job)
    return found
