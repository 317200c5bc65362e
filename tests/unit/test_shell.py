"""LocalShell, and where an SSH connection would go; no network."""

import os
import shutil
import subprocess
import time

import pytest

from srunx_web.cluster.remote import Site, execute, probe
from srunx_web.cluster.shell import LocalShell
from srunx_web.cluster.ssh import SSHShell
from srunx_web.cluster.sshconfig import Hop, Target, check_host_key, fingerprint, known_keys, route
from srunx_web.core.errors import BadRequest, NotConnected
from tests.scripted import ScriptedShell
from tests.shells import ODD, ShellTests

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIGoHSMiSE1M5b8vH0cmM3iRwWqQ0gEEMtLGDLmqCWJ0g"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBSE1M5b8vH0cmM3iRwWqQ0gEEMtLGDLmqCWJ0g"


@pytest.fixture
def shell():
    shell = LocalShell()
    yield shell
    shell.close()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


@pytest.fixture
def unprivileged():
    """Root may do anything; so be nobody for a while."""
    was = os.geteuid()
    os.seteuid(was or 65534)
    yield
    os.seteuid(was)


class TestLocalShell(ShellTests):
    def test_secrets_and_settings_of_slurm_do_not_reach_commands(self, shell, monkeypatch):
        for name in ("SRUNX_WEB_TOKEN", "SLACK_WEBHOOK_URL", "SBATCH_PARTITION", "SLURM_TIME_FORMAT", "SLURM_CONF"):
            monkeypatch.setenv(name, "x")
        names = {line.split("=")[0] for line in shell.run(["env"]).out.splitlines()}
        assert {name for name in names if name.startswith(("SRUNX", "SLACK", "SBATCH", "SLURM"))} == {"SLURM_CONF"}
        assert "PATH" in names

    def test_a_write_that_fails_leaves_nothing_behind(self, shell, folder):
        with pytest.raises(BadRequest, match="File name too long"):
            shell.write(f"{folder}/{'x' * 300}", b"new")
        assert os.listdir(folder) == []

    def test_what_left_its_session_does_not_hold_up_the_end(self, shell):
        assert shell.run(["sh", "-c", "setsid sleep 9 >/dev/null 2>&1 & echo done"], timeout=2).out == "done\n"


CONFIG = """
Host cluster
  HostName login.example.org
  Port 2200
  User ada
  IdentityFile /keys/%h
  IdentityFile ~/second
  IdentitiesOnly yes
  UserKnownHostsFile /known/one /known/two
  ProxyJump gate,bob@[::1]:2201
Host gate
  HostName gate.example.org
  User carol
  HostKeyAlias the-gate
  ProxyJump outer
Host round
  ProxyJump circle
Host circle
  ProxyJump round
Host command
  ProxyCommand nc %h %p
Host bare
  IdentityFile /keys/bare
"""


@pytest.fixture(params=["ssh", "paramiko"])
def way(request, tmp_path, monkeypatch):
    """The route to a target by this configuration, as read by ssh and, where there is none, by paramiko."""
    if request.param == "paramiko":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif not shutil.which("ssh"):
        pytest.skip("needs ssh (apt install openssh-client)")
    config = tmp_path / "config"
    config.write_text(CONFIG)
    return lambda **words: route(
        Target(config_file=str(config), **words), SSHShell(Target(config_file=str(config)))._settings
    )


def test_an_alias_is_resolved(way):
    hop = way(ssh_host="cluster")[-1]
    assert (hop.name, hop.hostname, hop.port, hop.user) == ("cluster", "login.example.org", 2200, "ada")
    assert hop.key_files == ("/keys/login.example.org", os.path.expanduser("~/second"))
    assert (hop.only_these_keys, hop.known_hosts[:2]) == (True, ("/known/one", "/known/two"))


