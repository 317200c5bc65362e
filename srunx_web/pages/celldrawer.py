"""The drawer of a chosen cell: its attempts, and the log of one of its jobs."""

from collections.abc import Callable

from flask import request

from ..core import states
from ..current import cluster
from ..services import runs, watch
from ..services.follow import Entry
from ..services.sweeps import Cell
from ..store import Sweep
from .drawer import panel
from .runparts import exit_words
from .sweepparts import changes, text, took


def drawer(sweep: Sweep, cell: Cell | None, query: dict, url: Callable[..., str]) -> dict:
    """What sweeps/_drawer.html shows; without a cell it is empty."""
    about = {"sweep": sweep, "query": query, "cell": cell, "url": url, "text": text, "took": took,
             "changes": changes, "given": request.args, "is_here": sweep.cluster == cluster().key}  # fmt: skip
    if cell is None:
        return about
    shown = runs.show(cluster(), cell.run.id)
    entry = _entry(shown, query["job"])
    about |= {"shown": shown, "entry": entry, "facts_version": _version(cell, shown), "exit_words": exit_words}
    if entry is None:
        return about
    here = {"cell": cell.number + 1, "job": entry.row.name}
    return about | panel(shown, entry, query, lambda stream: url(**here, stream=stream))


def is_same(cell: Cell | None, version: str | None) -> bool:
    """Whether that is what there is to tell of the cell."""
    return cell is not None and version == _version(cell, runs.show(cluster(), cell.run.id))


def _version(cell: Cell, shown: runs.Shown) -> str:
    return f"{len(cell.attempts)}.{watch.version(shown)}"


def _entry(shown: runs.Shown, name: str) -> Entry | None:
    """The job of that name; else the one that says most: that failed first, that runs, that began last."""
    chosen = next((entry for entry in shown.entries if entry.row.name == name), None)
    if chosen or not shown.entries:
        return chosen
    failed = [entry for entry in shown.entries if entry.row.state in states.FAILURES]
    begun = [entry for entry in shown.entries if entry.row.node_list]
    return (failed[:1] or begun[-1:] or shown.entries[:1])[0]
