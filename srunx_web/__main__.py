"""The command srunx-web: options, one server for each state folder, serving, stopping."""

import argparse
import contextlib
import ctypes
import fcntl
import functools
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import waitress
from peewee import DatabaseError

from . import __version__, create_app, poller, security
from .core.errors import Problem
from .current import Server
from .services import readings
from .services.cluster import Cluster
from .services.tick import beat, tick
from .settings import Settings, load, private_folder

STOP_SECONDS = 4
M_ARENA_MAX = -8  # malloc.h
log = logging.getLogger("srunx_web")


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; 2 when the settings don't allow it."""
    options = _options(argv)
    _share_memory()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("waitress").setLevel(logging.ERROR)
    try:
        settings = load(os.environ, host=options.host, port=options.port, unix_socket=options.unix_socket)
        gate = security.gate(settings)
        security.check_bind(gate)
        lock = _own(private_folder(settings.state_dir))
        _serve(settings, gate)
        lock.close()
    except (Problem, OSError, DatabaseError) as fault:
        print(f"srunx-web: {getattr(fault, 'detail', fault)}", file=sys.stderr)
        return 2
    return 0


def _share_memory() -> None:
    """Have glibc keep one heap for all threads rather than one for each: four times less with 24 of them."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("srunx-web", description="A browser UI and REST API for Slurm")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    parser.add_argument("--unix-socket", type=Path, metavar="PATH", help="listen on this socket instead")
    parser.add_argument("--version", action="version", version=__version__)
    return parser.parse_args(argv)


def _own(folder: Path):
    """The lock on the state folder; a Problem that names who has it."""
    lock = open(folder / "lock", "a+")
    os.chmod(folder / "lock", 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        raise Problem(f"{folder} is in use by {lock.read().strip() or 'another server'}; stop that one first") from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"the server with pid {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()
    return lock


def _serve(settings: Settings, gate: security.Gate) -> None:
    app = create_app(settings, gate)
    server = app.extensions["srunx"]
    work = poller.Work(*(functools.partial(_on_cluster, server, what) for what in (tick, beat, readings.collect)))
    ticks = poller.start(work, settings.poll_seconds)
    server.cluster.hurry = lambda: poller.hurry(ticks)
    where = (
        {"unix_socket": str(settings.unix_socket)}
        if settings.unix_socket
        else {"host": settings.host, "port": settings.port}
    )
    listener = waitress.create_server(
        app, threads=24, channel_request_lookahead=1, max_request_body_size=8 << 20, connection_limit=500,
        channel_timeout=30, clear_untrusted_proxy_headers=True, ident=None, **where,
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop())
    address = settings.unix_socket or f"http://{security.shown_host(settings.host)}:{settings.port}"
    print(f"srunx-web on {address}\n{server.cluster.title}: {server.cluster.place}", flush=True)
    try:
        listener.run()
    finally:
        ticks.shutdown(wait=False)
        server.cluster.scheduler.shell.close()


def _on_cluster(server: Server, work: Callable[[Cluster], None]) -> None:
    """Do it on the cluster that is connected at that moment."""
    work(server.cluster)


def _stop() -> None:
    """Leave in order; should something hang, leave all the same."""
    watchdog = threading.Timer(STOP_SECONDS, lambda: os._exit(0))
    watchdog.daemon = True
    watchdog.start()
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
