"""The metrics that a workflow names: patterns on its jobs' logs, and keys of JSON files that its cells write.

Patterns come from users, and so do the texts: `regex` ends a search that takes too long (pypi.org/project/regex,
Timeout), and what it would unfold to more than memory can hold is refused before.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import regex

from . import sandbox
from .spec import Fault

LIMIT = 100  # metrics of a workflow
PATTERN_LIMIT = 500
FILE_LIMIT = 1000
UNFOLDED = 10_000  # nodes: regex copies what is to be repeated at least so many times, x{9}{9} is 81 of them
SECONDS = 0.2  # for one search in one text
TOO_SLOW = "the pattern takes too long"
TEXT_LIMIT = 80
DIGITS = 400  # the largest float has 309 before its point
_NAME = re.compile(r"[A-Za-z_][\w./@-]{0,63}", re.ASCII)
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d{1,9})[^}]*\}|.", re.ASCII | re.DOTALL)
_CALLS = re.compile(r"\(\?(?:R|&|P>|[+-]?\d)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_BREAKS = re.compile(r"[\r\n]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LESS_IS_BETTER = frozenset(
    """loss losses err error errors mse mae mape rmse perplexity ppl wer cer nll bpb bpc time latency duration seconds
    cost regret""".split()
)
_KEYS = ("pattern", "file", "key", "job", "best")
_GOALS = ("max", "min")


class Metric(NamedTuple):
    """A number to be read for each cell: by a `pattern` on the log of a job (None: of any), or from the JSON `file` in
    the work folder of a job (None: of the last), where the dotted `key` leads to it; `goal` says which end is best."""

    name: str
    pattern: str | None = None
    file: str | None = None
    key: str | None = None
    job: str | None = None
    goal: str = "max"


class Unreadable(ValueError):
    """Why there is no value, in words."""


class TooSlow(Unreadable):
    """The pattern took too long."""


def faults(data: object, jobs: Collection[str]) -> list[Fault]:
    """What is wrong with the `metrics` of a workflow with these jobs."""
    if data is None:
        return []
    if not isinstance(data, Mapping):
        return [Fault(("metrics",), "must be a mapping of names to patterns, or to mappings with pattern or file")]
    found = [Fault(("metrics",), f"are more than {LIMIT}")] if len(data) > LIMIT else []
    for name, entry in list(data.items())[:LIMIT]:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            words = "must be named by letters, digits and _ . / @ -, at most 64, the first a letter or _"
            found.append(Fault(("metrics", name), words))
        found += [fault._replace(path=("metrics", name, *fault.path)) for fault in _entry_faults(entry, jobs)]
    return found


def _entry_faults(entry: object, jobs: Collection[str]) -> Iterator[Fault]:
    """What is wrong with one metric, its paths below it."""
    if isinstance(entry, str):
        entry, place = {"pattern": entry}, ()
    elif isinstance(entry, Mapping):
        place = ("pattern",)
    else:
        yield Fault((), "must be a pattern, or a mapping with pattern or file")
        return
    yield from (Fault((key,), f"is not known; there are {', '.join(_KEYS)}") for key in entry if key not in _KEYS)
    given = {key: value for key, value in entry.items() if value is not None}
    if ("pattern" in given) == ("file" in given):
        yield Fault((), "needs exactly one of pattern and file")
    if "pattern" in given and (words := _pattern_fault(given["pattern"])):
        yield Fault(place, words)
    if "file" in given and (words := _file_fault(given["file"])):
        yield Fault(("file",), words)
    yield from _rest_faults(given, jobs)


def _rest_faults(given: Mapping, jobs: Collection[str]) -> Iterator[Fault]:
    if "key" in given and "file" not in given:
        yield Fault(("key",), "goes with file, not with pattern")
    elif "key" in given and not (isinstance(given["key"], str) and 0 < len(given["key"]) <= PATTERN_LIMIT):
        yield Fault(("key",), "must be text such as test.auc")
    if "job" in given and not (isinstance(given["job"], str) and given["job"] in jobs):
        yield Fault(("job",), f"there is no job {str(given['job'])[:80]!r}")
    if "best" in given and given["best"] not in _GOALS:
        yield Fault(("best",), "must be max or min")


def _pattern_fault(pattern: object) -> str | None:
    if not isinstance(pattern, str) or not pattern:
        return "must be a regular expression"
    if len(pattern) > PATTERN_LIMIT:
        return f"has {len(pattern)} characters; at most {PATTERN_LIMIT} are possible"
    if _CONTROL.search(pattern):
        return "must be a regular expression of one line"
    if _CALLS.search(pattern):
        return "must not call itself"
    if _unfolded(pattern) > UNFOLDED:
        return "repeats too much: what is repeated within repetitions is more than can be held"
    try:
        regex.compile(pattern)
    except regex.error as fault:
        return f"is no regular expression: {fault}"
    except (RecursionError, MemoryError, OverflowError, ValueError, LookupError):
        return "is no regular expression that can be used"
    return None


def _unfolded(pattern: str) -> int:
    """No fewer than the nodes that `regex` makes of a pattern: it copies n times what is to be there at least n
    times, and once more what may follow."""
    groups, last = [0], 0
    for match in _PIECE.finditer(re.sub(r"\s", "", pattern)):  # (?x) lets numbers be spaced
        piece = match[0]
        if piece == "(":
            groups.append(0)
            last = 0
        elif piece == ")" and len(groups) > 1:
            last = groups.pop() + 1
            groups[-1] += last
        elif match["least"] is not None or piece == "+":
            more = last * int(match["least"] or 1)
            last += more
            groups[-1] += more
        elif piece not in ("*", "?"):
            last = 1
            groups[-1] += 1
    return sum(groups)


def _file_fault(file: object) -> str | None:
    if not isinstance(file, str) or not file.strip() or len(file) > FILE_LIMIT or _CONTROL.search(file):
        return f"must be the path of a file, of at most {FILE_LIMIT} characters"
    try:
        sandbox.names(file)
    except sandbox.RenderFault as fault:
        return str(fault)
    return None


def read(data: object) -> tuple[Metric, ...]:
    """The metrics of a `metrics` block without faults; none of None."""
    found = []
    for name, entry in (data or {}).items():
        given = {"pattern": entry} if isinstance(entry, str) else entry
        key = given.get("key") or (name if given.get("file") else None)
        goal = given.get("best") or ("min" if _is_a_loss(name) else "max")
        found.append(Metric(name, given.get("pattern"), given.get("file"), key, given.get("job"), goal))
    return tuple(found)


def written(metric: Metric) -> dict:
    """A metric as an entry of a `metrics` block says it in full."""
    given = {"pattern": metric.pattern, "file": metric.file, "key": metric.key, "job": metric.job, "best": metric.goal}
    return {key: value for key, value in given.items() if value is not None}


def _is_a_loss(name: str) -> bool:
    return any(word.lower() in _LESS_IS_BETTER for word in _WORD.findall(name))


def value(text: str) -> float | str:
    """The number that a text is, nan and inf among them; else the text itself, made harmless, at most TEXT_LIMIT
    characters. A comma or semicolon that ends it belongs to the sentence around it."""
    text = text.strip()
    number = text[:DIGITS].rstrip(",;")
    if len(text) <= DIGITS and _NUMBER.fullmatch(number):
        return float(number)
    return _CONTROL.sub("\ufffd", text[:TEXT_LIMIT])


def lines(text: str) -> list[str]:
    """A log as lines: each state of a progress bar is one, and colours are left out."""
    return _BREAKS.split(_COLOURS.sub("", text))


def from_log(metric: Metric, text: list[str], clock: Callable[[], float] = lambda: 0.0) -> float | str | None:
    """The value of the last match in the last of these lines that has one, or None; TooSlow after SECONDS by `clock`.
    The value is group 1 if it took part, else all of the match."""
    pattern, end = regex.compile(metric.pattern), clock() + SECONDS
    for line in reversed(text):
        if found := _last_match(pattern, line, end - clock()):
            return value(found)
    return None


def _last_match(pattern: regex.Pattern, line: str, seconds: float) -> str:
    """What the last match in a line holds, or nothing."""
    found = ""
    if seconds <= 0:
        raise TooSlow(TOO_SLOW)
    try:
        for match in pattern.finditer(line, timeout=seconds):
            found = (match[1] if pattern.groups and match[1] is not None else match[0]).strip() or found
    except (TimeoutError, MemoryError, RecursionError):
        raise TooSlow(TOO_SLOW) from None
    return found


def from_json(metric: Metric, text: str) -> float:
    """The number where the metric's key leads in a JSON text, NaN and Infinity among them; Unreadable."""
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise Unreadable("the file is nested too deeply") from None
    except ValueError as fault:  # also a number of thousands of digits
        raise Unreadable(f"the file is not JSON: {str(fault)[:120]}") from None
    found = _at(data, metric.key or metric.name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Unreadable(f"{metric.key!r} is {_kind(found)}, not a number")
    try:
        return float(found)
    except OverflowError:
        raise Unreadable(f"{metric.key!r} is a number that is too long") from None


def _at(data: object, key: str) -> object:
    """Where a dotted key leads, through mappings and lists; a key that has dots itself is tried first."""
    if isinstance(data, dict) and key in data:
        return data[key]
    for part in key.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif (
            isinstance(data, list)
            and re.fullmatch(r"-?\d{1,9}", part, re.ASCII)
            and -len(data) <= int(part) < len(data)
        ):
            data = data[int(part)]
        else:
            raise Unreadable(f"the file has no key {key[:80]!r}")
    return data


def _kind(found: object) -> str:
    words = {bool: "true or false", str: "text", list: "a list", dict: "a mapping", type(None): "null"}
    return words[type(found)]
