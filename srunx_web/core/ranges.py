"""Lists of values as they are typed for an arg: `0.001, 0.01`, `1..5`, `log(1e-4,1e-1,4)`, `lin(0,1,5)`, also mixed."""

import decimal
import math
import re
from collections.abc import Iterator
from decimal import Decimal

from . import typed, yamltext
from .errors import Invalid
from .matrix import CELLS_LIMIT

LENGTH = 100_000  # characters of a list
DIGITS = 6  # of what lies between the ends of log() and lin()
_CONTEXT = decimal.Context(prec=100)
_NUMBER = r"[-+]?(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER}) *\.\.(?!\.) *({_NUMBER})(?: *\.\.(?!\.) *({_NUMBER}))?", re.ASCII)
_BROKEN_RANGE = re.compile(rf"{_NUMBER} *\.\.|\.\. *[-+]?\d", re.ASCII)
_BROKEN_CALL = re.compile(r"(?:log|lin) *\(")
_EXAMPLES = {"log": "log(1e-4,1e-1,4)", "lin": "lin(0,1,5)"}
_SPACED = re.compile(rf"(log|lin) *\( *({_NUMBER}) *, *({_NUMBER}) *, *(\d{{1,9}}) *\)", re.ASCII)
# An item and the comma after it. Quotes, the brackets of a call and those of an expression keep their commas.
_ITEM = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')
    |(?P<call>\w+[ ]*\([^()]*\)(?=\s*(?:,|\Z)))
    |(?P<plain>(?![\s"'])(?:\{\{[^{}]{0,500}\}\}|[^,])*))\s*(?:,|\Z)""",
    re.VERBOSE | re.DOTALL,
)


def values(text: str) -> list[str | int | float | bool]:
    """The values that a list stands for, in order: scalars as args have them, none of them twice, in [ ] or without.

    Invalid says what is wrong and what to write instead; more than CELLS_LIMIT values are never made.
    """
    if len(text) > LENGTH:
        raise Invalid(f"is longer than {LENGTH} characters")
    found: dict[str, object] = {}
    for value in _all(_without_brackets(text.strip())):
        if repr(value) in found:
            raise Invalid(f"{_short(_shown(value))} is there twice; each value is tried once")
        found[repr(value)] = value
        if len(found) > CELLS_LIMIT:
            raise Invalid(f"has more than {CELLS_LIMIT} values, and a sweep at most {CELLS_LIMIT} cells")
    if not found:
        raise Invalid("needs at least one value, as in 0.001, 0.01 or 1..5")
    return list(found.values())


def text(found: list) -> str:
    """A list as it is typed: `values` reads the same from it."""
    return _as_range(found) or ", ".join(map(_shown, found))


def _without_brackets(text: str) -> str:
    if not text.startswith("["):
        return text
    if not text.endswith("]") or len(text) == 1:
        raise Invalid("the list that begins with [ needs a ] at its end")
    return text[1:-1].strip()


def _all(text: str) -> Iterator[object]:
    """The values of every item in turn; a comma may stand after the last."""
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            words = _short(text[at:].strip())
            raise Invalid(f"{words}: the quote has no end, or no comma after it; text with a quote stands in quotes")
        yield from _item(item)
        at = item.end()


def _item(item: re.Match) -> Iterator[object]:
    """What one item stands for."""
    text = item[item.lastgroup].strip()
    if item.lastgroup == "quoted":
        yield _unquoted(text)
    elif spaced := _SPACED.fullmatch(text):
        yield from _spaced(text, *spaced.groups())
    elif found := _RANGE.fullmatch(text):
        yield from _range(text, *found.groups())
    else:
        _check(text, item.lastgroup == "call")
        yield _scalar(text)


def _check(text: str, is_call: bool) -> None:
    """Invalid for what looks like something else than the text that it would be."""
    if not text:
        raise Invalid('there is nothing between two commas; an empty text is ""')
    if _BROKEN_CALL.match(text):
        raise Invalid(f"write {text[:3]}(first,last,how many), as in {_EXAMPLES[text[:3]]}")
    if _BROKEN_RANGE.match(text):
        raise Invalid(f"{_short(text)} is no range; write first..last or first..last..step, as in 1..5 or 0..1..0.1")
    if is_call and "," in text:
        raise Invalid(f"{_short(text)}: only log() and lin() make values; text with commas stands in quotes")
    if text[0] in "[{" and text[:2] not in ("{{", "{%", "{#"):
        raise Invalid(f"{_short(text)}: a list or mapping can't be a value; text that begins like one stands in quotes")


def _scalar(text: str) -> object:
    value = typed.read(typed.SCALAR, text)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise Invalid(f"{_short(text)} can't be a value; as text it stands in quotes")
    return value


def _unquoted(text: str) -> str:
    try:
        value = yamltext.load(text)
    except Invalid:
        value = None
    if not isinstance(value, str):
        raise Invalid(f"{_short(text)} can't be read; in double quotes a backslash is written twice")
    return value


def _range(text: str, *ends: str | None) -> Iterator[int | float]:
    """From the first to the last number, exact in decimals; the direction follows from the ends."""
    first, last, step = (None if end is None else Decimal(end) for end in ends)
    is_whole = all(_is_whole(end) for end in ends if end)
    if step is None and not is_whole:
        raise Invalid(f"{_short(text)} needs a step, as in 0.1..0.5..0.1")
    with decimal.localcontext(_CONTEXT):
        step = _towards(text, first, last, Decimal(1) if step is None else step)
        size = (last - first) / step
        if size >= CELLS_LIMIT:
            raise Invalid(f"{_short(text)} has more than {CELLS_LIMIT} values, and a sweep at most {CELLS_LIMIT} cells")
        found = [first + step * number for number in range(int(size) + 1)]
    yield from (_number(value, is_whole) for value in found)


def _towards(text: str, first: Decimal, last: Decimal, step: Decimal) -> Decimal:
    """The step with the sign that leads from first to last."""
    if step == 0 or (step < 0 and last > first):
        raise Invalid(f"{_short(text)} never gets to its end; write a step above 0")
    return -abs(step) if last < first else abs(step)


def _spaced(text: str, name: str, *args: str) -> list[int | float]:
    """That many numbers, evenly apart (lin) or in equal ratios (log): both ends as written, the others rounded; whole
    numbers where all of them are."""
    first, last, number = Decimal(args[0]), Decimal(args[1]), int(args[2])
    if not 2 <= number <= CELLS_LIMIT:
        raise Invalid(f"{_short(text)}: {name}() makes 2 to {CELLS_LIMIT} values")
    ends = _number(first), _number(last)
    if name == "log" and min(ends) <= 0:
        raise Invalid(f"{_short(text)}: log() needs numbers above 0")
    if ends[0] == ends[1]:
        raise Invalid(f"{_short(text)} ends where it begins; write the one value")
    between = _evenly(first, last, number) if name == "lin" else _in_ratios(*ends, number)
    found = [ends[0], *between, ends[1]]
    is_whole = _is_whole(args[0]) and _is_whole(args[1]) and all(value.is_integer() for value in between)
    return [int(first), *map(int, between), int(last)] if is_whole else found


def _evenly(first: Decimal, last: Decimal, number: int) -> list[float]:
    """What lies between, to DIGITS digits of the step."""
    with decimal.localcontext(_CONTEXT):
        step = (last - first) / (number - 1)
        least = Decimal(1).scaleb(step.adjusted() - DIGITS + 1)
        return [float((first + step * place).quantize(least)) for place in range(1, number - 1)]


def _in_ratios(first: float, last: float, number: int) -> list[float]:
    """What lies between, to DIGITS digits, or more where neighbours would be the same."""
    start, step = math.log(first), (math.log(last) - math.log(first)) / (number - 1)
    digits = DIGITS + max(0, -math.ceil(math.log10(abs(step) or 1e-17)))
    return [float(f"{math.exp(start + step * place):.{min(digits, 17)}g}") for place in range(1, number - 1)]


def _is_whole(number: str) -> bool:
    return number.lstrip("+-").isdecimal()


def _number(value: Decimal, is_whole: bool = False) -> int | float:
    if is_whole:
        return int(value)
    if not math.isfinite(float(value)):
        raise Invalid(f"{_short(str(value))} is too large for a number")
    return float(value)


def _as_range(found: list) -> str | None:
    """first..last of four or more whole numbers that lie evenly."""
    if len(found) < 4 or any(type(value) is not int or abs(value) > 1e15 for value in found):
        return None
    step = found[1] - found[0]
    if step == 0 or found != list(range(found[0], found[-1] + (1 if step > 0 else -1), step)):
        return None
    return f"{found[0]}..{found[-1]}" + (f"..{abs(step)}" if abs(step) != 1 else "")


def _shown(value: object) -> str:
    """A value as an item: text in quotes where it would be something else."""
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    return value if _is_plain(value) else f'"{"".join(map(_escaped, value))}"'


def _is_plain(text: str) -> bool:
    """Whether it reads as itself, whatever stands beside it."""
    try:
        return "(" not in text and "{{" not in text and values(text) == [text]
    except Invalid:
        return False


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08x}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
