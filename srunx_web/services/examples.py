"""The workflows that ship with the product, to start from."""

from functools import lru_cache
from pathlib import Path

from ..core import workflow
from ..core.errors import NotFound
from ..settings import Settings
from . import workflows
from .workflows import Definition

_SHIPPED = Path(__file__).parents[1] / "examples"
_ORDER = ("hello", "learning-rate", "gpu-training", "dependencies", "container")  # the simplest first


@lru_cache(1)
def list_() -> tuple[Definition, ...]:
    """All of them, in the order in which they are best read."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in _SHIPPED.glob("*.yaml")}
    names = sorted(texts, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return tuple(
        Definition(name, _SHIPPED / f"{name}.yaml", texts[name], workflow.parse(texts[name]), None) for name in names
    )


def add(settings: Settings, name: str, mount: str | None = None) -> Definition:
    """A copy in the user's folder, under its own name or, where that is taken, NAME-2, NAME-3, ...; NotFound."""
    found = next((one for one in list_() if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no example {name[:80]!r}")
    taken = {one.name for one in workflows.list_(settings, mount)}
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 1000))
    return workflows.save(settings, next(one for one in names if one not in taken), found.text, mount, False)
