"""What is said to sbatch, for one submission or for several in one shell call, and what its answer means."""

import re
import shlex

from ..core.errors import Invalid, NotNow, NotReached, SlurmFailed, Uncertain
from ..core.model import Submission
from ..core.script import directives
from .shell import Result

TAG = "srunx:"
# Runs what comes on stdin once all of it has come; bash would read a script itself byte by byte
ARGV = ["sh", "-c", 'eval "$(cat)"']
_EARLIER = re.compile(r"@(\d+)")
_ELSEWHERE = {"cluster", "clusters", "test-only"}
# sbatch's words when its request may have arrived all the same
_PERHAPS = ("timed out", "Zero Bytes", "reset by peer", "Broken pipe", "Unexpected message", "receive failure",
            "shutdown failure", "authentication")  # fmt: skip
_NEVER_SENT = "slurm controller (connect failure)"
_FULL = re.compile(r"Submit\w*Limit")  # AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit, ...
# `over` tells how the job of that number ended, and goes on only after one that was taken
_PREAMBLE = """\
command -v sbatch >/dev/null || { echo 'sbatch: command not found' >&2; exit 127; }
over() {
printf '%s %s %s %s\\n' MARK "$1" "$2" "$3"
[ "$2" = 0 ] || exit
case ${3%%;*} in '' | *[!0-9]*) exit ;; esac
}
"""


def check(submissions: list[Submission]) -> None:
    """Invalid for what can't be handed in at all: a NUL, an unpaired surrogate, an "@2" that is no earlier one, and
    what would go to another cluster, whose ids mean other jobs here, or to none."""
    for index, submission in enumerate(submissions):
        texts = [part for part in (*submission, *submission.folders) if isinstance(part, str)]
        try:
            has_nul = any(b"\0" in part.encode() for part in texts)
        except UnicodeEncodeError:
            raise Invalid("an unpaired surrogate is no character") from None
        if has_nul:
            raise Invalid("a NUL character can't be part of a script, a name or a folder")
        if any(int(number) >= index for number in _EARLIER.findall(submission.dependency or "")):
            raise Invalid(f"the dependency {submission.dependency} names no earlier submission")
        if found := _ELSEWHERE & directives(submission.script).keys():
            raise Invalid(f"#SBATCH --{min(found)} is not possible here: jobs run on the connected cluster")


def resolved(submission: Submission, ids: list[int]) -> Submission:
    """With the ids of earlier submissions in the place of "@0", "@1"."""
    dependency = _EARLIER.sub(lambda match: str(ids[int(match[1])]), submission.dependency or "")
    return submission._replace(dependency=dependency or None)


def options(submission: Submission) -> list[str]:
    """sbatch's options for it."""
    argv = []
    if submission.tag:
        own = directives(submission.script).get("comment", "")
        argv.append(f"--comment={TAG}{submission.tag} {own}".rstrip())
    if submission.name:
        argv.append(f"--job-name={submission.name}")
    if submission.work_dir:
        argv.append(f"--chdir={submission.work_dir}")
    if submission.dependency:
        argv += [f"--dependency={submission.dependency}", "--kill-on-invalid-dep=yes"]
    return argv


def answer(result: Result) -> int | SlurmFailed:
    """The id of what sbatch took, or its refusal; Uncertain when it was killed or lost the controller midway,
    NotReached when there was none, NotNow when the queue holds as many jobs as it may."""
    is_killed = result.code == 124 or 128 < result.code < 160  # by timeout, or by the signal of that number - 128
    if is_killed or (result.code and any(words in result.err for words in _PERHAPS)):
        return Uncertain(f"sbatch gave no clear answer: {said(result)}")
    if result.code:
        kind = NotReached if _NEVER_SENT in result.err else NotNow if _FULL.search(result.err) else SlurmFailed
        return kind(f"sbatch failed: {said(result)}")
    first = result.out.strip().split(";")[0]
    return int(first) if first.isdigit() else Uncertain(f"sbatch printed no job id: {result.out.strip()[:200]!r}")


