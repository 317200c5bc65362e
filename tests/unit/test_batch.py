"""Several submissions in one call, by a real sh with an sbatch of ours on its PATH."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srunx_web.cluster import batch
from srunx_web.cluster.shell import LocalShell, Result
from srunx_web.cluster.slurm import Slurm
from srunx_web.core.errors import Invalid, NotConnected, SlurmFailed, Uncertain
from srunx_web.core.model import Submission
from tests.scripted import ScriptedShell

# It keeps its words and its input, and does what the job's name says
SBATCH = """#!/bin/sh
cd HERE
read n <n; echo $((n + 1)) >n
printf '%s\\0' "$@" >words$n
cat >script$n
cat /proc/[0-9]*/cmdline >processes 2>/dev/null
echo "sbatch: words of $n" >&2
case "$*" in
  *refused*) echo "sbatch: error: no such thing" >&2; exit 1 ;;
  *perhaps*) echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1 ;;
  *slow*) exec sleep 60 ;;
  *killed*) kill -KILL $$ ;;
  *silent*) exit 0 ;;
  *federated*) echo "$((100 + n));other" ;;
  *) echo $((100 + n)) ;;
esac
"""
SHELLS = [path for path in map(shutil.which, ("sh", "bash", "busybox")) if path]


class Bench:
    """A folder with the stand-in, and what it was told."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "sbatch").write_text(SBATCH.replace("HERE", str(folder)))
        (folder / "sbatch").chmod(0o755)
        self.forget()

    def forget(self) -> None:
        (self.folder / "n").write_text("0\n")

    @property
    def calls(self) -> int:
        return int((self.folder / "n").read_text())

    def words(self, number: int) -> list[str]:
        return (self.folder / f"words{number}").read_bytes().decode().split("\0")[:-1]

    def script(self, number: int) -> str:
        return (self.folder / f"script{number}").read_bytes().decode()

    def submit(self, *names: str, **options) -> list:
        slurm = Slurm(LocalShell(), **options)
        return slurm.submit_all([Submission("#!/bin/sh\n", name) for name in names])


