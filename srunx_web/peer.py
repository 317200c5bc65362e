"""Who is at the other end of a TCP connection on this machine: the kernel is asked, nobody is believed."""

import errno
import functools
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

# linux/tcp_states, netlink.h, sock_diag.h
ESTABLISHED = 1
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
ANY = 2**32 - 1


class NoAnswer(OSError):
    """This system does not say who owns a connection."""


class Owner(NamedTuple):
    """What the kernel says of a socket."""

    state: int
    uid: int
    inode: int

    def is_us(self) -> bool:
        """Whether a living socket of our own user is meant; one closed by its client shows uid 0 and inode 0."""
        return self.state == ESTABLISHED and self.inode != 0 and self.uid == os.geteuid()


OwnerOf = Callable[[int, str, int, str, int], Owner | None]


def socket_owner(family: int, src: str, sport: int, dst: str, dport: int) -> Owner | None:
    """The owner of the TCP socket src:sport -> dst:dport on this machine, None when there is no such socket.

    Needs no privilege. NoAnswer where the system never tells, OSError when it failed to.
    """
    ask = netlink_owner if _netlink_tells() else proc_owner
    return ask(family, src, sport, dst, dport)


def tells(owner_of: OwnerOf) -> bool:
    """Whether this way of asking recognises a connection of our own."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        try:
            owner = owner_of(socket.AF_INET, *client.getsockname(), *server.getsockname())
        except OSError:
            return False
        return owner is not None and owner.is_us()


@functools.cache
def _netlink_tells() -> bool:
    # Tried, not looked up: a kernel without the tcp_diag module answers "no such socket" to everything.
    return hasattr(socket, "AF_NETLINK") and tells(netlink_owner)


def netlink_owner(family: int, src: str, sport: int, dst: str, dport: int) -> Owner | None:
    """socket_owner by sock_diag(7): 15 µs, whatever the number of sockets."""
    sockid = struct.pack("!HH", sport, dport) + _padded(family, src) + _padded(family, dst)
    sockid += struct.pack("=III", 0, ANY, ANY)
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, ANY) + sockid
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(header + request)
        answer = kernel.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, 16)[0]
        if code == errno.ENOENT:
            return None
        raise OSError(code, os.strerror(code))
    return Owner(answer[17], *struct.unpack_from("=II", answer, 80))


def _padded(family: int, address: str) -> bytes:
    return socket.inet_pton(family, address).ljust(16, b"\0")


def proc_owner(family: int, src: str, sport: int, dst: str, dport: int) -> Owner | None:
    """socket_owner by /proc/net/tcp and tcp6: some 10 ms on a busy machine."""
    if not os.path.exists("/proc/net/tcp"):
        raise NoAnswer("neither netlink nor /proc tells the owner of a socket")
    tables = [("tcp6", socket.AF_INET6, src, dst)]
    if family == socket.AF_INET:  # the client may have made it as an IPv6 socket with mapped addresses
        tables = [("tcp", family, src, dst), ("tcp6", socket.AF_INET6, f"::ffff:{src}", f"::ffff:{dst}")]
    found = (_row(table, _proc_name(kind, a, sport), _proc_name(kind, b, dport)) for table, kind, a, b in tables)
    return next((owner for owner in found if owner), None)


def _row(table: str, local: str, remote: str) -> Owner | None:
    with open(f"/proc/net/{table}", encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if fields[1:3] == [local, remote]:
                return Owner(int(fields[3], 16), int(fields[7]), int(fields[9]))
    return None


def _proc_name(family: int, address: str, port: int) -> str:
    packed = socket.inet_pton(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
