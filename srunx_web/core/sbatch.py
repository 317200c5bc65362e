"""The script of a rendered job: #SBATCH lines, its environment, srun with its command (api-contract, section 10)."""

import re
import shlex
from collections.abc import Mapping

from .spec import JobSpec

MARK = "srunx: attempt"  # how the lines begin by which a log tells its attempts
_PLAIN = re.compile(r"[\w@%+=:,./\[\]-]+", re.ASCII)
# conda is a shell function where ~/.bashrc was read, which a batch job does not do
_FIND_CONDA = """for srunx_base in "$(conda info --base 2>/dev/null)" ~/miniforge3 ~/miniconda3 ~/anaconda3; do
if [ -f "$srunx_base/etc/profile.d/conda.sh" ]; then source "$srunx_base/etc/profile.d/conda.sh"; break; fi
done"""
_FLAGS = (("nv", "--nv"), ("rocm", "--rocm"), ("cleanenv", "--cleanenv"), ("fakeroot", "--fakeroot"),
          ("writable_tmpfs", "--writable-tmpfs"))  # fmt: skip


def script(spec: JobSpec, variables: Mapping[str, str] | None = None) -> str:
    """The sbatch script of a job with a command; `variables` are set before its own."""
    return "\n\n".join(part for part in parts(spec, variables).values() if part) + "\n"


def parts(spec: JobSpec, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The script in three pieces, as a script template may arrange them: directives, setup, launch."""
    return {"directives": directives(spec), "setup": setup(spec, variables or {}), "launch": launch(spec)}


def directives(spec: JobSpec) -> str:
    """The #! line and the options, each with its value quoted as sbatch reads it."""
    asked = spec.resources
    log = f"{spec.log_dir.rstrip('/') or '/'}/%x_%j.log" if spec.log_dir else "%x_%j.log"
    log = log.replace("//", "/")
    options = (
        ("job-name", spec.name), ("nodes", asked.get("nodes")), ("gpus-per-node", asked.get("gpus_per_node") or None),
        ("ntasks-per-node", asked.get("ntasks_per_node")), ("cpus-per-task", asked.get("cpus_per_task")),
        ("mem", asked.get("memory_per_node")), ("time", asked.get("time_limit")), ("nodelist", asked.get("nodelist")),
        ("partition", asked.get("partition")), ("output", log), ("error", log), ("chdir", spec.work_dir),
        ("wait-all-nodes", 1),
    )  # fmt: skip
    lines = [f"#SBATCH --{name}={quoted(str(value))}" for name, value in options if value is not None]
    return "\n".join(["#!/bin/bash", *lines])


def quoted(value: str) -> str:
    """A word of an #SBATCH line: in double quotes, where a backslash takes the next character as it is."""
    return value if _PLAIN.fullmatch(value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def setup(spec: JobSpec, variables: Mapping[str, str]) -> str:
    """Strict mode and the environment; many activate scripts use unset names, so it is off for them."""
    found = spec.environment
    lines = ["set -euo pipefail", 'export WORLD_SIZE="${SLURM_NTASKS:-1}"']
    lines += [f"export {name}={shlex.quote(text)}" for name, text in {**variables, **found.get("env_vars", {})}.items()]
    lines += _container_variables(found.get("container") or {})
    if found.get("conda"):
        lines += ["set +eu", _FIND_CONDA, f"conda activate {shlex.quote(found['conda'])} || exit 1", "set -eu"]
    if found.get("venv"):
        activate = shlex.quote(f"{found['venv'].rstrip('/')}/bin/activate")
        lines += ["set +eu", f"source {activate} || exit 1", "set -eu"]
    return "\n".join(lines)


def _container_variables(container: Mapping) -> list[str]:
    """What the container's processes get; by --env a comma in a value would begin the next variable."""
    prefix = f"{container.get('runtime', '').upper()}ENV_"
    return [f"export {prefix}{name}={shlex.quote(text)}" for name, text in container.get("env", {}).items()]


def launch(spec: JobSpec) -> str:
    """srun with the command, again and again when the job has `retry`."""
    words = ["srun", shell_text(spec.srun_args), *_container(spec), shell_text(spec.launch_prefix)]
    line = " ".join([*filter(None, words), shell_text(spec.command or ())])
    return _retried(line, spec) if spec.retry else line


def shell_text(words: str | tuple[str, ...]) -> str:
    """Words for a shell: lists are quoted word by word, so that each arrives as it was written; text goes verbatim."""
    return words if isinstance(words, str) else shlex.join(words)


def _container(spec: JobSpec) -> list[str]:
    """Flags of srun (pyxis), or the command that the job's command runs in."""
    container = spec.environment.get("container")
    if not container:
        return []
    runtime, image = container.get("runtime", "pyxis"), shlex.quote(container["image"])
    mounts, workdir = container.get("mounts", ()), container.get("workdir")
    if runtime == "pyxis":
        flags = [f"--container-image={image}"]
        flags += [f"--container-mounts={shlex.quote(','.join(mounts))}"] if mounts else []
        return [*flags, *([f"--container-workdir={shlex.quote(workdir)}"] if workdir else [])]
    flags = [flag for key, flag in _FLAGS if container.get(key)]
    flags += [f"--bind {shlex.quote(mount)}" for mount in mounts]
    flags += [f"--pwd {shlex.quote(workdir)}"] if workdir else []
    flags += [f"--overlay {shlex.quote(container['overlay'])}"] if container.get("overlay") else []
    return [runtime, "exec", *flags, image]


def _retried(line: str, spec: JobSpec) -> str:
    """The command in a loop within the one job, whose id, and so its dependents, stay valid.

    Not `command || ...`: that would switch off `set -e` inside it.
    """
    total, delay = spec.retry + 1, spec.retry_delay
    return f"""srunx_attempt=1
while true; do
echo "{MARK} $srunx_attempt of {total} begins at $(date '+%F %T')"
set +e
(
set -e
{line}
)
srunx_code=$?
set -e
if [ "$srunx_code" -eq 0 ] || [ "$srunx_attempt" -ge {total} ]; then break; fi
echo "{MARK} $srunx_attempt of {total} ended with exit code $srunx_code; the next one begins in {delay} s"
sleep {delay}
srunx_attempt=$((srunx_attempt + 1))
done
echo "{MARK} $srunx_attempt of {total} ended with exit code $srunx_code"
exit "$srunx_code\""""
