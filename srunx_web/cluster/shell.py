"""How a machine is reached: a command, a piece of a file, a file written."""

import contextlib
import errno
import os
import pwd
import re
import secrets
import selectors
import signal
import socket
import stat
import subprocess
import threading
import time
from typing import NamedTuple, Protocol

from ..core.errors import BadRequest, Denied, NotConnected, NotFound, Problem, Uncertain
from ..core.model import Chunk

OUTPUT_LIMIT = 128 << 20  # bytes of one stream of one command; 50,000 queue rows are about 20 MB
# What must not reach Slurm's commands: it would change what they print, and jobs inherit it (tokens, too).
SCRUBBED = re.compile(r"(?:SRUNX|SLACK|SBATCH|SQUEUE|SINFO|SACCT|SCANCEL|SLURM)_\w*")
KEPT = {"SLURM_CONF"}
_PIECE = 1 << 16


class Result(NamedTuple):
    """How a command ended: exit code, and both streams as text (undecodable bytes replaced)."""

    code: int
    out: str
    err: str


class Shell(Protocol):
    """A way to run things on one machine as one user; commands start in the home folder.

    `is_read` says that the command changes nothing, so it may be repeated on a new connection.
    All raise NotConnected when no answer came before the deadline (seconds), and Uncertain instead
    when the command is no read and may have run.
    """

    host: str  # how people call the machine
    user: str

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30, is_read: bool = True) -> Result:
        """Run a command and return how it ended; 127 when there is no such command, 128 + n killed by signal n."""

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """Up to `limit` bytes from `offset`, or the last `limit` bytes when it is None; NotFound, Denied.

        BadRequest when it is no regular file; no bytes when `offset` is beyond the end.
        """

    def write(self, path: str, data: bytes, timeout: float = 30) -> None:
        """Replace a file at once, keeping its mode; the folder must exist; NotFound, Denied, BadRequest."""

    def close(self) -> None:
        """Let go of connections and running commands; those end with NotConnected or Uncertain."""


class LocalShell:
    """This machine, as the user who runs the server."""

    def __init__(self):
        self.host = socket.gethostname()
        self.user = _user_name()
        self._home = os.path.expanduser("~")
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._is_closed = False

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30, is_read: bool = True) -> Result:
        """Run it in a session of its own, which is killed at the deadline."""
        try:
            child = self._start(argv)
        except FileNotFoundError:
            return Result(127, "", f"{argv[0]}: command not found")
        except OSError as error:  # not executable, or the argument list is too long
            return Result(126, "", f"{argv[0]}: {error.strerror}")
        except ValueError as error:
            raise BadRequest("a NUL or an unpaired surrogate can't be part of a command") from error
        try:
            out, err = _converse(child, stdin, time.monotonic() + timeout)
        except Cut as cut:
            _kill(child)
            words = f"{command_name(argv)} on {self.host} {cut.words(timeout)}"
            raise unanswered(words, is_harmless=is_read) from None
        finally:
            self._end(child)
        if self._is_closed and child.returncode == -signal.SIGKILL:
            raise unanswered(f"{command_name(argv)} was stopped", is_harmless=is_read)
        code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        return Result(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def _start(self, argv: list[str]) -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not is_scrubbed(name)}
        with self._lock:
            if self._is_closed:
                raise NotConnected("the server is closing")
            child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                cwd=self._home if os.path.isdir(self._home) else "/",
                start_new_session=True,
            )
            self._running.add(child)
        return child

    def _end(self, child: subprocess.Popen) -> None:
        """Reap it; with it goes whatever of its session still runs, unless it ended by itself."""
        if child.poll() is None:
            _kill(child)
        for pipe in (child.stdin, child.stdout, child.stderr):
            pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a dead file system holds even the killed
            child.wait(1)
        with self._lock:
            self._running.discard(child)

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """By the file API; `timeout` can't hold against a file system that hangs."""
        check_read(path, offset, limit)
        with _as_problems(path), open(path, "rb", buffering=0, opener=self._open) as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - limit) if offset is None else offset
            if start >= size:  # the kernel refuses very large offsets
                return Chunk(b"", start, size)
            file.seek(start)
            data = bytearray()
            while len(data) < limit and (piece := file.read(min(limit - len(data), 1 << 20))):
                data += piece
            return Chunk(bytes(data), start, size)

    def _open(self, path: str, flags: int) -> int:
        # not blocking, or opening a fifo would wait for a writer
        descriptor = os.open(os.path.join(self._home, path), flags | os.O_NONBLOCK | os.O_NOCTTY)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadRequest(f"{path} is not a regular file")
        return descriptor

    def write(self, path: str, data: bytes, timeout: float = 30) -> None:
        """A file beside it, made durable, takes its name."""
        check_path(path)
        target = os.path.join(self._home, path)
        temporary = os.path.join(os.path.dirname(target), f".srunx-{secrets.token_hex(8)}")
        with _as_problems(path):
            if os.path.isdir(target):
                raise BadRequest(f"{path} is a folder")
            try:
                with open(temporary, "xb") as file:
                    with contextlib.suppress(FileNotFoundError):
                        os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise

    def close(self) -> None:
        """Kill what runs, and start nothing more."""
        with self._lock:
            self._is_closed = True
            for child in self._running:
                if child.returncode is None:
                    _kill(child)


