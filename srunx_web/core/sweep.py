"""A sweep: what is asked for, and how it stands from how its cells stand (api-contract, sections 2 and 6)."""

from collections.abc import Mapping
from typing import NamedTuple

from .errors import Invalid
from .matrix import KEYS, Matrix, faults
from .progress import CANCELLED, COMPLETED, FAILED, PENDING, RUNNING
from .spec import invalid
from .workflow import refuse_python

DRAINING = "draining"
SWEEP_STATES = (PENDING, RUNNING, DRAINING, COMPLETED, FAILED, CANCELLED)
CELL_STATES = (PENDING, RUNNING, COMPLETED, FAILED, CANCELLED)


def read(data: object, path: tuple = ("sweep",)) -> Matrix:
    """The matrix of a `sweep` block; Invalid carries every fault below `path`, each with its sentence."""
    if not isinstance(data, Mapping):
        raise Invalid("sweep: must be a mapping with matrix")
    refuse_python(data.get("matrix"), "sweep.matrix")
    if found := faults(data, path):
        raise invalid(found)
    given = {key: data[key] for key in KEYS[1:] if data.get(key) is not None}
    return Matrix(dict(data["matrix"]), **given)


class Counts(NamedTuple):
    """How many cells are in which state, in the order of CELL_STATES."""

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def in_flight(self) -> int:
        """Those that are not over."""
        return self.pending + self.running


def cell_state(run_state: str) -> str:
    """The state of a cell by that of its run: one that is being submitted counts as running."""
    return run_state if run_state in CELL_STATES else RUNNING


def state(now: str, counts: Counts, is_cancelled: bool) -> str:
    """Where a sweep in state `now` stands with these cells; the first rule that fits decides."""
    if counts.in_flight:
        if is_cancelled:
            return DRAINING
        return RUNNING if counts.running and now == PENDING else now
    if is_cancelled:
        return CANCELLED
    if counts.failed:
        return FAILED
    return CANCELLED if counts.cancelled else COMPLETED
