"""Metrics of cells on the embedded executor, from real logs and files to /api/sweep_runs/ID/results."""

import csv
import io
import os
import time

import pytest

from srunx_web.core.logpaths import log_paths
from srunx_web.services import readings, results
from srunx_web.store import JobRow, Result, Run, RunJob, connected
from tests.conftest import cluster_of
from tests.sweeping import written_cell, written_sweep

LONG_AGO = 10_000  # the logs of a cell that ended then can't change any more


@pytest.fixture
def over(app, jobs, tmp_path):
    """over(sweep, number, text): a cell whose job printed that with its folder as $1, ended long ago; its run's id."""

    def cell(sweep, number: int, text: str, **more) -> str:
        id_ = jobs.run(f"set -- {tmp_path}\n{text}")
        more = {"completed_at": time.time() - LONG_AGO, **more}
        return written_cell(app, sweep, number, {"train": id_}, **more)

    return cell


@pytest.fixture
def read(app, client):
    """read(sweep): the cells of the table by number, after a look at their logs."""

    def cells(sweep, **query) -> dict[int, dict]:
        results.collect(cluster_of(app))
        answer = client.get(f"/api/sweep_runs/{sweep.id}/results", query_string=query)
        assert answer.status_code == 200, answer.text
        return {cell["cell"]: cell for cell in answer.json["cells"]}

    return cells


def log() -> str:
    """Where the only job writes."""
    return log_paths(JobRow.get().job)[0]


def test_metrics_of_logs_and_files_become_a_table_with_the_best_first(app, client, over, read, tmp_path):
    metrics = {"acc": "acc=([0-9.]+)", "loss": r"loss=(\S+)", "auc": {"file": "out/{{ lr }}.json", "key": "test.0"}}
    sweep = written_sweep(app, metrics)
    write = "mkdir -p $1/out; echo '{\"test\": [%s]}' >$1/out/%s.json; echo acc=0.1; echo acc=%s loss=%s"
    for number, (auc, lr, acc, loss) in enumerate([(0.5, 0.1, 0.6, "nan"), ("NaN", 0.2, 0.8, 2), (0.7, 0.3, 0.7, 1)]):
        over(sweep, number, write % (auc, lr, acc, loss))
    RunJob.update(work_dir=str(tmp_path)).execute()
    cells = read(sweep)
    assert list(cells) == [2, 3, 1]
    assert cells[2]["metrics"] == {"acc": 0.8, "loss": 2, "auc": "NaN"} and cells[2]["args"] == {"lr": 0.2}
    assert cells[1]["metrics"]["loss"] == "NaN" and not cells[1]["faults"] and cells[1]["duration_seconds"] >= 0
    best = {one["name"]: one["best"] for one in client.get(f"/api/sweep_runs/{sweep.id}/results").json["metrics"]}
    assert best == {"acc": [2], "loss": [3], "auc": [3]}
    assert list(read(sweep, sort="loss")) == [3, 2, 1] and list(read(sweep, sort="lr", reverse="1")) == [3, 2, 1]


