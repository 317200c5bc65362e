"""The ends of many files, and the last lines in them that match, in one shell call: whole logs do not travel."""

import re
import secrets
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from ..core.errors import Problem
from .batch import ARGV
from .shell import Shell

END_LIMIT = 64 << 10  # bytes of the end of a log; of a matching line as well, for progress bars are one long line
LATE_LIMIT = 256 << 10  # of the end, where the whole could not be searched
CALL_LIMIT = 16 << 20  # that one call may print
READ_SECONDS = 4  # for one file
_KINDS = {"missing": "there is no {}", "special": "{} is not a file", "denied": "no permission for {}"}
# For sh. `look NUMBER BYTES PATH [PATTERN]` prints MARK, the number, and the size or what stands in the way; then text,
# and MARK again with how far it is to be believed. Each process of a pipe tells its status on 3, text goes to 4.
_PREAMBLE = """\
ulimit -v 2000000
LC_ALL=C.UTF-8; export LC_ALL
exec 4>&1
look() {
printf '%s ' MARK "$1"
if [ ! -e "$3" ]; then echo missing
elif [ ! -f "$3" ]; then echo special
elif [ ! -r "$3" ]; then echo denied
else
size=$(stat -Lc %s -- "$3"); echo "${size:-0}"
if [ $# -lt 4 ]; then timeout SECONDS tail -c "$2" -- "$3"; over=whole; else search "$@"; fi
printf '%s ' MARK "$1"; echo "$over"
fi
}
search() {
over=$({ { timeout SECONDS tac -- "$3"; echo "read$?" >&3; } |
{ timeout SECONDS grep -a -m 1 -P -e "$4"; echo "found$?" >&3; } | tail -c "$2" >&4; } 3>&1)
case $over in
*found0*) over=whole ;;
*read0*found1* | *found1*read0*) over=whole ;;
*) printf '%s ' MARK "$1"; echo again; timeout SECONDS tail -c LATE -- "$3"; over=late ;;
esac
}
"""


class Read(NamedTuple):
    """What is wanted of a file (a path without / begins at the home folder): its last `limit` bytes; or, with a
    pattern (PCRE), the last `limit` bytes of the last line that matches it."""

    path: str
    limit: int
    pattern: str | None = None


class Told(NamedTuple):
    """What came of a read: text (undecodable bytes replaced) from a file of `size` bytes, or why there is none.
    `is_late` says that the whole could not be searched, and that the text is the last LATE_LIMIT bytes."""

    text: str = ""
    size: int = 0
    problem: str | None = None
    is_late: bool = False


def batches(reads: list[Read]) -> Iterator[list[Read]]:
    """The reads in parts that one call can hold."""
    part: list[Read] = []
    size = 0
    for read in reads:
        most = max(read.limit, LATE_LIMIT) if read.pattern else read.limit
        if part and size + most > CALL_LIMIT:
            yield part
            part, size = [], 0
        part.append(read)
        size += most
    if part:
        yield part


def ask(shell: Shell, reads: list[Read], seconds: float) -> dict[Read, Told]:
    """What came of those that were done within so many seconds, in their order; the others are left out.

    Problem when the shell did not get as far as the first one for another reason; NotConnected.
    """
    mark = f"srunx-{secrets.token_hex(8)}"
    argv = ["timeout", f"{seconds:g}", *ARGV]
    result = shell.run(argv, script(reads, mark), timeout=seconds + READ_SECONDS + 1)
    found = told(result.out, reads, mark)
    if mark not in result.out and result.code != 124:
        words = result.err.strip()[:500] or f"status {result.code}"
        raise Problem(f"sh on {shell.host} read no logs: {words}")
    return found


def script(reads: list[Read], mark: str) -> bytes:
    """For sh."""
    preamble = _PREAMBLE.replace("MARK", mark).replace("SECONDS", str(READ_SECONDS)).replace("LATE", str(LATE_LIMIT))
    lines = "".join(f"{shlex.join(_words(number, read))}\n" for number, read in enumerate(reads))
    return f"{preamble}{lines}".encode("utf-8", "surrogateescape")


def _words(number: int, read: Read) -> list[str]:
    path = read.path if read.path.startswith("/") else f"./{read.path}"
    return ["look", str(number), str(read.limit), path, *([read.pattern] if read.pattern else [])]


def told(output: str, reads: list[Read], mark: str) -> dict[Read, Told]:
    """What the script printed, by read; one that was cut short is left out."""
    pieces = re.split(rf"{mark} (\d+) ([a-z]+|\d+)\n", output)
    found: dict[Read, Told] = {}
    size, text = 0, ""
    for number, word, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        read = reads[int(number)]
        if word in _KINDS:
            found[read] = Told(problem=_KINDS[word].format(read.path))
        elif word in ("whole", "late"):
            found[read] = Told(text, size, None, word == "late")
        else:
            size, text = int(word) if word.isdigit() else size, after
    return found


def without_first_line(text: str) -> str:
    """The text from its first whole line on, for the first one was cut; of a single line all that there is."""
    rest = re.split(r"[\r\n]+", text, maxsplit=1)[1:]
    return rest[0] if rest and rest[0] else text
