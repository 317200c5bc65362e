"""The kernel's word on who is at the other end of a connection."""

import os
import socket
from contextlib import contextmanager

import pytest

from srunx_web import peer
from srunx_web.peer import ESTABLISHED
from tests.guarded import needs_ipv6, needs_root, on_loopback


@contextmanager
def connected(family, address):
    """The client's and the server's end of a connection on loopback."""
    with socket.create_server((address, 0), family=family) as listener:
        with socket.create_connection(listener.getsockname()[:2]) as ours:
            with listener.accept()[0] as theirs:
                yield ours, theirs


def question(end):
    """What the app would ask the kernel about the other end."""
    return (end.family, *end.getpeername()[:2], *end.getsockname()[:2])


ways = pytest.mark.parametrize("owner_of", [peer.netlink_owner, peer.proc_owner, peer.socket_owner])


@on_loopback
@ways
def test_the_kernel_names_the_owner_of_a_connection(family, address, owner_of):
    with connected(family, address) as (ours, theirs):
        assert owner_of(*question(theirs)) == (ESTABLISHED, os.geteuid(), os.fstat(ours.fileno()).st_ino)


@ways
@needs_ipv6
def test_a_client_with_mapped_addresses_is_found(owner_of):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_INET6) as ours:
        ours.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
        with listener.accept()[0] as theirs:
            assert owner_of(*question(theirs)).is_us()


@ways
@needs_root
def test_the_owner_is_who_made_the_socket(owner_of):
    os.seteuid(1001)
    try:
        ours = socket.socket()
    finally:
        os.seteuid(0)
    with ours, socket.create_server(("127.0.0.1", 0)) as listener:
        ours.connect(listener.getsockname())
        with listener.accept()[0] as theirs:
            owner = owner_of(*question(theirs))
            assert (owner.uid, owner.is_us()) == (1001, False)


@on_loopback
@ways
def test_a_socket_that_its_client_has_closed_is_nobodys(family, address, owner_of):
    with connected(family, address) as (ours, theirs):
        ours.close()
        owner = owner_of(*question(theirs))
        assert owner is None or not owner.is_us()
        assert owner_of(theirs.family, address, 1, address, 1) is None


@on_loopback
@ways
def test_a_listening_socket_is_no_connection(family, address, owner_of):
    with socket.create_server((address, 0), family=family) as listener:
        port = listener.getsockname()[1]
        owner = owner_of(family, address, port, address, 1)
        assert owner is None or not owner.is_us()
