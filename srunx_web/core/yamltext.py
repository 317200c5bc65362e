"""YAML as text: read by the core schema of YAML 1.2, written so that a reader of YAML 1.1 sees the same values."""

import re
from collections.abc import Callable, Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import Invalid

SIZE = 100_000  # nodes with all aliases expanded; a hundred characters of text count as one more
DEPTH = 100
DIGITS = 600  # of a whole number: Python prints 640 at the least
WIDTH = 100  # of a line with a list on it
_KEY_WIDTH = 1000  # a key beside its colon may have 1024 signs (YAML 1.2.2, 7.4.2)

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
# YAML 1.2.2, 10.3.2, and the signs each begins with; the merge key is YAML 1.1's
_CORE = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
        list(".-+0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}
_PATTERNS = {_TAG + kind: re.compile(rf"(?:{pattern})\Z") for kind, (pattern, _) in _CORE.items()}
_UNREADABLE = re.compile(r"(?P<bad>[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff])")
# libyaml needs a time for them that grows with the square of their number
_TAG_DIRECTIVE = re.compile(r"(?:\A|[\n\r\x85\u2028\u2029])\ufeff?(?P<bad>%TAG)\b")

# Text that may stand without quotes in a block, and in a list on one line
_PLAIN = re.compile(r"(?:[\w/.$(+=~<^\\;]|--?(?=\w))(?:[^ :#]|:(?=[^ ])| (?=[^#])|(?<! )#)*(?<! )")
_PLAIN_IN_LIST = re.compile(rf"(?!.*(?:[,\[\]{{}}?]|:[^\w/])){_PLAIN.pattern}")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(text: str, verbatim: frozenset[str] = frozenset()) -> object:
    """The value of a YAML document: dict, list, str, int, float, bool or None.

    Below the keys in `verbatim` numbers and booleans are text, as they were written: 1e-3, 010, True. Raises Invalid
    with the 1-based line and column, in words and in `errors`.
    """
    reader, node = _compose(text)
    reader.verbatim = verbatim
    return None if node is None else reader.value(node)


def position(text: str, path: tuple[str | int, ...]) -> tuple[int, int] | None:
    """The 1-based line and column of the node at a path like ("jobs", 0, "name"), or of its nearest ancestor.

    None when the text is empty or no YAML.
    """
    return positions(text)(path)


def positions(text: str) -> Callable[[tuple[str | int, ...]], tuple[int, int] | None]:
    """The same for many paths: the text is read once, when the first of them is asked for."""
    root: list[Node | None] = []

    def found(path: tuple[str | int, ...]) -> tuple[int, int] | None:
        if not root:
            root.append(_root(text))
        return _mark(root[0], path)

    return found


def _root(text: str) -> Node | None:
    try:
        return _compose(text)[1]
    except Invalid:
        return None


def _mark(node: Node | None, path: tuple[str | int, ...]) -> tuple[int, int] | None:
    if node is None:
        return None
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return node.start_mark.line + 1, node.start_mark.column + 1


def dump(data: object) -> str:
    """Block-style YAML of a tree of dict, list, str, int, float, bool and None; without anchors.

    `load` and a reader of YAML 1.1 both make the same tree of it. Raises Invalid when it is nested too deeply or
    holds half a surrogate pair, TypeError for other types.
    """
    lines = _block(data, 0) if data and isinstance(data, dict | list) else [_scalar(data)]
    return "\n".join(lines) + "\n"


def _fault(words: str, mark: yaml.Mark | None) -> Invalid:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    detail = f"line {line}, column {column}: {words}"
    error = {"loc": ["body", "yaml"], "msg": detail, "type": "value_error", "line": line, "column": column}
    return Invalid(detail, [error])


class _Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Nodes as PyYAML composes them, with libyaml where it is there, and the values that they stand for."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012  PyYAML's own way
    verbatim: frozenset[str] = frozenset()

    def __init__(self, text: str):
        super().__init__(text)
        self.level = self.composed = self.built = 0

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        """PyYAML calls this before each node that it composes."""
        self.level += 1
        self.composed += 1
        _check_size(self.composed, self.level, parent)

    def ascend_resolver(self) -> None:
        """PyYAML calls this after each node that it composed."""
        self.level -= 1

    def value(self, node: Node, level: int = 1, as_text: bool = False) -> object:
        """What a node stands for; each alias makes a value of its own."""
        self.built += 1 + (len(node.value) // 100 if isinstance(node, ScalarNode) else 0)
        _check_size(self.built, level, node)
        if isinstance(node, ScalarNode):
            return node.value if as_text and node.tag in _PATTERNS else _read_scalar(node)
        if node.tag != _TAG + ("map" if isinstance(node, MappingNode) else "seq"):
            raise _unknown_tag(node)
        if isinstance(node, SequenceNode):
            return [self.value(child, level + 1, as_text) for child in node.value]
        return self._mapping(node, level, as_text)

    def _mapping(self, node: MappingNode, level: int, as_text: bool) -> dict:
        own: dict = {}
        merged: dict = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise _fault("a list or a mapping cannot be a key", key_node.start_mark)
            if key_node.tag == _MERGE:
                self._merge(value_node, merged, level)
                continue
            key = self.value(key_node, level + 1)
            if key in own:
                raise _fault(f"duplicate key {_short(key_node.value)}", key_node.start_mark)
            is_null = value_node.tag == _TAG + "null"  # a key without a value says nothing
            own[key] = self.value(value_node, level + 1, not is_null and (as_text or key in self.verbatim))
        return {**merged, **own}

    def _merge(self, node: Node, into: dict, level: int) -> None:
        value = self.value(node, level + 1)
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise _fault("<< needs a mapping or a list of mappings", node.start_mark)
            for key, inner in source.items():
                into.setdefault(key, inner)


for _kind, (_, _first) in _CORE.items():
    _Reader.add_implicit_resolver(_TAG + _kind, _PATTERNS[_TAG + _kind], _first)


def _compose(text: str) -> tuple[_Reader, Node | None]:
    """The reader and the root node, None for a text without any."""
    if match := _UNREADABLE.search(text) or _TAG_DIRECTIVE.search(text):
        before = text[: match.start("bad")]
        mark = yaml.Mark("", 0, before.count("\n"), len(before) - before.rfind("\n") - 1, None, None)
        raise _fault(f"{_short(match['bad'])} is not possible in this YAML", mark)
    reader = _Reader(text)
    try:
        return reader, reader.get_single_node()
    except yaml.MarkedYAMLError as fault:
        words = ", ".join(filter(None, (fault.context, fault.problem)))
        if "nesting depth" in words:  # libyaml has a limit of its own, which it meets while it reads ahead
            words = f"nested deeper than {DEPTH} levels"
        raise _fault(words, fault.problem_mark or fault.context_mark) from None
    except (ValueError, OverflowError):  # an escape beyond Unicode, without libyaml
        raise _fault("there is no such character", reader.get_mark()) from None
    finally:
        reader.dispose()


def _check_size(count: int, level: int, node: Node | None) -> None:
    mark = node.start_mark if node else None
    if level > DEPTH:
        raise _fault(f"nested deeper than {DEPTH} levels, or an alias within its own anchor", mark)
    if count > SIZE:
        raise _fault(f"more than {SIZE} values, aliases counted as often as they are used", mark)


def _read_scalar(node: ScalarNode) -> object:
    if node.tag in (_TAG + "str", _MERGE):
        return node.value
    if node.tag not in _PATTERNS:
        raise _unknown_tag(node)
    kind = node.tag.removeprefix(_TAG)
    if not _PATTERNS[node.tag].match(node.value):
        raise _fault(f"{_short(node.value)} is no {kind}", node.start_mark)
    if kind == "int" and len(node.value) > DIGITS:
        raise _fault(f"a number of more than {DIGITS} digits", node.start_mark)
    text = node.value.lower()
    if kind == "int":
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if kind == "float":
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text == "true" if kind == "bool" else None


def _unknown_tag(node: Node) -> Invalid:
    return _fault(f"unknown tag {_short(node.tag.replace(_TAG, '!!'))}", node.start_mark)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part]
    return None


def _block(data: dict | list, indent: int) -> Iterator[str]:
    """The lines of a collection that is not empty."""
    margin = " " * indent
    if isinstance(data, list):
        for item in data:
            yield from _entry(margin + "-", item, indent + 2)
        return
    for key, value in data.items():
        head = margin + _scalar(key)
        if len(head) > _KEY_WIDTH:
            yield f"{margin}? {head[indent:]}"
            head = margin
        yield from _entry(head + ":", value, indent + 2)


def _entry(head: str, value: object, indent: int) -> Iterator[str]:
    """The lines of a value after its dash or key; those that are its own at this indent."""
    if isinstance(value, dict | list) and value:
        if indent // 2 + 2 > DEPTH:  # the level of what is in it
            raise Invalid(f"nested deeper than {DEPTH} levels")
        listed = _one_line(value)
        if listed and len(head) + 1 + len(listed) <= WIDTH:
            yield f"{head} {listed}"
            return
        lines = _block(value, indent)
        yield f"{head} {next(lines)[indent:]}" if head.endswith("-") else head
        yield from lines
    elif isinstance(value, str) and _fits_literal(value):
        yield f"{head} |{_literal_hints(value)}"
        for line in value.removesuffix("\n").split("\n"):
            yield " " * indent + line if line else ""
    else:
        yield f"{head} {_scalar(value)}"


def _one_line(value: dict | list) -> str | None:
    """A list of short values in brackets, or None."""
    if isinstance(value, dict) or len(value) > WIDTH:
        return None
    if any((item and isinstance(item, dict | list)) or (isinstance(item, str) and "\n" in item) for item in value):
        return None
    return f"[{', '.join(_scalar(item, _PLAIN_IN_LIST) for item in value)}]"


def _fits_literal(text: str) -> bool:
    """Whether a literal block keeps it: lines, at least one of them not blank, of visible signs, blanks and tabs."""
    return "\n" in text and text.strip(" \t\n") != "" and text.replace("\n", "").replace("\t", "").isprintable()


def _literal_hints(text: str) -> str:
    """What follows the bar: the indent where the text begins with blanks, and how its end is kept."""
    end = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    return ("2" if text[0] in " \t\n" else "") + end


def _scalar(value: object, plain: re.Pattern = _PLAIN) -> str:
    if isinstance(value, str):
        return _text(value, plain)
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        written = repr(value) if "." in repr(value) else repr(value).replace("e", ".0e")  # YAML 1.1 wants the point
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(written, written)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"{type(value).__name__} cannot be written as YAML")


def _text(text: str, plain: re.Pattern) -> str:
    """Text on one line, without quotes where no reader takes it for something else."""
    if not text.isprintable():
        if _SURROGATE.search(text):
            raise Invalid("half a surrogate pair cannot be written as YAML")
        return f'"{"".join(map(_escaped, text))}"'
    if plain.fullmatch(text) and _is_text(text):
        return text
    return "'" + text.replace("'", "''") + "'" if '"' in text or "\\" in text else f'"{text}"'


def _is_text(text: str) -> bool:
    """Whether it is a string to both kinds of reader when it stands without quotes."""
    if text in ("y", "Y", "n", "N") or text.startswith(("---", "...")):  # YAML 1.1 has these too; PyYAML has not
        return False
    old = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return not any(pattern.match(text) for _, pattern in old + _Reader.yaml_implicit_resolvers.get(text[0], []))


def _escaped(sign: str) -> str:
    code = ord(sign)
    if sign in _ESCAPES or sign.isprintable():
        return _ESCAPES.get(sign, sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
