"""One SSH connection: through its jump hosts, host keys checked, logged in; and a command run over it.

paramiko is handed in, since only ssh.py imports it.
"""

import base64
import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from types import ModuleType

from ..core.errors import NotConnected
from .shell import OUTPUT_LIMIT, Cut, left
from .sshconfig import Hop, check_host_key, known_keys

STEP_SECONDS = 8  # for each of: TCP, the handshake, trying a key, opening a channel
KEEPALIVE_SECONDS = 30
_PAUSE = 0.2
_PIECE = 1 << 15


class Refused(NotConnected):
    """The machine answered and did not let us in; asking again soon would only look like an attack."""


class Lost(Exception):
    """The connection is gone, or has to be taken for gone."""


class Line:
    """A socket (or a channel in its place) that knows when it was last heard."""

    def __init__(self, sock):
        self._sock = sock
        self._is_tcp = isinstance(sock, socket.socket) and hasattr(socket, "TCP_QUICKACK")
        self.heard = time.monotonic()

    def recv(self, limit: int) -> bytes:
        """As a socket's."""
        data = self._sock.recv(limit)
        self.heard = time.monotonic()
        if self._is_tcp:  # else each answer through a jump host takes 40 ms, as sshd waits for our acknowledgement
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    def close(self) -> None:
        """As a socket's; a channel says goodbye first, which fails when its own connection is gone."""
        with contextlib.suppress(EOFError, OSError):
            self._sock.close()

    def __getattr__(self, name: str):
        return getattr(self._sock, name)


