"""The ids that people and URLs use for jobs, and Slurm's short forms of node names and task lists."""

import re
from itertools import product

from .errors import BadRequest, Invalid

_LABEL = re.compile(r"(-?\d{1,40})(?:_(\d{1,9}))?")
_SPAN = r"\d{1,9}(?:-\d{1,9}(?::\d{1,9})?)?"
_CANCEL_LABEL = re.compile(rf"[1-9]\d{{0,18}}(?:_(?:\d{{1,9}}|\[{_SPAN}(?:,{_SPAN})*\]))?", re.ASCII)
_LARGEST = 1 << 63
_BRACKETS = re.compile(r"\[([^\]]*)\]")
_NAMES = re.compile(r"(?:[^,\[]|\[[^\]]*\])+")
NODES_LIMIT = 100_000


def parse_label(text: str) -> tuple[int, int | None]:
    """(id, task) of "123" or "123_4". Invalid when it is no id at all, BadRequest when it is out of range."""
    match = _LABEL.fullmatch(text)
    if not match:
        raise Invalid(f"{text[:80]!r} is not a job id; ids look like 123 or 123_4")
    if not 0 < int(match[1]) < _LARGEST:
        raise BadRequest(f"Job id {match[1]} is out of range: ids are positive")
    return int(match[1]), int(match[2]) if match[2] else None


def parse_sweep_id(text: str) -> int:
    """The id of a sweep. Invalid when it is no number, BadRequest when it is out of range."""
    if not re.fullmatch(r"-?\d{1,40}", text, re.ASCII):
        raise Invalid(f"{text[:80]!r} is not the id of a sweep; ids are numbers")
    if not 0 < int(text) < _LARGEST:
        raise BadRequest(f"Sweep id {text} is out of range: ids are positive")
    return int(text)


def check_cancel_label(text: str) -> str:
    """The text when scancel would take it as ids of jobs: 123, 123_4, 123_[4-9]; Invalid."""
    if not _CANCEL_LABEL.fullmatch(text):
        raise Invalid(f"{text[:80]!r} is not a job id")
    return text


def has_task(tasks: str, task: int) -> bool:
    """Whether "1,3,5-20:5%2" holds that task."""
    for part in tasks.partition("%")[0].split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        if first.isdigit() and task in range(int(first), int(last or first) + 1, int(step or 1)):
            return True
    return False


def count_tasks(tasks: str) -> int:
    """How many tasks "1,3,5-20:5%2" stands for."""
    total = 0
    for part in tasks.partition("%")[0].split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        if first.isdigit() and last.isdigit() and (not step or step.isdigit()):
            total += max(0, int(last) - int(first)) // max(1, int(step or 1)) + 1
        else:
            total += 1
    return total


def expand_nodes(text: str) -> list[str]:
    """The names in a node list: "g[1-2,04],c3" is g1, g2, g04, c3; at most NODES_LIMIT of them."""
    names: list[str] = []
    for part in _NAMES.findall(text):
        pieces = [_numbers(piece) if number % 2 else [piece] for number, piece in enumerate(_BRACKETS.split(part))]
        for words in product(*pieces):
            if len(names) >= NODES_LIMIT:
                return names
            names.append("".join(words))
    return names


def _numbers(text: str) -> list[str]:
    numbers: list[str] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if dash and first.isdigit() and last.isdigit() and int(last) - int(first) < NODES_LIMIT:
            numbers += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        else:
            numbers.append(part)
    return numbers
