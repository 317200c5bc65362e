"""core.metrics: what may be named as a metric, and the numbers that are found."""

import math
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.metrics import LIMIT, Metric, TooSlow, Unreadable, faults, from_json, from_log, lines, read, value

ACC = Metric("acc", r"acc=(\S+)")


def words(data) -> str:
    """Every fault in one text."""
    return "\n".join(map(str, faults(data, ["train", "test"])))


def last(metric: Metric, text: str):
    """What is found in a log."""
    return from_log(metric, lines(text))


def test_three_forms_are_read_and_what_they_leave_out_is_filled_in():
    data = {"acc": "acc=(.*)", "val_loss": {"pattern": "x", "job": "train"}, "auc": {"file": "{{ lr }}.json"},
            "err/top1": {"file": "a", "key": "b.0", "best": "max"}}  # fmt: skip
    assert not words(data)
    assert read(data) == (
        Metric("acc", "acc=(.*)"), Metric("val_loss", "x", job="train", goal="min"),
        Metric("auc", file="{{ lr }}.json", key="auc"), Metric("err/top1", file="a", key="b.0"),
    )  # fmt: skip
    assert read(None) == () and not words(None) and not words({})


@pytest.mark.parametrize("name", ["loss", "valLoss", "train/mse", "WER", "eval_time", "test-error", "RMSE_norm", "ppl"])
def test_less_is_better_of_losses(name):
    assert read({name: "x"})[0].goal == "min"


@pytest.mark.parametrize("name", ["acc", "glossary", "f1", "power", "certainty", "sometimes", "auc"])
def test_more_is_better_of_all_else(name):
    assert read({name: "x"})[0].goal == "max"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("(", "metrics.m: is no regular expression: missing )"), ("", "must be a regular expression"),
        ("a\nb", "of one line"), ("x" * 501, "has 501 characters; at most 500"), ("(" * 400, "no regular expression"),
        (3, "metrics.m: must be a pattern, or a mapping"), ({}, "exactly one of pattern and file"),
        ({"pattern": "x", "file": "y"}, "exactly one of"), ({"pattern": "["}, "metrics.m.pattern: is no regular"),
        ({"pattern": "x", "key": "a"}, "metrics.m.key: goes with file"), ({"file": "a", "key": 3}, "must be text such"),
        ({"file": "{{"}, "metrics.m.file: line 1"), ({"file": "a\0b"}, "path of a file"), ({"file": [1]}, "the path"),
        ({"pattern": "x", "job": "no"}, "metrics.m.job: there is no job 'no'"), ({"pattern": "x", "job": []}, "no job"),
        ({"pattern": "x", "best": "low"}, "must be max or min"), ({"pattern": "x", "zz": 1}, "metrics.m.zz: is not"),
        ({1: 2, "pattern": "x"}, "metrics.m.1: is not known"), (r"\L<words>", "is no regular expression"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(entry, said):
    assert said in words({"m": entry})


def test_all_faults_are_told_at_once():
    assert len(faults({"a b": "x", "1": "(", "n\n": 3, 4: {"file": "x", "zz": 1}}, [])) == 7
    assert "more than 100" in words({f"m{n}": "x" for n in range(LIMIT + 1)})
    assert words([1]) == "metrics: must be a mapping of names to patterns, or to mappings with pattern or file"


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:a{1000}){1000}){1000}", "(" * 20 + "x" + "+)" * 20 + "+", "(" * 20 + "x" + "{1,2}y)" * 20,
        "(" * 20 + "x" + "[)]" * 20 + "+)" * 20, r"(" * 20 + r"\)" * 20 + "{1,})" * 20, "(a(?R)?b)", "(?<n>a(?&n)?)",
        "(?x)(?:(?:a{1 0 0 0}){1 0 0}){100}", "." * 480 + "{9}{999}", "a{99999}",
        "(?:a{99}+){99}",
    ],
)  # fmt: skip
def test_a_pattern_that_would_fill_the_memory_is_never_compiled(pattern):
    assert "repeats too much" in words({"m": pattern}) or "call itself" in words({"m": pattern})


