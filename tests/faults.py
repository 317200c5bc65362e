"""Run as a program: `python -m tests.faults ROOT STEP [blind]` starts runs of three jobs, each time in a process that
is killed by SIGKILL at a later line of the code that does it, until one comes through. After each, another process
does what the next server would until the run is over. Prints as JSON how often each job really ran.

The environment says which cluster (SRUNX_*), and FOLDER where the jobs write on it. `blind` takes the look-up by tag
away: the test of this test.
"""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import srunx_web
from srunx_web.connect import connect
from srunx_web.services import launch, workflows
from srunx_web.services.cluster import Cluster
from srunx_web.services.tick import tick
from srunx_web.settings import Settings, load
from srunx_web.store import Run, connected, open_database

PACKAGE = Path(srunx_web.__file__).parent
CODE = {str(PACKAGE / f"services/{name}.py") for name in ("launch", "submission", "records", "follow", "tick")}
FLOW = "jobs:\n" + "".join(
    f"- {{name: {name}, script_path: {name}.sh, depends_on: {parents}}}\n"
    for name, parents in (("a", "[]"), ("b", "[a]"), ("c", "['afterany:a', b]"))
)
AT_ONCE = 6
LONGEST = 60


def settings_of(root: Path, folder: str) -> Settings:
    """A server of its own, with a workflow whose jobs each write a line."""
    found = load({**os.environ, "HOME": str(root), "SRUNX_STATE_DIR": str(root / "state"),
                  "SRUNX_WORKFLOW_DIR": str(root / "flows"), "SRUNX_DEFAULT_WORK_DIR": folder})  # fmt: skip
    found.workflow_dir.mkdir(parents=True, exist_ok=True)
    for name in "abc":
        line = f"echo {root.name} {name} >>{folder}/ran"
        (found.workflow_dir / f"{name}.sh").write_text(f"#!/bin/bash\n#SBATCH -o /dev/null -t 5\n{line}\n")
    (found.workflow_dir / "flow.yaml").write_text(FLOW)
    return found


def server(settings: Settings, is_blind: bool) -> Cluster:
    """What a server has when it has just started."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    open_database(settings.state_dir / "srunx.db")
    cluster = connect(settings)
    if is_blind:
        cluster.scheduler.find = lambda sought: {one.tag: None for one in sought}
        cluster.records._recognise = lambda jobs, now: None
    return cluster


def begin(settings: Settings, is_last, is_blind: bool = False) -> None:
    """Start a run, and die at the first (frame, event) of our code that is the last one."""
    cluster = server(settings, is_blind)
    if settings.profile:
        cluster.scheduler.version()  # connected before the first line counts

    die_at(is_last, CODE)
    launch.start(cluster, settings, workflows.show(settings, "flow"), launch.Start())


def die_at(is_last, code: set[str]) -> None:
    """Kill this process at the first (frame, event) in these files that is the last one."""

    def watch(frame, event, _argument):
        if frame.f_code.co_filename not in code:
            return None
        if is_last(frame, event):
            os.kill(os.getpid(), signal.SIGKILL)
        return watch

    sys.settrace(watch)


def at_line(number: int):
    """The line with this number, counted from where the rows are written: before that nothing could be lost."""
    lines = 0

    def is_last(frame, event) -> bool:
        nonlocal lines
        if lines or frame.f_code.co_name == "_write":
            lines += event == "line" or not lines
        return lines >= number

    return is_last


def recover(settings: Settings, is_blind: bool = False) -> None:
    """Tick until every run is over."""
    cluster = server(settings, is_blind)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        tick(cluster)
        with connected():
            if all(run.status in ("completed", "failed", "cancelled") for run in Run.select()):
                return
        cluster.changed()
        time.sleep(0.1)


def in_a_process(work, *words) -> int:
    """Do it in a process of its own; how that ended."""
    child = os.fork()
    if not child:
        try:
            work(*words)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def statuses(settings: Settings) -> list[str]:
    """How the runs of that server ended."""
    open_database(settings.state_dir / "srunx.db")
    with connected():
        return [run.status for run in Run.select()]


def main(root: Path, step: int, is_blind: bool) -> None:
    """One fault run for each line, the recoveries side by side."""
    folder, last, made = os.environ["FOLDER"], 1, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        is_killed = True
        while is_killed:
            settings = settings_of(root / f"f{last}", folder)
            is_killed = in_a_process(begin, settings, at_line(last), is_blind) == -signal.SIGKILL
            made.append((last, settings, pool.submit(in_a_process, recover, settings, is_blind)))
            last += step
    print(json.dumps({f"f{last}": statuses(settings) for last, settings, _ in made}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "blind" in sys.argv[3:])
