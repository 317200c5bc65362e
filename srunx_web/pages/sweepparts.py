"""The cells of a sweep as its page shows them: chosen by the address, sorted, and counted along the axes."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..core import progress, states
from ..services.sweeps import Cell
from ..store import Run, Sweep
from .runparts import exit_words

AT = "at."  # before the name of an axis in the address: one may be called `state`
_FIRST = ("failed", "running", "pending", "cancelled", "completed")  # what needs somebody


class Value(NamedTuple):
    """A value of an axis, and how the cells with it stand."""

    text: str
    cells: int = 0
    done: int = 0
    failed: int = 0


class Wanted(NamedTuple):
    """Which cells, in which order: a state or "", the text of a value by axis, a column with - before it for the
    other way round."""

    state: str = ""
    at: Mapping[str, str] = {}
    sort: str = ""


def text(value: object) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def point(sweep: Sweep, cell: Cell) -> list[str]:
    """Its value on each axis, as text."""
    return [text(cell.run.args.get(axis)) for axis in sweep.matrix]


def axes(sweep: Sweep, cells: list[Cell]) -> dict[str, list[Value]]:
    """The values of each axis in their order, with the cells counted."""
    found = {}
    for axis, values in sweep.matrix.items():
        numbers = {text(value): [0, 0, 0] for value in values}
        for cell in cells:
            counted = numbers.setdefault(text(cell.run.args.get(axis)), [0, 0, 0])
            counted[0] += 1
            counted[1] += cell.state == progress.COMPLETED
            counted[2] += cell.state == progress.FAILED
        found[axis] = [Value(name, *counted) for name, counted in numbers.items()]
    return found


def took(cell: Cell) -> int | None:
    """Seconds from the first start of a job to the last end, or to now; None when none has started."""
    is_running = cell.state == progress.RUNNING and cell.began is not None
    return max(0, int(time.time()) - cell.began) if is_running else cell.seconds


def changes(sweep: Sweep, run: Run) -> dict[str, str]:
    """What is other in an attempt than the sweep says: resources, and args."""
    given = {name: value for name, value in run.args.items()
             if name not in sweep.matrix and value != (sweep.args or {}).get(name)}  # fmt: skip
    return {name: text(value) for name, value in {**(run.resources or {}), **given}.items()}


def why(sweep: Sweep, name: str, state: str, exit_code: str | None) -> str:
    """Why a cell failed, by its job: "train: exit 3", "out of memory"."""
    told = exit_words(exit_code) if state == states.FAILED else ""
    words = told or state.lower().replace("_", " ")
    return f"{name}: {words}" if sweep.jobs > 1 else words


def wanted(sweep: Sweep, given: Mapping[str, str], state: str, sort: str) -> Wanted:
    """What the address asks for; axes that the sweep does not have are as if they were not there."""
    at = {axis: given[AT + axis] for axis in sweep.matrix if given.get(AT + axis)}
    return Wanted(state, at, sort if _is_column(sweep, sort) else "number")


def kept(cells: list[Cell], what: Wanted) -> list[Cell]:
    """Those that are wanted."""
    at = what.at.items()
    return [cell for cell in cells if (not what.state or cell.state == what.state)
            and all(text(cell.run.args.get(axis)) == value for axis, value in at)]  # fmt: skip


def in_order(cells: list[Cell], sort: str) -> list[Cell]:
    """In the order of a column; by number within it, and those without a value last."""
    column, is_down = sort.removeprefix("-"), sort.startswith("-")
    keys = [(_key(cell, column), cell) for cell in cells]
    known = sorted((pair for pair in keys if pair[0] is not None), key=lambda pair: pair[0], reverse=is_down)
    return [cell for _, cell in known] + [cell for key, cell in keys if key is None]


def _is_column(sweep: Sweep, sort: str) -> bool:
    """Whether cells can be sorted by that."""
    column = sort.removeprefix("-")
    return column in _PLACE or (column.startswith(AT) and column.removeprefix(AT) in sweep.matrix)


_PLACE: dict[str, Callable[[Cell], float | None]] = {
    "number": lambda cell: cell.number,
    "state": lambda cell: _FIRST.index(cell.state),
    "started": lambda cell: cell.began,
    "seconds": took,
}


def _key(cell: Cell, column: str) -> tuple | None:
    """Something that sorts numbers before text; None for none."""
    if column.startswith(AT):
        value = cell.run.args.get(column.removeprefix(AT))
        if isinstance(value, int | float):
            return None if value != value else (0, value, "")  # noqa: PLR0124 - NaN; an int may be too large for isnan
        return (1, 0, text(value))
    found = _PLACE[column](cell)
    return None if found is None else (found,)
