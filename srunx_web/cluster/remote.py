"""What is said to a login shell at the other end of an SSH connection, and what it makes of that."""

import math
import os
import secrets
import shlex
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..core.errors import BadRequest, Denied, NotConnected, NotFound, Problem
from .shell import Cut, is_scrubbed, left

PROBE_SECONDS = 10  # for a login shell and all that it loads
LONGEST = 130_000  # the kernel takes 128 kB as one argument, which the whole line is to the login shell

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+=:,./@%")

# For sh, with a path, an offset or nothing, and a limit. The first line of output says how it went.
READ = """
if [ -f "$1" ] && [ -r "$1" ]; then
  size=$(stat -Lc %s -- "$1") && begin=${2:-$((size > $3 ? size - $3 : 0))} && echo "$size $begin" &&
  tail -c "+$((begin + 1))" -- "$1" | head -c "$3"
elif [ -f "$1" ]; then echo denied
elif [ -e "$1" ]; then echo special
else
  there=$(dirname -- "$1")
  until [ -e "$there" ]; do there=$(dirname -- "$there"); done
  if [ -d "$there" ] && ! [ -x "$there" ]; then echo denied; else echo missing; fi
fi
"""
# For sh, with a path, a random word and the size of stdin: half a file must not take the place of a whole one,
# and a first try that still hangs somewhere must not meddle with the second.
WRITE = """
folder=$(dirname -- "$1") new=$folder/.srunx-$2-$$
if [ -d "$1" ]; then echo special
elif ! [ -d "$folder" ]; then echo missing
elif ! [ -w "$folder" ] || ! [ -x "$folder" ]; then echo denied
else
  trap 'rm -f -- "$new"' 0; trap 'exit 1' 1 2 15
  cat >"$new" && [ "$(stat -c %s -- "$new")" = "$3" ] || exit
  if [ -f "$1" ]; then chmod --reference="$1" -- "$new"; fi
  mv -f -- "$new" "$1" && echo done
fi
"""
_PROBE = r"""
id -un
command -v sbatch || echo
echo "${SHELL:-bash}"
env | sed -n 's/^\([A-Za-z0-9_]*\)=.*/\1/p'
"""
_LOGIN_PROBE = 'echo "$0:$(command -v sbatch):$SLURM_CONF"'

Answer = tuple[int, bytes, bytes]  # exit code, stdout, stderr


class Connection(Protocol):
    """A way to the login shell."""

    label: str

    def execute(self, line: bytes, stdin: bytes, deadline: float, on_sent: Callable[[], None]) -> Answer:
        """Have the login shell run a line."""


class Site(NamedTuple):
    """What has to be known of an account before its commands work."""

    user: str
    scrubbed: tuple[str, ...] = ()  # names of environment variables
    folder: str = ""  # of Slurm's commands, where only a login shell finds them
    slurm_conf: str = ""


def execute(
    connection: Connection,
    site: Site,
    argv: list[str],
    deadline: float,
    stdin: bytes = b"",
    *,
    on_sent: Callable[[], None] = lambda: None,
) -> Answer:
    """Run a command in an account, whatever its login shell is and its rc files print; raises what `connection` does.

    NotConnected when the login shell did not get as far as our command, BadRequest for what can't be a command.
    """
    mark = f"srunx-{secrets.token_hex(8)}"
    line = _line(site, argv, mark, left(deadline))
    code, out, err = connection.execute(line, stdin, deadline, on_sent)
    before, is_there, out = out.partition(f"{mark}\n".encode())
    noise, is_marked, rest = err.partition(f"{mark}\n".encode())
    if not is_there:
        said = (before + noise).decode(errors="replace").strip()[:500] or "nothing"
        raise NotConnected(f"The login shell on {connection.label} ended before our command (status {code}): {said}")
    return code, out, rest if is_marked else err


def _line(site: Site, argv: list[str], mark: str, seconds: float) -> bytes:
    """A script for sh, spelled so that every login shell (csh, fish) passes it on unchanged.

    The marks end what rc files printed; `timeout` ends a command that we no longer wait for. It is not exec'ed,
    for sshd tells of a death by signal in a way that paramiko does not know.
    """
    script = [
        'echo "$0"; echo "$0" >&2',
        shlex.join(["unset", *site.scrubbed]) if site.scrubbed else "",
        f"PATH=$PATH:{shlex.quote(site.folder)}" if site.folder else "",
        f"export SLURM_CONF={shlex.quote(site.slurm_conf)}" if site.slurm_conf else "",
        shlex.join(["set", "--", *argv]),
        'command -v "$1" >/dev/null || { echo "$1: command not found" >&2; exit 127; }',
        f'timeout -k 2 {math.ceil(seconds) + 1} "$@"; exit $?',
    ]
    try:
        text = "\n".join(script).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadRequest("an unpaired surrogate can't be part of a command") from None
    spelled = "".join(chr(byte) if byte in _SAFE else f"\\0{byte:03o}" for byte in text)
    if b"\0" in text or len(spelled) > LONGEST:
        raise BadRequest("a command can't hold NUL characters, or about 100 kB")
    return f"""exec sh -c 'eval "$(printf %b "$1")"' {mark} '{spelled}'""".encode()


def probe(connection: Connection) -> Site:
    """Whose account it is, what to scrub, and where Slurm's commands are if not on PATH; NotConnected."""
    code, out, err = execute(connection, Site(""), ["sh", "-c", _PROBE], time.monotonic() + PROBE_SECONDS)
    lines = out.decode(errors="replace").splitlines()
    if code or len(lines) < 3:
        words = err.decode(errors="replace").strip()[:500]
        raise NotConnected(f"The first command on {connection.label} failed (status {code}): {words}")
    user, sbatch, shell, *names = lines
    site = Site(user, tuple(filter(is_scrubbed, names)))
    return site if sbatch else _with_folder(connection, site, shell)


def _with_folder(connection: Connection, site: Site, shell: str) -> Site:
    """What a login shell knows of Slurm: the account's own, then bash, for the sake of /etc/profile.d."""
    mark = f"srunx-{secrets.token_hex(8)}"
    for argv0 in dict.fromkeys((shell, "bash")):
        argv = [argv0, "-lc", shlex.join(["sh", "-c", _LOGIN_PROBE, mark])]
        try:
            _, out, _ = execute(connection, site, argv, time.monotonic() + PROBE_SECONDS)
        except Cut:
            continue
        path, _, conf = out.decode(errors="replace").partition(f"{mark}:")[2].partition("\n")[0].partition(":")
        if path.startswith("/"):
            return site._replace(folder=os.path.dirname(path), slurm_conf=conf)
    return site


def check_word(path: str, word: bytes, err: bytes) -> None:
    """Raise what the first word of READ or WRITE means: NotFound, Denied, BadRequest, Problem, or nothing."""
    if word == b"missing":
        raise NotFound(f"{path} does not exist")
    if word == b"denied":
        raise Denied(f"no permission for {path}")
    if word == b"special":
        raise BadRequest(f"{path} is not a regular file")
    if not word or (word != b"done" and not word.replace(b" ", b"").isdigit()):
        raise Problem(f"{path}: {err.decode(errors='replace').strip()[:500] or 'no answer that makes sense'}")