def test_jumps_are_resolved_hop_by_hop(way):
    hops = way(ssh_host="cluster")
    assert [(hop.user, hop.hostname, hop.port) for hop in hops[1:]] == [
        ("carol", "gate.example.org", 22), ("bob", "::1", 2201), ("ada", "login.example.org", 2200),
    ]  # fmt: skip
    assert (hops[0].hostname, hops[1].key_names) == ("outer", ["the-gate"])


def test_the_configuration_of_an_alias_comes_first_and_the_profile_fills_in(way):
    told = {"hostname": "10.0.0.1", "username": "dan", "port": 24, "key_filename": "/mine"}
    full, bare = way(ssh_host="cluster", **told)[-1], way(ssh_host="bare", **told)[-1]
    assert (full.hostname, full.user, full.port, full.key_files[0]) == ("login.example.org", "ada", 2200, "/mine")
    assert (bare.hostname, bare.user, bare.port, bare.key_files) == ("10.0.0.1", "dan", 24, ("/mine", "/keys/bare"))


def test_without_alias_the_profile_comes_first(way):
    hop = way(hostname="cluster", username="eve", port=23, proxy_jump="none", known_hosts="/my/known")[0]
    assert (hop.user, hop.port, hop.known_hosts) == ("eve", 23, ("/my/known",))


@pytest.mark.parametrize(
    "words", [{"ssh_host": "round"}, {"ssh_host": "command"}, {"hostname": "-oProxyCommand=x"}, {}]
)
def test_what_can_not_be_followed_is_said(way, words):
    with pytest.raises(NotConnected, match=r"circles|ProxyCommand|is not the name of a host"):
        way(**words)


def test_a_missing_configuration_is_said(tmp_path):
    with pytest.raises(NotConnected, match="nowhere"):
        SSHShell(Target(ssh_host="cluster", config_file=str(tmp_path / "nowhere"))).run(["true"])


@pytest.fixture
def known(tmp_path):
    """A hop to host:port whose known_hosts has these lines."""

    def known(lines: str, hostname: str = "login.example.org", port: int = 22) -> Hop:
        (tmp_path / "known_hosts").write_text(lines)
        return Hop("login", hostname, port, "ada", (), False, (str(tmp_path / "none"), str(tmp_path / "known_hosts")))

    return known


@pytest.mark.parametrize(
    "names", ["login.example.org", "*.example.org,!bad.example.org", "LOGIN.example.org", "lo?in.*"]
)
def test_a_known_key_passes(known, names):
    check_host_key(known(f"# {names}\n\n{names} ssh-ed25519 {KEY} a comment\n"), "ssh-ed25519", KEY, "reject")


@pytest.mark.parametrize("names", ["*,!login.example.org", "login.example", "|1|broken|", "[login.example.org]:22"])
def test_a_key_of_others_does_not_pass(known, names):
    with pytest.raises(NotConnected, match="is not known"):
        check_host_key(known(f"{names} ssh-ed25519 {KEY}\n"), "ssh-ed25519", KEY, "reject")


def test_a_hashed_name_is_recognised(known, tmp_path):
    hop = known(f"[login.example.org]:2222 ssh-ed25519 {KEY}\n", port=2222)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", hop.known_hosts[1]], check=True, capture_output=True)
    assert "login" not in (tmp_path / "known_hosts").read_text()
    check_host_key(hop, "ssh-ed25519", KEY, "reject")


def test_the_name_with_its_port_comes_before_the_plain_one(known):
    both = f"login.example.org ssh-ed25519 {OTHER}\n[login.example.org]:2222 ssh-ed25519 {KEY}\n"
    assert known_keys(known(both, port=2222))[""] == {f"ssh-ed25519 {KEY}"}
    assert known_keys(known(both, port=2223))[""] == {f"ssh-ed25519 {OTHER}"}


def test_an_unknown_key_is_refused_with_what_to_do(known):
    with pytest.raises(NotConnected) as refusal:
        check_host_key(known("", port=2222), "ssh-ed25519", KEY, "reject")
    for words in ("login.example.org:2222", "ssh-ed25519", fingerprint(KEY), "`ssh login` once", "ssh-keyscan -p 2222"):
        assert words in refusal.value.detail


