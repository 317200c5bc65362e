"""A workflow in a few words and strokes, for rows of tables and nodes of graphs."""

from typing import NamedTuple

from ..core import sandbox
from ..core.layout import Layout
from ..core.options import time_limit
from ..core.sandbox import Budget, RenderFault
from ..core.spec import JobSpec
from ..core.tally import word
from ..core.text import duration
from ..core.workflow import Workflow
from ..services.follow import Entry
from .graph import MOST_EDGES, placed

MOST = 60  # jobs of a drawing that is as high as a line
STEPS = 1_000_000  # of all that says how many GPUs a workflow asks for: a quarter of a second


class Sketch(NamedTuple):
    """The jobs and where they stand; `kinds` are the colours of those that have run."""

    names: tuple[str, ...]
    layout: Layout
    kinds: dict[str, str]


def sketch(found: Workflow, kinds: dict[str, str] | None = None, most: int = MOST) -> Sketch | None:
    """Its drawing; None where it has no jobs, or too many jobs or dependencies."""
    names, edges = tuple(job.name for job in found.jobs), tuple(found.edges)
    if not 0 < len(names) <= most or len(edges) > MOST_EDGES:
        return None
    return Sketch(names, placed(names, edges), kinds or {})


def kinds(entries: list[Entry]) -> dict[str, str]:
    """The colours of the jobs of a run by their names."""
    return {row.name: word(row.state, row.is_unreached, row.is_lost) for row in (entry.row for entry in entries)}


def gpus(found: Workflow) -> int | None:
    """The GPUs that its jobs ask for together, with the args as they are; None where only a run can tell."""
    total, budget = 0, Budget(STEPS)
    for job in found.jobs:
        asked = {key: job.resources.get(key, least) for key, least in (("nodes", 1), ("gpus_per_node", 0))}
        try:
            numbers = [int(value) for value in sandbox.render_leaves(asked, found.args, budget).values()]
        except (RenderFault, ValueError):
            return None
        total += numbers[0] * numbers[1]
    return total


def asks(job: JobSpec) -> str:
    """What it asks for, in as few words as will do: "2 × 4 GPUs, 1:00:00"."""
    asked = job.resources
    nodes, cards = asked.get("nodes", 1), asked.get("gpus_per_node", 0)
    several = f"{nodes} × " if nodes != 1 else ""
    words = f"{several}{cards} GPU{'s' if several or cards != 1 else ''}" if cards else f"{nodes} nodes" * bool(several)
    return ", ".join(filter(None, [words, limit(asked.get("time_limit"))]))


def limit(text: str | None) -> str:
    """A time limit as Slurm prints it: 5:00 for "5", which are minutes; what is no time yet stays as it is."""
    try:
        return duration(time_limit(text)) if text else ""
    except ValueError:
        return text
