"""A machine reached over SSH: one lasting connection, a channel of it for each call."""

import functools
import getpass
import logging
import os
import secrets
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from types import ModuleType

from ..core.errors import NotConnected, Problem
from ..core.model import Chunk
from .remote import READ, WRITE, Answer, Site, check_word, execute, probe
from .shell import Cut, Result, check_path, check_read, command_name, left, unanswered
from .sshconfig import Settings, Target, route
from .sshlink import Link, Lost, Refused

CHANNELS = 6  # at once; OpenSSH's MaxSessions is 10
LONGEST_PAUSE = 8  # seconds from one attempt to connect to the next, while they fail
REFUSED_PAUSE = 30  # the same after a refused key: sites ban who keeps trying
ATTEMPT_SECONDS = 60  # an attempt that takes longer hangs somewhere (a key agent, a name server)


class Call:
    """One command on its way; `sent` is None as long as it surely has not begun."""

    def __init__(self, argv: list[str], stdin: bytes, timeout: float, is_read: bool):
        self.argv, self.stdin, self.timeout, self.is_read = argv, stdin, timeout, is_read
        self.deadline = time.monotonic() + timeout
        self.link: Link | None = None
        self.sent: float | None = None

    def mark_sent(self) -> None:
        """From now on it may have begun."""
        self.sent = time.monotonic()

    @property
    def is_harmless(self) -> bool:
        """Whether sending it again changes nothing."""
        return self.is_read or self.sent is None


