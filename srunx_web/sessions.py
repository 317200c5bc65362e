"""Logins: the one token, sessions that live in memory only, and patience with wrong tries."""

import hmac
import math
import secrets
import threading
import time
from collections.abc import Callable

from .core.errors import Denied, Unauthorized

LIFETIME = 7 * 24 * 3600  # seconds
MOST_SESSIONS = 100  # the oldest goes first
FREE_TRIES = 5
LONGEST_PAUSE = 30  # seconds
MOST_CLIENTS = 1000  # whose wrong tries are remembered


class Sessions:
    """Who has shown the token. A session counts only from the address that opened it, since browsers send
    its cookie to every port of a host name, and another port may be another user's."""

    def __init__(self, token: str | None, cookie: str, clock: Callable[[], float] = time.monotonic):
        self.cookie = cookie  # its name
        self.needs_token = bool(token)
        self._token = token
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, float]] = {}  # session: client, end
        self._wrong: dict[str, tuple[int, float, int]] = {}  # client: tries, time and hash of the last one

    def check_token(self, given: str, client: str) -> None:
        """Unauthorized when this is not the token, Denied while the client has to wait after wrong ones."""
        with self._lock:
            if seconds := self.pause(client):
                raise Denied(f"Too many wrong tokens: try again in {seconds} s.")
            if not self._token or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
                self._remember_wrong(given, client)
                raise Unauthorized("That is not this server's token (SRUNX_WEB_TOKEN).")
            self._wrong.pop(client, None)

    def pause(self, client: str) -> int:
        """Seconds that this client has to wait before its next try."""
        tries, last, _ = self._wrong.get(client, (0, 0.0, 0))
        if tries < FREE_TRIES:
            return 0
        pause = min(2 ** (tries - FREE_TRIES), LONGEST_PAUSE)
        return max(0, math.ceil(last + pause - self._clock()))

    def _remember_wrong(self, given: str, client: str) -> None:
        tries, _, before = self._wrong.get(client, (0, 0.0, 0))
        if hash(given) == before:  # a program with an outdated token: no guess, and it must not lock others out
            return
        self._wrong.pop(client, None)
        if len(self._wrong) >= MOST_CLIENTS:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[client] = (tries + 1, self._clock(), hash(given))

    def open(self, given: str, client: str) -> str:
        """A new session for who gives the token; Unauthorized, Denied."""
        self.check_token(given, client)
        session, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            if len(self._open) >= MOST_SESSIONS:
                del self._open[next(iter(self._open))]
            self._open[session] = (client, now + LIFETIME)
        return session

    def holds(self, session: str | None, client: str) -> bool:
        """Whether this session is open for this client."""
        owner, end = self._open.get(session or "", ("", 0.0))
        return owner == client and end > self._clock()

    def close(self, session: str | None) -> None:
        """End a session; unknown ones are left alone."""
        with self._lock:
            self._open.pop(session or "", None)
