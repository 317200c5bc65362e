"""Which places are free for the next cells of a sweep: max_parallel lanes, and one place behind each."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Held(NamedTuple):
    """A run that holds a place in a lane: it, or a job of it, may still be alive.

    `after` is the run that it was put behind; `since` is when it began to run (epoch seconds), None before.
    """

    run: str
    after: str | None = None
    since: float | None = None
    is_handed_in: bool = True


class Place(NamedTuple):
    """A free place: in that lane at once, or `after` the run that holds it."""

    lane: int
    after: str | None = None


def free(lanes: Mapping[int, list[Held]], max_parallel: int, is_ahead: bool) -> Iterator[Place]:
    """The free places, best first: empty lanes, then, when cells may be handed in ahead, those behind the only run of
    a lane that began the longest ago. One place behind each: more would tie cells to a lane that turns out slow."""
    yield from (Place(lane) for lane in range(max_parallel) if not lanes.get(lane))
    if is_ahead:
        alone = [(lane, held[0]) for lane, held in lanes.items() if len(held) == 1 and held[0].is_handed_in]
        for lane, lead in sorted(alone, key=lambda one: (one[1].since is None, one[1].since or 0, one[0])):
            yield Place(lane, lead.run)


def followers(lanes: Mapping[int, list[Held]]) -> list[str]:
    """The runs that stand behind another one in their lane, which may still be alive."""
    alive = {one.run for held in lanes.values() for one in held}
    return [one.run for held in lanes.values() for one in held if one.after in alive]


def movable(lanes: Mapping[int, list[Held]]) -> list[str]:
    """The runs behind another one in their lane, those first whose lane will take the longest: its run began last, or
    not yet."""
    found = []
    for held in lanes.values():
        at = {one.run: one for one in held}
        found += [(at[one.after].since, one.run) for one in held if one.after in at]
    return [run for _, run in sorted(found, key=lambda pair: (pair[0] is not None, -(pair[0] or 0), pair[1]))]


def separated(lanes: Mapping[int, list[Held]]) -> list[str]:
    """The runs that were moved to another lane than that of the run which they stand behind."""
    at = {one.run: lane for lane, held in lanes.items() for one in held}
    return [one.run for lane, held in lanes.items() for one in held if at.get(one.after, lane) != lane]
