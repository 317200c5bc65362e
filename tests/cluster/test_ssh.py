"""SSHShell against a real sshd, and what may happen to its connections."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from srunx_web.cluster.ssh import SSHShell, Target
from srunx_web.core.errors import NotConnected, Uncertain
from tests.shells import ShellTests, in_background

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
# Run there, it prints the process of sshd that serves our connection
SESSION = 'p=$$; until grep -q ^sshd /proc/$p/comm; do p=$(awk "/^PPid/ { print \\$2 }" /proc/$p/status); done; echo $p'


@pytest.fixture(scope="session")
def config(slurm) -> str:
    return slurm.ssh_config


@pytest.fixture(scope="session")
def port(config) -> int:
    return int(re.search(r"Port (\d+)", Path(config).read_text())[1])


@pytest.fixture
def connect(config):
    """Make shells, which are closed in the end."""
    with contextlib.ExitStack() as stack:

        def connect(name: str = "login", **words) -> SSHShell:
            shell = SSHShell(Target(ssh_host=name, **{"config_file": config, **words}))
            stack.callback(shell.close)
            return shell

        yield connect


@pytest.fixture
def shell(connect):
    return connect()


@pytest.fixture
def folder(connect):
    shell = connect()
    path = shell.run(["mktemp", "-d"]).out.strip()
    yield path
    shell.run(["rm", "-r", path])


@pytest.fixture
def unprivileged():
    """The account there is that already."""


def session(shell: SSHShell) -> int:
    """The process of sshd at the other end."""
    return int(shell.run(["sh", "-c", SESSION]).out)


def lines(path: str) -> int:
    return len(Path(path).read_text().splitlines()) if os.path.exists(path) else 0


def seconds(function, *args) -> float:
    begun = time.monotonic()
    function(*args)
    return time.monotonic() - begun


def wait_for(condition, limit: float = 5) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class TestSSHShell(ShellTests):
    pass


class TestThroughAJumpHost:
    def test_a_jump_host_carries_the_connection(self, connect, config, port, tmp_path):
        own = tmp_path / "config"
        own.write_text(f"Host login\n  ProxyJump as-colleague\nMatch all\nInclude {config}\n")
        shell = connect("login", config_file=str(own))
        near = int(shell.run(["sh", "-c", "echo $SSH_CONNECTION"]).out.split()[1])
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
        owners = {row[7] for row in rows if row[1:3] == [f"0100007F:{near:04X}", f"0100007F:{port:04X}"]}
        assert (owners, shell.user) == ({subprocess.getoutput("id -u colleague")}, "researcher")

    def test_calls_through_it_are_not_held_back(self, connect):
        shell = connect("inner")
        assert min(seconds(shell.run, ["true"]) for _ in range(20)) < 0.03  # 0.04 when acknowledgements are delayed


class TestRcFiles:
    @pytest.fixture
    def rc_file(self):
        """Writes the .bashrc of an account, which bash reads for sshd, and puts it back."""
        home = Path("/home/colleague")
        kept = {
            path: path.read_bytes() if path.exists() else None for path in (home / ".bashrc", home / ".bash_profile")
        }
        yield home / ".bashrc"
        for path, text in kept.items():
            path.unlink(missing_ok=True) if text is None else path.write_bytes(text)

    @pytest.fixture
    def tools(self):
        """A folder that everybody may use."""
        with tempfile.TemporaryDirectory() as path:
            os.chmod(path, 0o755)
            yield Path(path)

    def test_what_rc_files_print_is_not_output(self, connect, rc_file):
        rc_file.write_text("echo hello; printf 'no end of line'; echo trouble >&2\n")
        assert connect("as-colleague").run(["sh", "-c", "echo out; echo err >&2"]) == (0, "out\n", "err\n")

    def test_an_rc_file_that_ends_the_shell_is_quoted(self, connect, rc_file):
        rc_file.write_text("echo quota exceeded; exit 3\n")
        with pytest.raises(NotConnected, match=r"ended before our command \(status 3\): quota exceeded"):
            connect("as-colleague").run(["true"])

    def test_what_rc_files_export_does_not_reach_slurm(self, connect, rc_file):
        rc_file.write_text("export SBATCH_PARTITION=gpu SLURM_TIME_FORMAT=relative SLACK_TOKEN=x OTHER=1\n")
        out = connect("as-colleague").run(["env"]).out
        assert "OTHER=1" in out and "SLURM_CONF=" in out
        assert not re.search("SBATCH|SLACK|TIME_FORMAT", out)

    def test_slurm_is_found_through_a_login_shell(self, connect, rc_file, config, tools):
        conf = Path(config).parents[1] / "etc/slurm.conf"
        for name in ("sh", "bash", "id", "env", "sed", "timeout"):
            (tools / name).symlink_to(f"/usr/bin/{name}")
        rc_file.write_text(f"export PATH={tools}; unset SLURM_CONF\n")
        (rc_file.parent / ".bash_profile").write_text(f"echo hi; export PATH=/usr/bin SLURM_CONF={conf}\n")
        shell = connect("as-colleague")
        assert "cpu" in shell.run(["sinfo", "-h", "-o", "%R"]).out.split()
        assert f"SLURM_CONF={conf}" in shell.run(["env"]).out.splitlines()


class TestManyCalls:
    def test_twelve_at_once_get_through_with_ten_sessions_allowed(self, shell):
        calls = [in_background(shell.run, ["sh", "-c", f"sleep 0.3; echo {number}"]) for number in range(12)]
        assert [call.result(timeout=10).out for call in calls] == [f"{number}\n" for number in range(12)]

    def test_they_share_one_connection(self, shell):
        calls = [in_background(shell.run, ["sh", "-c", "echo $SSH_CONNECTION"]) for _ in range(12)]
        assert len({call.result(timeout=10).out for call in calls}) == 1

    def test_waiting_for_a_channel_counts(self, shell):
        shell.run(["true"])
        calls = [in_background(shell.run, ["sleep", "1.5"]) for _ in range(6)]
        time.sleep(0.3)
        with pytest.raises(NotConnected, match="6 other commands on login took all of"):
            shell.run(["true"], timeout=0.5)
        assert all(call.result(timeout=5).code == 0 for call in calls)

    def test_commands_given_up_do_not_use_up_the_sessions(self, shell):
        for _ in range(2):
            calls = [in_background(shell.run, ["sleep", "30"], timeout=0.3) for _ in range(6)]
            assert all(isinstance(call.exception(timeout=5), NotConnected) for call in calls)
        assert shell.run(["echo", "here"]).out == "here\n"


class TestHostKeys:
    def test_an_unknown_key_is_refused_and_learnt_only_by_policy(self, connect, tmp_path):
        known = str(tmp_path / "known_hosts")
        with pytest.raises(
            NotConnected, match=r"not known: it shows the ssh-ed25519 key SHA256:\S{43}\. Run `ssh login` once"
        ):
            connect(known_hosts=known).run(["true"])
        assert connect(known_hosts=known, host_key_policy="accept-new").run(["true"]).code == 0
        assert connect(known_hosts=known).run(["true"]).code == 0
        assert os.stat(known).st_mode & 0o777 == 0o600

    def test_a_changed_key_is_refused_whatever_the_policy(self, connect, port, tmp_path):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
        kind, key, *_ = (tmp_path / "key.pub").read_text().split()
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        with pytest.raises(NotConnected, match="has changed"):
            connect(known_hosts=str(known), host_key_policy="accept-new").run(["true"])

    def test_a_jump_host_s_key_is_checked_too(self, connect, config, tmp_path):
        own = tmp_path / "config"
        own.write_text(f"Host jump\n  UserKnownHostsFile /dev/null\nMatch all\nInclude {config}\n")
        with pytest.raises(NotConnected, match=r"host key of jump \(127.0.0.1:\d+\) is not known"):
            connect("inner", config_file=str(own)).run(["true"])

    def test_a_refused_login_says_what_was_tried(self, connect, tmp_path, config):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "locked"], check=True)
        own = tmp_path / "config"
        own.write_text(f"Host login\n  User nobody\n  IdentityFile {tmp_path}/locked\nInclude {config}\n")
        with pytest.raises(NotConnected) as refusal:
            connect(config_file=str(own)).run(["true"])
        for words in ("refused nobody", "locked", "ssh-add", "user_ed25519"):
            assert words in refusal.value.detail

    def test_the_agent_s_keys_are_offered(self, tmp_path, config, port, monkeypatch):
        listed = subprocess.check_output(["ssh", "-F", config, "-G", "login"], text=True)
        key = re.search("^identityfile (.*)", listed, re.M)[1]
        said = subprocess.check_output(["ssh-agent", "-a", tmp_path / "agent"], text=True)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        try:
            subprocess.run(["ssh-add", "-q", key], check=True)
            target = Target("127.0.0.1", "researcher", port, known_hosts=f"{Path(config).parent}/known_hosts")
            shell = SSHShell(target)
            assert shell.run(["id", "-un"]).out == "researcher\n"
            shell.close()
        finally:
            os.kill(int(re.search(r"SSH_AGENT_PID=(\d+)", said)[1]), signal.SIGTERM)


class TestLostConnections:
    def test_one_that_died_in_between_is_made_again(self, shell):
        for is_read in (True, False):
            os.kill(session(shell), signal.SIGKILL)
            assert shell.run(["echo", "here"], is_read=is_read).out == "here\n"

    def test_a_read_is_repeated_once(self, shell, folder):
        pid = session(shell)
        script = 'echo x >>"$1"; [ $(wc -l <"$1") = 2 ] || sleep 30; echo done'
        call = in_background(shell.run, ["sh", "-c", script, "sh", f"{folder}/count"])
        wait_for(lambda: lines(f"{folder}/count"))
        os.kill(pid, signal.SIGKILL)
        assert call.result(timeout=5).out == "done\n"
        assert lines(f"{folder}/count") == 2

    def test_what_changes_things_is_not_repeated(self, shell, folder):
        pid = session(shell)
        script = ["sh", "-c", 'echo x >>"$1"; sleep 30', "sh", f"{folder}/count"]
        call = in_background(shell.run, script, is_read=False)
        wait_for(lambda: lines(f"{folder}/count"))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Uncertain, match="sh on login got no answer"):
            call.result(timeout=5)
        assert shell.run(["true"]).code == 0
        assert lines(f"{folder}/count") == 1

    def test_half_a_file_never_takes_the_place_of_a_whole_one(self, shell, folder):
        shell.write(f"{folder}/file", b"old")
        pid = session(shell)
        call = in_background(shell.write, f"{folder}/file", b"new" * 30_000_000)
        wait_for(lambda: len(os.listdir(folder)) == 2)
        os.kill(pid, signal.SIGKILL)
        seen = set()
        while not call.done():
            seen.add(os.stat(f"{folder}/file").st_size)
        assert seen <= {3, 90_000_000} and call.exception() is None
        assert shell.read(f"{folder}/file", None, 3).size == 90_000_000

    def test_a_session_that_is_stopped_is_given_up_at_the_deadline(self, shell):
        pid = session(shell)
        os.kill(pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            with pytest.raises(NotConnected, match="echo on login gave no answer within 1 s"):
                shell.run(["echo"], timeout=1)
            assert time.monotonic() - begun < 2
            assert shell.run(["echo", "anew"]).out == "anew\n"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert session(shell) != pid

    def test_a_session_that_goes_on_is_kept(self, shell):
        pid = session(shell)
        call = in_background(shell.run, ["sh", "-c", "sleep 1; echo late"])
        time.sleep(0.3)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(pid, signal.SIGCONT)
        assert (call.result(timeout=5).out, session(shell)) == ("late\n", pid)


ALL = 1 << 30


class Gate:
    """A way to the cluster's sshd that can be shut: by refusing, or by holding back whatever is sent."""

    def __init__(self, port: int):
        self.attempts = 0
        self.muted = 0  # the connections up to this one carry nothing
        self._to = port
        self._listener: socket.socket | None = None
        self._sockets: list[socket.socket] = []
        self.port = 0
        self.start()

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, cut those there are."""
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self.attempts += 1
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(*pair, self.attempts), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                while number <= self.muted:
                    time.sleep(0.05)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gate(port):
    gate = Gate(port)
    yield gate
    gate.muted = 0
    gate.stop()


@pytest.fixture
def gated(connect, config, gate, port, tmp_path) -> SSHShell:
    own = tmp_path / "config"
    own.write_text(f"Host login\n  Port {gate.port}\n  HostKeyAlias [127.0.0.1]:{port}\nInclude {config}\n")
    return connect(config_file=str(own))


class TestOutages:
    def test_a_host_that_is_gone_is_not_hammered_and_found_again(self, gated, gate):
        assert (gated.state, gated.run(["true"]).code, gated.state) == ("idle", 0, "connected")
        gate.stop()
        words = set()
        for _ in range(200):
            with pytest.raises(NotConnected) as problem:
                gated.run(["true"])
            words.add(problem.value.detail)
            time.sleep(0.01)
        assert words == {gated.problem} and "Connection refused" in gated.problem and gated.state == "failed"
        gate.start()
        gate.attempts = 0
        wait_for(lambda: is_answering(gated), 15)
        assert (gate.attempts, gated.problem) == (1, None)

    def test_one_that_accepts_and_says_nothing_holds_nobody_up(self, gated, gate):
        gate.muted = ALL
        calls = [in_background(gated.run, ["true"], timeout=0.5 + number / 10) for number in range(12)]
        begun = time.monotonic()
        assert all(isinstance(call.exception(timeout=5), NotConnected) for call in calls)
        assert time.monotonic() - begun < 4
        assert (gate.attempts, gated.state) == (1, "connecting")
        gate.muted = 0
        assert gated.run(["echo", "here"]).out == "here\n"

    def test_silence_is_noticed_by_those_who_connect_and_those_who_are_connected(self, gated, gate, connect):
        gated.run(["true"])
        gate.muted = 2
        newcomer = connect(config_file=gated._target.config_file)
        refused = in_background(newcomer.run, ["true"])
        wait_for(lambda: gate.attempts == 2)
        # the second try goes over a new connection, even though this is no read: it had surely not been sent
        repeated = in_background(gated.run, ["echo", "here"], is_read=False)
        with pytest.raises(NotConnected, match="did not answer within 8 s"):
            refused.result(timeout=12)
        assert repeated.result(timeout=12).out == "here\n"
        wait_for(lambda: is_answering(newcomer), 2)

    def test_closing_while_connecting_is_quick(self, gated, gate):
        gate.muted = ALL
        call = in_background(gated.run, ["true"], timeout=30)
        wait_for(lambda: gate.attempts)
        gated.close()
        assert isinstance(call.exception(timeout=2), NotConnected)

    @pytest.mark.parametrize("muted", [0, ALL])
    def test_the_interpreter_ends_with_calls_under_way(self, gate, gated, muted):
        gate.muted = muted
        config = gated._target.config_file
        program = (
            "import threading, time\nfrom srunx_web.cluster.ssh import SSHShell, Target\n"
            f"shell = SSHShell(Target(ssh_host='login', config_file={config!r}))\n"
            "threading.Thread(target=shell.run, args=(['sleep', '60'],), daemon=True).start()\ntime.sleep(1)"
        )
        done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, timeout=6)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def is_answering(shell: SSHShell) -> bool:
    with contextlib.suppress(NotConnected):
        return shell.run(["true"], timeout=3).code == 0
    return False
