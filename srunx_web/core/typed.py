"""The fields of a workflow and its jobs: what a form shows of a value, and what value typed text stands for."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from . import yamltext
from .errors import Invalid
from .placing import known_key
from .spec import APPTAINER_ONLY, JOB_KEYS, RESOURCE_KEYS

# Kinds of fields. A scalar is read by the core schema of YAML 1.2, any value also as [a, b] or {a: b}. Words are text
# or a list, then one a line. Of the maps, of texts or of any values, each entry is a field.
TEXT, SCALAR, VALUE, WORDS, LINES, TEXTS, VALUES = "text", "scalar", "value", "words", "lines", "texts", "values"
_ENTRIES = {TEXTS: TEXT, VALUES: VALUE}
Path = tuple[str, ...]


class Form(NamedTuple):
    """The kinds of fields by their path, and the orders of keys that new ones are put into."""

    kinds: Mapping[Path, str]
    orders: Mapping[Path, tuple[str, ...]]

    def kind(self, path: Path) -> str:
        """The kind of the field at a path, that of an entry of a map included; Invalid."""
        found = self.kinds.get(path) or _ENTRIES.get(self.kinds.get(path[:-1]))
        if found and found not in _ENTRIES:
            return found
        raise Invalid(f"There is no field {'.'.join(map(str, path))[:80]!r}")

    def has(self, path: Path) -> bool:
        """Whether there is a field at the path or below it."""
        return any(path == known[: len(path)] for known in self.kinds)

    def shown(self, data: Mapping) -> dict[str, str | list]:
        """What the fields show, by path ("resources.nodes"); those without a value are left out.

        Text for most; a list of words for words in a list, one of (key, text) for maps.
        """
        found = ((".".join(path), shown(kind, dig(data, path))) for path, kind in self.kinds.items())
        return {path: text for path, text in found if text is not None}


_COUNTS = ("nodes", "gpus_per_node", "ntasks_per_node", "cpus_per_task")
_FLAGS = tuple(key for key in APPTAINER_ONLY if key not in ("overlay", "env"))
_BOX = ("environment", "container")
TOP = Form(
    {("name",): TEXT, ("description",): TEXT, ("args",): VALUES, ("default_project",): TEXT},
    {(): ("name", "description", "args", "default_project", "sweep", "metrics", "jobs")},
)
JOB = Form(
    {
        ("name",): TEXT, ("command",): WORDS, ("script_path",): TEXT, ("script_vars",): VALUES, ("exports",): TEXTS,
        **{("resources", key): SCALAR if key in _COUNTS else TEXT for key in RESOURCE_KEYS},
        ("environment", "conda"): TEXT, ("environment", "venv"): TEXT, ("environment", "env_vars"): TEXTS,
        **{(*_BOX, key): TEXT for key in ("image", "runtime", "workdir", "overlay")}, (*_BOX, "mounts"): LINES,
        (*_BOX, "env"): TEXTS, **{(*_BOX, key): SCALAR for key in _FLAGS}, ("work_dir",): TEXT, ("log_dir",): TEXT,
        ("retry",): SCALAR, ("retry_delay",): SCALAR, ("template",): TEXT, ("srun_args",): WORDS,
        ("launch_prefix",): WORDS,
    },
    {
        (): JOB_KEYS, ("resources",): RESOURCE_KEYS, ("environment",): ("conda", "venv", "container", "env_vars"),
        _BOX: ("runtime", "image", "mounts", "workdir", *APPTAINER_ONLY),
    },
)  # fmt: skip

_NULLS = ("null", "Null", "NULL", "~")
_PLAIN = re.compile(r"[A-Za-z_/.$][\w/.$=@%+-]*", re.ASCII)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def read(kind: str, typed: str | list[str], old: object = None) -> object:
    """The value that typed text stands for; of words in a list, those that `old` has stay as they are there."""
    if isinstance(typed, list):
        if kind not in (WORDS, LINES):
            raise Invalid("A list of words is no value for this field")
        known = {_word(word): word for word in old} if isinstance(old, list) else {}
        return [known[line] if line in known else _read_word(line) for line in typed if line.strip()]
    if kind == LINES:
        return read(kind, typed.split("\n"), old)
    if kind == SCALAR:
        return _read_scalar(typed.strip())
    return _read_any(typed) if kind == VALUE else typed


def shown(kind: str, value: object) -> str | list | None:
    """A value as it is typed; None for no value, or one of a shape that the field has no room for."""
    if value is None:
        return None
    if kind in _ENTRIES:
        return _pairs(kind, value) if isinstance(value, dict) else None
    if isinstance(value, list):
        return [_word(word) for word in value] if kind in (WORDS, LINES) else None
    return None if isinstance(value, dict) else _plain(value)


def dig(data: object, path: tuple) -> object:
    """The value at a path, None where there is none; `path` is another word for script_path, and the image of a
    container may stand for all of it."""
    for key in path:
        data = {key: data} if key == "image" and isinstance(data, str) else data
        data = data.get(known_key(data, key)) if isinstance(data, dict) else None
    return data


def _pairs(kind: str, value: dict) -> list[tuple[str, str]]:
    text = _any if kind == VALUES else _flat
    return [(str(key), text(inner)) for key, inner in value.items()]


def _plain(value: object) -> str:
    """A scalar as it is written, text as it is."""
    return value if isinstance(value, str) else yamltext.dump(value).rstrip("\n")


def _flat(value: object) -> str:
    return _flow(value) if isinstance(value, dict | list) else _plain(value)


def _read_scalar(text: str) -> object:
    """A number, a boolean or null where the core schema has one; else the text."""
    if text in _NULLS:
        return None
    try:
        value = yamltext.load(text) if text and not re.search(r"\s", text) else text
    except Invalid:
        return text
    return value if isinstance(value, bool | int | float) else text


def _read_any(text: str) -> object:
    """A scalar, or what stands in brackets, braces or quotes; an expression in {{ }} is text."""
    if text[:1] in ("[", "{", '"', "'") and text[:2] not in ("{{", "{%", "{#"):
        try:
            value = yamltext.load(text)
        except Invalid:
            return text
        return value if isinstance(value, dict | list | str) else text
    return _read_scalar(text)


def _any(value: object) -> str:
    """Text that `_read_any` makes the same value of."""
    if isinstance(value, str) and type(_read_any(value)) is str and _read_any(value) == value:
        return value
    return _flow(value)


def _flow(value: object) -> str:
    """YAML on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_flow(key)}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str) and not (_PLAIN.fullmatch(value) and _read_scalar(value) == value):
        return f'"{"".join(_escaped(value))}"'
    return _plain(value)


def _escaped(text: str) -> Iterator[str]:
    for sign in text:
        code = ord(sign)
        yield _ESCAPES.get(sign) or (sign if sign.isprintable() else f"\\U{code:08x}")


def _word(value: object) -> str:
    """One word as a line of its own."""
    text = _flat(value)
    return text if text.strip() and text.isprintable() and _read_word(text) == text else f'"{"".join(_escaped(text))}"'


def _read_word(line: str) -> str:
    if line[:1] == '"' == line[-1:] and len(line) > 1:
        try:
            word = yamltext.load(line)
        except Invalid:
            return line
        return word if isinstance(word, str) else line
    return line
