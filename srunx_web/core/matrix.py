"""The matrix of a sweep: lists of values by arg, and every combination of them (api-contract, section 6)."""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

from .spec import Fault

CELLS_LIMIT = 1000
PARALLEL = 4
PARALLEL_LIMIT = 1_000_000  # more than there can be cells means the same
VALUE_LIMIT = 1000  # characters
KEYS = ("matrix", "fail_fast", "max_parallel")
_WORDS = "must be a list of text of at most 1000 characters, numbers or booleans, and not empty"


class Matrix(NamedTuple):
    """What is asked for: lists of values by arg, in order; whether the first failure ends it; cells at once."""

    axes: Mapping[str, list]
    fail_fast: bool = False
    max_parallel: int = PARALLEL

    @property
    def size(self) -> int:
        """How many cells it has."""
        return math.prod(map(len, self.axes.values()))

    def cells(self) -> list[dict]:
        """The values of every cell by axis; the last axis changes fastest."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]


def faults(data: Mapping, path: tuple = ("sweep",)) -> list[Fault]:
    """What is wrong with a `sweep` block."""
    matrix = data.get("matrix")
    found = [Fault((*path, key), "is not known") for key in data if key not in KEYS]
    if not isinstance(matrix, Mapping) or not matrix:
        found.append(Fault((*path, "matrix"), "must be a mapping of at least one arg to a list of values"))
    else:
        found += _axes(matrix, (*path, "matrix"))
    if data.get("fail_fast") is not None and not isinstance(data["fail_fast"], bool):
        found.append(Fault((*path, "fail_fast"), "must be true or false"))
    most = PARALLEL if data.get("max_parallel") is None else data["max_parallel"]
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= PARALLEL_LIMIT:
        found.append(Fault((*path, "max_parallel"), f"must be a whole number from 1 to {PARALLEL_LIMIT}"))
    return found


def _axes(matrix: Mapping, path: tuple) -> list[Fault]:
    found = [Fault((*path, axis), words) for axis, values in matrix.items() if (words := _axis(axis, values))]
    size = math.prod(len(values) for values in matrix.values() if isinstance(values, list))
    if not found and size > CELLS_LIMIT:
        sizes = " x ".join(str(len(values)) for values in matrix.values())
        found.append(Fault(path, f"has {size} cells ({sizes}); at most {CELLS_LIMIT} are possible"))
    return found


def _axis(name: object, values: object) -> str | None:
    """What is wrong with an axis."""
    if not isinstance(name, str) or not name.isidentifier() or name == "deps":
        return "must be named like a variable, and not deps"
    if not isinstance(values, list) or not values:
        return _WORDS
    return None if all(map(_is_scalar, values)) else _WORDS


def _is_scalar(value: object) -> bool:
    """JSON, in which the values are told, has no words for YAML's .nan and .inf."""
    if isinstance(value, str):
        return len(value) <= VALUE_LIMIT
    return isinstance(value, int | float) and abs(value) < math.inf and abs(value) < 10**300