class SSHShell:
    """An account on another machine; it connects when first used, and again when the connection is gone.

    `problem` says why there is no connection, None while nothing is known against it.
    """

    def __init__(self, target: Target):
        self.host = target.ssh_host or target.hostname or "?"
        self.user = target.username or getpass.getuser()
        self.problem: str | None = None
        self._target = target
        self._slots = threading.BoundedSemaphore(CHANNELS)
        self._lock = threading.Lock()  # of what follows; never held while waiting for the network
        self._link: Link | None = None
        self._site: Site | None = None
        self._opening: Link | None = None
        self._opened: Future = Future()
        self._began = self._pause = 0.0
        self._is_closed = False

    @property
    def state(self) -> str:
        """One of connected, connecting, failed, idle."""
        with self._lock:
            if self._link and self._link.is_alive:
                return "connected"
            return "connecting" if self._opening else "failed" if self.problem else "idle"

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30, is_read: bool = True) -> Result:
        """Run it over the connection; a read is repeated once when that breaks."""
        code, out, err = self._call(Call(argv, stdin, timeout, is_read))
        return Result(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """By stat, tail and head: it costs the bytes asked for, whatever the size of the file."""
        check_read(path, offset, limit)
        start = "" if offset is None else str(offset)
        _, out, err = self._call(Call(["sh", "-c", READ, "read", path, start, str(limit)], b"", timeout, is_read=True))
        head, _, data = out.partition(b"\n")
        check_word(path, head if data or not err else b"", err)
        size, begin = map(int, head.split())
        return Chunk(data, begin, size)

    def write(self, path: str, data: bytes, timeout: float = 30) -> None:
        """Into a file beside it, which takes its name when it is whole; repeated like a read, for that does no harm."""
        check_path(path)
        argv = ["sh", "-c", WRITE, "write", path, secrets.token_hex(8), str(len(data))]
        _, out, err = self._call(Call(argv, data, timeout, is_read=True))
        check_word(path, out.strip(), err)

    def close(self) -> None:
        """Cut the connection for good; running calls end at once."""
        with self._lock:
            self._is_closed = True
            link, opening, self._opening = self._link, self._opening, None
        if link:
            link.close()
        if opening:
            opening.close()
            self._opened.set_exception(self._closed())

    def _call(self, call: Call) -> Answer:
        """In a thread of its own: nothing that hangs in there can hold the caller beyond the deadline."""
        answer: Future = Future()
        threading.Thread(target=_fulfil, args=(answer, self._perform, call), name="ssh call", daemon=True).start()
        try:
            return answer.result(call.timeout + 0.5)
        except FutureTimeout:  # stuck within paramiko, where the only way out is to cut the connection
            if call.link:
                self._drop(call.link)
            raise self._failure(call, Cut(is_late=True).words(call.timeout)) from None

    def _perform(self, call: Call) -> Answer:
        try:
            if not self._slots.acquire(timeout=left(call.deadline)):
                raise NotConnected(f"{CHANNELS} other commands on {self.host} took all of {call.timeout:g} s")
            try:
                try:
                    return self._send(call)
                except Lost:
                    return self._send(call)
            finally:
                self._slots.release()
        except Lost as lost:
            raise self._failure(call, f"got no answer: {lost}") from None
        except Cut as cut:
            raise self._failure(call, cut.words(call.timeout)) from None

    def _send(self, call: Call) -> Answer:
        """One try; Lost when another one does no harm, and Cut."""
        call.link, site = self._connected(call.deadline)
        call.sent, began = None, time.monotonic()
        try:
            return execute(call.link, site, call.argv, call.deadline, call.stdin, on_sent=call.mark_sent)
        except Lost as lost:
            self._drop(call.link)
            if self._is_closed or not call.is_harmless:
                raise self._failure(call, f"got no answer: {lost}") from None
            raise
        except Cut:
            if call.link.heard < (call.sent or began):  # mute ever since
                self._drop(call.link)
            raise

    def _failure(self, call: Call, words: str) -> Problem:
        return unanswered(f"{command_name(call.argv)} on {self.host} {words}", call.is_harmless)

    def _closed(self) -> NotConnected:
        return NotConnected(f"the connection to {self.host} was closed")

    def _drop(self, link: Link) -> None:
        with self._lock:
            if self._link is link:
                self._link = None
        link.close()

    def _connected(self, deadline: float) -> tuple[Link, Site]:
        """The connection, or the one that is being made, as long as the deadline allows; NotConnected, Cut."""
        with self._lock:
            if self._is_closed:
                raise self._closed()
            if self._link and self._site and self._link.is_alive:
                return self._link, self._site
            opened = self._attempt(time.monotonic())
        try:
            return opened.result(left(deadline))
        except FutureTimeout:
            raise NotConnected(f"{self.host} was not reached in time") from None
        except NotConnected as problem:  # one for each of those who wait
            raise NotConnected(problem.detail) from None

    def _attempt(self, now: float) -> Future:
        """The attempt to connect that is under way, or a new one; with the lock held."""
        if self._opening and now > self._began + ATTEMPT_SECONDS:
            self._opening.close()
            self._opening = None
        if not self._opening:
            if self.problem and now < self._began + self._pause:
                raise NotConnected(self.problem)
            self._opening, self._opened, self._began = Link(), Future(), now
            args = (self._opening, self._opened)
            threading.Thread(target=self._connect, args=args, name="ssh connect", daemon=True).start()
        return self._opened

    def _connect(self, link: Link, opened: Future) -> None:
        try:
            link.open(_paramiko(), route(self._target, self._settings), self._target.host_key_policy)
            known = self._site if self._site and self._site.folder else None  # login shells can be slow
            self._settle(link, opened, known or probe(link))
        except (Lost, Cut):
            self._settle(link, opened, NotConnected(f"the login shell on {self.host} did not answer"))
        except Exception as error:  # a broken configuration raises anything
            problem = error if isinstance(error, NotConnected) else NotConnected(f"{self.host}: {error!r}")
            self._settle(link, opened, problem)

    def _settle(self, link: Link, opened: Future, outcome: Site | NotConnected) -> None:
        """Make known how an attempt ended; nobody asks any more when it took too long, or we were closed."""
        with self._lock:
            if self._opening is not link:
                link.close()
                return
            self._opening = None
            if isinstance(outcome, Site):
                self._link, self._site, self.user = link, outcome, outcome.user
                self._pause, self.problem = 0.0, None
            else:
                self._pause = min(LONGEST_PAUSE, self._pause * 2 or 1)
                self._pause = REFUSED_PAUSE if isinstance(outcome, Refused) else self._pause
                self.problem = outcome.detail
        if isinstance(outcome, Site):
            opened.set_result((link, outcome))
        else:
            link.close()
            opened.set_exception(outcome)

    def _settings(self, name: str) -> Settings:
        """ssh's configuration by paramiko's reader, which knows no Include: for machines without ssh."""
        path = os.path.expanduser(self._target.config_file or "~/.ssh/config")
        if not self._target.config_file and not os.path.exists(path):
            return {}
        found = _paramiko().SSHConfig.from_path(path).lookup(name)
        return {key: value if isinstance(value, list) else [value] for key, value in found.items() if value}


def _fulfil(answer: Future, work: Callable[[Call], Answer], call: Call) -> None:
    try:
        answer.set_result(work(call))
    except BaseException as error:
        answer.set_exception(error)


@functools.cache
def _paramiko() -> ModuleType:
    """paramiko, imported only by those who connect, and quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old ciphers it still knows
        import paramiko  # noqa: PLC0415
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its tracebacks; what matters is in our exceptions
    return paramiko
