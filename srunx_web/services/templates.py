"""Script templates: those that ship with the product and the user's own, one file each."""

from dataclasses import dataclass
from pathlib import Path

from ..core import plan, sandbox
from ..core.errors import Denied, Invalid, NotFound, Problem
from ..core.sandbox import RenderFault
from ..core.spec import Fault, JobSpec, invalid, read_job, unsettled
from ..core.workflow import check_name
from ..settings import Settings
from . import files

ENDING = ".sbatch.jinja"
_EXAMPLE = JobSpec(
    "example", ("true",), resources={"nodes": 1, "gpus_per_node": 0, "ntasks_per_node": 1, "cpus_per_task": 1}
)
_SHIPPED = Path(__file__).parents[1] / "examples/templates"


@dataclass(frozen=True)
class Template:
    """A template; its description is the comment that its text begins with, after the #! line."""

    name: str
    text: str
    is_own: bool

    @property
    def description(self) -> str:
        """The first comment that is no directive."""
        lines = (line.strip() for line in self.text.splitlines())
        found = (line[1:].strip() for line in lines if line.startswith("#") and not line.startswith(("#!", "#SBATCH")))
        return next(found, "")

    @property
    def names(self) -> list[str]:
        """What it asks to be filled in, sorted; [] when it can't be read."""
        try:
            return sorted(sandbox.names(self.text))
        except RenderFault:
            return []


def list_(settings: Settings) -> list[Template]:
    """All of them by name; an own one hides the shipped one of the same name."""
    found = {
        path.name.removesuffix(ENDING) for folder in (_SHIPPED, _own(settings)) for path in folder.glob(f"*{ENDING}")
    }
    return [template for name in sorted(found) if (template := _readable(settings, name))]


def _readable(settings: Settings, name: str) -> Template | None:
    """One file that is no template must not hide the others."""
    try:
        return show(settings, name)
    except Problem:
        return None


def show(settings: Settings, name: str) -> Template:
    """The template of that name; NotFound, Invalid."""
    check_name(name)
    for folder, is_own in ((_own(settings), True), (_SHIPPED, False)):
        path = folder / f"{name}{ENDING}"
        if path.is_file():
            return Template(name, files.read_text(path, 256 << 10), is_own)
    raise NotFound(f"Template {name!r} not found")


def text(settings: Settings, name: str) -> str:
    """The text of a template; NotFound."""
    return show(settings, name).text


def save(settings: Settings, name: str, text: str, is_new: bool) -> Template:
    """Create one, or change one's own; Invalid names what is wrong with the text, Conflict, NotFound, Denied."""
    if check_name(name) == "new":
        raise Invalid("'new' is a reserved name; choose another")
    if not is_new and not show(settings, name).is_own:
        raise Denied(f"Template {name!r} ships with srunx-web; save it under another name")
    text = text.replace("\r\n", "\n")
    try:
        made = plan.from_template(text, _EXAMPLE)
    except RenderFault as fault:
        raise _wrong(f"can't be rendered: {fault}") from None
    if not made.startswith("#!"):
        raise _wrong("must begin with {{ directives }}, or with #! and an interpreter")
    files.write_text(_own(settings) / f"{name}{ENDING}", text, may_replace=not is_new)
    return show(settings, name)


def delete(settings: Settings, name: str) -> None:
    """Delete one's own; NotFound, Denied."""
    if not show(settings, name).is_own:
        raise Denied(f"Template {name!r} ships with srunx-web and can't be deleted")
    files.delete(_own(settings) / f"{name}{ENDING}")


def apply(settings: Settings, name: str, job: dict) -> str:
    """The script that a template makes of a job (keys as in a workflow); Invalid, NotFound."""
    faults: list[Fault] = []
    spec = read_job(job, (), faults)
    faults += unsettled(spec) if spec else []
    if spec and spec.command is None:
        faults.append(Fault(("command",), "is missing: a template starts a command", spec.name))
    if faults:
        raise invalid(faults)
    try:
        return plan.from_template(text(settings, name), spec)
    except RenderFault as fault:
        raise Invalid(f"Template {name!r}: {fault}") from None


def _own(settings: Settings) -> Path:
    return settings.config_dir / "templates"


def _wrong(words: str) -> Invalid:
    return Invalid(f"The template {words}", [{"loc": ["body", "content"], "msg": words, "type": "value_error"}])
