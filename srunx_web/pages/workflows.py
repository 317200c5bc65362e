"""The Workflows page, and the page of one: its graph, jobs and YAML, its runs, what can be done with it."""

from collections.abc import Callable

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, fields, validate

from ..core import typed
from ..core.errors import Problem
from ..core.plan import Selection
from ..core.sbatch import shell_text
from ..core.spec import JobSpec
from ..current import cluster, server
from ..services import examples, launch, runlist, site, sweeplist, workflows
from ..services.lastruns import last_runs
from ..services.workflows import Definition
from .forms import read
from .highlight import numbered
from .jobs import BOOT
from .sketch import asks, gpus, kinds, limit, sketch

blp = Blueprint("workflows_pages", __name__, url_prefix="/workflows")
blp.app_template_filter("numbered")(numbered)
blp.app_template_filter("written")(lambda value: typed.shown(typed.VALUES, {"": value})[0][1])
RUNS_SHOWN = 20
SWEEPS_SHOWN = 5
VIEWS = ("graph", "list", "yaml")


class ListQuery(Schema):
    """What the URL of the list may say."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="", validate=validate.Length(max=200))
    mount = fields.String(load_default="", validate=validate.Length(max=200))


class ShowQuery(Schema):
    """What the URL of one may say: how it is shown, and which job of it."""

    class Meta:
        unknown = EXCLUDE

    view = fields.String(load_default="graph", validate=validate.OneOf(VIEWS))
    job = fields.String(load_default="", validate=validate.Length(max=200))


def mount() -> str | None:
    """The mount whose workflows the URL means; None for the server's own folder."""
    return request.args.get("mount") or None


def definition(name: str) -> Definition:
    """The one that the URL means; NotFound, Invalid."""
    return workflows.show(server().settings, name, mount())


@blp.get("")
def index():
    """The page."""
    return render_template("workflows/index.html", **_listing(read(ListQuery, request.args)))


@blp.get("/rows.html")  # no workflow can be called that
def rows():
    """The table alone; 204 when it is what the reader has (`v`)."""
    listing = _listing(read(ListQuery, request.args))
    if listing["version"] == request.args.get("v"):
        return "", 204
    # asked by a person, not by the clock: the address bar shows what is seen
    headers = {} if "v" in request.args else {"HX-Replace-Url": listing["url"]()}
    return render_template("workflows/_rows.html", **listing), headers


def _listing(query: dict) -> dict:
    """What both templates show."""
    place = query["mount"] or None
    found = workflows.list_(server().settings, place)
    shown = [one for one in found if _matches(one, query["q"].lower())]
    cluster().queue(mine=True)
    known = last_runs(cluster(), place)
    last = {one.name: known[one.name][0] if one.name in known else None for one in shown}
    facts = {name: kinds(known[name][1]) if run else {} for name, run in last.items()}
    seen = [(one.name, one.text, run and (run.id, run.status)) for one, run in zip(shown, last.values(), strict=True)]
    return {
        "rows": shown, "total": len(found), "last": last, "query": query, "url": _links(query), "place": place,
        "sketches": {one.name: sketch(one.workflow, facts[one.name]) for one in shown if one.workflow},
        "gpus": {one.name: gpus(one.workflow) for one in shown if one.workflow},
        "mounts": [one.name for one in site.mounts(server().settings)],
        "examples": [(one, sketch(one.workflow)) for one in examples.list_()],
        "version": version_of(str(seen), str(facts)),
    }  # fmt: skip


def version_of(*seen) -> str:
    """A word that changes when what is seen does; of this life of the server only."""
    return f"{BOOT}.{hash(seen) & (1 << 64) - 1:x}"


def _matches(one: Definition, words: str) -> bool:
    about = (one.workflow.title, one.workflow.description) if one.workflow else ()
    return any(words in (text or "").lower() for text in (one.name, *about))


def _links(query: dict) -> Callable[..., str]:
    """url(endpoint, **changes): this list with some of its query changed; what is empty is left out."""

    def url(endpoint: str = ".index", **changes) -> str:
        return url_for(endpoint, **{name: value for name, value in {**query, **changes}.items() if value})

    return url


@blp.post("/example")
def add_example():
    """Save an example as one's own, and open it."""
    found = examples.add(server().settings, request.form.get("name", ""), mount())
    flash(f"Added {found.name}")
    return _to(found)


