"""Logs made harmless."""

from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.logtext import clean, is_error, split_partial


@given(st.binary(max_size=500))
def test_nothing_that_moves_a_terminal_is_left(data):
    assert not [sign for sign in clean(data) if ord(sign) < 32 and sign not in "\t\n"]
    assert "\x7f" not in clean(data)


@given(st.binary(max_size=20_000))
def test_splitting_off_the_begun_line_loses_nothing(data):
    whole, partial = split_partial(data)
    assert whole + partial == data
    assert b"\n" not in partial


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200))
def test_plain_text_stays_as_it_is(text):
    assert clean(text.encode()) == text


def test_a_progress_bar_is_its_last_state():
    assert clean(b" 10%|#\r 50%|##\r100%|###\nnext\r\n") == "100%|###\nnext\n"
    assert clean(b"working\r") == "working"


def test_colours_titles_and_direction_marks_go():
    assert clean(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x") == "red x"
    assert clean("a\u202eb".encode()) == "a\ufffdb"


def test_many_backspaces_take_no_time():
    assert clean(b"a" * 32000 + b"\b" * 31999) == "a"


def test_a_warning_that_speaks_of_errors_is_none():
    assert not is_error("WARNING: Error rate high")
    assert is_error("RuntimeError: try NCCL_DEBUG=INFO")