def said(result: Result) -> str:
    """What a command said, else its exit status."""
    return (result.err or result.out).strip()[:2000] or f"exit status {result.code}"


def text(submissions: list[Submission], mark: str) -> bytes:
    """For sh: hand in one after the other until one is not taken. In braces, so that half of it does nothing."""
    jobs = "".join(_job(index, submission, mark) for index, submission in enumerate(submissions))
    return f"{{\n{_PREAMBLE.replace('MARK', mark)}{jobs}}}\n".encode()


def _job(index: int, submission: Submission, mark: str) -> str:
    """The lines of one submission; what stderr has after its mark is its own."""
    sbatch, script = f"sbatch --parsable {_words(submission)}", shlex.quote(submission.script.removesuffix("\n"))
    return (
        f"echo {mark} {index} >&2\n"
        + "".join(f"{command} || over {index} {kind} {path}\n" for command, kind, path in _folders(submission))
        + f"srunx_script={script}\n"
        + f"srunx_{index}=$({_fed(sbatch, submission.script)})\n"
        + f'over {index} $? "$srunx_{index}"\n'
    )


def _fed(command: str, script: str) -> str:
    """A command with the script on its stdin, so that no list of processes shows it: printf is built into sh. What
    ends with a newline can be a here-document, for which sh starts one process less or two."""
    if script.endswith("\n"):
        return f"exec {command} <<E\n$srunx_script\nE\n"
    return f'printf %s "$srunx_script" | {command}'


def _folders(submission: Submission) -> list[tuple[str, str, str]]:
    """A command for each folder, what its failure is called, and the path."""
    lines = []
    for folder in submission.folders:
        path = folder
        if submission.work_dir and not folder.startswith("/"):
            path, work_dir = f"{submission.work_dir}/{folder}", _path(submission.work_dir)
            lines.append((f"[ -d {work_dir} ]", "missing", work_dir))
        lines.append((f"[ -d {_path(path)} ] || mkdir -p {_path(path)}", "unmade", _path(path)))
    return lines


def _path(path: str) -> str:
    """Quoted, and never taken for an option."""
    return shlex.quote(path if path.startswith("/") else f"./{path}")


def _words(submission: Submission) -> str:
    """The options as words for sh, in which "@0" is the id of the first one."""
    words = [shlex.quote(word) for word in options(submission._replace(dependency=None))]
    if submission.dependency:
        pieces = _EARLIER.split(submission.dependency)  # every second one is a number
        spelled = [f'"${{srunx_{piece}%%;*}}"' if at % 2 else shlex.quote(piece) for at, piece in enumerate(pieces)]
        words += [f"--dependency={''.join(spelled)}", "--kill-on-invalid-dep=yes"]
    return " ".join(words)


def outcomes(result: Result, count: int, mark: str) -> list[int | SlurmFailed | None]:
    """What became of each, by what the shell said before it ended or was killed: None of those not begun."""
    ends, words = _sections(result.out, mark), _sections(result.err, mark)
    found: list[int | SlurmFailed | None] = []
    for index in range(count):
        if ends.get(index, "").endswith("\n"):  # told to the end
            found.append(_end(*ends[index].removesuffix("\n").split(" ", 1), words.get(index, "")))
        elif index in words:
            so_far = said(result._replace(out="", err=words[index]))
            found.append(Uncertain(f"sbatch gave no clear answer: {so_far}"))
        else:
            found.append(None)
    return found


def _sections(output: str, mark: str) -> dict[int, str]:
    """What follows each "MARK 3", by its number."""
    pieces = re.split(rf"{mark} (\d+)[ \n]", output)
    return dict(zip(map(int, pieces[1::2]), pieces[2::2], strict=True))


def _end(status: str, out: str, err: str) -> int | SlurmFailed:
    if status == "missing":
        return SlurmFailed(f"the work folder {out} is not there")
    if status == "unmade":
        return SlurmFailed(f"the folder {out} can't be made: {err.strip()[:2000]}")
    return answer(Result(int(status), out, err))
