"""What the embedded executor makes of a submission, and what it refuses, in sbatch's words."""

import json
import os
import time

from ..core.errors import SlurmFailed
from ..core.model import Submission
from ..core.options import Sizes, array_indices, dependency_terms, exported, sizes_of
from ..core.script import complaint, directives
from .batch import TAG, check
from .local.spool import Spool
from .shell import is_scrubbed

PARTITION = "local"
REFUSED = "Batch job submission failed: "
_IMPOSSIBLE = REFUSED + "Requested node configuration is not available"
_NOT_HERE = {
    "constraint": REFUSED + "Invalid feature specification",
    "licenses": REFUSED + "Invalid license specification",
    "reservation": REFUSED + "Requested reservation is invalid",
    "begin": "--begin is not possible here: a job starts when there is room for it",
    "deadline": "--deadline is not possible here",
    "clusters": "--clusters is not possible here: jobs run on this machine",
}
_OPEN_MODES = {"append": True, "a": True, "truncate": False, "t": False}
_YES = {"yes": True, "no": False}


def admitted(submission: Submission, node: dict, user: str) -> tuple[dict, dict[str, bytes]]:
    """The record of a submission for the spool, and its files; Invalid, SlurmFailed."""
    check([submission])
    if words := complaint(submission.script):
        raise SlurmFailed(f"sbatch failed: {words}")
    options = _options(submission)
    try:
        _check_place(options, node)
        sizes = _fitting(options, node)
        record = _record(options, sizes, user)
        inherited = {name: value for name, value in os.environ.items() if not is_scrubbed(name)}
        environ = exported(options.get("export", "ALL"), inherited)
    except ValueError as error:
        raise refusal(str(error)) from None
    environ |= _variables(record, sizes, node)
    return record, {"script": submission.script.encode(), "environ": json.dumps(environ).encode()}


def refusal(words: str) -> SlurmFailed:
    """sbatch's error lines as ours."""
    return SlurmFailed("sbatch failed: " + "\n".join(f"sbatch: error: {line}" for line in words.split("\n")))


def check_dependencies(record: dict, spool: Spool) -> None:
    """SlurmFailed when it is to wait for what never was, as in Slurm 24.11: older ones would run it at once."""
    for _, label in record["terms"]:
        id_, _, index = label.partition("_")
        if label and not spool.family(int(id_), int(index) if index else None):
            raise refusal(REFUSED + "Job dependency problem")


def make_folders(submission: Submission) -> None:
    """Those that are missing; SlurmFailed when one can't be made, or belongs below a work folder that is not there."""
    work_dir = _work_dir(submission.work_dir)
    for folder in submission.folders:
        path = os.path.join(work_dir, folder)
        if not os.path.isabs(folder) and not os.path.isdir(work_dir):
            raise SlurmFailed(f"the work folder {work_dir} is not there")
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise SlurmFailed(f"the folder {path} can't be made: {error.strerror}") from None


def _work_dir(folder: str | None) -> str:
    return os.path.join(os.path.expanduser("~"), folder or "").rstrip("/") or "/"


def _options(submission: Submission) -> dict[str, str]:
    """The script's options, and over them those of the submission."""
    options = directives(submission.script)
    own = {"job-name": submission.name, "chdir": submission.work_dir, "dependency": submission.dependency}
    options |= {name: value for name, value in own.items() if value}
    if submission.dependency:
        options["kill-on-invalid-dep"] = "yes"
    if submission.tag:
        options["comment"] = f"{TAG}{submission.tag} {options.get('comment', '')}".rstrip()
    return options


def _check_place(options: dict[str, str], node: dict) -> None:
    """ValueError for what this machine is not, or can't do."""
    for name in options.get("partition", PARTITION).split(","):
        if name != PARTITION:
            raise ValueError(f"invalid partition specified: {name}\n{REFUSED}Invalid partition name specified")
    if options.get("nodelist", node["name"]) != node["name"]:
        raise ValueError(REFUSED + "Invalid node name specified")
    if node["name"] in options.get("exclude", "").split(","):
        raise ValueError(_IMPOSSIBLE)
    for name, words in _NOT_HERE.items():
        if name in options:
            raise ValueError(words)


