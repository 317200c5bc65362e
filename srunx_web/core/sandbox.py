"""Jinja templates in single strings, rendered so that none can reach Python, or take much time or memory.

A template is parsed, held against a list of what it may consist of, and changed so that each value that it makes
is measured by `Budget.hold`, and each loop paid for with `Budget.spend`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.ext import Extension
from jinja2.filters import do_default
from jinja2.lexer import Token, TokenStream
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from .filters import FILTERS, LENGTH, METHODS, ROUNDS, bounded_range

STEPS = 200_000  # of one rendering: the nodes that it evaluates and the sizes of its values
PARSING = 20  # steps for each node of a template
COMPILING = 1000  # of several renderings together, for each text among them
TOKENS = 10_000
DEPTH = 50
LARGEST = 10**64

_SURROGATE = re.compile("[\ud800-\udfff]")
_BUDGET = "~budget"  # no name in a template can be written like this, nor a filter
_TESTS = "boolean defined false float integer iterable mapping none number sequence string true undefined".split()
_NODES = """Add And Assign Call Compare Concat CondExpr Const Dict Div Filter FloorDiv For Getattr Getitem If Keyword
    List Mod Mul Name Neg Not Operand Or Output Pair Pos Pow Scope Slice Sub Template TemplateData Test Tuple""".split()
_TAGS = {"AssignBlock": "set x", "CallBlock": "call", "FilterBlock": "filter", "FromImport": "from",
         "NSRef": "set x.y", "ScopedEvalContextModifier": "autoescape"}  # fmt: skip


class RenderFault(ValueError):
    """What is wrong with a template, in one sentence; `path` leads to it in the data that it is from."""

    path: tuple[str | int, ...] = ()


def render(text: str, values: Mapping[str, object], within: "Budget | None" = None) -> str:
    """The text with its Jinja expressions replaced; values are trees of dict, list, str, int, float, bool and None.

    Raises RenderFault, also for a name that is not defined. `within` is what several renderings have together.
    """
    return _render(text, values, Budget(within=within))


def render_leaves(data: object, values: Mapping[str, object], within: "Budget | None" = None) -> object:
    """A copy of data with every string but the keys rendered. Raises RenderFault with the path of the string."""
    budget = Budget(within=within)
    with _faults():
        return _mapped(data, lambda text: _render(text, values, budget))


def names(data: object, within: "Budget | None" = None) -> set[str]:
    """The names that the strings of data take from outside. Raises RenderFault with the path of what is no template."""
    found: set[str] = set()
    budget = Budget(within=within)

    def look(text: str) -> None:
        if _is_template(text):
            budget.compile(text)
            found.update(_names(text))

    with _faults():
        _mapped(data, look)
    return found


def _mapped(data: object, change: Callable[[str], object], path: tuple[str | int, ...] = ()) -> object:
    if isinstance(data, str):
        with _faults(path):
            return change(data)
    if isinstance(data, dict):
        return {key: _mapped(value, change, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [_mapped(value, change, (*path, index)) for index, value in enumerate(data)]
    return data


@contextmanager
def _faults(path: tuple[str | int, ...] = ()) -> Iterator[None]:
    """Whatever goes wrong, as a RenderFault."""
    try:
        yield
    except Exception as fault:
        found = fault if isinstance(fault, RenderFault) else RenderFault(_words(fault))
        found.path = found.path or path
        raise found from None


def _words(fault: Exception) -> str:
    if isinstance(fault, RecursionError | MemoryError):
        return "the template is nested too deeply"
    if isinstance(fault, OverflowError) or "integer string conversion" in str(fault):
        return "a number is too long"
    words = getattr(fault, "message", None) or getattr(fault, "msg", None) or str(fault) or type(fault).__name__
    words = _short(" ".join(words.split()).replace("' is undefined", "' is not defined").replace("<lambda>()", "it"))
    if not isinstance(fault, TemplateSyntaxError):
        return words
    words = words.rstrip(".").replace(". ", "; ")
    return f"line {fault.lineno}: {words[:1].lower()}{words[1:]}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _render(text: str, values: Mapping[str, object], budget: "Budget") -> str:
    if not _is_template(text):
        return _checked(text)
    pieces: list[str] = []
    length = 0
    with _faults():
        budget.compile(text)
        template, size = _compiled(text)
        budget.spend(PARSING * size)
        for piece in template.generate({**values, _BUDGET: budget}):
            length += len(piece)
            _check_length(length, "the result")
            pieces.append(piece)
    return _checked("".join(pieces))


def _checked(text: str) -> str:
    """A text that can be written; templates and JSON can spell others."""
    if _SURROGATE.search(text):
        raise RenderFault("half a surrogate pair is no text")
    return text


@lru_cache(maxsize=512)
def _compiled(text: str) -> tuple[Template, int]:
    tree, size = _parsed(text)
    return _ENVIRONMENT.from_string(tree), size


@lru_cache(maxsize=512)
def _names(text: str) -> frozenset[str]:
    return frozenset(find_undeclared_variables(_parsed(text)[0]))


def _parsed(text: str) -> tuple[nodes.Template, int]:
    """The guarded tree of a template, and the number of its nodes."""
    _check_length(len(text), "the template")
    tree = _ENVIRONMENT.parse(text)
    rest: list[tuple[nodes.Node, int]] = [(tree, 1)]
    size = 0
    while rest:
        node, depth = rest.pop()
        size += 1
        if fault := _refused(node) or ("the template is nested too deeply" if depth > DEPTH else ""):
            raise RenderFault(f"line {node.lineno or 1}: {fault}")
        rest += [(child, depth + 1) for child in node.iter_child_nodes()]
    return _Guard().visit(tree), size


def _refused(node: nodes.Node) -> str:
    """Why a node is not possible, or nothing."""
    kind = type(node).__name__
    if kind not in _NODES:
        return f"{{% {_TAGS.get(kind, kind.lower())} %}} is not possible here"
    if isinstance(node, nodes.For) and node.recursive:
        return "a recursive loop is not possible here"
    if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        return f"there is no filter '{_short(node.name)}' here"
    if isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        return f"there is no test '{_short(node.name)}' here"
    long = isinstance(node, nodes.Const) and isinstance(node.value, int | float) and node.value >= LARGEST
    return "a number is too long" if long else ""


class _Guard(NodeTransformer):
    """Puts a filter of ours around whatever makes or compares values, and before each loop."""

    def visit(self, node: nodes.Node) -> nodes.Node:
        """The node, guarded."""
        self.generic_visit(node)
        if isinstance(node, nodes.For):
            steps = sum(1 + len(getattr(inner, "data", "")) // 100 for inner in node.find_all(nodes.Node))
            node.iter = _filtered(node.iter, "~paid", nodes.Const(STEPS // ROUNDS + steps))
        elif isinstance(node, nodes.Compare | nodes.Operand):
            node.expr = _filtered(node.expr, "~held")
        elif isinstance(node, nodes.Concat):
            return _filtered(nodes.List(node.nodes), "join")
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "~held")
        elif isinstance(node, nodes.Getitem):
            node.arg = _filtered(node.arg, "~held")  # the hash of a large tuple takes time
        elif isinstance(node, nodes.List | nodes.Tuple | nodes.Dict):
            return node if getattr(node, "ctx", "") == "store" else _filtered(node, "~held")
        return node


def _filtered(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


class Budget:
    """What is left to a rendering, and to all those that it is `within`; `who` does too much when it is spent."""

    def __init__(self, steps: int = STEPS, within: "Budget | None" = None, who: str = "the template does") -> None:
        self.left = steps
        self._who = who
        self._within = within
        self._texts: set[str] = set()

    def spend(self, steps: int) -> None:
        """Take steps off, or RenderFault."""
        self.left -= steps
        if self.left < 0:
            raise RenderFault(f"{self._who} too much: its loops are too long or its values too large")
        if self._within:
            self._within.spend(steps)

    def compile(self, text: str) -> None:
        """Take off what it takes to make a template of a text, of the whole only, and once."""
        whole = self._within
        if whole and text not in whole._texts:
            whole._texts.add(text)
            whole.spend(COMPILING)

    def hold(self, value: object) -> object:
        """The value, for steps by its size; RenderFault when it is too large, not defined, or no plain data."""
        rest = [value]
        count = length = 0
        while rest and count + len(rest) <= self.left:
            item = rest.pop()
            count += 1
            if isinstance(item, str):
                length += len(item)
                _check_length(length, "a value")
            elif isinstance(item, dict):
                rest += (*item.keys(), *item.values())
            elif isinstance(item, list | tuple):
                rest += item
            elif item is not None:
                _check_single(item)
        self.spend(count + len(rest) + length // 100)
        return value


def _check_length(length: int, what: str) -> None:
    if length > LENGTH:
        raise RenderFault(f"{what} is longer than {LENGTH} characters")


def _check_single(item: object) -> None:
    if isinstance(item, Undefined):
        item._fail_with_undefined_error()
    if not isinstance(item, int | float):
        raise RenderFault("only text, numbers, lists and mappings are values; a method needs its ()")
    if isinstance(item, int) and abs(item) >= LARGEST:
        raise RenderFault("a number is too long")


class _Method(partial):
    """What a template may call; only made here."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja in which attributes are keys and a few methods, and every operator is looked at."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def getattr(self, obj: object, attribute: str) -> object:
        """What `obj.attribute` is: a key before a method."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if attribute.startswith("_"):
            raise RenderFault(f"'{_short(attribute)}' is not possible here")
        if isinstance(obj, LoopContext):
            return getattr(obj, attribute)
        method = METHODS.get(type(obj), {}).get(attribute)
        return _Method(method, obj) if method else self._missing(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """What `obj[argument]` is: never an attribute."""
        try:
            return obj[argument] if isinstance(obj, dict | list | tuple | str) else self._missing(obj, argument)
        except (LookupError, TypeError):
            return self._missing(obj, argument)

    def _missing(self, obj: object, key: object) -> Undefined:
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        there = _short(", ".join(map(str, list(obj)[:10]))) if isinstance(obj, dict) else ""
        return self.undefined(f"{_short(repr(key))} is not defined" + (f" (there is: {there})" if there else ""))

    def call(self, context: Context, function: object, /, *args: object, **kwargs: object) -> object:
        """What a method returns; in loops Jinja adds arguments of its own."""
        given = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
        hold = context[_BUDGET].hold
        if not isinstance(function, _Method):
            raise RenderFault(f"{_short(repr(hold(function)))} cannot be called")
        hold([*function.args, *args, *given.values()])
        return hold(function(*args, **given))

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Arithmetic on numbers, and + on two texts or lists."""
        hold = context[_BUDGET].hold
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and not (operator == "+" and type(left) is type(right) and isinstance(left, str | list | tuple)):
            hold([left, right])
            raise RenderFault(f"'{operator}' needs two numbers{'; ~ joins texts' if operator == '+' else ''}")
        if operator == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > 256:
            raise RenderFault("a number is too long")
        return hold(self.binop_table[operator](left, right))


