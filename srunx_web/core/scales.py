"""An axis of a plot: where values stand on it, and which of them its ticks tell."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

DECADES = 2  # that positive values span before they are laid out by their logarithms
SIGNS = 14  # of a text at a tick
MOST_EXACT = 12  # values, that are told themselves as far as they are not too near to each other
STEPS = (1, 2, 5, 10)


class Tick(NamedTuple):
    """A mark at a part of the axis, 0 to 1, and what it says."""

    at: float
    text: str


class Scale(NamedTuple):
    """`at` says which part of the axis, 0 to 1, a value stands at, None for one that has no place; `exact` ticks are
    the values themselves, `round_ticks` few round numbers for where those do not fit."""

    at: Callable[[object], float | None]
    exact: list[Tick]
    round_ticks: list[Tick]

    def ticks(self, gap: float) -> list[Tick]:
        """Those that are told when two have to be that part of the axis apart."""
        if self.exact is not self.round_ticks and len(self.exact) <= MOST_EXACT:
            return _apart(self.exact, gap)
        near = any(after.at - before.at < gap for before, after in pairwise(self.exact))
        return _thinned(self.round_ticks, gap) if near else self.exact


def number(value: object) -> float | None:
    """The value as a finite number; None for any other. A boolean is no number, nor is what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def of_parameter(values: Iterable[object]) -> Scale:
    """The axis of an arg: by size if all values are numbers, else side by side in the order that they are given in."""
    given = list(values)
    numbers = [number(value) for value in given]
    return points(given) if None in numbers else of_numbers(numbers, is_exact=True)


def of_numbers(values: Iterable[object], is_exact: bool = False) -> Scale:
    """The axis of those of the values that are finite numbers, which alone have a place on it; `is_exact` when its
    ticks may be the values themselves."""
    found = sorted({known for value in values if (known := number(value)) is not None})
    if not found:
        return Scale(lambda value: None, [], [])
    place = _logarithmic(found) if _is_geometric(found) else _linear(found)

    def at(value: object) -> float | None:
        known = number(value)
        return None if known is None else min(1.0, max(0.0, place(known)))

    round_numbers = _decades(found) if _is_geometric(found) else _round_numbers(found[0], found[-1])
    ticks = _told(round_numbers, at)
    return Scale(at, _told(found, at) if is_exact else ticks, ticks)


def points(values: Iterable[object]) -> Scale:
    """Evenly spaced places for each different value."""
    order = {key: index for index, key in enumerate(dict.fromkeys(map(_key, values)))}
    last = len(order) - 1
    places = {key: index / last if last else 0.5 for key, index in order.items()}
    ticks = [Tick(place, clipped(text)) for (_, text), place in places.items()]
    return Scale(lambda value: places.get(_key(value)), ticks, ticks)


def plain(value: object) -> str:
    """A value of an arg as it is written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def clipped(text: str, signs: int = SIGNS) -> str:
    """A text that fits."""
    return text if len(text) <= signs else f"{text[: signs - 1]}…"


def short(value: float, digits: int = 3) -> str:
    """A number with as many significant digits at the most: 0.93, 12800, 1e-5."""
    size = abs(value)
    if size and not 1e-4 <= size < 1e6:
        head, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{_bare(head)}e{int(exponent)}"
    decimals = digits - 1 - math.floor(math.log10(size)) if size else 0
    return _bare(f"{value:.{max(0, decimals)}f}")


def shorts(values: Sequence[float], digits: int = 3) -> list[str]:
    """These numbers with so many digits that different ones look different."""
    texts: list[str] = []
    for count in range(digits, 18):
        texts = [short(value, count) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _bare(text: str) -> str:
    """Without zeros that end its decimals."""
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _key(value: object) -> tuple[bool, str]:
    """Text and a number that look alike are two values."""
    return isinstance(value, str), plain(value)


def _told(numbers: list[float], at: Callable[[object], float | None]) -> list[Tick]:
    return [Tick(at(value) or 0.0, text) for value, text in zip(numbers, shorts(numbers), strict=True)]


def _apart(ticks: list[Tick], gap: float) -> list[Tick]:
    """The first, the last, and those between them that have room."""
    kept = ticks[:1]
    for tick in ticks[1:-1]:
        if tick.at - kept[-1].at >= gap and ticks[-1].at - tick.at >= gap:
            kept.append(tick)
    return kept + [tick for tick in ticks[1:][-1:] if tick.at - kept[0].at >= gap]


def _thinned(ticks: list[Tick], gap: float) -> list[Tick]:
    """Every one, every second and so on, as far as they are that far apart."""
    for step in range(1, len(ticks) + 1):
        kept = ticks[::step]
        if all(after.at - before.at >= gap for before, after in pairwise(kept)):
            return kept
    return ticks[:1]


def _is_geometric(found: list[float]) -> bool:
    """Whether sorted numbers are positive, span decades, and lie more evenly by their logarithms."""
    if found[0] <= 0 or math.log10(found[-1]) - math.log10(found[0]) < DECADES - 1e-9:
        return False
    return _widest(list(map(math.log10, found))) <= _widest(found) + 1e-9


def _widest(found: list[float]) -> float:
    """The widest gap as a part of the whole; half of each number is taken, for the whole may be more than a float."""
    whole = found[-1] / 2 - found[0] / 2
    gaps = (after / 2 - before / 2 for before, after in pairwise(found))
    return max(gaps) / whole if whole else 1.0


def _linear(found: list[float]) -> Callable[[float], float]:
    low, whole = found[0], found[-1] / 2 - found[0] / 2
    return lambda value: (value / 2 - low / 2) / whole if whole else 0.5


def _logarithmic(found: list[float]) -> Callable[[float], float]:
    low, whole = math.log10(found[0]), math.log10(found[-1]) - math.log10(found[0])
    return lambda value: (math.log10(value) - low) / whole if value > 0 else 0.0


def _decades(found: list[float]) -> list[float]:
    first, last = math.ceil(math.log10(found[0]) - 1e-9), math.floor(math.log10(found[-1]) + 1e-9)
    return [float(f"1e{power}") for power in range(first, last + 1)]


def _round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """At most that many multiples of 1, 2 or 5 times a power of ten; both ends where floats are too coarse for it."""
    span = high - low
    if not 1e-290 < span < 1e290 or span < 1e-12 * max(abs(low), abs(high)):
        return sorted({low, high})
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(step * power for step in STEPS if span / (step * power) < most)
    return [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
