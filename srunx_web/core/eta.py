"""How long a sweep will still take, from how long its cells took that are over.

The cells left are dealt out to `lanes` that work side by side, each next one to the lane that is free first, and each
is taken to last as long as the mean of those that ended. The time of a cell is the time in its lane, waiting for
nodes included, so this is the sweep's throughput: lanes by mean time (Little's law). The range holds in 8 of 10 cases
if the cells to come are like those that ended: a lane has k = cells left / lanes to go, the sum of k times is off by
sqrt(k) deviations and the mean of n times by 1 / sqrt(n), so the mean is moved by 1.28 deviations x sqrt(1/k + 1/n),
and while n is small by n / (n - 1) as much, which is near to Student's t.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

FEWEST = 2  # times are needed to say anything
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Times(NamedTuple):
    """How long the cells took that are over, in seconds: their number, the sum and the sum of the squares."""

    number: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """The usual time."""
        return self.total / self.number

    @property
    def deviation(self) -> float:
        """The standard deviation, as a sample tells it; 0 for one time."""
        spread = self.squares - self.total**2 / self.number
        return math.sqrt(max(0.0, spread) / max(1, self.number - 1))


class Left(NamedTuple):
    """Seconds that are left: probably, and from where to where."""

    seconds: float
    least: float
    most: float


def times(seconds: Iterable[float]) -> Times:
    """These times summed up."""
    known = list(seconds)
    return Times(len(known), sum(known), sum(value * value for value in known))


def left(ended: Times, running: list[float], pending: int, lanes: int) -> Left | None:
    """What is left when `running` are the seconds that cells have run so far; None while too few have ended."""
    if ended.number < FEWEST:
        return None
    cells = len(running) + pending
    lanes = max(1, len(running), min(lanes, cells))
    rounds = max(1.0, cells / lanes)
    few = ended.number / (ended.number - 1)
    off = 1.28 * few * ended.deviation * math.sqrt(1 / rounds + 1 / ended.number)
    return Left(*(_last(max(0.0, ended.mean + by), running, pending, lanes) for by in (0.0, -off, off)))


def _last(each: float, running: list[float], pending: int, lanes: int) -> float:
    """When the last cell ends, if each takes that long: lanes become free in the order of what is left in them, and
    that is never more than `each`, so they take turns."""
    free = sorted([max(0.0, each - so_far) for so_far in running] + [0.0] * (lanes - len(running)))
    rounds, rest = divmod(pending, lanes)
    return free[rest - 1] + (rounds + (rest > 0)) * each


def words(found: Left | None) -> str:
    """As people say it: "about 14 min left (10 to 20)", "not known yet"."""
    if found is None:
        return "not known yet"
    size, unit = next((pair for pair in _UNITS if found.seconds >= pair[0]), _UNITS[-1])
    is_whole = size == 1 <= found.seconds
    probably, least, most = (f"{value:.0f}" if is_whole else _rounded(value / size) for value in found)
    span = f" ({least} to {most})" if least != most else ""
    return f"about {probably} {unit} left{span}"


def _rounded(value: float) -> str:
    """Two digits at most: 140, 14, 1.4."""
    if value >= 10:
        return f"{float(f'{value:.2g}'):.0f}"
    return f"{value:.1f}".removesuffix(".0")
