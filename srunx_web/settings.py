"""Where things are and how the cluster is reached: SRUNX_* variables and the peer's config.json."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .core.errors import Invalid

BACKENDS = ("auto", "ssh", "slurm", "embedded")
PROFILE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Profile:
    """How to reach a cluster over SSH; `ssh_host` is an alias of ~/.ssh/config and then comes first."""

    name: str
    hostname: str
    username: str | None = None
    key_filename: str | None = None
    port: int | None = None
    ssh_host: str | None = None
    proxy_jump: str | None = None
    mounts: tuple[str, ...] = ()  # names of its mounts


@dataclass(frozen=True)
class Settings:
    """All that the server needs to know before it starts; folders are absolute."""

    state_dir: Path
    config_dir: Path
    workflow_dir: Path
    backend: str = "auto"
    host: str = "127.0.0.1"
    port: int = 8000
    unix_socket: Path | None = None
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    poll_seconds: float = 10
    host_key_policy: str = "reject"
    ssh_config: str | None = None  # instead of ~/.ssh/config
    work_dir: str | None = None  # where scripts start on the cluster; None: the home directory
    profile: Profile | None = None  # SRUNX_SSH_*, or the current profile of config.json
    profiles: Mapping[str, Profile] = field(default_factory=dict)


def load(environ: Mapping[str, str], **options) -> Settings:
    """The settings of this environment and its config.json; `options` (host, port, ...) are taken as given.

    Invalid: a variable or the file is not as it must be; the file is never written here.
    """
    home = Path(environ.get("HOME") or Path.home())
    config_dir = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "srunx"
    state_dir = environ.get("SRUNX_STATE_DIR") or Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "srunx"
    backend = _choice(environ, "SRUNX_BACKEND", BACKENDS)
    config = {} if backend in ("slurm", "embedded") else read_config(config_dir / "config.json")
    profiles = _profiles(config)
    return Settings(
        state_dir=Path(state_dir).expanduser().absolute(),
        config_dir=config_dir.absolute(),
        workflow_dir=Path(environ.get("SRUNX_WORKFLOW_DIR") or config_dir / "workflows").expanduser().absolute(),
        backend=backend,
        token=environ.get("SRUNX_WEB_TOKEN") or None,
        allowed_hosts=tuple(re.split(r"[,\s]+", environ.get("SRUNX_WEB_ALLOWED_HOSTS", "").strip()) if
                            environ.get("SRUNX_WEB_ALLOWED_HOSTS", "").strip() else ()),
        poll_seconds=_seconds(environ, "SRUNX_POLL_SECONDS", 10),
        ssh_config=environ.get("SRUNX_SSH_CONFIG") or None,
        host_key_policy=_choice(environ, "SRUNX_SSH_HOST_KEY_POLICY", ("reject", "accept-new")),
        work_dir=environ.get("SRUNX_DEFAULT_WORK_DIR") or config.get("work_dir") or None,
        profile=_active(environ, config, profiles),
        profiles=profiles,
        **options,
    )  # fmt: skip


def read_config(path: Path) -> dict:
    """config.json as it stands, {} where there is none; Invalid with line and column when it can't be read."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as fault:
        raise Invalid(
            f"{path}, line {fault.lineno}, column {fault.colno}: {fault.msg}. Mend it or move it away."
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise Invalid(f"{path} can't be read: {fault}") from None
    if not isinstance(config, dict):
        raise Invalid(f"{path}, line 1, column 1: an object is expected, as in {{}}")
    return config


def _profiles(config: dict) -> dict[str, Profile]:
    entries = config.get("profiles") or {}
    if not isinstance(entries, dict):
        raise Invalid("config.json: profiles must be an object of profiles by name")
    return {name: _profile(name, entry) for name, entry in entries.items()}


def _profile(name: str, entry: dict) -> Profile:
    if not isinstance(entry, dict) or not (entry.get("hostname") or entry.get("ssh_host")):
        raise Invalid(f"config.json: profile {name!r} needs a hostname")
    keys = ("username", "key_filename", "port", "ssh_host", "proxy_jump")
    mounts = tuple(mount["name"] for mount in entry.get("mounts") or [] if isinstance(mount, dict) and "name" in mount)
    values = {key: entry.get(key) or None for key in keys}
    return Profile(name, entry.get("hostname") or entry["ssh_host"], **values, mounts=mounts)


def _active(environ: Mapping[str, str], config: dict, profiles: dict[str, Profile]) -> Profile | None:
    if environ.get("SRUNX_SSH_HOSTNAME"):
        hostname = environ["SRUNX_SSH_HOSTNAME"]
        port = int(_seconds(environ, "SRUNX_SSH_PORT", 0)) or None
        return Profile(hostname, hostname, environ.get("SRUNX_SSH_USERNAME"), environ.get("SRUNX_SSH_KEY"), port)
    name = environ.get("SRUNX_SSH_PROFILE") or config.get("current_profile")
    if not name:
        return None
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise Invalid(f"SSH profile {name!r} is not in config.json (there: {known})")
    return profiles[name]


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environ.get(name) or choices[0]
    if value not in choices:
        raise Invalid(f"{name}={value!r}: must be one of {', '.join(choices)}")
    return value


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(environ.get(name) or default)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        raise Invalid(f"{name}={environ[name]!r}: must be a positive number")
    return value


def private_folder(path: Path) -> Path:
    """The folder, made when missing, readable by its owner alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o700)
    return path
