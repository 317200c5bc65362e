"""Where a job writes: sbatch's file name patterns, and the traps in what Slurm says of them."""

import posixpath
import re

from .labels import expand_nodes
from .model import Job
from .script import directives

_PATTERN = re.compile(r"%(\d{0,2})([%AaJjNnstux])")
_NO_TASK = 4294967294  # what sbatch writes for %a outside arrays


def expand(pattern: str, job: Job) -> str:
    """A file name pattern of sbatch(1) as the name of this job's file; a backslash in it turns patterns off."""
    if "\\" in pattern:
        return pattern.replace("\\", "")
    node = (expand_nodes(job.node_list) or [""])[0]
    values = {
        "%": "%", "A": job.array_id or job.id, "a": _NO_TASK if job.task is None else job.task,
        "J": job.id, "j": job.id, "N": node, "n": 0, "s": "batch", "t": 0, "u": job.user, "x": job.name,
    }  # fmt: skip

    def value(match: re.Match) -> str:
        text = str(values[match[2]])
        return text.zfill(int(match[1])) if match[1] and match[2] in "AaJjnt" else text

    return _PATTERN.sub(value, pattern)


def log_paths(job: Job, script: str | None = None) -> tuple[str, str | None]:
    """(stdout, stderr) as whole paths; stderr is None when it is the same file. What Slurm does not say (any more)
    is read from the script's directives, else it is sbatch's default."""
    own = directives(script) if script else {}
    default = "slurm-%A_%a.out" if job.task is not None else "slurm-%j.out"
    pattern = own.get("output") or default if job.stdout is None else _mended(job.stdout, job)
    stdout = _whole(pattern, job)
    error = own.get("error") if job.stdout is None else job.stderr and _mended(job.stderr, job)
    stderr = _whole(error, job) if error else None
    return stdout, None if stderr == stdout else stderr


def _mended(path: str, job: Job) -> str:
    """20.11 and 22.05 print slurm-ID.out for array tasks whose file is slurm-ARRAY_TASK.out."""
    folder, name = posixpath.split(path)
    if job.task is not None and name == f"slurm-{job.id}.out":
        return posixpath.join(folder, f"slurm-{job.array_id}_{job.task}.out")
    return path


def _whole(pattern: str, job: Job) -> str:
    return posixpath.normpath(posixpath.join(job.work_dir or "", expand(pattern, job)))
