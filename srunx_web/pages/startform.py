"""The form of a run as values: args that stay as they are, args with one value, args with a list of them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..core import ranges, sweep, typed, yamltext
from ..core.errors import Invalid
from ..core.matrix import Matrix
from ..core.plan import Selection
from ..core.workflow import Workflow
from ..services.launch import Start
from ..store import Run, Sweep

ARG, LIST, MODE = "arg.", "list.", "mode."  # of fields, before the name of an arg: one may be called `to_job`
PARALLEL, FAIL_FAST = "max_parallel", "fail_fast"


class Row(NamedTuple):
    """An arg in the form: what the file says, what was typed as one value and as a list, and which of them counts."""

    name: str
    usual: str
    single: str
    listed: str
    is_list: bool


def rows(whole: Workflow, given: Mapping) -> list[Row]:
    """Every arg that the file or the form has."""
    usual = dict(typed.shown(typed.VALUES, dict(whole.args)))
    return [
        Row(name, usual.get(name, ""), given.get(ARG + name, usual.get(name, "")),
            given.get(LIST + name, _as_list(whole.args.get(name))), _is_list(given, name))
        for name in _names(whole, given)
    ]  # fmt: skip


def _names(whole: Workflow, given: Mapping) -> list[str]:
    """The args in the order of the file, then the axes of its sweep, then what else was typed."""
    typed_ones = (field.partition(".")[2] for field in given if field.startswith((ARG, LIST, MODE)))
    extra = [name for name in typed_ones if name.isidentifier() and name != "deps"]
    return list(dict.fromkeys([*whole.args, *_axes(whole), *extra]))


def _axes(whole: Workflow) -> Mapping:
    return (whole.sweep or {}).get("matrix", {})


def _as_list(value: object) -> str:
    """The list that an arg begins with when it becomes one."""
    return ranges.text([value]) if isinstance(value, str | int | float) else ""


def _is_list(given: Mapping, name: str) -> bool:
    return given.get(MODE + name) == "list"


def of_file(whole: Workflow) -> dict[str, str]:
    """The fields that stand for the sweep that the file offers, if any."""
    return _of_matrix(sweep.read(whole.sweep)) if whole.sweep else {}


def of_run(run: Run) -> dict[str, str]:
    """The fields that stand for an earlier run."""
    return {**run.part, **_of_args(run.args)}


def of_sweep(found: Sweep) -> dict[str, str]:
    """The fields that stand for an earlier sweep."""
    matrix = Matrix(found.matrix, found.fail_fast, found.max_parallel)
    return {**found.part, **_of_args(found.args), **_of_matrix(matrix)}


def _of_args(args: Mapping) -> dict[str, str]:
    return {ARG + name: text for name, text in typed.shown(typed.VALUES, dict(args))}


def _of_matrix(found: Matrix) -> dict[str, str]:
    modes = {MODE + name: "list" for name in found.axes}
    lists = {LIST + name: ranges.text(values) for name, values in found.axes.items()}
    return {**modes, **lists, PARALLEL: str(found.max_parallel), **({FAIL_FAST: "1"} if found.fail_fast else {})}


def read(whole: Workflow, given: Mapping) -> tuple[Start, Matrix | None]:
    """What the form asks for; the matrix is None when no arg is a list. Invalid has all faults, each with its field."""
    args, wrong = read_args(whole, given)
    axes, more = read_axes(whole, given)
    if wrong or more:
        raise refused({**wrong, **more})
    part = Selection(*(given.get(name) or None for name in Selection._fields))
    return Start(part, args), read_matrix(axes, given) if axes else None


def refused(wrong: Mapping[str, str]) -> Invalid:
    """These faults by field as one Problem."""
    errors = [{"loc": ["body", field], "msg": words, "type": "value_error"} for field, words in wrong.items()]
    return Invalid("; ".join(f"{name_of(field)}: {words}" for field, words in wrong.items()), errors)


def name_of(field: str) -> str:
    """What a field is about: the name of an arg, or its own."""
    return "Cells at once" if field == PARALLEL else field.partition(".")[2] or field


def read_args(whole: Workflow, given: Mapping) -> tuple[dict, dict[str, str]]:
    """(the args that are to be other than in the definition, what is wrong by field); lists are left out."""
    usual, changed, wrong = dict(typed.shown(typed.VALUES, dict(whole.args))), {}, {}
    for name in _names(whole, given):
        text = given.get(ARG + name, "").replace("\r\n", "\n").strip()
        if _is_list(given, name) or text in ("", usual.get(name, "").strip()):
            continue
        try:
            changed[name] = read_value(text)
        except Invalid as fault:
            wrong[ARG + name] = fault.detail.partition(": ")[2]
    return changed, wrong


def read_value(text: str) -> object:
    """What was typed as a value, so that 4:00:00 stays text and 0.1 is a number; Invalid for a list that is none."""
    value = typed.read(typed.VALUE, text)
    if value == text and re.match(r"\[|\{(?![{%#])", text):
        return yamltext.load(text)
    return value


def read_axes(whole: Workflow, given: Mapping) -> tuple[dict[str, list], dict[str, str]]:
    """(the values of every arg that is a list, in the order of the file's sweep, what is wrong by field)."""
    found, wrong = {}, {}
    for name in dict.fromkeys([*_axes(whole), *_names(whole, given)]):
        if _is_list(given, name):
            try:
                found[name] = ranges.values(given.get(LIST + name, ""))
            except Invalid as fault:
                wrong[LIST + name] = fault.detail
    return found, wrong


def read_matrix(axes: Mapping[str, list], given: Mapping) -> Matrix:
    """The matrix of these axes; Invalid has each fault with its field, "sweep" for the whole."""
    most = given.get(PARALLEL, "").strip()
    data = {"matrix": dict(axes), FAIL_FAST: FAIL_FAST in given, PARALLEL: _number(most) if most else None}
    try:
        return sweep.read(data)
    except Invalid as fault:
        if not fault.errors:
            raise
        fields = {tuple(one["loc"]): one["msg"].partition(": ")[2] for one in fault.errors}
        raise refused({_field(loc): words for loc, words in fields.items()}) from None


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else text


def _field(loc: tuple) -> str:
    """The field of a fault of `sweep`."""
    if loc[-1] == PARALLEL and len(loc) == 3:
        return PARALLEL
    return LIST + loc[-1] if len(loc) == 4 else "sweep"
