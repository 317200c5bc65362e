"""Where things are and how the cluster is reached: SRUNX_* variables and the peer's config.json."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .core.errors import Invalid

SYSTEM_CONFIG = Path("/etc/srunx/config.json")
_COUNTS = ("NODES", "GPUS_PER_NODE", "NTASKS_PER_NODE", "CPUS_PER_TASK")
_TEXTS = ("MEMORY_PER_NODE", "TIME_LIMIT", "NODELIST", "PARTITION")
_PLACES = ("CONDA", "VENV", "CONTAINER", "LOG_DIR", "WORK_DIR")
BACKENDS = ("auto", "ssh", "slurm", "embedded")
PROFILE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Mount:
    """A local folder paired with one on the cluster; both absolute, `~` of the local one expanded."""

    name: str
    local: Path
    remote: str
    exclude_patterns: tuple[str, ...] = ()


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
    mounts: tuple[Mount, ...] = ()
    env_vars: Mapping[str, str] = field(default_factory=dict)  # set for every job sent through it


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
    config: Mapping = field(default_factory=dict)  # the user's config.json over the system's, for defaults of jobs
    job_defaults: Mapping = field(default_factory=dict)  # of SRUNX_DEFAULT_*, in the shape of config.json
    submit_seconds: float = 40  # after which an sbatch is given up
    grace_seconds: float = 20  # and after that, until a submission without an answer is looked up


def load(environ: Mapping[str, str], **options) -> Settings:
    """The settings of this environment and its config.json; `options` (host, port, ...) are taken as given.

    Invalid: a variable or the file is not as it must be; the file is never written here.
    """
    home = Path(environ.get("HOME") or Path.home())
    config_dir = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "srunx"
    state_dir = environ.get("SRUNX_STATE_DIR") or Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "srunx"
    backend = _choice(environ, "SRUNX_BACKEND", BACKENDS)
    is_forced = backend in ("slurm", "embedded")
    config = _config(config_dir / "config.json", may_be_broken=is_forced)
    profiles = {} if is_forced else _profiles(config)
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
        work_dir=environ.get("SRUNX_DEFAULT_WORK_DIR") or _work_dir(config),
        profile=None if is_forced else _active(environ, config, profiles),
        profiles=profiles,
        config=merged(_config(SYSTEM_CONFIG, may_be_broken=True), config),
        job_defaults=_job_defaults(environ),
        submit_seconds=_seconds(environ, "SRUNX_SUBMIT_SECONDS", 40),
        grace_seconds=_seconds(environ, "SRUNX_GRACE_SECONDS", 20),
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
    except (OSError, ValueError, RecursionError) as fault:
        raise Invalid(f"{path} can't be read: {fault}") from None
    if not isinstance(config, dict):
        raise Invalid(f"{path}, line 1, column 1: an object is expected, as in {{}}")
    return config


def _config(path: Path, may_be_broken: bool) -> dict:
    """A file that is not needed to reach the cluster must not keep the server from starting."""
    try:
        return read_config(path)
    except Invalid as fault:
        if not may_be_broken:
            raise
        logging.getLogger("srunx_web").warning("%s", fault.detail)
        return {}


def _work_dir(config: dict) -> str | None:
    value = config.get("work_dir") or None
    if value is not None and not _is_line(value):
        raise Invalid("config.json: work_dir must be text of one line")
    return value


def merged(lower: Mapping, upper: Mapping) -> dict:
    """One mapping over another, section by section; a null says nothing."""
    found = dict(lower)
    for key, value in upper.items():
        if isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], value)
        elif value is not None:
            found[key] = value
    return found


def _job_defaults(environ: Mapping[str, str]) -> dict:
    """SRUNX_DEFAULT_* in the shape of config.json; Invalid for a count that is none."""
    given = {name: environ.get(f"SRUNX_DEFAULT_{name}") or None for name in (*_COUNTS, *_TEXTS, *_PLACES)}
    container, runtime = given["CONTAINER"], environ.get("SRUNX_DEFAULT_CONTAINER_RUNTIME")
    if container and runtime:
        given["CONTAINER"] = {"image": container, "runtime": runtime}
    resources = {name.lower(): _count(environ, f"SRUNX_DEFAULT_{name}") for name in _COUNTS if given[name]}
    resources |= {name.lower(): given[name] for name in _TEXTS if given[name]}
    environment = {name.lower(): given[name] for name in ("CONDA", "VENV", "CONTAINER") if given[name]}
    places = {name.lower(): given[name] for name in ("LOG_DIR", "WORK_DIR") if given[name]}
    return {"resources": resources, "environment": environment, **places}


def _count(environ: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d{1,9}", environ[name], re.ASCII):
        raise Invalid(f"{name}={environ[name]!r}: must be a whole number")
    return int(environ[name])


def _profiles(config: dict) -> dict[str, Profile]:
    entries = config.get("profiles") or {}
    if not isinstance(entries, dict):
        raise Invalid("config.json: profiles must be an object of profiles by name")
    return {name: _profile(name, entry) for name, entry in entries.items()}


def _profile(name: str, entry: dict) -> Profile:
    if not isinstance(entry, dict) or not (entry.get("hostname") or entry.get("ssh_host")):
        raise Invalid(f"config.json: profile {name!r} needs a hostname")
    values = {
        key: _word(name, entry, key) for key in ("hostname", "username", "key_filename", "ssh_host", "proxy_jump")
    }
    mounts = entry.get("mounts") or []
    if not isinstance(mounts, list):
        raise Invalid(f"config.json: mounts of profile {name!r} must be a list")
    more = {"port": _port(name, entry), "env_vars": _env_vars(name, entry)}
    values["hostname"] = values["hostname"] or values["ssh_host"]
    return Profile(name, **values, **more, mounts=tuple(_mount(name, mount) for mount in mounts))


def _word(profile: str, entry: dict, key: str) -> str | None:
    """A value that ssh gets as a word: one that begins with a dash would be an option."""
    value = entry.get(key) or None
    if value is not None and not (isinstance(value, str) and _is_line(value) and not value.startswith("-")):
        raise Invalid(f"config.json: {key} of profile {profile!r} must be text that does not begin with -")
    return value


def _port(profile: str, entry: dict) -> int | None:
    port = entry.get("port") or None
    if port is not None and not re.fullmatch(r"\d{1,5}", str(port), re.ASCII):
        raise Invalid(f"config.json: port of profile {profile!r} must be a whole number")
    return None if port is None else int(port)


def _is_line(text: object) -> bool:
    return isinstance(text, str) and bool(text) and not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text)


def _mount(profile: str, entry: object) -> Mount:
    keys = ("name", "local", "remote")
    if not isinstance(entry, dict) or not all(_is_line(entry.get(key)) for key in keys):
        raise Invalid(f"config.json: profile {profile!r} has a mount without name, local and remote")
    patterns = entry.get("exclude_patterns") or []
    if not isinstance(patterns, list) or not all(map(_is_line, patterns)):
        raise Invalid(f"config.json: exclude_patterns of mount {entry['name']!r} must be a list of texts")
    try:
        local = Path(entry["local"]).expanduser().absolute()
    except RuntimeError as fault:  # a home of nobody
        raise Invalid(f"config.json: mount {entry['name']!r}: {fault}") from None
    return Mount(entry["name"], local, entry["remote"], tuple(patterns))


def _env_vars(profile: str, entry: dict) -> dict[str, str]:
    found = entry.get("env_vars") or {}
    if not isinstance(found, dict) or not all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in found):
        raise Invalid(f"config.json: env_vars of profile {profile!r} must be values by the names of variables")
    if not all(isinstance(value, str | int | float) and "\0" not in str(value) for value in found.values()):
        raise Invalid(f"config.json: env_vars of profile {profile!r} must be text or numbers")
    return {name: str(value) for name, value in found.items()}


def _active(environ: Mapping[str, str], config: dict, profiles: dict[str, Profile]) -> Profile | None:
    if environ.get("SRUNX_SSH_HOSTNAME"):
        hostname = environ["SRUNX_SSH_HOSTNAME"]
        port = int(_seconds(environ, "SRUNX_SSH_PORT", 0)) or None
        return Profile(hostname, hostname, environ.get("SRUNX_SSH_USERNAME"), environ.get("SRUNX_SSH_KEY"), port)
    name = environ.get("SRUNX_SSH_PROFILE") or config.get("current_profile")
    if not name:
        return None
    if not isinstance(name, str) or name not in profiles:
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
