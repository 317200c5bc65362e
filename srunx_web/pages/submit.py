"""The Submit page: a script, a form that writes its #SBATCH lines, a check before."""

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core.duplicate import completed
from ..core.errors import Problem
from ..current import cluster, work_dir
from ..services import jobs
from ..services.cluster import PAGE_WAIT

blp = Blueprint("submit", __name__, url_prefix="/jobs/new")
SCRIPT_WAIT = 5
EXAMPLE = """#!/bin/bash
#SBATCH --job-name=hello
#SBATCH --time=10:00

echo "Hello from $(hostname)"
sleep 30
"""
# (label, the option it writes, an example)
FIELDS = (
    ("Nodes", "nodes N", "1"), ("Tasks", "ntasks n", "1"), ("GPUs", "gpus G", "1"),
    ("CPUs a task", "cpus-per-task c", "4"), ("Memory a node", "mem", "16G"), ("Time limit", "time t", "1:00:00"),
)  # fmt: skip


@blp.get("")
def new():
    """The form; `like` names a job whose script it starts with, `tag` a submission that got lost."""
    like = request.args.get("like", "")
    if record := cluster().records.tagged(request.args.get("tag", "")):
        return _form(record.script)
    return _form(*_duplicate(like)) if like else _form(EXAMPLE)


def _duplicate(like: str) -> tuple[str, str]:
    """(script, what to say of it) to make that job again."""
    shown = jobs.show(cluster(), like)
    text = jobs.script(cluster(), shown, SCRIPT_WAIT)
    if not text:
        return "", f"The script of job {like} is not kept any more; paste it here."
    if shown.record and shown.record.script:  # ours, sent as it is here
        return text, ""
    text, added = completed(text, shown.tasks or (shown.job,))
    options = ", ".join(f"--{name}" for name in added)
    return text, f"Added from the job's own record, since they stood on its command line: {options}" if added else ""


@blp.post("")
def create():
    """Submit, or only check; a refusal is shown beside the form, with nothing lost."""
    text = request.form.get("script", "").replace("\r\n", "\n")
    name = request.form.get("name", "").strip() or None
    try:
        if request.form.get("check"):
            return _form(text, name=name, said=jobs.check(cluster(), text, name, work_dir()))
        job_id = jobs.submit(cluster(), text, name, work_dir())
    except Problem as fault:
        return _form(text, name=name, problem=fault), fault.status
    flash(f"Submitted as job {job_id}")
    return redirect(url_for("job.show", label=job_id), 303)


def _form(text: str, told: str = "", **more) -> str:
    partitions = [partition.name for partition in cluster().partitions.read(PAGE_WAIT).value or []]
    return render_template("jobs/new.html", script=text, told=told, FIELDS=FIELDS, partitions=partitions, **more)
