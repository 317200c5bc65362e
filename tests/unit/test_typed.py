"""What a form shows of values, and the values that typed text stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core import draft, typed

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1), ("1e3", 1000.0), ("0x10", 16), ("true", True), ("null", None), ("yes", "yes"), ("", ""),
        ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}), ("{{ x }}", "{{ x }}"), ('"5"', "5"), ("a: b", "a: b"),
        ("5 # five", "5 # five"), ("---", "---"), ("- a", "- a"), ("[a", "[a"), ("&a", "&a"), ("'it", "'it"),
    ],
)  # fmt: skip
def test_an_arg_is_what_it_looks_like(text, value):
    found = typed.read(typed.VALUE, text)
    assert (found, type(found)) == (value, type(value))


@given(TREES)
def test_what_an_arg_shows_reads_as_the_same_value(value):
    ((_, text),) = typed.shown(typed.VALUES, {"x": value})
    assert repr(typed.read(typed.VALUE, text)) == repr(value)


@given(st.lists(TEXTS | st.integers(), min_size=1))
def test_words_in_lines_read_as_the_same_words(words):
    lines = typed.shown(typed.WORDS, words)
    assert all("\n" not in line and line.strip() for line in lines)
    assert typed.read(typed.WORDS, lines) == [str(word) for word in words]


def test_a_form_shows_every_field_that_has_a_value():
    job = {"name": "a", "command": ["x", 3], "path": "run.sh", "retry": 0, "exports": {"k": 1.50, "l": "07"},
           "resources": {"nodes": "2", "time_limit": None}, "environment": {"container": "x.sif"}}  # fmt: skip
    assert typed.JOB.shown(job) == {
        "name": "a", "command": ["x", "3"], "script_path": "run.sh", "retry": "0",
        "exports": [("k", "1.5"), ("l", "07")], "resources.nodes": "2", "environment.container.image": "x.sif",
    }  # fmt: skip


def test_values_of_another_shape_are_not_shown():
    job = {"name": "a", "work_dir": ["x"], "exports": ["x"], "resources": "x", "environment": {"env_vars": {"a": [1]}}}
    assert typed.JOB.shown(job) == {"name": "a", "environment.env_vars": [("a", "[1]")]}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("a: 1 # x", "comments"), ("# x\na: 1", "comments"), ("a: 1\n#", "comments"), ("a: b#c", ""),
        ("a: |\n  # shell\n  true\nb: 1", ""), ("a: |\n  x\n# y\nb: 1", "comments"), ("a: | # y\n  x\n", "comments"),
        ("é: 'ü # ö'\nb: x # y", "comments"), ("é: 'ü # ö'", ""), ("a: [1, # x\n 2]", "comments"), ("a: 1 & 2", ""),
        ("a: &x 1\nb: *x", "anchors"), ("a: &x 1 #\nb: *x", "comments anchors"), ("a: 'x &y'", ""), ("", ""),
        ("a: '# x'", ""),
    ],
)  # fmt: skip
def test_what_is_written_by_hand_is_noticed(text, lost):
    assert draft.written_by_hand(text) == lost.split()
