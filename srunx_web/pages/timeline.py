"""When the jobs of a run waited and ran, as bars over one axis; in percent of its length, so that a bar is as wide
as the page lets it be."""

from collections.abc import Iterable
from typing import NamedTuple

from ..core.tally import word
from ..core.text import duration
from ..services.follow import Entry

MOST = 60  # jobs: more bars are no picture any more
TICKS = 8
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds


class Span(NamedTuple):
    """A part of the axis, in percent."""

    x: float
    width: float


class Bar(NamedTuple):
    """One job: how long it waited in the queue, and ran; None where it did not."""

    name: str
    kind: str
    waited: Span | None
    ran: Span | None
    words: str


class Timeline(NamedTuple):
    """The bars, and the marks of the axis: (percent, time since the beginning)."""

    bars: list[Bar]
    ticks: list[tuple[float, str]]


def timeline(entries: Iterable[Entry], begun: float, now: float) -> Timeline | None:
    """The picture of a run that began then (epoch seconds); None when it has too many jobs, or none has an id yet.
    Jobs that an earlier run did are left out."""
    rows = [entry.row for entry in entries if not entry.row.carried_from]
    times = [row for row in rows if row.submit_time is not None]
    if not times or len(rows) > MOST:
        return None
    first = min([int(begun), *(row.submit_time for row in times)])
    last = max([*(_end(row, now) for row in times), first + 1])
    axis = _Axis(first, last)
    return Timeline([_bar(row, axis, now) for row in rows], axis.ticks())


class _Axis:
    """From one time to a later one."""

    def __init__(self, first: int, last: int):
        self.first, self.length = first, last - first

    def span(self, start: float, end: float) -> Span:
        """The part between two times."""
        at = 100 * max(0, start - self.first) / self.length
        return Span(round(at, 2), round(min(100 - at, 100 * max(0, end - start) / self.length), 2))

    def ticks(self) -> list[tuple[float, str]]:
        """At most TICKS marks at round times."""
        step = next((step for step in STEPS if self.length / step <= TICKS), None)
        step = step or 86400 * -(-self.length // (86400 * TICKS))
        return [(round(100 * at / self.length, 2), duration(at)) for at in range(0, self.length + 1, step)]


def has_started(row) -> bool:
    """Whether it ran: of a waiting job, Slurm gives as its start when it expects one."""
    return bool(row.node_list) and row.start_time is not None


def _end(row, now: float) -> int:
    return int(row.end_time if row.end_time is not None else now)


def _bar(row, axis: _Axis, now: float) -> Bar:
    kind = word(row.state, row.is_unreached, row.is_lost)
    if row.submit_time is None:
        return Bar(row.name, kind, None, None, "not submitted")
    end = _end(row, now)
    if not has_started(row):
        waited = duration(max(0, end - row.submit_time))
        return Bar(row.name, kind, axis.span(row.submit_time, end), None, f"waited {waited}, never ran"
                   if row.end_time is not None else f"waits for {waited}")  # fmt: skip
    words = f"waited {duration(max(0, row.start_time - row.submit_time))}, ran {duration(max(0, end - row.start_time))}"
    return Bar(row.name, kind, axis.span(row.submit_time, row.start_time), axis.span(row.start_time, end), words)
