"""Script templates: listed, shown, written, and made into a job."""

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..core import plan
from ..core.errors import Conflict, Invalid, Problem
from ..core.sandbox import RenderFault
from ..core.spec import JobSpec
from ..current import cluster, server, work_dir
from ..services import jobs, templates
from ..services.cluster import PAGE_WAIT

blp = Blueprint("templates_pages", __name__, url_prefix="/templates")
# (label, key, an example) of what a form asks beside name, command and partition
RESOURCES = (
    ("Nodes", "nodes", "1"), ("GPUs a node", "gpus_per_node", "1"), ("Tasks a node", "ntasks_per_node", "1"),
    ("CPUs a task", "cpus_per_task", "4"), ("Memory a node", "memory_per_node", "16G"),
    ("Time limit", "time_limit", "1:00:00"),
)  # fmt: skip
PLACES = (("Folder", "work_dir", "the home folder"), ("Logs in", "log_dir", "logs"))
ENVIRONMENT = (("Conda environment", "conda", "base"), ("venv", "venv", "~/venv"))
EXAMPLE = JobSpec("example", ("python", "train.py"), resources={
    "nodes": 2, "gpus_per_node": 4, "ntasks_per_node": 1, "cpus_per_task": 8, "memory_per_node": "32G",
    "time_limit": "4:00:00", "partition": "gpu"}, environment={"conda": "torch"}, log_dir="logs")  # fmt: skip
START = """\
{{ directives }}
# What it is for, in one line.

{{ setup }}

{{ launch }}
"""


@blp.get("")
def index():
    """All of them."""
    return render_template("templates/index.html", found=templates.list_(server().settings))


@blp.get("/<name>")
def show(name):
    """The text of one, and what it makes of an example."""
    found = templates.show(server().settings, name)
    return render_template("templates/show.html", found=found, made=_example(found.text)[0])


@blp.get("/new")
def new():
    """The editor; `like` names one to begin with."""
    like = request.args.get("like", "")
    text = templates.text(server().settings, like) if like else START
    return _editor(f"my-{like}" if like else "", text, is_new=True)


@blp.post("/new")
def create():
    """Keep a new one."""
    return _saved(request.form.get("name", "").strip(), is_new=True)


@blp.get("/<name>/edit")
def edit(name):
    """The editor of one's own."""
    found = templates.show(server().settings, name)
    if not found.is_own:
        return redirect(url_for(".new", like=name))
    return _editor(name, found.text)


@blp.post("/<name>/edit")
def save(name):
    """Keep what was typed."""
    return _saved(name)


@blp.post("/example")
def example():
    """What the text makes of an example job, while it is typed."""
    made, fault = _example(_text())
    return render_template("templates/_example.html", made=made, fault=fault)


def _saved(name: str, is_new: bool = False):
    """To its page once it is kept; else the editor with what is wrong, and with all that was typed."""
    try:
        if name == "new":
            raise Conflict("'new' is a page of its own here; choose another name")
        templates.save(server().settings, name, _text(), is_new)
    except Problem as fault:
        return _editor(name, _text(), is_new, fault), fault.status
    flash(f"Saved {name}")
    return redirect(url_for(".show", name=name), 303)


def _editor(name: str, text: str, is_new: bool = False, problem: Problem | None = None) -> str:
    made, fault = _example(text)
    told = {"wrong": problem.detail} if problem and not problem.errors else {"problem": problem}
    return render_template("templates/edit.html", name=name, text=text, is_new=is_new, made=made, fault=fault, **told)


def _text() -> str:
    return request.form.get("content", "").replace("\r\n", "\n")


def _example(text: str) -> tuple[str, str]:
    """(the script it makes of the example, what is wrong with it)."""
    try:
        return plan.from_template(text, EXAMPLE), ""
    except RenderFault as fault:
        return "", str(fault)


@blp.post("/<name>/delete")
def delete(name):
    """Delete one's own; without JavaScript, asks on a page of its own."""
    if not request.form.get("confirmed"):
        return render_template("templates/delete.html", found=templates.show(server().settings, name))
    templates.delete(server().settings, name)
    flash(f"Deleted {name}")
    return redirect(url_for(".index"), 303)


@blp.get("/<name>/apply")
def apply(name):
    """The form of a job for it."""
    return _form(name, {})


@blp.post("/<name>/apply")
def submit(name):
    """Submit the script, or only show it; a refusal stands in place, with nothing lost."""
    given, script = {key: value.replace("\r\n", "\n").strip() for key, value in request.form.items()}, ""
    try:
        script = templates.apply(server().settings, name, read_job(given))
        if given.get("preview"):
            return _form(name, given, script)
        job_id = jobs.submit(cluster(), script, given["name"], work_dir())
    except Problem as fault:
        return _form(name, given, script, fault), fault.status
    flash(f"Submitted as job {job_id}")
    return redirect(url_for("job.show", label=job_id), 303)


@blp.post("/<name>/preview")
def preview(name):
    """The script alone, while the form is filled in."""
    try:
        script, problem = templates.apply(server().settings, name, read_job(request.form)), None
    except Problem as fault:
        script, problem = "", fault
    return render_template("templates/_preview.html", script=script, problem=problem)


def read_job(given) -> dict:
    """The form as a job of a workflow, without what was left empty; Invalid."""
    values = {key: value.replace("\r\n", "\n").strip() for key, value in given.items() if value.strip()}
    if missing := [key for key in ("name", "command") if key not in values]:
        errors = [{"loc": ["body", key], "msg": "is missing", "type": "value_error"} for key in missing]
        raise Invalid(f"{' and '.join(missing).capitalize()} must be given", errors)
    sections = {"resources": (*_keys(RESOURCES), "partition"), "environment": _keys(ENVIRONMENT)}
    found = {section: {key: values[key] for key in keys if key in values} for section, keys in sections.items()}
    return found | {key: values[key] for key in ("name", "command", *_keys(PLACES)) if key in values}


def _keys(fields: tuple) -> tuple[str, ...]:
    return tuple(key for _, key, _ in fields)


def _form(name: str, given, script: str = "", problem: Problem | None = None) -> str:
    wrong = {fault["loc"][-1]: fault["msg"].rpartition(": ")[2] for fault in problem.errors} if problem else {}
    return render_template(
        "templates/apply.html", found=templates.show(server().settings, name), given=given, script=script,
        problem=problem, wrong=wrong, RESOURCES=RESOURCES, PLACES=PLACES, ENVIRONMENT=ENVIRONMENT,
        partitions=[one.name for one in cluster().partitions.read(PAGE_WAIT).value or []],
    )  # fmt: skip
