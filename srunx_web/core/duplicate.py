"""A job's script, made whole: what was asked for on the command line stands in no #SBATCH line."""

from .model import Job
from .script import directives
from .text import duration

_GPUS = ("gpus", "gres", "gpus-per-node", "gpus-per-task", "gpus-per-socket")
_MEMORY = ("mem", "mem-per-cpu", "mem-per-gpu")
_CPUS = ("cpus-per-task", "ntasks", "ntasks-per-node", "exclusive", "cpus-per-gpu")


def completed(script: str, records: tuple[Job, ...]) -> tuple[str, list[str]]:
    """(script, options added): what the records of a job or array say and the script's directives don't."""
    own, job = directives(script), records[0]
    wanted = {
        "job-name": job.name if job.name not in ("", "wrap", "sbatch") else "",
        "partition": job.partition,
        "time": duration(job.time_limit),
        "nodes": str(job.nodes) if job.nodes > 1 else "",
        "chdir": job.work_dir or "",
        "array": _tasks(records),
        "gpus": _gpus(job) if not own.keys() & set(_GPUS) else "",
        "mem": f"{job.memory // job.nodes}M" if job.memory and not own.keys() & set(_MEMORY) else "",
        "cpus-per-task": str(job.cpus) if job.nodes == 1 < job.cpus and not own.keys() & set(_CPUS) else "",
    }
    added = {name: value for name, value in wanted.items() if value and name not in own and "\n" not in value}
    lines = [f"#SBATCH --{name}={_quoted(value)}\n" for name, value in added.items()]
    first, newline, rest = script.partition("\n")
    return first + newline + "".join(lines) + rest, list(added)


def _gpus(job: Job) -> str:
    """ "a100:2" where the type is known and the only one, else the number."""
    kinds = [word.removeprefix("gres/gpu:").split("=") for word in job.tres.split(",") if word.startswith("gres/gpu:")]
    if len(kinds) == 1:
        return f"{kinds[0][0]}:{kinds[0][1]}"
    return str(job.gpus) if job.gpus else ""


def _tasks(records: tuple[Job, ...]) -> str:
    """The task list that an array was submitted with, as far as its records tell: "0,1,2-9%3"."""
    done = [str(record.task) for record in records if record.task is not None]
    rest = [record.tasks for record in records if record.tasks]
    return ",".join([*done, *rest])


def _quoted(value: str) -> str:
    plain = all(sign.isalnum() or sign in "_@%+=:,./[]-" for sign in value)
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
