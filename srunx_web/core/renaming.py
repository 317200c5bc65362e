"""New names of jobs and args in the expressions that use them: {{ deps.OLD.x }} and {{ OLD }}."""

import re
from collections.abc import Callable

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_STRING = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""  # is looked at so that nothing in it is taken for a name
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def rename_job(data: object, old: str, new: str) -> object:
    """Data with deps.OLD and deps['OLD'] changed in its expressions; what holds none of them is the same object."""
    name, deps = re.escape(old), r"(?<![\w.])deps\s*"
    item = rf"(?P<item>{deps}(?:\[|\.\s*get\s*\()\s*(?P<quote>['\"])){name}(?P=quote)"
    pattern = re.compile(rf"(?P<dot>{deps}\.\s*){name}\b|{item}|{_STRING}")

    def say(match: re.Match) -> str:
        if match["item"]:
            return match["item"] + new + match["quote"]
        if match["dot"]:
            return match["dot"] + new if _IDENTIFIER.fullmatch(new) else f"deps['{new}']"
        return match[0]

    return _changed(data, old, lambda text: pattern.sub(say, text))


def rename_arg(data: object, old: str, new: str) -> object:
    """Data with the name OLD changed in its expressions, not after a dot or bar, nor as the name of a parameter."""
    pattern = re.compile(rf"(?P<name>(?<![\w.|])(?<!\|\s){re.escape(old)}\b(?!\s*=(?!=)))|{_STRING}")
    return _changed(data, old, lambda text: pattern.sub(lambda match: new if match["name"] else match[0], text))


def _changed(data: object, word: str, change: Callable[[str], str]) -> object:
    """Data with every expression changed in those of its strings that hold the word."""
    if isinstance(data, str):
        text = _EXPRESSION.sub(lambda match: change(match[0]), data) if word in data and "{" in data else data
        return data if text == data else text
    if isinstance(data, dict):
        items = {key: _changed(value, word, change) for key, value in data.items()}
        return items if any(items[key] is not value for key, value in data.items()) else data
    if isinstance(data, list):
        values = [_changed(value, word, change) for value in data]
        return values if any(new is not value for new, value in zip(values, data, strict=True)) else data
    return data