def _fitting(options: dict[str, str], node: dict) -> Sizes:
    """What is asked for; ValueError when this machine will never have it."""
    sizes = sizes_of(options)
    if "exclusive" in options:
        sizes = sizes._replace(cpus=max(sizes.cpus, node["cpus"]))
    sizes = sizes._replace(memory=node["memory"] if sizes.memory == 0 else sizes.memory)
    if (sizes.memory or 0) > node["memory"]:
        raise ValueError(f"Memory specification can not be satisfied\n{_IMPOSSIBLE}")
    if sizes.nodes > 1 or sizes.cpus > node["cpus"] or sizes.gpus > len(node["gpus"]):
        raise ValueError(_IMPOSSIBLE)
    return sizes


def _record(options: dict[str, str], sizes: Sizes, user: str) -> dict:
    any_term, terms = dependency_terms(options.get("dependency", ""))
    indices, throttle = array_indices(options["array"]) if "array" in options else ([], None)
    return {
        "name": options.get("job-name") or "sbatch",
        "user": user,
        "account": options.get("account"),
        "partition": PARTITION,
        "comment": options.get("comment"),
        "work_dir": _work_dir(options.get("chdir")),
        "cpus": sizes.cpus,
        "gpus": sizes.gpus,
        "memory": sizes.memory or 0,
        "tres": _tres(sizes),
        "time_limit": sizes.time_limit,
        "submit_time": int(time.time()),
        "stdin": _file(options.get("input")) or "/dev/null",
        "stdout": _file(options.get("output")) or ("slurm-%A_%a.out" if indices else "slurm-%j.out"),
        "stderr": _file(options.get("error")),
        "append": _choice(options, "open-mode", _OPEN_MODES),
        "hold": "hold" in options,
        "kill": _choice(options, "kill-on-invalid-dep", _YES),
        "any_term": any_term,
        "terms": terms,
        "throttle": throttle,
        **({"array": indices} if indices else {}),
    }


def _tres(sizes: Sizes) -> str:
    memory = f",mem={sizes.memory}M" if sizes.memory else ""
    return f"cpu={sizes.cpus}{memory},node=1" + (f",gres/gpu={sizes.gpus}" if sizes.gpus else "")


def _file(pattern: str | None) -> str | None:
    return "/dev/null" if pattern and pattern.lower() == "none" else pattern


def _choice(options: dict[str, str], name: str, values: dict[str, bool]) -> bool:
    text = options.get(name)
    if text is not None and text not in values:
        raise ValueError(f"Invalid --{name} specification")
    return values[text] if text else False


def _variables(record: dict, sizes: Sizes, node: dict) -> dict[str, str]:
    """What Slurm puts in a job's environment, as far as it is known before the job has its id."""
    values = {
        "JOB_NAME": record["name"], "JOB_PARTITION": PARTITION, "JOB_NODELIST": node["name"], "NODELIST": node["name"],
        "JOB_NUM_NODES": 1, "NNODES": 1, "NTASKS": sizes.tasks, "NPROCS": sizes.tasks,
        "TASKS_PER_NODE": sizes.tasks, "CPUS_PER_TASK": sizes.cpus_per_task, "CPUS_ON_NODE": sizes.cpus,
        "JOB_CPUS_PER_NODE": sizes.cpus, "SUBMIT_DIR": record["work_dir"], "SUBMIT_HOST": node["name"],
        "PROCID": 0, "LOCALID": 0, "NODEID": 0, "GTIDS": 0, "JOB_USER": record["user"], "JOB_UID": os.geteuid(),
        "JOB_GID": os.getegid(), "CLUSTER_NAME": "embedded",
    }  # fmt: skip
    if record["memory"]:
        values["MEM_PER_NODE"] = record["memory"]
    if indices := record.get("array"):
        step = indices[1] - indices[0] if len(indices) > 1 else 1
        values |= {"ARRAY_TASK_COUNT": len(indices), "ARRAY_TASK_MIN": indices[0], "ARRAY_TASK_MAX": indices[-1],
                   "ARRAY_TASK_STEP": step}  # fmt: skip
    own = {f"SLURM_{name}": str(value) for name, value in values.items()}
    return own | {"SLURMD_NODENAME": node["name"], "ENVIRONMENT": "BATCH"}