def _to(found: Definition) -> Response:
    return redirect(url_for("workflows_pages.show", name=found.name, mount=found.mount), 303)


@blp.get("/<name>")
def show(name):
    """The page of one."""
    found = definition(name)
    query = read(ShowQuery, request.args)
    if found.workflow is None:
        query["view"] = "yaml"
    return render_template("workflows/show.html", query=query, **_facts(found), **_parts(found, query), **_runs(found))


def _facts(found: Definition) -> dict:
    """What the head and the drawer say of it."""
    used = []
    if found.workflow and site.mounts(server().settings):
        used = site.used_mounts(server().settings, list(found.workflow.jobs), found.project)
    return {"found": found, "gpus": gpus(found.workflow) if found.workflow else None, "used": used}


def _parts(found: Definition, query: dict) -> dict:
    """What the chosen view and the drawer show, and why it can't be run as it is, if so."""
    if found.workflow is None:
        return {"problem": found.problem, "job": None, "planned": {}, "sketch": None}
    planned, problem = _planned(found)
    job = found.workflow.by_name.get(query["job"])
    if job and job.name not in planned:
        planned |= _planned(found, job.name)[0]
    specs = [planned[one.name].spec if one.name in planned else one for one in found.workflow.jobs]
    return {
        "problem": problem, "job": job, "planned": planned, "specs": specs, "sketch": sketch(found.workflow, most=5000),
        "limit": limit,
        "notes": {one.name: asks(one) for one in specs}, "details": _details(job) if job else {},
        "children": [(child, kind) for parent, child, kind in found.workflow.edges if job and parent == job.name],
    }  # fmt: skip


def _details(job: JobSpec) -> dict[str, str]:
    """What else a job says, where it does."""
    texts = {"Folder": job.work_dir, "Logs in": job.log_dir, "Template": job.template,
             "srun": shell_text(job.srun_args), "Prefix": shell_text(job.launch_prefix)}  # fmt: skip
    return {label: text for label, text in texts.items() if text}


def _planned(found: Definition, job: str | None = None) -> tuple[dict, Problem | None]:
    """What a run of it, or of one job, would hand in, by job; or the problem that it would meet."""
    try:
        jobs = launch.preview(server().settings, found, launch.Start(Selection(single_job=job)))
    except Problem as fault:
        return {}, fault
    return {job.name: job for job in jobs}, None


@blp.get("/<name>/runs.html")
def runs_of(name):
    """The runs alone; 204 when they are what the reader has (`v`)."""
    found = definition(name)
    state = _runs(found)
    if state["version"] == request.args.get("v"):
        return "", 204
    return render_template("workflows/_runs.html", found=found, **state)


def _runs(found: Definition) -> dict:
    """Its newest runs, each with its jobs in numbers, and its newest sweeps."""
    label = f"{found.mount}/{found.name}" if found.mount else found.name
    page = runlist.page(cluster(), runlist.Wanted(workflow=label))
    shown = page.lines[:RUNS_SHOWN]
    seen = [(run.id, run.status, *jobs.by_word.items()) for run, jobs in shown]
    sweeps = sweeplist.page(cluster(), sweeplist.Wanted(workflow=label))
    version = version_of(page.total, *seen, sweeplist.version(sweeps.lines[:SWEEPS_SHOWN], sweeps.total))
    return {"runs": shown, "runs_total": page.total, "label": label, "version": version,
            "sweeps": sweeps.lines[:SWEEPS_SHOWN], "sweeps_total": sweeps.total}  # fmt: skip


@blp.get("/<name>/download")
def download(name):
    """The file as it is."""
    found = definition(name)
    if found.raw is None:
        raise found.problem
    headers = {
        "Content-Disposition": f'attachment; filename="{found.name}.yaml"',
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }
    return Response(found.raw, mimetype="application/yaml", headers=headers)


@blp.post("/<name>/duplicate")
def duplicate(name):
    """A copy under a free name, opened."""
    copy = workflows.duplicate(server().settings, name, mount())
    flash(f"Copied to {copy.name}")
    return _to(copy)


@blp.post("/<name>/delete")
def delete(name):
    """Delete it; without JavaScript, asks on a page of its own."""
    found = definition(name)
    if not request.form.get("confirmed"):
        return render_template("workflows/delete.html", found=found)
    workflows.delete(server().settings, name, mount())
    flash(f"Deleted {name}; its runs are kept")
    return redirect(url_for(".index", mount=mount()), 303)