def test_dates_and_hashes_may_be_repeated():
    assert not words({"m": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2} [0-9a-f]{40} loss=([0-9.]+)$"})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+$", ("a" * 40 + "b\n") * 1000), (r"(?:a|aa)+$", "a" * 9999 + "b"),
        (r"(?:x+x+)+y", ("x" * 30 + "\n") * 2000),
    ],
)  # fmt: skip
def test_a_search_ends_in_time(pattern, text):
    begun = time.monotonic()
    with pytest.raises(TooSlow):
        from_log(Metric("m", pattern), lines(text), time.monotonic)
    assert time.monotonic() - begun < 1


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["\n", "\r", "\r\n", " ", "\n\n", "\x1b[0m\n"]))))
def test_the_last_match_wins(pairs):
    text = "".join(f"step acc={number}{end}" for number, end in pairs)
    assert last(ACC, text) == (pairs[-1][0] if pairs else None)


@given(st.text(), st.from_regex(r"[0-9]{1,5}", fullmatch=True))
def test_what_comes_before_changes_nothing(text, number):
    assert last(ACC, f"{text}\nacc={number}\nnothing") == float(number)


def test_group_one_counts_else_the_whole_match():
    assert last(Metric("m", r"\d+"), "a 1 b 22") == 22
    assert last(Metric("m", r"a=(\d)|\d+$"), "a=3 77") == 77
    assert last(Metric("m", r"x*"), "nothing\n\n") is None


def test_colours_and_commas_are_no_part_of_a_number():
    assert last(ACC, "\x1b[1macc=\x1b[32m0.75\x1b[0m, done") == 0.75


def test_a_match_does_not_go_over_the_end_of_a_line():
    assert last(Metric("m", r"acc=([^,]+)"), "acc=0.5\nnext, line\n") == 0.5


@given(st.floats())
def test_every_number_comes_back(number):
    found = value(repr(number))
    assert found == number or (math.isnan(found) and math.isnan(number))


@pytest.mark.parametrize(("text", "number"), [
    ("1e-3", 0.001), (" +.5 ", 0.5), ("5.", 5), ("NaN", math.nan), ("-Infinity", -math.inf), ("inf", math.inf),
    ("1e999", math.inf), ("0.5,", 0.5),
])  # fmt: skip
def test_numbers_are_numbers(text, number):
    assert value(text) == pytest.approx(number, nan_ok=True)


@pytest.mark.parametrize("text", ["1_000", "0x1f", "12%", "", "1 2", "٣", "good", "1e", "--1", "9" * 401])
def test_the_rest_is_text(text):
    assert value(text) == text[:80]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_is_short_and_harmless(text):
    found = value(text)
    assert isinstance(found, float) or (len(found) <= 80 and not re.search(r"[\x00-\x1f\x7f-\x9f]", found))


def test_a_dotted_key_leads_through_mappings_and_lists():
    text = '{"test": {"auc": [0.1, {"x": 2}]}, "a.b": 3, "n": NaN, "i": -Infinity}'
    for key, number in (("test.auc.0", 0.1), ("test.auc.1.x", 2), ("a.b", 3), ("i", -math.inf)):
        assert from_json(Metric("m", key=key), text) == number
    assert math.isnan(from_json(Metric("n", file="x"), "\ufeff" + text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"m": true}', "'m' is true or false, not a number"), ('{"m": "0.5"}', "'m' is text"), ("[1]", "no key 'm'"),
        ('{"m": [1]}', "'m' is a list"), ('{"m": {}}', "'m' is a mapping"), ('{"m": null}', "'m' is null"),
        ('{"n": 1}', "the file has no key 'm'"), ("", "not JSON"), ('{"m": 1', "not JSON"), ("3", "no key 'm'"),
        ("[" * 10_000 + "]" * 10_000, "nested too deeply"), ('{"a":' * 100_000, "nested too deeply"),
        ('{"m": ' + "9" * 5000 + "}", "not JSON"), ('{"m": ' + "9" * 400 + "}", "too long"),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_number_in_json_is_said(text, said):
    with pytest.raises(Unreadable, match=re.escape(said)):
        from_json(Metric("m", key="m"), text)
