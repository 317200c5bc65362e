"""The tick: what goes on while nobody looks."""

import logging
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler

from .core.errors import Problem

SHORTEST_SECONDS = 5  # no setting lowers it
log = logging.getLogger("srunx_web")


def start(tick: Callable[[], None], seconds: float) -> BackgroundScheduler:
    """Call `tick` at once and then every so many seconds, one at a time."""
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True})
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler.add_job(lambda: _tried(tick), "interval", seconds=max(seconds, SHORTEST_SECONDS))
    scheduler.add_job(lambda: _tried(tick))
    scheduler.start()
    return scheduler


def _tried(tick: Callable[[], None]) -> None:
    """A tick that fails is told, and the next one tried."""
    try:
        tick()
    except Problem as fault:
        log.warning("tick: %s", fault.detail)
    except Exception:
        log.exception("tick")
