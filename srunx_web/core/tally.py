"""How many jobs are in which kind of state, in the words that people count in."""

from collections.abc import Iterable

from . import states

UNREACHED = "unreached"
WORDS = ("done", "failed", "running", "waiting", "cancelled", UNREACHED, "unknown")  # in the order of a bar


def word(state: str, is_unreached: bool = False, is_lost: bool = False) -> str:
    """One of WORDS for a job of a run; one that never starts is no cancelled one, and no failure."""
    if is_unreached:
        return UNREACHED
    return "unknown" if is_lost else states.kind(state)


def tally(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """(word, number) pairs summed up, in the order of WORDS; words without any are left out."""
    sums = dict.fromkeys(WORDS, 0)
    for name, number in found:
        sums[name] += number
    return {name: number for name, number in sums.items() if number}
