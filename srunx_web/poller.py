"""The poller: what goes on while nobody looks."""

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import NamedTuple

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from .core.errors import Problem

SHORTEST_SECONDS = 5  # no setting lowers it
BEAT_SECONDS = 1
READ_SECONDS = 2
log = logging.getLogger("srunx_web")


class Work(NamedTuple):
    """What is done: the tick; the beat between two of them; and reading what cells wrote, which may take long."""

    tick: Callable[[], None]
    beat: Callable[[], None]
    read: Callable[[], None]


def start(work: Work, seconds: float) -> BackgroundScheduler:
    """Tick at once and then every so many seconds, and do the rest more often; each thing one at a time."""
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True})
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler.add_job(lambda: _tried(work.tick), "interval", seconds=max(seconds, SHORTEST_SECONDS))
    scheduler.add_job(lambda: _tried(work.tick))
    scheduler.add_job(lambda: _tried(work.beat), "interval", seconds=BEAT_SECONDS, id="beat")
    scheduler.add_job(lambda: _tried(work.read), "interval", seconds=READ_SECONDS)
    scheduler.start()
    return scheduler


def hurry(scheduler: BackgroundScheduler) -> None:
    """Let the next beat come now."""
    with contextlib.suppress(JobLookupError):  # it is going down
        scheduler.modify_job("beat", next_run_time=datetime.now(timezone.utc))


def _tried(work: Callable[[], None]) -> None:
    """Work that fails is told, and tried again the next time."""
    try:
        work()
    except Problem as fault:
        log.warning("%s", fault.detail)
    except Exception:
        log.exception("the poller")