@contextlib.contextmanager
def on_path(folder: Path):
    """The folder comes first where commands are looked for."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


@pytest.fixture(scope="module")
def _bench():
    with tempfile.TemporaryDirectory() as folder, on_path(Path(folder)):
        yield Bench(Path(folder))


@pytest.fixture
def bench(_bench):
    _bench.forget()
    return _bench


def kinds(outcomes: list) -> list:
    """Ids and None as they are, problems by their class."""
    return [type(outcome) if isinstance(outcome, SlurmFailed) else outcome for outcome in outcomes]


def test_each_has_its_id_in_order(bench):
    assert bench.submit("a", "federated", "c") == [100, 101, 102]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("refused", SlurmFailed, "sbatch failed: sbatch: words of 1\nsbatch: error: no such thing"),
        ("perhaps", Uncertain, "Socket timed out on send/recv operation"),
        ("killed", Uncertain, "sbatch gave no clear answer: sbatch: words of 1"),
        ("silent", Uncertain, "sbatch printed no job id: ''"),
    ],
)
def test_the_first_without_an_id_ends_it_in_its_own_words(bench, name, kind, words):
    outcomes = bench.submit("a", name, "c", "d")
    assert kinds(outcomes) == [100, kind, None, None]
    assert words in outcomes[1].detail and "words of 0" not in outcomes[1].detail
    assert bench.calls == 2


def test_what_was_told_before_the_time_was_up_is_certain(bench):
    outcomes = bench.submit("a", "b", "slow", "d", submit_seconds=0.7)
    assert kinds(outcomes) == [100, 101, Uncertain, None]
    assert bench.calls == 3


def test_half_a_word_is_no_id():
    outcomes = batch.outcomes(Result(124, "m 0 0 17\nm 1 0 1", "m 0\nm 1\n"), 3, "m")
    assert kinds(outcomes) == [17, Uncertain, None]


def test_a_single_submission_has_as_much_time(bench):
    with pytest.raises(Uncertain):
        Slurm(LocalShell(), submit_seconds=0.3).submit(Submission("#!/bin/sh\n", "slow"))


def test_no_script_shows_up_among_the_processes(bench):
    secret = "tok" + "en-of-mine"
    Slurm(LocalShell()).submit_all([Submission(f"#!/bin/sh\n# {secret} {index}\n") for index in range(3)])
    assert secret in bench.script(2)
    assert b"sbatch" in (bench.folder / "processes").read_bytes()
    assert secret.encode() not in (bench.folder / "processes").read_bytes()


def test_a_dependency_has_the_ids_of_the_batch(bench):
    submissions = [Submission("#!/bin/sh\n", name="@0"), Submission("#!/bin/sh\n", "federated")]
    last = Submission("#!/bin/sh\n", "it's", "t", "/w d", "afterok:@0:7,afterany:@1?singleton")
    assert Slurm(LocalShell()).submit_all([*submissions, last]) == [100, 101, 102]
    assert bench.words(0) == ["--parsable", "--job-name=@0"]
    assert bench.words(2) == [
        "--parsable", "--comment=srunx:t", "--job-name=it's", "--chdir=/w d",
        "--dependency=afterok:100:7,afterany:101?singleton", "--kill-on-invalid-dep=yes",
    ]  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize("sh", SHELLS)
@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4))
def test_any_text_reaches_sbatch_as_it_was(_bench, sh, texts):
    _bench.forget()
    submissions = [Submission(script, name, None, work_dir) for script, name, work_dir in texts]
    assert kinds(outcomes(sh, batch.text(submissions, "mark"), len(texts)))[0] is not None
    for number in range(_bench.calls):
        script, name, work_dir = texts[number]
        assert _bench.script(number) == script
        expected = [f"--job-name={name}"] * bool(name) + [f"--chdir={work_dir}"] * bool(work_dir)
        assert _bench.words(number) == ["--parsable", *expected]


def outcomes(sh: str, text: bytes, count: int) -> list:
    """What this shell makes of it."""
    argv = [sh, "sh"] if sh.endswith("busybox") else [sh]
    return batch.outcomes(LocalShell().run([*argv, *batch.ARGV[1:]], text), count, "mark")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_half_of_what_is_said_does_nothing(_bench, data):
    _bench.forget()
    text = batch.text([Submission("#!/bin/sh\necho '}'\n}\n", "a}\n}", folders=("/tmp",))] * 2, "mark")
    end = text.rindex(b"}")
    assert outcomes("sh", text[: data.draw(st.integers(0, end))], 2) == [None, None]
    assert _bench.calls == 0


def test_without_sbatch_surely_nothing_was_sent(monkeypatch, tmp_path):
    for name in ("timeout", "sh", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConnected, match=r"Slurm's commands were not found on .*: sbatch: command not found"):
        Slurm(LocalShell()).submit_all([Submission("#!/bin/sh\n")])


@pytest.mark.parametrize(("code", "words"), [(126, "sh: Permission denied"), (124, "exit status 124")])
def test_a_shell_that_did_not_begin_sent_nothing(code, words):
    class Shell(ScriptedShell):
        def run(self, argv, stdin=b"", timeout=30, is_read=True):
            return Result(code, "", "" if code == 124 else words)

    with pytest.raises(NotConnected, match=f"did not get as far as sbatch: {words}"):
        Slurm(Shell([])).submit_all([Submission("#!/bin/sh\n")])


def test_a_broken_connection_leaves_all_of_them_uncertain():
    class Shell(ScriptedShell):
        def run(self, argv, stdin=b"", timeout=30, is_read=True):
            assert (argv, timeout, is_read) == (["timeout", "2.5", *batch.ARGV], 7.5, False)
            raise Uncertain("sh on scripted got no answer")

    outcomes = Slurm(Shell([]), submit_seconds=2.5).submit_all([Submission("#!/bin/sh\n")] * 3)
    assert kinds(outcomes) == [Uncertain] * 3


def test_folders_are_made_below_the_work_folder(bench, tmp_path):
    folders = ("a/b", "-p", "it's", str(tmp_path / "away"))
    submission = Submission("#!/bin/sh\n", work_dir=str(tmp_path), folders=folders)
    assert Slurm(LocalShell()).submit(submission) == 100
    assert all((tmp_path / folder).is_dir() for folder in folders)


def test_a_folder_in_the_way_refuses_before_sbatch(bench, tmp_path):
    (tmp_path / "file").touch()
    below = Submission("#!/bin/sh\n", work_dir=str(tmp_path), folders=("file/x",))
    nowhere = Submission("#!/bin/sh\n", work_dir=str(tmp_path / "none"), folders=("x",))
    for submission, words in (
        (below, "file/x can't be made: mkdir: .*"),
        (nowhere, "the work folder .*/none is not there"),
    ):
        outcomes = Slurm(LocalShell()).submit_all([submission, Submission("#!/bin/sh\n")])
        assert kinds(outcomes) == [SlurmFailed, None]
        with pytest.raises(SlurmFailed, match=words):
            raise outcomes[0]
    assert bench.calls == 0


@pytest.mark.parametrize("words", ["Socket timed out on send/recv operation",
                                   "Unable to contact slurm controller (receive failure)"])  # fmt: skip
def test_a_request_that_may_have_arrived_is_no_refusal(words):
    said = Result(1, "", f"sbatch: error: Batch job submission failed: {words}\n")
    assert isinstance(batch.answer(said), Uncertain)


@pytest.mark.parametrize("line", ["-M other", "--clusters=other", "--test-only"])
def test_what_would_not_run_on_this_cluster_is_not_sent(line):
    with pytest.raises(Invalid, match="is not possible here"):
        batch.check([Submission(f"#!/bin/sh\n#SBATCH {line}\n")])
