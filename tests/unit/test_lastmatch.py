"""cluster.lastmatch on this machine: one call, many files."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.cluster import lastmatch
from srunx_web.cluster.lastmatch import CALL_LIMIT, END_LIMIT, LATE_LIMIT, Read, Told, ask, batches, told
from srunx_web.cluster.shell import LocalShell
from srunx_web.core.errors import Problem

ODD = ["a b", "c'd", 'e"f', "two\nlines", "$HOME `id` \\ ! * ~", "-n", "ünï", "%s"]
MARK = "srunx-0"


@pytest.fixture
def shell():
    shell = LocalShell()
    yield shell
    shell.close()


def one(shell, read: Read) -> Told:
    """What came of it."""
    return ask(shell, [read], 20)[read]


@pytest.mark.parametrize("name", ODD)
def test_paths_and_patterns_are_data(shell, tmp_path, name):
    (tmp_path / name).write_text("first\n'x' $HOME acc=1\nlast\n")
    assert one(shell, Read(f"{tmp_path}/{name}", 5)).text == "last\n"
    assert one(shell, Read(f"{tmp_path}/{name}", 99, r"'x' \$HOME acc=\d")).text == "'x' $HOME acc=1\n"


def test_the_last_line_that_matches_is_found_and_cut(shell, tmp_path):
    path = tmp_path / "log"
    path.write_text("acc=1\n" + "x" * 200_000 + "acc=2\n" + "nothing\n" * 50_000)
    found = one(shell, Read(str(path), 1000, r"acc=\d"))
    assert found == Told("x" * 994 + "acc=2\n", path.stat().st_size)
    assert one(shell, Read(str(path), 1000, "nowhere")) == Told("", path.stat().st_size)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(", r"\L<x>"])
def test_where_grep_gives_up_the_end_is_told(shell, tmp_path, pattern):
    path = tmp_path / "log"
    path.write_text(("a" * 40 + "b\n") * 10_000)
    found = one(shell, Read(str(path), END_LIMIT, pattern))
    assert found.is_late and len(found.text) == LATE_LIMIT


def test_without_perl_patterns_the_end_is_told(shell, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    grep = tmp_path / "bin/grep"
    grep.write_text("#!/bin/sh\necho 'grep: Perl matching not supported' >&2\nexit 2\n")
    grep.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "log").write_text("acc=1\n")
    assert one(shell, Read(f"{tmp_path}/log", 9, "acc")) == Told("acc=1\n", 6, None, True)


def test_what_is_no_file_is_told_and_not_opened(shell, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path / "pipe", "is not a file"), (tmp_path, "is not a file"), ("/dev/zero", "not a file")):
        assert words in one(shell, Read(str(path), 9, "x")).problem
    assert one(shell, Read(f"{tmp_path}/no", 9)).problem == f"there is no {tmp_path}/no"
    assert one(shell, Read(f"{tmp_path}/{'x' * 5000}", 9)).problem.startswith("there is no ")


def test_a_relative_path_begins_at_home(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "-n").write_text("here")
    assert one(LocalShell(), Read("-n", 9)).text == "here"


def test_a_call_that_is_late_tells_what_it_has(shell, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    tail = tmp_path / "bin/tail"
    tail.write_text('#!/bin/sh\ncase "$*" in *slow*) sleep 30 ;; esac\nexec /usr/bin/tail "$@"\n')
    tail.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for name in ("quick", "slow", "third"):
        (tmp_path / name).write_text(name)
    reads = [Read(f"{tmp_path}/{name}", 9) for name in ("quick", "slow", "third")]
    assert ask(shell, reads, 2) == {reads[0]: Told("quick", 5)}


def test_a_shell_that_reads_nothing_is_a_problem(shell, tmp_path, monkeypatch):
    monkeypatch.setattr(lastmatch, "ARGV", ["false"])
    with pytest.raises(Problem, match="read no logs"):
        ask(shell, [Read("x", 1)], 5)


@given(st.text(), st.text())
def test_only_what_was_told_to_the_end_counts(text, other):
    reads = [Read("a", 9), Read("b", 9)]
    whole = f"{MARK} 0 7\n{text}{MARK} 0 whole\n"
    assert told(whole + f"{MARK} 1 7\n{other}", reads, MARK) == {reads[0]: Told(text, 7)}
    assert told(whole + f"{MARK} 1 missing\n{MARK} 1", reads, MARK)[reads[1]].problem == "there is no b"


@given(st.lists(st.integers(1, CALL_LIMIT)))
def test_batches_hold_everything_once_and_no_more_than_a_call_can(limits):
    reads = [Read(str(number), limit) for number, limit in enumerate(limits)]
    found = list(batches(reads))
    assert [read for batch in found for read in batch] == reads
    assert all(sum(read.limit for read in batch) <= CALL_LIMIT for batch in found)


@given(st.lists(st.text(alphabet="ab", min_size=1), min_size=2), st.sampled_from(["\n", "\r", "\r\n"]))
def test_the_line_that_was_cut_is_left_out(lines, end):
    assert lastmatch.without_first_line(end.join(lines)) == end.join(lines[1:])


def test_of_a_single_line_all_is_kept():
    assert lastmatch.without_first_line("abc") == "abc" and lastmatch.without_first_line("abc\n") == "abc\n"
