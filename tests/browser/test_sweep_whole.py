"""A sweep of 27 cells from the dialog to the best of its results, on the real cluster over SSH, through a kill -9."""

import itertools
import re
from collections import Counter

import pytest

from tests.server import Server

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = [pytest.mark.browser, pytest.mark.cluster]

A, B, C = (1, 2, 3), (0.1, 0.2, 0.3), (4, 5, 6)
TEXT = """\
args: {a: 0, b: 0, c: 0}
metrics:
  score: 'score=([0-9.]+)'
jobs:
  - name: cell
    command:
      - sh
      - -c
      - >-
        echo {{ a }} {{ b }} {{ c }} $SLURM_MEM_PER_NODE >> ran; sleep 1; echo score=0.5;
        case '{{ a }} {{ b }} {{ c }}' in '2 0.3 5'|'3 0.1 4') [ $SLURM_MEM_PER_NODE -ge 128 ] || exit 9;; esac;
        awk 'BEGIN {
        printf "score=%.3f\\n", 10 - ({{ a }} - 1.9) ^ 2 - (10 * {{ b }} - 2.8) ^ 2 - ({{ c }} - 5.1) ^ 2 }'
    resources: {memory_per_node: 64M, time_limit: 0:05:00}
"""


@pytest.fixture
def server(slurm, shared, tmp_path):
    server = Server(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ()).wait()
    yield server
    server.close()


def score(a: float, b: float, c: float) -> float:
    """What the cells compute, computed here."""
    return round(10 - ((a - 1.9) ** 2 + (10 * b - 2.8) ** 2 + (c - 5.1) ** 2), 3)


def test_a_sweep_from_the_dialog_to_its_best_cell(page, server, slurm, shared):
    assert server.post("/api/workflows/upload", {"filename": "grid.yaml", "yaml": TEXT})[0] == 200
    page.goto(f"{server.url}/workflows/grid/run")
    for name, text in (("a", "1..3"), ("b", "0.1..0.3..0.1"), ("c", "lin(4,6,3)")):
        turn_into_a_list(page, name, text)
    page.get_by_role("button", name="Run sweep (27 cells)").click()
    page.wait_for_url(re.compile(r"/sweeps/\d+"))
    expect(page.locator("main")).to_contain_text(re.compile(r"[1-9]\d* completed"), timeout=30000)
    server.restart()
    expect(page.locator("main")).to_contain_text("2 failed", timeout=90000)
    expect(page.locator("main")).to_contain_text("25 completed", timeout=60000)
    before = Counter(line.rpartition(" ")[0] for line in slurm.user("cat", f"{shared}/ran").splitlines())
    assert len(before) == 27 and set(before.values()) == {1}
    rerun(page, "128M")
    ran = [line.rsplit(" ", 1) for line in slurm.user("cat", f"{shared}/ran").splitlines()]
    assert sorted(ran[27:]) == [["2 0.3 5", "128"], ["3 0.1 4", "128"]] and {memory for _, memory in ran[:27]} == {"64"}
    best = max(itertools.product(A, B, C), key=lambda point: score(*point))
    row = page.locator("#results tbody tr").first
    for word in (*best, score(*best)):
        expect(row).to_contain_text(str(word))


def turn_into_a_list(page, name: str, text: str) -> None:
    """SINGLE | LIST, and what is typed then."""
    page.get_by_role("radiogroup", name=f"Values of {name}").get_by_text("List").click()
    page.get_by_label(f"{name} as a list").fill(text)


def rerun(page, memory: str) -> None:
    """Only the two that failed, with more memory; until all are done."""
    page.get_by_role("link", name="Rerun 2 failed").first.click()
    page.get_by_label("memory_per_node").fill(memory)
    page.get_by_role("button", name=re.compile("Rerun 2")).click()
    expect(page.locator("main")).to_contain_text("27 completed", timeout=60000)
