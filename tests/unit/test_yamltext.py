"""YAML as text: what is read, where faults are, and that nothing is lost on the way out and back."""

import time

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from srunx_web.core.errors import Invalid
from srunx_web.core.yamltext import DEPTH, SIZE, dump, load, position

TRICKY = """4:00:00 12:30:00 on yes no off y N true null ~ 1e3 1.5e3 0o17 0x1F 010 0b1 1_000 2026-01-01 .inf -.inf .nan
            <<  =  ---  ...  --- -  ?  :  !x  &a  *a  %TAG  @x  `x  #c  a#b  a: a:b http://x:80/  --lr=1  -1  - a
            {{x}} {a} [a] a,b | > |2 'q' "q" it's C:\\x \\ $HOME ./run.sh ~/x <a =b +1 1.e5 .5 Null FALSE""".split()
PIECES = [
    *TRICKY,
    " ",
    "\n",
    "\t",
    ": ",
    " #",
    "- ",
    "a",
    "\u2028",
    "\x85",
    "\xa0",
    "\ufeff",
    "é",
    "😀",
    "\r",
    "\0",
    "x" * 120,
]
TEXTS = st.one_of(
    st.sampled_from(TRICKY),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
SCALARS = st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
READ = [
    ("4:00:00", "4:00:00"),
    ("on", "on"),
    ("yes", "yes"),
    ("2026-01-01", "2026-01-01"),
    ("010", 10),
    ("+12", 12),
    ("0o17", 15),
    ("0x1f", 31),
    ("1_000", "1_000"),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("-.INF", float("-inf")),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("~", None),
    ("", None),
    ("# nothing\n", None),
    ("'1'", "1"),
    ("!!str 1", "1"),
    ("!!float 1", 1.0),
    ("{a: , b: [x, 1]}", {"a": None, "b": ["x", 1]}),
    ("a: &x {b: 1}\nc: {<<: *x, d: *x}", {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}}),
    ("- &x {b: 1, c: 1}\n- {<<: [{b: 2}, *x], c: 3}", [{"b": 1, "c": 1}, {"b": 2, "c": 3}]),
    ("- <<\n- =", ["<<", "="]),
    ("\ufeffa: 日本\r\n", {"a": "日本"}),
]
FAULTS = [
    ("name: a\njobs:\n    name: b\n    'name': c", 4, 5, "duplicate key 'name'"),
    ("1: a\n0x1: b", 2, 1, "duplicate key '0x1'"),
    ("a: 1\n b: 2", 2, 3, "mapping values are not allowed"),
    ("a: {b: 1]", 1, 9, "flow mapping"),
    ("a: 1\n---\nb: 2", 2, 1, "single document"),
    ("a: *b", 1, 4, "found undefined alias"),
    ("? [1]\n: 2", 1, 3, "a list or a mapping cannot be a key"),
    ("a:\n- !!python/object/apply:os.system [id]", 2, 3, "unknown tag '!!python/object/apply:os.system'"),
    ("a: !x 1", 1, 4, "unknown tag '!x'"),
    ("a: !!set {b}", 1, 4, "unknown tag '!!set'"),
    ("a: !!timestamp 2026-01-01", 1, 4, "unknown tag"),
    ("a: !<int> 1", 1, 4, "unknown tag 'int'"),
    ("!!int one", 1, 1, "'one' is no int"),
    ("<<: 1", 1, 5, "<< needs a mapping or a list of mappings"),
    ("a: 1\nb: é\x07", 2, 5, r"'\x07' is not possible in this YAML"),
    ("a: \ud800", 1, 4, "is not possible in this YAML"),
    ("%TAG ! x\n---\na", 1, 1, "'%TAG' is not possible in this YAML"),
    ("a: " + "9" * 5000, 1, 4, "a number of more than 600 digits"),
    ("&a [*a]", 1, 1, "an alias within its own anchor"),
    ("[" * 100_000, 1, None, "nested deeper than 100 levels"),
    ("- " * 100_000, 1, None, "nested deeper than 100 levels"),
    ('"\\UFFFFFFFF"', 1, None, "chara"),
]


def old(text):
    """As a reader of YAML 1.1 sees it."""
    return yaml.safe_load(text)


@pytest.mark.parametrize(("text", "value"), READ)
def test_the_core_schema_of_yaml_1_2_is_read(text, value):
    assert repr(load(text)) == repr(value)


@pytest.mark.parametrize(("text", "line", "column", "words"), FAULTS, ids=lambda value: repr(value)[:30])
def test_a_fault_has_its_place(text, line, column, words):
    with pytest.raises(Invalid) as caught:
        load(text)
    (error,) = caught.value.errors
    assert (error["loc"], error["msg"], error["line"]) == (["body", "yaml"], caught.value.detail, line)
    assert caught.value.detail.startswith(f"line {line}, column {column or error['column']}: ")
    assert words in caught.value.detail


