"""Ids of jobs, node lists and task lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.errors import BadRequest, Invalid
from srunx_web.core.labels import check_cancel_label, count_tasks, expand_nodes, parse_label


@given(st.integers(1, 2**63 - 1), st.integers(0, 10**9 - 1))
def test_a_label_is_an_id_or_an_id_and_a_task(id_, task):
    assert parse_label(str(id_)) == (id_, None)
    assert parse_label(f"{id_}_{task}") == (id_, task)


@pytest.mark.parametrize("text", ["0", "-1", str(2**63), "1" + "0" * 30])
def test_an_id_out_of_range_is_a_bad_request(text):
    with pytest.raises(BadRequest):
        parse_label(text)


@given(st.text(max_size=30).filter(lambda text: not text.strip("-0123456789_").isascii() or text.strip("-0123456789_")))
def test_what_is_no_id_is_invalid(text):
    with pytest.raises(Invalid):
        parse_label(text)


@given(st.text(max_size=20))
def test_only_ids_reach_scancel(text):
    try:
        assert set(check_cancel_label(text)) <= set("0123456789_[],:-")
        assert text[0] in "123456789"
    except Invalid:
        assert not text.isascii() or not text.isdigit() or text.startswith("0") or len(text) > 19


@given(st.sets(st.integers(0, 3000), min_size=1))
def test_tasks_are_counted_one_by_one(tasks):
    assert count_tasks(",".join(map(str, sorted(tasks)))) == len(tasks)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 50), st.integers(1, 20))
def test_ranges_of_tasks_are_counted_with_their_step(first, length, step, throttle):
    expected = len(range(first, first + length + 1, step))
    assert count_tasks(f"{first}-{first + length}:{step}%{throttle}") == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("c1", ["c1"]),
        ("g[1-2,04],c3", ["g1", "g2", "g04", "c3"]),
        ("n[08-11]", ["n08", "n09", "n10", "n11"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("", []),
        ("x[a-b]", ["xa-b"]),
    ],
)
def test_node_lists_are_spelled_out(text, names):
    assert expand_nodes(text) == names


@given(st.text(alphabet="n[]0123456789-,", max_size=40))
def test_no_node_list_is_too_large(text):
    assert len(expand_nodes(text)) <= 100_000
