"""A mount's local folder copied to its remote one by rsync: what is new or newer, and nothing is deleted."""

import shlex
import subprocess

from .core.errors import Conflict, Problem, SlurmFailed
from .settings import Mount, Profile, Settings

SECONDS = 900
_NOT_FOUND = 127


def send(mount: Mount, profile: Profile, settings: Settings) -> None:
    """Copy it over the profile's SSH settings; the remote folder is there already.

    SlurmFailed (502) with rsync's own words, also when either side has none; Conflict for a remote folder that no
    sync should write to.
    """
    check_remote(mount)
    if not mount.local.is_dir():
        raise SlurmFailed(f"Mount {mount.name!r} sync failed: {mount.local} is not a folder on this machine")
    try:
        done = subprocess.run(
            command(mount, profile, settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise SlurmFailed(f"Mount {mount.name!r} sync failed: rsync is not installed on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmFailed(f"Mount {mount.name!r} sync failed: rsync took longer than {SECONDS} s") from None
    if done.returncode:
        raise _failed(mount, done)


def _failed(mount: Mount, done: subprocess.CompletedProcess) -> Problem:
    words = done.stderr.decode(errors="replace").strip()[-2000:] or f"exit status {done.returncode}"
    if done.returncode == _NOT_FOUND or "rsync: command not found" in words or "rsync: not found" in words:
        words = f"rsync is not installed on the cluster: {words}"
    return SlurmFailed(f"Mount {mount.name!r} sync failed: {words}")


def check_remote(mount: Mount) -> None:
    """Conflict for a remote side that is no folder of a project: not absolute, the root, or just below it."""
    parts = [part for part in mount.remote.split("/") if part not in ("", ".")]
    if not mount.remote.startswith("/") or ".." in parts or len(parts) < 2:
        raise Conflict(
            f"Mount {mount.name!r}: {mount.remote!r} can't be synced to; name a folder of the project itself"
        )


def command(mount: Mount, profile: Profile, settings: Settings) -> list[str]:
    """The rsync that does it."""
    host = profile.ssh_host or profile.hostname
    host = f"[{host}]" if ":" in host else host
    user = f"{profile.username}@" if profile.username else ""
    excluded = [f"--exclude={pattern}" for pattern in mount.exclude_patterns]
    # before 3.2.4 a shell over there reads the path; rsync of macOS does not know the option
    is_plain = shlex.quote(mount.remote) == mount.remote
    return ["rsync", "-rlptz" if is_plain else "-rlptzs", *excluded, "-e", shlex.join(_ssh(profile, settings)), "--",
            f"{mount.local}/", f"{user}{host}:{mount.remote.rstrip('/')}/"]  # fmt: skip


def _ssh(profile: Profile, settings: Settings) -> list[str]:
    """ssh with the same settings as our own connection, and nobody to ask."""
    checking = "yes" if settings.host_key_policy == "reject" else "accept-new"
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", f"StrictHostKeyChecking={checking}"]
    words += ["-F", settings.ssh_config] if settings.ssh_config else []
    words += ["-p", str(profile.port)] if profile.port else []
    words += ["-i", profile.key_filename] if profile.key_filename else []
    return words + (["-J", profile.proxy_jump] if profile.proxy_jump else [])
