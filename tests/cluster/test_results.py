"""Metrics of cells on a real Slurm, over SSH."""

import time

import pytest

from srunx_web.cluster import lastmatch
from srunx_web.cluster.lastmatch import END_LIMIT, Read
from srunx_web.services import results
from srunx_web.store import RunJob
from tests.conftest import Jobs, close, cluster_of, make_app
from tests.sweeping import written_cell, written_sweep

pytestmark = pytest.mark.cluster
FAR = "echo acc=0.25; yes 'epoch done, nothing to see' | head -c 3000000"
NEAR = "printf 'acc=0.5\\racc=0.75'; echo '{\"auc\": [1, 0.5]}' >'it is\nodd 2'"


@pytest.fixture
def app(slurm, shared, tmp_path):
    """Over SSH; jobs write into the shared."""
    app = make_app(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ())
    yield app
    close(app)


def test_metrics_are_read_where_the_logs_are(app, client, shared):
    jobs = Jobs(client)
    metrics = {
        "acc": r"acc=([0-9.]+)",
        "auc": {"file": "it is{{ nl }}odd {{ lr }}", "key": "auc.1"},
    }
    sweep = written_sweep(app, metrics, {"lr": [1, 2, 3]})
    ids = [jobs.submit(text) for text in (FAR, NEAR, "exit 1")]
    for number, id_ in enumerate(ids):
        jobs.wait(id_, "COMPLETED", "FAILED", seconds=60)
        ended = {"completed_at": time.time() - 1000, "status": "failed" if number == 2 else "completed"}
        written_cell(app, sweep, number, {"train": id_}, resolved={"lr": number + 1, "nl": "\n"}, **ended)
    RunJob.update(work_dir=shared).execute()
    results.collect(cluster_of(app))
    cells = {row.number: row for row in results.table(sweep.id).rows}
    assert [row.metrics for row in cells.values()] == [{"acc": 0.25}, {"acc": 0.75, "auc": 0.5}, {}]
    assert cells[2].faults["acc"] == "no match in the log of train" and cells[2].log == ("train", ids[2])
    assert cells[0].faults["auc"] == f"there is no {shared}/it is\nodd 1"


def test_many_logs_are_read_in_one_call(app, shared):
    shell = cluster_of(app).scheduler.shell
    shell.run(["sh", "-c", 'cd "$1"; for i in $(seq 100); do echo "acc=$i" >"log $i"; done; mkfifo pipe', "sh", shared])
    reads = [Read(f"{shared}/log {number}", END_LIMIT, "acc=.*") for number in range(1, 101)]
    told = lastmatch.ask(shell, [*reads, Read(f"{shared}/pipe", 9), Read(f"{shared}/no", 9)], 20)
    assert [told[read].text for read in reads] == [f"acc={number}\n" for number in range(1, 101)]
    assert [one.problem for one in list(told.values())[100:]] == [
        f"{shared}/pipe is not a file", f"there is no {shared}/no",
    ]  # fmt: skip