@settings(max_examples=500)
@given(TREES)
@example({"k" * 2000: {"a": [1, "é" * 2000]}, "long\nkey": "\n a\n\n"})
@example({"script": "#!/bin/sh\n\techo  'a: b'  \n\n  # not a comment\n   \n"})
@example([[[["a\n"], {"b": [{}, []]}]], "\ta\nb", "a\n  "])
def test_what_is_written_is_read_again_by_both_kinds_of_reader(tree):
    text = dump(tree)
    assert repr(load(text)) == repr(tree)
    assert repr(old(text)) == repr(tree)


@pytest.mark.parametrize("text", TRICKY)
def test_text_stays_text(text):
    for data in (text, [text], {text: text}, [[text, {"a": text}]]):
        assert load(dump(data)) == old(dump(data)) == data


@given(st.text(max_size=200) | st.lists(st.sampled_from([*PIECES, "[", "{", "]", "}", "&a ", "*a"])).map("".join))
def test_any_text_is_read_or_refused_with_its_place(text):
    try:
        load(text)
    except Invalid as fault:
        assert fault.errors[0]["line"] >= 1
    assert position(text, ("a", 0)) is None or position(text, ("a", 0)) >= (1, 1)


def test_a_workflow_is_written_as_people_write_it():
    data = {
        "name": "train",
        "jobs": [
            {
                "name": "fit",
                "command": ["python", "fit.py", "--lr={{ lr }}", "--n", "3", "a, b"],
                "resources": {"time_limit": "4:00:00", "nodes": 2},
                "environment": {},
            },
            {"name": "größer", "command": "set -e\n./run {{ lr }} | tee log\n", "depends_on": ["fit"], "x": ["a" * 99]},
        ],
    }
    assert dump(data) == (
        "name: train\n"
        "jobs:\n"
        "  - name: fit\n"
        '    command: [python, fit.py, "--lr={{ lr }}", --n, "3", "a, b"]\n'
        "    resources:\n"
        '      time_limit: "4:00:00"\n'
        "      nodes: 2\n"
        "    environment: {}\n"
        "  - name: größer\n"
        "    command: |\n"
        "      set -e\n"
        "      ./run {{ lr }} | tee log\n"
        "    depends_on: [fit]\n"
        "    x:\n"
        f"      - {'a' * 99}\n"
    )


def test_the_same_list_twice_makes_no_anchor():
    shared = [{"a": 1}]
    assert dump({"x": shared, "z": shared}) == "x:\n  - a: 1\nz:\n  - a: 1\n"


def test_what_yaml_cannot_hold_is_not_written():
    deep: list = []
    deep.append(deep)
    for data in ({"a": "\ud800"}, deep):
        with pytest.raises(Invalid):
            dump(data)
    with pytest.raises(TypeError):
        dump({"a": object()})


def test_depth_is_written_as_far_as_it_is_read():
    tree: object = "a"
    for level in range(DEPTH - 1):
        tree = [tree] if level % 2 else {"k": tree}
    assert load(dump(tree)) == tree
    with pytest.raises(Invalid):
        dump([[tree]])


@pytest.mark.parametrize("first", ["[x, x, x, x, x, x, x, x, x, x]", "{a: 1, b: 2}", f"[{'x' * 10_000}]"])
def test_a_billion_laughs_are_refused_quickly(first):
    lines = [f"a0: &a0 {first}", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30))]
    began = time.monotonic()
    with pytest.raises(Invalid, match="aliases"):
        load("\n".join(lines))
    assert time.monotonic() - began < 1


def test_merge_keys_add_up_too():
    lines = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 40))]
    with pytest.raises(Invalid, match="aliases"):
        load("\n".join(lines))


def test_a_document_of_too_many_values_is_refused():
    with pytest.raises(Invalid, match=str(SIZE)):
        load("[" + "a," * SIZE + "]")


def test_values_of_aliases_are_not_shared():
    data = load("a: &x [1]\nb: *x")
    data["a"].append(2)
    assert data == {"a": [1, 2], "b": [1]}


WORKFLOW = """\
name: größer
jobs:
  - name: a
    command: [python, "x y"]
  - {name: b, command: }
  - name: c
    resources:
      nodes: 1
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("name",), (1, 7)),
        (("jobs",), (3, 3)),
        (("jobs", 0, "command"), (4, 14)),
        (("jobs", 0, "command", 1), (4, 23)),
        (("jobs", 1), (5, 5)),
        (("jobs", 1, "name"), (5, 12)),
        (("jobs", 2, "resources", "nodes"), (8, 14)),
        (("jobs", 2, "resources", "gpus", "x"), (8, 7)),
        (("jobs", 9, "name"), (3, 3)),
        (("jobs", "name"), (3, 3)),
    ],
)
def test_a_path_has_a_place(path, place):
    assert position(WORKFLOW, path) == place


def test_what_is_no_yaml_has_no_places():
    assert position("", ("a",)) is None
    assert position("a: [", ("a",)) is None


def test_a_thousand_jobs_are_read_quickly():
    job = {"command": ["python", "x.py"], "depends_on": [], "resources": {"nodes": 1}, "work_dir": "/x"}
    text = dump({"jobs": [{"name": f"job{number}", **job} for number in range(1000)]})
    began = time.process_time()
    assert len(load(text)["jobs"]) == 1000
    assert time.process_time() - began < (0.3 if yaml.__with_libyaml__ else 6)
