"""Where an SSH connection goes: the words of ssh's configuration, and the host keys that may be trusted."""

import base64
import getpass
import hashlib
import hmac
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..core.errors import NotConnected

GLOBAL_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
_MOST_JUMPS = 8
_DEFAULT_KEYS = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"]
Settings = dict[str, list[str]]


@dataclass(frozen=True)
class Target:
    """A machine to reach, as a profile says it: `ssh_host` is an alias of ssh's configuration, and what that
    leaves open comes from the rest; without an alias, what is said here comes before the configuration."""

    hostname: str | None = None
    username: str | None = None
    port: int | None = None
    key_filename: str | None = None
    ssh_host: str | None = None
    proxy_jump: str | None = None
    config_file: str | None = None  # None: ~/.ssh/config
    known_hosts: str | None = None  # None: what the configuration says, ~/.ssh/known_hosts and the system's
    host_key_policy: str = "reject"  # or accept-new


@dataclass(frozen=True)
class Hop:
    """One machine on the way, all settled."""

    name: str  # as the user or the configuration calls it
    hostname: str
    port: int
    user: str
    key_files: tuple[str, ...]
    only_these_keys: bool
    known_hosts: tuple[str, ...]  # a new key goes into the first
    key_alias: str | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        address = self.hostname if self.port == 22 else f"{self.hostname}:{self.port}"
        return self.name if self.name == address else f"{self.name} ({address})"

    @property
    def key_names(self) -> list[str]:
        """The names its key may have in known_hosts, the first match counts."""
        if self.key_alias:
            return [self.key_alias]
        return [self.hostname] if self.port == 22 else [f"[{self.hostname}]:{self.port}", self.hostname]


def route(target: Target, fallback: Callable[[str], Settings]) -> list[Hop]:
    """The machines on the way to the target, which is the last; `fallback` reads the configuration without ssh.

    NotConnected when the configuration can't be used.
    """
    name = target.ssh_host or target.hostname or ""
    settings = _settings(name, target, fallback)
    jumps = target.proxy_jump or settings.get("proxyjump", ["none"])[0]
    return [*_jumps(jumps, target, fallback, 0), _last(target, name, settings)]


def _last(target: Target, name: str, settings: Settings) -> Hop:
    own = {"user": target.username, "port": target.port}
    if target.ssh_host:
        own["hostname"] = target.hostname
        usual = {"hostname": name, "user": getpass.getuser(), "port": "22"}
        own = {key: value for key, value in own.items() if settings.get(key, [usual[key]]) == [usual[key]]}
    settings |= {key: [str(value)] for key, value in own.items() if value}
    if target.key_filename:
        settings["identityfile"] = [target.key_filename, *settings.get("identityfile", _DEFAULT_KEYS)]
    return _hop(target, name, settings)


def _jumps(words: str, target: Target, fallback: Callable[[str], Settings], depth: int) -> list[Hop]:
    if words.lower() == "none":
        return []
    if depth == _MOST_JUMPS:
        raise NotConnected(f"ProxyJump goes round in circles: {words}")
    hops: list[Hop] = []
    for word in words.split(","):
        user, name, port = _jump(word.strip())
        settings = _settings(name, target, fallback)
        if not hops:  # as with ssh, only the first one's own ProxyJump counts
            hops = _jumps(settings.get("proxyjump", ["none"])[0], target, fallback, depth + 1)
        settings |= {key: [value] for key, value in (("user", user), ("port", port)) if value}
        hops.append(_hop(target, name, settings))
    return hops


def _jump(word: str) -> tuple[str | None, str, str | None]:
    """The user, host and port of user@host:port, which may also be written as a URL."""
    found = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(\[[^]]+\]|[^:\[]+)(?::(\d+))?/?", word)
    if not found:
        raise NotConnected(f"ProxyJump can't be read: {word[:200]!r}")
    user, name, port = found.groups()
    return user, name.strip("[]"), port


def _hop(target: Target, name: str, settings: Settings) -> Hop:
    first = {setting: values[0] for setting, values in settings.items()}
    if first.get("proxycommand", "none") != "none":
        raise NotConnected(f"ssh's configuration has a ProxyCommand for {name}, which is not supported; use ProxyJump")
    hostname, user = first.get("hostname", name), first.get("user", getpass.getuser())
    tokens = {"%d": os.path.expanduser("~"), "%h": hostname, "%r": user, "%u": getpass.getuser(), "%%": "%"}
    files = settings.get("identityfile", _DEFAULT_KEYS)
    files = [re.sub("%.", lambda found: tokens.get(found[0], found[0]), file) for file in files]
    return Hop(
        name=name,
        hostname=hostname,
        port=int(first.get("port", "22")),
        user=user,
        key_files=tuple(map(os.path.expanduser, files)),
        only_these_keys=first.get("identitiesonly") == "yes",
        known_hosts=_known_hosts_files(target, first),
        key_alias=first.get("hostkeyalias"),
    )