@pytest.mark.parametrize("policy", ["reject", "accept-new"])
def test_changed_and_revoked_keys_are_refused(known, policy):
    for line, words in ((f"* ssh-ed25519 {OTHER}\n", "has changed"), (f"@revoked * ssh-ed25519 {KEY}\n", "revoked")):
        with pytest.raises(NotConnected, match=words):
            check_host_key(known(line), "ssh-ed25519", KEY, policy)


def test_a_new_key_is_remembered_when_that_is_the_policy(tmp_path):
    file = tmp_path / ".ssh" / "known_hosts"
    hop = Hop("login", "login.example.org", 2222, "ada", (), False, (str(file),))
    check_host_key(hop, "ssh-ed25519", KEY, "accept-new")
    check_host_key(hop, "ssh-ed25519", KEY, "reject")
    assert file.read_text() == f"[login.example.org]:2222 ssh-ed25519 {KEY}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_fingerprints_are_those_of_ssh_keygen(tmp_path):
    (tmp_path / "key").write_text(f"ssh-ed25519 {KEY}\n")
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key"], capture_output=True, text=True, check=True).stdout
    assert fingerprint(KEY) in shown.split()


class ByShell:
    """A login shell of this machine, in the place of a connection: sshd, too, runs `$SHELL -c LINE`."""

    label = "here"

    def __init__(self, shell: str, environment: dict | None = None):
        self.shell, self.environment = shell, environment

    def execute(self, line, stdin, deadline, on_sent):
        on_sent()
        done = subprocess.run([self.shell, "-c", line], input=stdin, capture_output=True, env=self.environment)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(params=["sh", "bash", "zsh", "tcsh", "fish", "ksh"])
def login(request):
    if not shutil.which(request.param):
        pytest.skip(f"needs {request.param}")
    return request.param


def soon() -> float:
    return time.monotonic() + 10


def test_any_login_shell_passes_arguments_on_as_data(login):
    words = [*ODD, "!!", "\\\\'; echo x; '", "a\n'; echo x; '\n", "$(echo x)", bytes(range(1, 256)).decode("latin-1")]
    answer = execute(ByShell(login), Site("ada"), ["printf", "%s|", *words], soon())
    assert answer == (0, "|".join([*words, ""]).encode(), b"")


def test_the_account_is_probed_and_scrubbed(login):
    environment = {
        **os.environ,
        "SHELL": "/bin/sh",
        "SBATCH_PARTITION": "x",
        "SLURM_CONF": "/c",
        "SRUNX_A": "two\nSLACK_B=c",
    }
    site = probe(ByShell(login, environment))
    assert {"SBATCH_PARTITION", "SRUNX_A"} <= set(site.scrubbed) and "SLURM_CONF" not in site.scrubbed
    _, out, _ = execute(ByShell(login, environment), site, ["env"], soon())
    assert b"SLURM_CONF=/c" in out and b"SBATCH" not in out and b"SRUNX" not in out


def test_a_login_shell_that_ends_early_is_quoted():
    class NoLogin(ByShell):
        def execute(self, line, stdin, deadline, on_sent):
            return 1, b"This account is currently not available.\n", b""

    with pytest.raises(NotConnected, match="This account is currently not available"):
        execute(NoLogin("sh"), Site("ada"), ["true"], soon())


def test_a_scripted_shell_plays_its_script_and_nothing_else():
    shell = ScriptedShell([{"argv": ["squeue"], "stdout": text} for text in ("one", "two")], {"log": b"0123"})
    assert [shell.run(["squeue"]).out for _ in range(3)] == ["one", "two", "two"]
    assert shell.read("log", None, 2) == (b"23", 2, 4)
    with pytest.raises(AssertionError, match="not in the script"):
        shell.run(["squeue", "-h"])