def test_csv_comes_by_format_or_by_accept_as_a_file(app, client, over):
    sweep = written_sweep(app, {"note": r"note=(\S+)"}, {"lr": ["=1+1", 2]})
    over(sweep, 0, "echo note=@home")
    over(sweep, 1, "echo nothing")
    results.collect(cluster_of(app))
    answer = client.get(f"/api/sweep_runs/{sweep.id}/results?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="flow-sweep-{sweep.id}.csv"'
    first, second = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (first["lr"], first["note"], second["lr"], second["note"]) == ("'=1+1", "'@home", "2", "")
    assert second["faults"] == "note: no match in the log of train"
    assert client.get(f"/api/sweep_runs/{sweep.id}/results", headers={"Accept": "text/csv"}).text == answer.text
    assert client.get(f"/api/sweep_runs/{sweep.id}/results", headers={"Accept": "*/*"}).json["sweep_run_id"] == sweep.id


@pytest.mark.parametrize(("id_", "status"), [("x", 422), ("1.5", 422), ("0", 400), ("-1", 400), (str(2**63), 400),
                                             ("99", 404), (str(2**63 - 1), 404)])  # fmt: skip
def test_what_is_no_sweep_is_refused(client, id_, status):
    answer = client.get(f"/api/sweep_runs/{id_}/results")
    assert answer.status_code == status and answer.json["detail"]
    assert status != 404 or answer.json["detail"] == f"Sweep run {id_} not found"


@pytest.mark.parametrize("query", ["sort=nope", "format=xml", "reverse=perhaps"])
def test_a_table_that_can_not_be_made_is_refused_by_its_place(app, client, query):
    answer = client.get(f"/api/sweep_runs/{written_sweep(app).id}/results?{query}")
    assert answer.status_code == 422 and answer.json["errors"][0]["loc"] == ["query", query.partition("=")[0]]


def test_failed_cancelled_and_running_cells_are_there_as_such(app, over, read):
    sweep = written_sweep(app, {"acc": "acc=(.*)"}, {"lr": [1, 2, 3, 4]})
    over(sweep, 0, "echo acc=0.9; exit 1", status="failed")
    over(sweep, 1, "echo acc=0.5")
    written_cell(app, sweep, 2, {"train": None}, status="cancelled")
    written_cell(app, sweep, 3, {"train": None}, status="running", completed_at=None)
    cells = read(sweep)
    assert list(cells) == [2, 1, 3, 4]
    assert cells[1]["metrics"] == {"acc": 0.9} and cells[1]["status"] == "failed" and cells[1]["job"] == "train"
    assert cells[3]["faults"] == {"acc": "no job of the cell has started"} and cells[4]["faults"] == {}
    assert Result.select().where(Result.is_final).count() == 3


def test_a_log_that_is_late_is_read_again_until_it_can_not_change(app, over, read, monkeypatch):
    monkeypatch.setattr(readings, "RETRY_SECONDS", 0)
    sweep = written_sweep(app, {"acc": "acc=(.*)"})
    run_id = over(sweep, 0, "echo acc=0.1", completed_at=time.time())
    path = log()
    assert read(sweep)[1]["metrics"] == {"acc": 0.1} and not Result.get().is_final
    with open(path, "a") as file:
        file.write("acc=0.2\n")
    Run.update(completed_at=time.time() - LONG_AGO).where(Run.id == run_id).execute()
    assert read(sweep)[1]["metrics"] == {"acc": 0.2} and Result.get().is_final
    os.unlink(path)
    assert read(sweep)[1]["metrics"] == {"acc": 0.2}


def test_a_lost_log_is_told_and_not_read_for_ever(app, over, read):
    sweep = written_sweep(app, {"acc": "acc=(.*)"})
    over(sweep, 0, "echo acc=1")
    path = log()
    os.rename(path, f"{path}.gone")
    assert read(sweep)[1]["faults"] == {"acc": f"there is no {path}"} and Result.get().is_final


def test_the_last_job_that_has_a_match_counts_unless_one_is_named(app, jobs, read):
    metrics = {
        "acc": "acc=(.*)",
        "first": {"pattern": "acc=(.*)", "job": "train"},
        "none": {"file": "x", "job": "plot"},
    }
    sweep = written_sweep(app, metrics, names=("train", "test", "report", "plot"))
    ids = [jobs.run(f"echo {text}") for text in ("acc=1", "acc=2", "done")]
    written_cell(app, sweep, 0, {"train": ids[0], "test": ids[1], "report": ids[2], "plot": None})
    cell = read(sweep)[1]
    assert cell["metrics"] == {"acc": 2, "first": 1, "none": None}
    assert cell["faults"] == {"none": "plot has not started"}


def test_a_job_that_was_carried_over_has_the_log_of_its_own_run(app, over, read):
    sweep = written_sweep(app, {"acc": "acc=(.*)"})
    first = over(sweep, 0, "echo acc=7", is_current=False, status="failed")
    again = written_cell(app, sweep, 0, attempt=2)
    with connected():
        kept = RunJob.get(RunJob.run == first)
        RunJob.create(run=again, name="train", position=0, depends_on=[], resources={}, folders=[], carried_from=first,
                      job_id=kept.job_id, state="COMPLETED", start_time=kept.start_time)  # fmt: skip
    cell = read(sweep)[1]
    assert cell["metrics"] == {"acc": 7} and cell["attempt"] == 2 and cell["duration_seconds"] is None


HOSTILE = {"slow": "(a+)+$", "acc": r"acc=(\d+)", "deep": {"file": "deep.json"}, "pipe": {"file": "pipe"},
           "odd": {"file": "{{ 'two\\nlines' }}", "key": "odd"}, "big": {"file": "big.json"}, "loop": {"file": "."},
           "outside": {"file": "{{ lr.__class__ }}"}}  # fmt: skip
FILES = """cd $1; [ -p pipe ] || mkfifo pipe; printf '%010000d' 0 | tr 0 [ >deep.json; echo '{"odd": 3}' >'two
lines'; head -c 300000 /dev/zero | tr '\\0' ' ' >big.json"""


@pytest.mark.parametrize("text", [
    "echo acc=5; yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab | head -100000",
    "echo acc=5; head -c 30000000 /dev/zero | tr '\\0' a",
    "echo acc=5; head -c 3000000 /dev/urandom",
    "printf 'acc=4\\racc=5\\r'; echo",
], ids=["slow", "one line", "binary", "progress"])  # fmt: skip
def test_a_hostile_cell_is_read_in_bounded_time(app, over, read, tmp_path, text):
    sweep = written_sweep(app, HOSTILE)
    over(sweep, 0, f"{FILES}\n{text}")
    RunJob.update(work_dir=str(tmp_path)).execute()
    begun = time.monotonic()
    cell = read(sweep)[1]
    assert time.monotonic() - begun < 60 and Result.get().is_final
    assert {name: value for name, value in cell["metrics"].items() if value is not None and name != "slow"} == {
        "acc": 5, "odd": 3,
    }  # fmt: skip
    faults = cell["faults"]
    assert "nested too deeply" in faults["deep"] and "larger than 256 kB" in faults["big"]
    assert "is not a file" in faults["pipe"] and "is not a file" in faults["loop"] and "__class__" in faults["outside"]
    os.unlink(log())


def test_without_a_connection_nothing_is_raised_and_all_is_read_later(app, over, read, monkeypatch, caplog):
    sweep = written_sweep(app, {"acc": "acc=(.*)"})
    over(sweep, 0, "echo acc=1")
    monkeypatch.setenv("PATH", "/nowhere")
    assert read(sweep)[1]["faults"] == {"acc": "it was not read yet"} and "metrics were not read: " in caplog.text
    monkeypatch.undo()
    assert read(sweep)[1]["metrics"] == {"acc": None}  # it rests
    readings._rest_until.clear()
    assert read(sweep)[1]["metrics"] == {"acc": 1}


def test_many_cells_are_read_in_few_calls(app, jobs, read):
    id_ = jobs.run("echo acc=3")
    sweep = written_sweep(app, {f"m{n}": "acc=(.*)" for n in range(10)}, {"lr": list(range(120))})
    for number in range(120):
        written_cell(app, sweep, number, {"train": None})
    with connected():
        kept = JobRow.get(JobRow.job_id == id_)
        RunJob.update(job_id=id_, start_time=kept.start_time, carried_from="x").execute()
    cells = read(sweep)
    assert {tuple(cell["metrics"].values()) for cell in cells.values()} == {(3,) * 10}


def test_sweeps_without_metrics_have_a_table_as_well(app, read):
    sweep = written_sweep(app)
    written_cell(app, sweep, 1)
    assert read(sweep)[2] | {"run_id": ""} == {
        "cell": 2, "run_id": "", "status": "completed", "attempt": 1, "duration_seconds": None, "args": {"lr": 0.2},
        "metrics": {}, "faults": {}, "job": None, "job_id": None,
    }  # fmt: skip
    assert not Result.select().exists()