def _known_hosts_files(target: Target, settings: dict[str, str]) -> tuple[str, ...]:
    if target.known_hosts:
        return (os.path.expanduser(target.known_hosts),)
    words = settings.get("userknownhostsfile", "~/.ssh/known_hosts").split()
    words += settings.get("globalknownhostsfile", GLOBAL_KNOWN_HOSTS).split()
    return tuple(os.path.expanduser(word.strip('"')) for word in words if word != "none")


def _settings(name: str, target: Target, fallback: Callable[[str], Settings]) -> Settings:
    """What ssh's configuration says of a name; keys in lower case."""
    if not re.fullmatch(r"(?!-)[A-Za-z0-9_.:%-]+", name):
        raise NotConnected(f"{name[:200]!r} is not the name of a host")
    if not shutil.which("ssh"):
        return fallback(name)
    argv = ["ssh", "-G", *(["-F", os.path.expanduser(target.config_file)] if target.config_file else []), "--", name]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        raise NotConnected(f"`ssh -G {name}` gave no answer within 5 s") from None
    if done.returncode:
        raise NotConnected(f"ssh's configuration can't be used for {name}: {done.stderr.strip()[:1000]}")
    settings: Settings = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        if key == "identityfile" or key not in settings:
            settings.setdefault(key, []).append(value)
    return settings


def check_host_key(hop: Hop, kind: str, key: str, policy: str) -> None:
    """Pass when known_hosts has this key (in base64), or may take it; else NotConnected with what to do."""
    known = known_keys(hop)
    shown = f"{hop.label} shows the {kind} key {fingerprint(key)}"
    if f"{kind} {key}" in known["@revoked"]:
        raise NotConnected(f"{shown}, which is marked as revoked in known_hosts. Do not connect.")
    if f"{kind} {key}" in known[""]:
        return
    if known[""]:
        raise NotConnected(
            f"The host key of {hop.label} has changed: it now shows the {kind} key {fingerprint(key)}. Either the "
            f"machine was set up anew, or somebody is listening in. When its administrators confirm the new key: "
            f"`ssh-keygen -R '{hop.key_names[0]}'`, then `ssh {hop.name}` once."
        )
    if policy == "accept-new":
        return _remember(hop, f"{hop.key_names[0]} {kind} {key}\n")
    authority = " A certificate authority in known_hosts is of no use here." if known["@cert-authority"] else ""
    port = "" if hop.port == 22 else f"-p {hop.port} "
    raise NotConnected(
        f"The host key of {hop.label} is not known: it shows the {kind} key {fingerprint(key)}.{authority} Run "
        f"`ssh {hop.name}` once and compare, or `ssh-keyscan {port}{hop.hostname} >> {_user_file(hop)}`."
    )


def fingerprint(key: str) -> str:
    """The SHA256 fingerprint of a public key in base64, as ssh prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")


def known_keys(hop: Hop) -> dict[str, set[str]]:
    """What known_hosts has of a machine: "type base64" by marker (none, @revoked, @cert-authority)."""
    found: dict[str, set[str]] = {"": set(), "@revoked": set(), "@cert-authority": set()}
    for name in hop.key_names:
        for marker, patterns, key in _entries(hop.known_hosts):
            if marker in found and _matches(patterns, name.lower()):
                found[marker].add(key)
        if any(found.values()):
            break
    return found


def _entries(files: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for path in files:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.split() for line in file if not line.lstrip().startswith("#")]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NotConnected(f"{path} can't be read: {error.strerror}") from None
        for words in lines:
            marker = words.pop(0) if words and words[0].startswith("@") else ""
            if len(words) >= 3:
                yield marker, words[0], f"{words[1]} {words[2]}"


def _matches(patterns: str, name: str) -> bool:
    """Whether the first field of a known_hosts line means this name: patterns, `!` against them, or a hash."""
    if patterns.startswith("|1|"):
        salt, _, digest = patterns[3:].partition("|")
        try:
            made = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        except ValueError:  # no base64
            return False
        return base64.b64encode(made).decode() == digest
    is_match = False
    for pattern in patterns.lower().split(","):
        regex = re.escape(pattern.lstrip("!")).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(regex, name):
            if pattern.startswith("!"):
                return False
            is_match = True
    return is_match


def _user_file(hop: Hop) -> str:
    return hop.known_hosts[0] if hop.known_hosts else os.path.expanduser("~/.ssh/known_hosts")


def _remember(hop: Hop, line: str) -> None:
    """Append to the user's known_hosts, which stays private."""
    path = _user_file(hop)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        with open(path, "a+b", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            size = file.seek(0, os.SEEK_END)
            is_broken = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(b"\n" * is_broken + line.encode())
    except OSError as error:
        raise NotConnected(f"The host key of {hop.label} can't be added to {path}: {error.strerror}") from None