def is_scrubbed(name: str) -> bool:
    """Whether this environment variable is kept from the commands we run."""
    return name not in KEPT and SCRUBBED.fullmatch(name) is not None


def command_name(argv: list[str]) -> str:
    """The command people know, without `env NAME=value` and `timeout 40` before it."""
    words = (word for word in argv if word not in ("env", "timeout") and "=" not in word and not word.isdigit())
    return os.path.basename(next(words, argv[0]))


def unanswered(words: str, is_harmless: bool) -> Problem:
    """What to raise for a call without an answer: harmless ones are reads, or were surely not sent."""
    return NotConnected(words) if is_harmless else Uncertain(f"{words}; it may have taken effect or not")


def check_path(path: str) -> None:
    """BadRequest for what can't be a path."""
    if not path or "\0" in path:
        raise BadRequest("a path is not empty and has no NUL character")


def check_read(path: str, offset: int | None, limit: int) -> None:
    """BadRequest for what can't be a path, or a piece of a file."""
    check_path(path)
    if not 0 <= (offset or 0) < 1 << 63 or not 0 <= limit < OUTPUT_LIMIT:
        raise BadRequest("an offset is 0 to 2^63, a limit 0 to 128 MiB")


class Cut(Exception):
    """A conversation that we ended: at its deadline, or at the limit of its output."""

    def __init__(self, is_late: bool):
        super().__init__()
        self.is_late = is_late

    def words(self, timeout: float) -> str:
        """What follows the name of the command."""
        late = f"gave no answer within {timeout:g} s"
        return late if self.is_late else f"printed more than {OUTPUT_LIMIT >> 20} MiB and was stopped"


def left(deadline: float) -> float:
    """Seconds until then (of the monotonic clock); Cut when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise Cut(is_late=True)
    return seconds


def _converse(child: subprocess.Popen, stdin: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Feed and drain a child until it closed both streams and ended."""
    collected = {child.stdout: bytearray(), child.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in collected:
            selector.register(pipe, selectors.EVENT_READ)
        os.set_blocking(child.stdin.fileno(), False)
        selector.register(child.stdin, selectors.EVENT_WRITE)
        rest = memoryview(stdin)
        while selector.get_map():
            for key, _ in selector.select(left(deadline)):
                if key.fileobj is child.stdin:
                    rest = _feed(selector, child.stdin, rest)
                else:
                    _drain(selector, key.fileobj, collected[key.fileobj])
    try:
        child.wait(left(deadline))
    except subprocess.TimeoutExpired:
        raise Cut(is_late=True) from None
    return bytes(collected[child.stdout]), bytes(collected[child.stderr])


def _feed(selector: selectors.BaseSelector, pipe, rest: memoryview) -> memoryview:
    try:
        rest = rest[os.write(pipe.fileno(), rest[:_PIECE]) :] if rest else rest
    except BrokenPipeError:  # it does not want it, and is right
        rest = rest[:0]
    if not rest:
        selector.unregister(pipe)
        pipe.close()
    return rest


def _drain(selector: selectors.BaseSelector, pipe, collected: bytearray) -> None:
    piece = pipe.read(_PIECE)
    if not piece:
        selector.unregister(pipe)
    collected += piece
    if len(collected) > OUTPUT_LIMIT:
        raise Cut(is_late=False)


def _kill(child: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


@contextlib.contextmanager
def _as_problems(path: str):
    """The operating system's errors, as ours."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} does not exist") from None
    except PermissionError:
        raise Denied(f"no permission for {path}") from None
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG, errno.ELOOP):
            raise BadRequest(f"{path}: {error.strerror}") from None
        raise Problem(f"{path}: {error.strerror}") from error


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
