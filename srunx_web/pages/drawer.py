"""The drawer beside a page: the log or the script of a chosen job."""

from collections.abc import Callable

from ..core.errors import Problem
from ..current import cluster
from ..services import failures, jobs, logs, runs
from ..services.follow import Entry
from . import log


def panel(shown: runs.Shown, entry: Entry, query: dict, url: Callable[[str], str]) -> dict:
    """What runs/_log.html shows of a job: `url` says where another of its files is."""
    job = failures.job_of(cluster(), entry)
    piece = log.look(job, query) if job and query["stream"] != "script" else None
    text = runs.script(shown, entry.row.name) or (job.record.script if job else None)
    return {"entry": entry, "job": job, "log": piece, "script": text, "tabs": _tabs(job, query["stream"], url)}


def path(job: jobs.Shown, stream: str) -> str | None:
    """Where that file of the job is, as far as that is known at once."""
    try:
        return logs.path(cluster(), job, stream, 0)
    except Problem:
        return None


def _tabs(job: jobs.Shown | None, chosen: str, url: Callable[[str], str]) -> list[tuple[str, str, bool]]:
    """Links to the files that the job has, as the macro `choice` takes them."""
    has_stderr = job is not None and path(job, "stderr") is not None
    names = ["stdout", "stderr", "script"] if has_stderr else ["stdout", "script"]
    return [("log" if name == "stdout" and not has_stderr else name, url(name), name == chosen) for name in names]
