"""Which cluster this server talks to, by its settings."""

import shutil

from .cluster.embedded import Embedded
from .cluster.shell import LocalShell
from .cluster.slurm import Slurm
from .cluster.ssh import SSHShell, Target
from .core.errors import NotConnected
from .services.cluster import Cluster
from .settings import Profile, Settings, private_folder


def connect(settings: Settings) -> Cluster:
    """The cluster of the SSH profile, else the Slurm on PATH, else the embedded executor; nothing is asked yet.

    NotConnected: a backend was forced that this machine does not have.
    """
    backend = settings.backend
    if backend == "ssh" or (backend == "auto" and settings.profile):
        if not settings.profile:
            raise NotConnected("SRUNX_BACKEND=ssh needs SRUNX_SSH_HOSTNAME, or a current_profile in config.json")
        return over_ssh(settings.profile, settings)
    if backend == "slurm" or (backend == "auto" and shutil.which("sbatch")):
        if not shutil.which("sbatch"):
            raise NotConnected("SRUNX_BACKEND=slurm, but there is no sbatch on PATH")
        shell = LocalShell()
        scheduler = Slurm(shell, submit_seconds=settings.submit_seconds)
        return Cluster("local", "slurm", f"Slurm on {shell.host}", scheduler, _settled_after(settings))
    shell = LocalShell()
    scheduler = Embedded(private_folder(settings.state_dir / "spool"), shell)
    return Cluster("embedded", "embedded", "embedded", scheduler, _settled_after(settings))


def over_ssh(profile: Profile, settings: Settings) -> Cluster:
    """The Slurm that a profile leads to."""
    target = Target(
        hostname=profile.hostname, username=profile.username, port=profile.port, key_filename=profile.key_filename,
        ssh_host=profile.ssh_host, proxy_jump=profile.proxy_jump, config_file=settings.ssh_config,
        host_key_policy=settings.host_key_policy,
    )  # fmt: skip
    scheduler = Slurm(SSHShell(target), submit_seconds=settings.submit_seconds)
    return Cluster(profile.name, "ssh", profile.name, scheduler, _settled_after(settings))


def _settled_after(settings: Settings) -> float:
    """Seconds after which sbatch has surely ended, and the accounting would have heard of what it did."""
    return settings.submit_seconds + settings.grace_seconds
