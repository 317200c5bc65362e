"""A workflow in the making as the builder shows it: its jobs in words, the texts of their fields, what is wrong."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ..core import draft, typed, workflow, yamltext
from ..core.edges import Edge, check_jobs, edges, entries, entry, jobs_of, with_ancestors
from ..core.errors import Invalid, Problem, TooLarge
from ..core.layout import layout
from ..core.plan import Selection
from ..services import workflows
from ..settings import Settings
from .graph import MOST_EDGES

MOST_OPERATIONS = 2000
NODE = (208, 68)  # width and height, as builder.css has them
_BEGINNING = re.compile(r"(line \d+, )?(job '[^']*'(, |: ))?")
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
REMEMBERED = 16
MOST_SHOWN = 10_000
_shown: dict[int, tuple[dict, dict]] = {}
_made: dict[tuple, dict] = {}  # definitions by text and operations: one more operation is one step from the last one


@dataclass(frozen=True)
class Draft:
    """The text that a builder began with, the operations since, and the mount that it belongs to, if any."""

    base: str
    operations: list[dict] = field(default_factory=list)
    mount: str | None = None

    def __post_init__(self):
        workflow.check_size(self.base)
        if not isinstance(self.operations, list):
            raise Invalid("Operations are a list")
        if len(self.operations) > MOST_OPERATIONS:
            raise TooLarge(f"These are {MOST_OPERATIONS} changes without saving; save, and go on then")

    @cached_property
    def document(self) -> dict:
        """The definition as data; Invalid where an operation makes no sense, or the builder can't show it."""
        words = tuple(map(json.dumps, self.operations))
        done, start = self._known(words)
        found = draft.apply(start, self.operations[done:])
        if len(_made) >= REMEMBERED:
            _made.clear()
        _made[self.base, words] = found
        return found

    def _known(self, words: tuple[str, ...]) -> tuple[int, object]:
        """(how many operations are done already, what they have made)."""
        for done in (len(words), len(words) - 1):
            if (found := _made.get((self.base, words[:done]))) is not None:
                return done, found
        return 0, _load(self.base)

    @cached_property
    def text(self) -> str:
        """The definition as YAML: as it was written, as long as nobody changed anything."""
        text = yamltext.dump(self.document) if self.operations else self.base
        workflow.check_size(text)
        return text

    @property
    def is_changed(self) -> bool:
        """Whether the operations have led anywhere."""
        return bool(self.operations) and self.text != yamltext.dump(_load(self.base) or {})


@lru_cache(16)
def _load(text: str) -> object:
    """Never changed by anybody: operations make copies."""
    found = workflow.load(text)
    check_jobs(found)
    return found


@lru_cache(16)
def _drawn(names: tuple[str, ...], known: tuple[Edge, ...]) -> dict:
    """Where the server's layout puts the jobs, and how it leads the edges."""
    drawn = layout(names, known if len(known) <= MOST_EDGES else (), *NODE, broken=True)
    return {"places": drawn.places, "edges": [[*edge] for edge in drawn.edges]}


def view(settings: Settings, made: Draft, with_layout: bool = False) -> dict:
    """All that the page shows of it, as JSON."""
    document = made.document
    jobs, known = jobs_of(document), edges(document)
    shown = {
        "yaml": made.text, "jobs": [_job(job) for job in jobs], "edges": known, "top": typed.TOP.shown(document),
        "kept": [str(key) for key in document if (str(key),) not in typed.TOP.kinds and key != "jobs"],
        "faults": _faults(settings, made), "refused": None,
    }  # fmt: skip
    if with_layout:
        shown["layout"] = _drawn(tuple(job["name"] for job in jobs), tuple(known))
    return shown


def script(settings: Settings, made: Draft, job: str) -> str:
    """The script that a run would hand in for one job; Invalid, NotFound, Denied."""
    alone = with_ancestors(made.document, job)
    found = workflow.read(alone)
    return workflows.planned(settings, found, made.mount, selection=Selection(single_job=job))[0].script


def _job(job: dict) -> dict:
    """What is shown of a job; remembered, for of hundreds of them an operation changes one, and the others stay the
    same objects."""
    known = _shown.get(id(job))
    if known is None or known[0] is not job:
        if len(_shown) > MOST_SHOWN:
            _shown.clear()
        known = _shown[id(job)] = (job, _described(job))
    return known[1]


def _described(job: Mapping) -> dict:
    fields = typed.JOB.shown(job)
    asked = {key: fields.get(f"resources.{key}", "") for key in ("nodes", "gpus_per_node", "time_limit", "partition")}
    waits = [entry(one) for one in entries(job)]
    return {
        "name": job["name"], "runs": _runs(fields), "asks": _asks(asked), "fields": fields,
        "has_gpu": asked["gpus_per_node"] not in ("", "0"), "waits": [one for one in waits if one[1]],
    }  # fmt: skip


def _runs(fields: Mapping) -> str:
    """What a job runs, on one line."""
    command = fields.get("command") or fields.get("script_path") or ""
    if isinstance(command, list) and command[1:2] == ["-c"]:
        command = command[2:]
    line = " ".join(command) if isinstance(command, list) else command
    return " ".join(line[:300].split())


def _asks(asked: Mapping[str, str]) -> list[str]:
    """What it asks for, in words: "2 nodes", "8 GPUs", "30 min", "gpu"."""
    nodes, gpus = asked["nodes"], asked["gpus_per_node"]
    if _COUNT.fullmatch(nodes) and _COUNT.fullmatch(gpus):
        gpus = str(int(nodes) * int(gpus))
    time = asked["time_limit"]
    words = [
        f"{nodes} nodes" if nodes not in ("", "1") else "",
        f"{gpus} GPU{'' if gpus == '1' else 's'}" if gpus not in ("", "0") else "",
        f"{time} min" if _COUNT.fullmatch(time) else time,
        asked["partition"],
    ]
    return [word for word in words if word]


def _faults(settings: Settings, made: Draft) -> list[dict]:
    """What is wrong with it, all of it: job (its name or None), path within it, words and line."""
    position = yamltext.positions(made.text)
    try:
        workflows.planned(settings, workflow.read(made.document, position), made.mount, position)
    except Problem as problem:
        names = [job["name"] for job in jobs_of(made.document)]
        found = problem.errors or [{"loc": ["body"], "msg": problem.detail}]
        return [_fault(error, names) for error in found]
    return []


def _fault(error: Mapping, names: list[str]) -> dict:
    path = error["loc"][1:]
    is_job = path[:1] == ["jobs"] and len(path) > 1
    words = error["msg"][_BEGINNING.match(error["msg"]).end() :]
    return {"job": names[path[1]] if is_job else None, "path": [str(key) for key in path[2 if is_job else 0 :]],
            "words": words, "line": error.get("line")}  # fmt: skip