class Link:
    """A connection to the last of some hops; `label` is how messages call that."""

    def __init__(self):
        self.label = ""
        self._lines: list[Line] = []
        self._transports: list = []
        self._is_closed = False

    def open(self, paramiko: ModuleType, hops: list[Hop], policy: str) -> None:
        """Connect hop by hop; NotConnected says what was in the way."""
        self.label, self._paramiko = hops[-1].label, paramiko
        self._errors = (paramiko.SSHException, OSError, EOFError)
        try:
            for hop in hops:
                self._add(hop, policy)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Cut it; whoever waits on it gets Lost. From the near end, so that nothing is sent through a dead hop."""
        self._is_closed = True
        for transport in list(self._transports):
            transport.close()
        for line in list(self._lines):
            line.close()

    @property
    def is_alive(self) -> bool:
        """Whether nobody has seen it end."""
        return not self._is_closed and self._transports[-1].is_active()

    @property
    def heard(self) -> float:
        """When the far end was last heard, on the monotonic clock."""
        return self._lines[-1].heard

    def _add(self, hop: Hop, policy: str) -> None:
        try:
            self._lines.append(Line(self._socket(hop)))
            transport = self._greet(hop)
            key = transport.get_remote_server_key()
            check_host_key(hop, key.get_name(), key.get_base64(), policy)
            self._log_in(transport, hop)
            transport.set_keepalive(KEEPALIVE_SECONDS)
        except TimeoutError:
            raise NotConnected(f"{hop.label} did not answer within {STEP_SECONDS} s") from None
        except self._errors as error:
            raise NotConnected(f"{hop.label} can't be reached: {_words(error)}") from error

    def _socket(self, hop: Hop):
        if self._transports:
            return self._transports[-1].open_channel(
                "direct-tcpip", (hop.hostname, hop.port), ("127.0.0.1", 0), timeout=STEP_SECONDS
            )
        sock = socket.create_connection((hop.hostname, hop.port), STEP_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_USER_TIMEOUT", 15_000)):
            if hasattr(socket, name):  # a peer that vanished is noticed by the kernel, too
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return sock

    def _greet(self, hop: Hop):
        transport = self._paramiko.Transport(self._lines[-1])
        self._transports.append(transport)
        transport.banner_timeout = STEP_SECONDS + 1  # start_client's comes first
        transport.packetizer.start_handshake = lambda _: None  # its timer would hold up the interpreter's exit
        transport.auth_timeout = STEP_SECONDS
        known = {key.split()[0] for key in known_keys(hop)[""]}
        known |= {"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in known else set()
        options = transport.get_security_options()  # first the kinds of key that we could check
        options.key_types = sorted(options.key_types, key=lambda kind: kind not in known)
        transport.start_client(timeout=STEP_SECONDS)
        if not transport.initial_kex_done:
            raise TimeoutError
        return transport

    def _log_in(self, transport, hop: Hop) -> None:
        tried: list[str] = []
        with contextlib.closing(self._keys(hop, tried)) as keys:
            for key in keys:
                try:
                    missing = transport.auth_publickey(hop.user, key)
                except self._paramiko.AuthenticationException as error:
                    if "timeout" in str(error):
                        raise TimeoutError from None
                    if not transport.is_active():  # too many keys for its taste
                        break
                    continue
                if not missing:
                    return
                raise Refused(f"{hop.label} asks {hop.user} for more than a key ({', '.join(missing)}): not supported")
        listed = "; ".join(tried) or "no key files, and no agent"
        raise Refused(f"{hop.label} refused {hop.user}. Tried: {listed}. Does `ssh {hop.name}` work?")

    def _keys(self, hop: Hop, tried: list[str]) -> Iterator:
        """The keys to offer, those in files first; each is noted in `tried`, and files that are of no use."""
        offered = set()
        for path in hop.key_files:
            if path.endswith(".pub") or not os.path.exists(path):
                continue
            try:
                key = self._paramiko.PKey.from_path(path)
            except Exception as error:  # cryptography raises what it likes
                tried.append(f"{path} ({_words(error)} - with `ssh-add {path}` the agent offers it)")
                continue
            tried.append(path)
            offered.add(key.asbytes())
            yield key
        with contextlib.closing(self._paramiko.Agent()) as agent:
            listed = {_public(path) for path in hop.key_files}
            for key in agent.get_keys():
                if key.asbytes() not in offered and (not hop.only_these_keys or key.asbytes() in listed):
                    tried.append(f"{key.comment or key.get_name()} of the agent")
                    yield key

    def execute(
        self, line: bytes, stdin: bytes, deadline: float, on_sent: Callable[[], None]
    ) -> tuple[int, bytes, bytes]:
        """Run a line of the login shell's language: exit code, stdout and stderr; Lost, or Cut.

        `on_sent` is called when, from then on, it may have begun.
        """
        try:
            with contextlib.closing(self._channel(deadline)) as channel:
                on_sent()
                channel.exec_command(line)
                out, err = _converse(channel, stdin, deadline)
                channel.status_event.wait(left(deadline))
                code = channel.exit_status
        except self._errors as error:
            left(deadline)
            raise Lost(_words(error)) from error
        if code < 0:
            left(deadline)
            raise Lost("the connection was lost")
        return code, out, err

    def _channel(self, deadline: float):
        while True:
            try:
                return self._transports[-1].open_session(timeout=min(left(deadline), STEP_SECONDS))
            except self._paramiko.ChannelException as refusal:
                # a low MaxSessions, or commands of ours that we gave up and that still end
                if deadline - time.monotonic() < _PAUSE:
                    raise NotConnected(f"{self.label} takes no more sessions: {refusal.text}") from None
                time.sleep(_PAUSE)


def _converse(channel, stdin: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Feed and drain a channel until both streams ended."""
    out, err, sent = bytearray(), bytearray(), 0
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)  # ready when either stream is, and for good at the end
    if not stdin:
        channel.shutdown_write()
    while True:
        is_over = channel.eof_received or channel.closed  # asked first: what came before it is in the buffers
        _drain(channel.recv_ready, channel.recv, out)
        _drain(channel.recv_stderr_ready, channel.recv_stderr, err)
        if is_over:
            return bytes(out), bytes(err)
        is_feeding = sent < len(stdin)
        if is_feeding and channel.send_ready():
            sent = _feed(channel, stdin, sent)
            continue
        poll.poll(1000 * min(left(deadline), 0.02 if is_feeding else 1))


def _feed(channel, stdin: bytes, sent: int) -> int:
    """Send some more of it, and the end after the last; returns how much that makes."""
    try:
        sent += channel.send(stdin[sent : sent + _PIECE]) or len(stdin)
    except OSError:  # the command ended without reading it all
        return len(stdin)
    if sent >= len(stdin):
        channel.shutdown_write()
    return sent


def _drain(is_ready: Callable[[], bool], recv: Callable[[int], bytes], collected: bytearray) -> None:
    while is_ready():
        collected += recv(1 << 20)
        if len(collected) > OUTPUT_LIMIT:
            raise Cut(is_late=False)


def _public(path: str) -> bytes:
    """The public key beside a key file, or nothing."""
    try:
        with open(path if path.endswith(".pub") else f"{path}.pub", encoding="utf-8") as file:
            return base64.b64decode(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return b""


def _words(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "it closed the connection"
    words = getattr(error, "text", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).splitlines()[0]
