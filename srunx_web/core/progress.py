"""How a run stands, from how its jobs stand (api-contract, section 2)."""

from collections.abc import Iterable
from typing import NamedTuple

from . import states
from .spec import Dependency
from .workflow import topological

PENDING, SYNCING, SUBMITTING, RUNNING = "pending", "syncing", "submitting", "running"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
TERMINAL = frozenset({COMPLETED, FAILED, CANCELLED})


class Part(NamedTuple):
    """A job of a run. `has_started` says that it got nodes; `is_lost` that it ended and nobody knows how."""

    name: str
    state: str = states.PENDING
    depends_on: tuple[Dependency, ...] = ()
    has_started: bool = False
    is_lost: bool = False


def rules_out(kind: str, parent: str, is_lost: bool = False) -> bool:
    """Whether a parent in that state means that a dependent of that kind never starts.

    As slurmctld decides (sbatch(1), --dependency): a parent that was cancelled did not end well, and that is all
    that afternotok asks. After an end that nobody knows, only afterany and after may go on.
    """
    if is_lost:
        return kind in ("afterok", "afternotok")
    if kind == "afterok":
        return states.is_terminal(parent) and parent != states.COMPLETED
    return kind == "afternotok" and parent == states.COMPLETED


def is_met(kind: str, parent: str, is_lost: bool = False) -> bool:
    """Whether a parent that is over lets a dependent of that kind start."""
    return (is_lost or states.is_terminal(parent)) and not rules_out(kind, parent, is_lost)


def unreached(parts: Iterable[Part]) -> dict[str, Dependency]:
    """The jobs that never start, each with the dependency that rules it out. One that rules out others counts
    as cancelled for them, which is what it is, or will be, in Slurm."""
    known = {part.name: part for part in parts}
    found: dict[str, Dependency] = {}
    for name in topological({name: [parent.job for parent in part.depends_on] for name, part in known.items()}):
        part = known[name]
        if part.has_started or part.state not in (states.PENDING, states.CANCELLED):
            continue
        for parent in part.depends_on:
            before = known.get(parent.job)
            state = states.CANCELLED if parent.job in found else before.state if before else states.PENDING
            if rules_out(parent.kind, state, bool(before and before.is_lost)):
                found[name] = parent
                break
    return found


def run_state(parts: list[Part], is_cancelled: bool = False) -> str | None:
    """The end of a run, or None while a job of it may still change: failed before cancelled before completed.

    A job whose end nobody knows counts as failed: to call it completed would be a guess.
    """
    neutral = unreached(parts)
    reached = [part for part in parts if part.name not in neutral]
    if any(not part.is_lost and not states.is_terminal(part.state) for part in reached):
        return None
    if any(part.is_lost or part.state in states.FAILURES for part in reached):
        return FAILED
    if is_cancelled or any(part.state == states.CANCELLED for part in reached):
        return CANCELLED
    return COMPLETED
