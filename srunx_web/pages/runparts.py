"""The jobs of a run as its page shows them: nodes of a graph, notes, numbers."""

import re
import time
from typing import NamedTuple

from ..core import states
from ..core.tally import tally, word
from ..core.text import duration
from ..services.follow import Entry
from ..services.runlist import Jobs
from ..services.runs import Shown
from .timeline import has_started

_NEVER = re.compile(r"never starts: \w+ ([\w-]+)")  # the node has little room; its edge says the kind


class Node(NamedTuple):
    """A job: `state` is Slurm's word or "", `note` what else there is to say in a few words."""

    name: str
    kind: str
    state: str
    note: str
    elapsed: str
    start_time: int | None
    end_time: int | None


def nodes(shown: Shown) -> list[Node]:
    """Those of a run, parents first."""
    now = time.time()
    return [node(entry, now) for entry in shown.entries]


def node(entry: Entry, now: float) -> Node:
    """One job as it stands at that time."""
    row = entry.row
    kind, state, note = _words(entry)
    start = row.start_time if has_started(row) else None
    is_told = start and not row.is_unreached and not row.carried_from
    elapsed = duration(max(0, int((row.end_time or now) - start))) if is_told else ""
    return Node(row.name, kind, state, note, elapsed, start, row.end_time)


def _words(entry: Entry) -> tuple[str, str, str]:
    """(classes, state, note)."""
    row = entry.row
    kind = word(row.state, row.is_unreached, row.is_lost)
    if row.carried_from:
        return f"{kind} carried", row.state, "earlier run"
    if row.is_unreached:
        return kind, "", _NEVER.sub(r"never starts (\1)", row.reason or "never starts")
    if entry.is_tried:
        return "unknown", "", "did Slurm take it?" if entry.is_asked else "being looked up"
    if row.is_lost:
        return kind, states.UNKNOWN, "end not known"
    if row.job_id is None:
        return kind, row.state if entry.is_over else "", _unsubmitted(entry)
    if row.attempts > 1 or (row.attempts and row.end_time is None):
        return (kind, attempt(row), "") if row.end_time is None else (kind, row.state, f"{row.attempts} attempts")
    return kind, row.state, _note(row)


def _unsubmitted(entry: Entry) -> str:
    if not entry.is_over:
        return "not submitted yet"
    return "refused" if entry.row.state in states.FAILURES else "not submitted"


def _note(row) -> str:
    if row.state == states.PENDING:
        return "" if row.reason in (None, "None") else row.reason.split(",")[0]
    return exit_words(row.exit_code) if row.state in states.FAILURES else ""


def attempt(row) -> str:
    """Which attempt it is in, or ended with, when it may have several."""
    return f"attempt {row.attempts} of {row.retry + 1}" if row.retry and row.attempts else ""


def exit_words(code: str | None) -> str:
    """Slurm's "3:0" (exit status and signal) as words: exit 3, signal 9; "" when it says nothing."""
    status, _, signal = (code or "").partition(":")
    if signal not in ("", "0"):
        return f"signal {signal}"
    return f"exit {status}" if status not in ("", "0") else ""


def numbers(shown: Shown) -> Jobs:
    """Its jobs counted."""
    words = [(word(row.state, row.is_unreached, row.is_lost), 1) for row in (entry.row for entry in shown.entries)]
    return Jobs(tally(words), len(words), sum(entry.is_alive for entry in shown.entries))


def to_rerun(shown: Shown) -> int:
    """How many jobs failed or were not reached."""
    return sum(entry.row.state != states.COMPLETED or entry.row.is_unreached for entry in shown.entries)
