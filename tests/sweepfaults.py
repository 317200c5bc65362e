"""Run as a program: `python -m tests.sweepfaults ROOT STEP [cancel]` starts sweeps of six cells, two at a time, each in
a process that is killed by SIGKILL at a later line of the code that does it, until one comes through. After each,
another process does what the next server would until the sweep is over. Prints as JSON how each ended.

The environment says which cluster (SRUNX_*), and FOLDER where the cells write on it, when they begin and when they end.
With `cancel` the sweep is cancelled once its first cells run.
"""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from srunx_web.cluster.embedded import Embedded
from srunx_web.core.matrix import Matrix
from srunx_web.core.progress import TERMINAL
from srunx_web.services import sweeps, sweepstart, workflows
from srunx_web.services.cluster import Cluster
from srunx_web.services.launch import Start
from srunx_web.services.tick import tick
from srunx_web.settings import Settings, load
from srunx_web.store import Run, Sweep, connected, open_database
from tests.faults import AT_ONCE, LONGEST, PACKAGE, at_line, die_at, in_a_process, server

NAMES = ("sweepstart", "sweeps", "lanes", "counts", "submission", "records", "follow", "advance", "rows")
CODE = {str(PACKAGE / f"services/{name}.py") for name in NAMES}
CELLS, LANES = 6, 2
FLOW = "jobs:\n- {name: cell, script_path: cell.sh, script_vars: {n: '{{ n }}'}}\nargs: {n: 0}\n"
SCRIPT = """#!/bin/bash
#SBATCH -o /dev/null -t 5
echo NAME {{ n }} begins $(date +%s%N) >>FOLDER/ran
sleep 0.2
echo NAME {{ n }} ends $(date +%s%N) >>FOLDER/ran
"""


def settings_of(root: Path, folder: str) -> Settings:
    """A server of its own, with a workflow for a sweep."""
    found = load({**os.environ, "HOME": str(root), "SRUNX_STATE_DIR": str(root / "state"),
                  "SRUNX_WORKFLOW_DIR": str(root / "flows"), "SRUNX_DEFAULT_WORK_DIR": folder})  # fmt: skip
    found.workflow_dir.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.replace("NAME", root.name).replace("FOLDER", folder)
    (found.workflow_dir / "cell.sh").write_text(script)
    (found.workflow_dir / "flow.yaml").write_text(FLOW)
    return found


def roomy(cluster: Cluster, folder: Path) -> Cluster:
    """The cluster with room for more than may run at once, whatever machine this is."""
    if cluster.kind == "embedded":
        cluster.scheduler = Embedded(folder / "spool", cluster.scheduler.shell, cpus=16)
    return cluster


def begin(settings: Settings, is_last, is_cancelled: bool) -> None:
    """Start a sweep and see it through, and die at the first (frame, event) of our code that is the last one."""
    cluster = roomy(server(settings, is_blind=False), settings.state_dir)
    if settings.profile:
        cluster.scheduler.version()  # connected before the first line counts

    die_at(is_last, CODE)
    matrix = Matrix({"n": list(range(CELLS))}, max_parallel=LANES)
    made = sweepstart.start(cluster, settings, workflows.show(settings, "flow"), Start(), matrix)
    tick(cluster)
    if is_cancelled:
        sweeps.cancel(cluster, made.id)
    _follow(cluster)


def _follow(cluster) -> None:
    """Tick until every sweep is over."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        with connected():
            if not Sweep.select().where(Sweep.status.not_in(TERMINAL)).exists():
                return
        cluster.changed()
        tick(cluster)
        time.sleep(0.05)


def recover(settings: Settings) -> None:
    """What the next server does."""
    _follow(roomy(server(settings, is_blind=False), settings.state_dir))


def ended(settings: Settings) -> dict[str, list[int]]:
    """The numbers of the cells of the one sweep by how they ended; {} when none was written down."""
    open_database(settings.state_dir / "srunx.db")
    found: dict[str, list[int]] = {}
    with connected():
        for sweep in Sweep.select():
            found["sweep"] = sweep.status
        for run in Run.select():
            found.setdefault(run.status, []).append(run.cell)
    return found


def main(root: Path, step: int, is_cancelled: bool) -> None:
    """One fault run for each line, the recoveries side by side."""
    folder, last, made = os.environ["FOLDER"], 1, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        is_killed = True
        while is_killed:
            settings = settings_of(root / f"f{last}", folder)
            is_killed = in_a_process(begin, settings, at_line(last), is_cancelled) == -signal.SIGKILL
            made.append((last, settings, pool.submit(in_a_process, recover, settings)))
            last += step
    print(json.dumps({f"f{last}": ended(settings) for last, settings, _ in made}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "cancel" in sys.argv[3:])
