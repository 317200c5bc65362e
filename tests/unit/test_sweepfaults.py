"""Sweeps under faults, counted by what their cells wrote: servers killed at any line, threads that all go on."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srunx_web.core.errors import Invalid
from srunx_web.core.lanes import Held, free
from srunx_web.core.matrix import Matrix
from srunx_web.core.progress import TERMINAL
from srunx_web.core.sweep import CELL_STATES
from srunx_web.services import runs, sweeps
from srunx_web.services.tick import beat, tick
from srunx_web.store import Run
from tests.conftest import cluster_of
from tests.flows import Sweeps, job
from tests.sweepfaults import LANES, roomy

SECONDS = {"SRUNX_BACKEND": "embedded", "SRUNX_SUBMIT_SECONDS": "0.05", "SRUNX_GRACE_SECONDS": "0.05"}


def fault_runs(root, folder, step, *words, **environ) -> dict[str, dict]:
    """How the sweeps ended, by fault run."""
    argv = [sys.executable, "-m", "tests.sweepfaults", str(root), str(step), *words]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("SRUNX_")}
    done = subprocess.run(argv, env={**clean, "FOLDER": str(folder), **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def most_at_once(lines: list[list[str]]) -> int:
    """How many cells ran at once, by the times that they wrote; an end counts before a beginning of the same moment."""
    steps = sorted((int(at), 1 if what == "begins" else -1) for what, at in (line[-2:] for line in lines))
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def check(ended: dict[str, dict], ran: str) -> None:
    """Every cell that completed ran once, none that was cancelled did or was begun twice, and never more at once."""
    by_run: dict[str, list[list[str]]] = {name: [] for name in ended}
    for line in ran.splitlines():
        by_run[line.split()[0]].append(line.split())
    for name, found in ended.items():
        begun = Counter(int(line[1]) for line in by_run[name] if line[2] == "begins")
        completed = set(found.get("completed", []))
        assert set(begun.values()) <= {1} and completed <= set(begun), (name, found, begun)
        assert most_at_once([line for line in by_run[name] if int(line[1]) in completed]) <= LANES, name


@pytest.mark.parametrize(("step", "least"), [(150, 30)])
def test_every_cell_runs_exactly_once(tmp_path, step, least):
    (tmp_path / "out").mkdir()
    ended = fault_runs(tmp_path / "root", tmp_path / "out", step, **SECONDS)
    check(ended, (tmp_path / "out/ran").read_text())
    assert len(ended) >= least
    assert {found.get("sweep") for found in ended.values()} <= {None, "completed"}


def test_a_cancelled_sweep_ends_as_one_and_starts_nothing_more(tmp_path):
    (tmp_path / "out").mkdir()
    ended = fault_runs(tmp_path / "root", tmp_path / "out", 300, "cancel", **SECONDS)
    check(ended, (tmp_path / "out/ran").read_text())
    assert {found.get("sweep") for found in ended.values()} <= {None, "completed", "cancelled"}
    assert "cancelled" in {found.get("sweep") for found in ended.values()}


@given(st.integers(1, 3), st.integers(5, 12), st.integers(0, 2**32), st.booleans())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_threads_never_start_too_many_nor_one_that_was_cancelled(app, client, tmp_path, at_once, size, seed, fail_fast):
    roomy(cluster_of(app), tmp_path / "state")
    flows, chance = Sweeps(client), random.Random(seed)
    name = f"s{seed}-{at_once}-{size}-{time.time_ns()}"
    note = f"echo {name} {{{{ n }}}} %s $(date +%%s%%N) >> out"
    flows.create("some", [job("cell", f"{note % 'begins'}; sleep 0.05; {note % 'ends'}")], args={"n": 0})
    sweep_id = flows.sweep("some", {"n": list(range(size))}, max_parallel=at_once, fail_fast=fail_fast)
    cancelled = race(app, sweep_id, chance)
    lines = [line.split() for line in (tmp_path / "out").read_text().splitlines() if line.startswith(f"{name} ")]
    begun = Counter(int(line[1]) for line in lines if line[2] == "begins")
    assert most_at_once(lines) <= at_once and set(begun.values()) <= {1}
    assert not cancelled & set(begun) and len(begun) + len(cancelled) == size


def race(app, sweep_id: int, chance: random.Random) -> set[int]:
    """Six threads that see to the sweep until it is over, and two that cancel waiting cells; which those were."""
    cluster, cancelled, faults = cluster_of(app), set(), []

    def until_over(step) -> None:
        try:
            while sweeps.show(sweep_id).status not in TERMINAL:
                step()
                sweep = sweeps.show(sweep_id)
                assert sum(getattr(sweep, f"cells_{state}") for state in CELL_STATES) == sweep.cell_count
        except Exception as fault:
            faults.append(fault)

    def cancel() -> None:
        time.sleep(chance.random() / 2)
        waiting = [cell.run for cell in sweeps.cells(sweep_id) if cell.run.is_pending and cell.run.lane is None]
        if len(waiting) > 1:
            run = chance.choice(waiting)
            if Run.update(cancel_requested_at=1).where((Run.id == run.id) & Run.lane.is_null()).execute():
                cancelled.add(run.cell)
                with contextlib.suppress(Invalid):  # a tick was quicker
                    runs.cancel(cluster, run.id)

    steps = [lambda: tick(cluster), lambda: beat(cluster), lambda: sweeps.refresh(cluster, sweep_id, 0.1)] * 2
    threads = [threading.Thread(target=until_over, args=(step,)) for step in [*steps, cancel, cancel]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    return cancelled


@given(st.integers(1, 6), st.dictionaries(st.integers(0, 5), st.integers(1, 2)), st.booleans())
def test_free_places_are_those_of_empty_lanes_and_behind_single_ones(most, numbers, is_ahead):
    held = {lane: [Held(f"{lane}.{n}") for n in range(number)] for lane, number in numbers.items()}
    found = list(free(held, most, is_ahead))
    assert {place.lane for place in found if place.after is None} == set(range(most)) - set(numbers)
    behind = {place.lane for place in found if place.after is not None}
    assert behind == ({lane for lane, number in numbers.items() if number == 1} if is_ahead else set())


@given(st.dictionaries(st.sampled_from("abcde"), st.lists(st.integers(), min_size=1, max_size=4), min_size=1))
def test_a_matrix_has_every_combination_once(axes):
    cells = Matrix(axes).cells()
    assert len(cells) == Matrix(axes).size
    assert all(list(cell) == list(axes) for cell in cells)
    for axis, values in axes.items():
        assert Counter(cell[axis] for cell in cells) == Counter(values * (len(cells) // len(values)))