class _TokenLimit(Extension):
    """Parsing takes time by the number of tokens."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens, or RenderFault amid them."""
        for number, token in enumerate(stream):
            if number >= TOKENS:
                raise RenderFault(f"the template has more than {TOKENS} words and signs")
            yield token


def _measured(function: Callable) -> Callable:
    """A filter whose value, arguments and result are held."""

    @pass_context
    def measured(context: Context, value: object, *args: object, **kwargs: object) -> object:
        hold = context[_BUDGET].hold
        hold([value, *args, *kwargs.values()])
        return hold(function(value, *args, **kwargs))

    return measured


@pass_context
def _paid(context: Context, value: object, steps: int) -> object:
    """What a loop goes through."""
    if not isinstance(value, list | tuple | dict | str):
        context[_BUDGET].hold(value)
        raise RenderFault("a loop needs a list or a mapping")
    context[_BUDGET].spend(len(value) * steps)
    return value


@pass_context
def _printed(context: Context, value: object) -> object:
    """What an expression prints: nothing for an if without else, as in all of Jinja."""
    return "" if type(value) is Undefined else context[_BUDGET].hold(value)


def _environment() -> _Environment:
    found = _Environment(
        undefined=StrictUndefined,
        finalize=_printed,
        keep_trailing_newline=True,
        optimized=False,
        comment_start_string="\0{#",  # {# is shell: ${#array[@]}
        comment_end_string="#}\0",
        extensions=[_TokenLimit],
    )
    found.globals = {"range": _Method(bounded_range)}
    found.tests = {name: found.tests[name] for name in _TESTS}
    found.filters = {name: _measured(function) for name, function in FILTERS.items()}
    found.filters |= {"default": do_default, "d": do_default, "~paid": _paid}
    return found


_ENVIRONMENT = _environment()
