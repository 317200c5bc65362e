"""Who may ask: only the user who started the server, whatever the way in."""

import os
import re
import shutil
import socket
import subprocess

import pytest

from srunx_web.core.errors import Invalid
from srunx_web.peer import ESTABLISHED, NoAnswer, Owner
from srunx_web.security import Gate, check_bind, shown_host
from tests.guarded import TOKEN, client, needs_root, on_loopback, serving, them


def ask(port, host="127.0.0.1", uid=None, headers=""):
    """The status that a process of this user gets."""
    request = rf"GET / HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n"
    script = f"exec 3<>/dev/tcp/{host}/{port}; printf '{request}' >&3; cat <&3"
    as_user = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=10, **as_user)
    return int(re.match(r"HTTP/1\.\d (\d+)", done.stdout)[1])


needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="no bash: apt-get install bash")


@on_loopback
@needs_bash
def test_a_process_of_the_same_user_is_served(family, address):
    with serving(address) as port:
        assert ask(port, address) == 200


@on_loopback
@needs_bash
@needs_root
def test_a_process_of_another_user_is_refused_with_and_without_the_token(family, address):
    with serving(address, token=TOKEN) as port:
        bearer = rf"Authorization: Bearer {TOKEN}\r\n"
        assert [ask(port, address, uid, bearer) for uid in (None, 1001, 65534)] == [200, 403, 403]
    with serving(address) as port:
        assert ask(port, address, 1001) == 403


def silent(*_):
    raise NoAnswer


def failing(*_):
    raise TimeoutError


@pytest.mark.parametrize(
    "owner_of",
    [
        them,
        failing,
        lambda *_: None,
        lambda *_: Owner(5, os.geteuid(), 7),
        lambda *_: Owner(ESTABLISHED, os.geteuid(), 0),
    ],
    ids=["other uid", "error", "none", "closing", "no inode"],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_any_doubt_about_the_user_refuses_and_says_what_to_do(owner_of, token):
    answer = client(owner_of=owner_of, token=token).get("/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 403
    assert "--unix-socket" in answer.json["detail"]


def test_where_the_kernel_never_tells_the_token_decides():
    assert "SRUNX_WEB_TOKEN" in client(owner_of=silent).get("/").json["detail"]
    guarded = client(owner_of=silent, token=TOKEN)
    assert guarded.get("/jobs/rows", headers={"HX-Request": "true"}).status_code == 401
    assert guarded.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_behind_a_unix_socket_nobody_is_asked(tmp_path):
    there = {"REMOTE_ADDR": "localhost", "REMOTE_PORT": "None"}
    assert client(owner_of=them, unix_socket=tmp_path / "s").get("/", environ_base=there).status_code == 200
    assert client(owner_of=them).get("/", environ_base=there).status_code == 403


@pytest.mark.parametrize(
    ("gate", "status"),
    [({"host": "0.0.0.0", "token": TOKEN}, 200), ({"host": "0.0.0.0"}, 403), ({"token": TOKEN}, 403)],
)
def test_another_machine_is_let_in_by_the_token_where_we_listen_to_it(gate, status):
    there = {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "40000"}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client(owner_of=them, **gate).get("/", environ_base=there, headers=bearer).status_code == status


def test_the_kernel_is_asked_about_both_ends_as_the_server_sees_them():
    asked = []
    hear = client(owner_of=lambda *ends: asked.append(ends), host="127.0.0.5", port=8123)
    hear.get("/", environ_base={"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000"})
    hear.get("/", environ_base={"REMOTE_ADDR": "::ffff:127.0.0.9", "REMOTE_PORT": "40001"})
    assert asked == [
        (socket.AF_INET, "127.0.0.1", 40000, "127.0.0.5", 8123),
        (socket.AF_INET, "127.0.0.9", 40001, "127.0.0.5", 8123),
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "login1.example", "::ffff:192.0.2.7"])
def test_listening_beyond_loopback_needs_a_token(host, tmp_path):
    for token in (None, ""):
        with pytest.raises(Invalid, match="SRUNX_WEB_TOKEN"):
            check_bind(Gate(host, token=token))
    check_bind(Gate(host, token=TOKEN))
    check_bind(Gate(host, unix_socket=tmp_path / "s"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
def test_listening_on_loopback_needs_a_kernel_that_tells_or_a_token(host):
    check_bind(Gate(host))
    check_bind(Gate(host, owner_of=silent, token=TOKEN))
    with pytest.raises(Invalid, match="SRUNX_WEB_TOKEN"):
        check_bind(Gate(host, owner_of=silent))


def test_the_address_is_shown_as_it_is_typed_into_a_browser():
    assert [shown_host(host) for host in ("127.0.0.1", "::1", "login1")] == ["127.0.0.1", "[::1]", "login1"]
    assert shown_host("0.0.0.0") == shown_host("::") == shown_host("") == socket.gethostname()


def test_the_token_is_not_printed_with_the_gate():
    assert TOKEN not in repr(Gate(token=TOKEN))
