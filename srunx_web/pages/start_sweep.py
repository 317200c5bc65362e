"""What the form of a run says of its sweep before anything is started: how many cells, of which values, within which
limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..core import scales
from ..core.errors import Problem
from ..core.fitting import Notice
from ..core.matrix import PARALLEL, Matrix
from ..core.plan import chosen
from ..current import cluster, server
from ..services import launch, limits
from ..services.launch import Start
from ..services.sweepstart import Preview
from ..services.workflows import Definition
from . import startform

ASK_ABOVE = 50  # cells
WAIT = 0.5  # seconds for the limits of the cluster
CELLS_SHOWN = 50


@dataclass(frozen=True)
class Strip:
    """The axes that can be read, what is wrong by field, and what there is to say of the cells."""

    axes: Mapping[str, list] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 0  # of a cell
    most: int = PARALLEL  # cells at once
    faults: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def size(self) -> int:
        """How many cells there are; 0 while that can't be told."""
        return Matrix(self.axes).size if self.axes and not self.is_wrong else 0

    @property
    def total(self) -> int:
        """How many jobs all cells have."""
        return self.size * self.jobs

    @property
    def is_wrong(self) -> bool:
        """Whether a list can't be read."""
        return any(name.startswith(startform.LIST) for name in self.wrong)

    @property
    def asks(self) -> bool:
        """Whether a start has to be confirmed."""
        return self.size > ASK_ABOVE and not self.wrong


def strip(found: Definition, given: Mapping) -> Strip:
    """The strip of what was typed so far."""
    whole = found.workflow
    axes, wrong = startform.read_axes(whole, given)
    if not axes or wrong:
        return Strip(axes, wrong)
    try:
        what, matrix = startform.read(whole, given)
        jobs = len(chosen(whole, what.selection))
    except Problem as fault:
        known = {one["loc"][-1]: one["msg"] for one in fault.errors}
        return Strip(axes, known, faults=() if known else (fault.detail,))
    faults, notices = _tried(found, what, matrix)
    return Strip(axes, {}, jobs, matrix.max_parallel, faults, (*_texts(whole.args, axes), *notices))


def _texts(usual: Mapping, axes: Mapping[str, list]) -> list[Notice]:
    """What may have been meant as numbers: text on an axis that has numbers, or that the file gives a number."""
    found = []
    for axis, values in axes.items():
        texts = [value for value in values if isinstance(value, str)]
        if texts and (len(texts) < len(values) or scales.number(usual.get(axis)) is not None):
            told = scales.clipped(texts[0], 40)
            found.append(Notice(f"{axis}: “{told}” is text, not a number; commas stand between values."))
    return found


def _tried(found: Definition, what: Start, matrix: Matrix) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """(why the first or the last cell can't be rendered, what the cluster's limits say of both)."""
    cells, plans, faults = matrix.cells(), [], []
    for number in sorted({0, len(cells) - 1}):
        try:
            plans.append(launch.preview(server().settings, found, replace(what, args={**what.args, **cells[number]})))
        except Problem as fault:
            faults.append(f"Cell {number + 1} can’t be rendered: {fault.detail}")
    if not plans:
        return tuple(faults), ()
    others = [job for plan in plans[1:] for job in plan]
    return tuple(faults), tuple(limits.notices(cluster(), plans[0], matrix, WAIT, others))


def is_agreed(matrix: Matrix, given: Mapping) -> bool:
    """Whether it may be started: a large one only when the answer was about as many cells as it has."""
    answer = given.get("confirmed", "")
    return matrix.size <= ASK_ABOVE or (given.get("asked") if answer == "1" else answer) == str(matrix.size)


@dataclass(frozen=True)
class Cells:
    """What a dry run shows of a sweep: some cells as (number from 0, preview), and the first that has scripts."""

    axes: tuple[str, ...]
    total: int
    faulty: int
    unseen_faults: int
    jobs: int
    shown: list[tuple[int, Preview]]
    first: tuple[int, Preview] | None
    notices: list[Notice]


def cells(previews: list[Preview], matrix: Matrix) -> Cells:
    """The first cells, and the first of those that can't be rendered."""
    numbered = list(enumerate(previews))
    bad = [(number, one) for number, one in numbered if one.fault]
    good = [(number, one) for number, one in numbered if not one.fault]
    shown = numbered[:CELLS_SHOWN] + [pair for pair in bad[:CELLS_SHOWN] if pair[0] >= CELLS_SHOWN]
    said = []
    if good:
        others = [job for _, one in good[1:] for job in one.jobs]
        said = limits.notices(cluster(), good[0][1].jobs, matrix, WAIT, others)
    unseen = len(bad) - sum(one.fault is not None for _, one in shown)
    jobs = sum(len(one.jobs) for _, one in good)
    return Cells(tuple(matrix.axes), len(previews), len(bad), unseen, jobs, shown, good[0] if good else None, said)
