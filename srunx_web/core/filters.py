"""What templates may call: filters, methods and range(), each bounded; a ValueError is for the user."""

import shlex
from collections.abc import Callable

from jinja2.filters import do_title
from jinja2.utils import htmlsafe_json_dumps

LENGTH = 262_144  # characters of a template, of its result, and of any value on the way
ROUNDS = 10_000  # of all the loops of a rendering together


def _fits(length: int) -> None:
    if length > LENGTH:
        raise ValueError(f"a value is longer than {LENGTH} characters")


def bounded_range(*limits: int) -> list[int]:
    numbers = range(*limits)
    if numbers[ROUNDS:]:
        raise ValueError(f"range() gives no more than {ROUNDS} numbers")
    return list(numbers)


def _replace(value: object, old: str, new: str, count: int = -1) -> str:
    text = str(value)
    _fits(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new, count)


def _join(items: object, between: object = "") -> str:
    texts = [str(item) for item in items]
    _fits(sum(map(len, texts)) + len(str(between)) * len(texts))
    return str(between).join(texts)


def _stripping(strip: Callable[..., str]) -> Callable[..., str]:
    """str.strip or its kind: the time that it takes is the product of both lengths."""

    def stripped(value: object, signs: str | None = None) -> str:
        if signs and len(signs) > 100:
            raise ValueError("more than 100 signs to strip")
        return strip(str(value), signs)

    return stripped


def _number(kind: type) -> Callable:
    def number(value: object, default: object = None) -> object:
        try:
            return kind(value if len(str(value)) <= 100 else "")
        except (TypeError, ValueError, OverflowError):
            if default is None:
                raise ValueError(f"no number: {value!r}") from None
            return default

    return number


def _end(index: int) -> Callable:
    def end(items: object) -> object:
        if not items:
            raise ValueError("an empty list has no first or last item")
        return list(items)[index]

    return end


def _folded(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _unique(items: object) -> list:
    kept: dict = {}
    for item in items:
        kept.setdefault(_folded(item), item)
    return list(kept.values())


METHODS: dict[type, dict[str, Callable]] = {
    dict: {"get": dict.get, "items": lambda it: list(it.items()), "keys": list, "values": lambda it: list(it.values())},
    str: {
        "capitalize": str.capitalize, "endswith": str.endswith, "isdigit": str.isdigit,
        "join": lambda between, items: _join(items, between), "lower": str.lower, "lstrip": _stripping(str.lstrip),
        "removeprefix": str.removeprefix, "removesuffix": str.removesuffix, "replace": _replace,
        "rstrip": _stripping(str.rstrip), "split": str.split, "splitlines": str.splitlines,
        "startswith": str.startswith, "strip": _stripping(str.strip), "title": str.title, "upper": str.upper,
    },
}  # fmt: skip
FILTERS: dict[str, Callable] = {
    "abs": abs, "capitalize": lambda it: str(it).capitalize(), "count": len,
    "dictsort": lambda it: sorted(it.items(), key=lambda pair: _folded(pair[0])), "first": _end(0),
    "float": _number(float), "int": _number(int), "items": lambda it: list(it.items()), "join": _join,
    "last": _end(-1), "length": len, "list": list, "lower": lambda it: str(it).lower(),
    "max": lambda it: max(it, key=_folded), "min": lambda it: min(it, key=_folded),
    "quote": lambda it: shlex.quote(str(it)), "replace": _replace,
    "reverse": lambda it: it[::-1] if isinstance(it, str) else list(it)[::-1],
    "round": lambda it, precision=0: round(it, max(-100, min(precision, 100))),
    "sort": lambda it, reverse=False: sorted(it, key=_folded, reverse=reverse), "string": str,
    "sum": lambda it: sum([*it]), "title": do_title, "tojson": lambda it: str(htmlsafe_json_dumps(it)),
    "trim": _stripping(str.strip), "unique": _unique, "upper": lambda it: str(it).upper(), "~held": lambda it: it,
}  # fmt: skip
