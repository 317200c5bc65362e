"""The Sweeps page and the page of a sweep, on the embedded executor."""

import re
import time

import pytest

from srunx_web.core.matrix import Matrix
from srunx_web.store import Result, Run, RunJob, Sweep, connected, db
from tests.flows import Flows, job, written_job
from tests.sweeping import written_cell, written_sweep

HOSTILE = "<script>alert(1)</script>"
STATES = ("pending", "running", "completed", "failed", "cancelled")


class Sweeps(Flows):
    """Sweeps are started and waited for."""

    def begin(self, name: str, jobs: list[dict], matrix: dict, **more) -> int:
        """Create a workflow with these axes as args, sweep over them, and return the sweep's id."""
        self.create(name, jobs, args={axis: values[0] for axis, values in matrix.items()})
        body = {"sweep": {"matrix": matrix, **more}}
        return self._answer(self._client.post(f"/api/workflows/{name}/run", json=body), 202)["sweep_run_id"]

    def settle(self, sweep_id: int, *states: str, seconds: float = 30) -> dict:
        """Wait until it is in one of these states (without any: over)."""
        wanted, end = states or ("completed", "failed", "cancelled"), time.monotonic() + seconds
        while (found := self.sweep(sweep_id))["status"] not in wanted:
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found

    def sweep(self, sweep_id: int) -> dict:
        """How it stands now."""
        return self._answer(self._client.get(f"/api/sweep_runs/{sweep_id}"), 200)


@pytest.fixture
def sweeps(client):
    """Sweeps on the embedded executor."""
    return Sweeps(client)


def written(app, states: list[str], matrix: dict | None = None, **more) -> Sweep:
    """A sweep on record whose cells are in these states, each a minute long; nobody goes on with it."""
    matrix = matrix or {"lr": [(place + 1) / 10 for place in range(len(states))]}
    counts = {f"cells_{state}": states.count(state) for state in STATES}
    usual = {"status": "completed", "completed_at": 2000, "started_at": 1000}
    sweep = written_sweep(app, matrix=matrix, **{**usual, **counts, **more})
    for number, state in enumerate(states):
        ended = 1060 + number if state not in ("pending", "running") else None
        error = "sbatch failed for 'train': no" if state == "failed" else None
        run_id = written_cell(app, sweep, number, status=state, started_at=1000, completed_at=ended, error=error)
        with connected():
            written_job(run_id, "train", state="COMPLETED" if ended else state.upper(), job_id=number + 100)
    return sweep


def rows_of(page: str) -> list[str]:
    """The rows of the cells, as their numbers."""
    return re.findall(r'<tr id="c(\d+)"', page)


def poll_of(page: str, part: str = "sweep") -> str:
    """Where that part of the page asks for what has changed."""
    return re.search(rf'id="{part}"[^>]* data-poll hx-get="([^"]*)"', page)[1].replace("&amp;", "&")


# ---- the list


def test_an_empty_list_teaches_what_a_sweep_is(client, sweeps):
    page = client.get("/sweeps").text
    assert "No sweep yet" in page and 'href="/workflows"' in page
    sweeps.create("train", [job("one", "echo {{ lr }}")], args={"lr": 1})
    assert 'href="/workflows/train/run"' in client.get("/sweeps").text


def test_sweeps_are_rows_with_their_cells_counted_newest_first(app, client):
    written(app, ["completed", "failed", "running"], status="running", completed_at=None, started_at=1)
    second = written(app, ["completed"] * 4, {"lr": [1, 2], "bs": [3, 4]}, workflow_name="grid", started_at=2)
    page = client.get("/sweeps").text
    assert page.index(f'id="s{second.id}"') < page.index('id="s1"')
    assert "1 completed" in page and "1 running" in page and "1<span> failed" in page
    assert "<code>lr</code> × 2, <code>bs</code> × 2 = 4" in page


def test_the_list_is_filtered_by_its_address(app, client):
    written(app, ["completed"], workflow_name="good")
    written(app, ["failed"], workflow_name="other", status="failed")
    for query in ("q=goo", "q=1", "q=%231", "workflow=good", "state=completed", "q=good&state=completed"):
        rows = client.get(f"/sweeps/rows?{query}").text
        assert ">good<" in rows and ">other<" not in rows, query
    assert "No sweep matches" in client.get("/sweeps?state=draining").text
    assert ">other<" in client.get("/sweeps?state=nonsense&page=x").text


def test_an_unchanged_list_is_answered_204(app, client):
    sweep = written(app, ["completed", "failed"])
    poll = poll_of(client.get("/sweeps").text, "sweeps")
    assert client.get(poll).status_code == 204
    with connected():
        Sweep.update(cells_failed=0, cells_completed=2).where(Sweep.id == sweep.id).execute()
    assert client.get(poll).status_code == 200


def test_the_list_has_pages_of_fifty(app, client):
    with connected(), db.atomic():
        for place in range(120):
            written_sweep(app, status="completed", started_at=place, completed_at=place + 1)
    page = client.get("/sweeps?page=3").text
    assert page.count("<tr id=") == 20 and "101–120 of 120" in page
    assert "No such page" in client.get("/sweeps?page=9").text


def test_what_is_left_is_told_once_two_cells_have_ended(app, client):
    now = time.time()
    written(app, ["completed", "pending"], status="running", completed_at=None, started_at=now)
    assert "not known yet" in client.get("/sweeps").text
    two = written(app, ["completed", "completed", "pending"], status="running", completed_at=None, started_at=now)
    assert "1 min" in client.get("/sweeps").text
    assert "about 1 min left" in client.get(f"/sweeps/{two.id}").text


# ---- a sweep


def test_the_page_shows_the_matrix_and_every_cell(app, client):
    states = ["completed", "failed", "pending", "running"]
    sweep = written(app, states, {"lr": [0.1, 0.2], "model": ["a", "b"]}, status="running", completed_at=None)
    page = client.get(f"/sweeps/{sweep.id}").text
    assert rows_of(page) == ["1", "2", "3", "4"] and "4 cells · 4 at a time" in page
    assert 'title="1 of 2 completed, 1 failed"' in page
    assert "sbatch failed for &#39;train&#39;: no" in page
    assert f'data-confirm="Cancel 2 cells of sweep {sweep.workflow_name}?"' in page
    assert "Rerun 1 failed cell" in page and f"/workflows/flow/run?like_sweep={sweep.id}" in page


def test_a_row_says_which_job_failed_and_how(client, sweeps):
    sweep_id = sweeps.begin("bad", [job("one"), job("two", "exit {{ n }}")], {"n": [0, 3]})
    sweeps.settle(sweep_id)
    page = client.get(f"/sweeps/{sweep_id}").text
    good, bad = re.findall(r'<tr id="c\d".*?</tr>', page, re.S)
    assert "2 of 2" in good and "1 of 2" in bad and ">two: exit 3</td>" in bad
    heads = page.split("<thead>")[1].split("</thead>")[0]
    assert bad.count("<td") == heads.count("<th") - heads.count("<thead") + heads.count("<td")


def test_cells_are_filtered_by_state_and_by_values(app, client):
    states = ["completed", "failed", "completed", "cancelled"]
    sweep = written(app, states, {"lr": [0.1, 0.2], "amp": [True, False]})
    shown = {
        "state=completed": ["1", "3"], "at.lr=0.2": ["3", "4"], "at.amp=true": ["1", "3"],
        "at.lr=0.2&at.amp=false": ["4"], "state=failed&at.lr=0.2": [], "at.nothing=1&state=x": ["1", "2", "3", "4"],
    }  # fmt: skip
    for query, numbers in shown.items():
        assert rows_of(client.get(f"/sweeps/{sweep.id}/state?{query}").text) == numbers, query
    assert "No cell matches" in client.get(f"/sweeps/{sweep.id}?state=running").text


def test_cells_are_sorted_by_a_column_with_those_without_a_value_last(app, client):
    sweep = written(app, ["completed", "failed", "pending"], {"lr": [10, 9, "x"]})
    with connected():
        for number, (start, end) in enumerate([(100, 150), (10, 20)]):
            mine = RunJob.run.in_(Run.select(Run.id).where(Run.cell == number))
            RunJob.update(start_time=start, end_time=end).where(mine).execute()
    orders = {"": "123", "-number": "321", "at.lr": "213", "-at.lr": "312", "started": "213", "-started": "123",
              "seconds": "213", "-seconds": "123", "state": "231", "nonsense": "123"}  # fmt: skip
    for sort, order in orders.items():
        assert rows_of(client.get(f"/sweeps/{sweep.id}?sort={sort}").text) == [*order], sort


def test_filters_stay_in_every_link(app, client):
    sweep = written(app, ["completed", "failed"])
    page = client.get(f"/sweeps/{sweep.id}?state=failed&sort=-number").text
    assert f'href="/sweeps/{sweep.id}?state=failed&amp;sort=-number&amp;cell=2"' in page
    assert f'href="/sweeps/{sweep.id}?state=failed&amp;sort=-number&amp;at.lr=0.1"' in page
    answer = client.get(f"/sweeps/{sweep.id}/state?state=failed&at.lr=0.2")
    assert answer.headers["HX-Replace-Url"] == f"/sweeps/{sweep.id}?state=failed&at.lr=0.2"


def test_an_unchanged_sweep_is_answered_204(app, client):
    sweep = written(app, ["completed", "running"], status="running", completed_at=None)
    poll = poll_of(client.get(f"/sweeps/{sweep.id}").text)
    assert client.get(poll).status_code == 204
    assert client.get(f"{poll}&until=5").status_code == 200  # an estimate wants to be told anew
    with connected():
        Run.update(status="failed", completed_at=1100).where((Run.sweep == sweep.id) & (Run.cell == 1)).execute()
    assert client.get(poll).status_code == 200


def test_what_is_over_asks_for_nothing(app, client):
    assert 'id="sweep" data-poll' not in client.get(f"/sweeps/{written(app, ['completed']).id}").text


def test_what_is_no_sweep_is_not_found(client):
    for path in ("", "/state", "/drawer", "/rerun"):
        assert client.get(f"/sweeps/99{path}").status_code == 404
    for path in ("/cancel", "/rerun", "/cells/x/cancel"):
        assert client.post(f"/sweeps/99{path}", data={"confirmed": "1"}).status_code == 404
    assert client.get(f"/sweeps/{'9' * 30}").status_code == 404


@pytest.mark.parametrize("query", ["cell=99", "cell=x", "state=<b>", "sort=at.", "all=perhaps", "job=x&cell=1", "v=1"])
def test_a_senseless_query_is_as_if_it_were_not_there(app, client, query):
    sweep = written(app, ["completed", "failed"])
    page = client.get(f"/sweeps/{sweep.id}?{query}")
    assert page.status_code == 200 and rows_of(page.text) == ["1", "2"]


def test_what_users_and_slurm_write_is_shown_harmless(app, client):
    sweep = written(app, ["failed", "completed"], {"text": [HOSTILE, '"onclick="x']}, error=HOSTILE)
    with connected():
        Run.update(error=HOSTILE).where(Run.sweep == sweep.id).execute()
    for path in ("", "?cell=1", "?at.text=%3Cscript%3E", "/rerun", "/state"):
        text = client.get(f"/sweeps/{sweep.id}{path}").text
        assert "<script>alert" not in text and '"onclick="' not in text
    assert "<script>alert" not in client.get("/sweeps").text


def test_metrics_bring_the_result_table_and_the_same_filters(app, client):
    sweep = written(app, ["completed", "completed", "failed"])
    with connected():
        Sweep.update(yaml=written_sweep(app, metrics={"acc": "acc=(.*)"}).yaml).where(Sweep.id == sweep.id).execute()
        for run in Run.select().where(Run.sweep == sweep.id, Run.status == "completed"):
            Result.create(run=run, metrics={"acc": 0.5 + run.cell / 10}, faults={}, read_at=1, is_final=True)
    page = client.get(f"/sweeps/{sweep.id}").text
    assert re.findall(r'<tr id="r(\d+)"', page) == ["2", "1", "3"] and 'id="plots"' in page
    assert re.findall(r'<tr id="r(\d+)"', client.get(f"/sweeps/{sweep.id}?at.lr=0.1").text) == ["1"]
    assert rows_of(client.get(f"/sweeps/{sweep.id}?view=cells").text) == ["1", "2", "3"]


# ---- the drawer


def test_the_drawer_has_the_log_of_a_cell(client, sweeps):
    sweep_id = sweeps.begin("talk", [job("say", "echo value {{ n }}"), job("then", "echo done")], {"n": [1, 2]})
    sweeps.settle(sweep_id)
    page = client.get(f"/sweeps/{sweep_id}?cell=2").text
    assert 'aria-label="Cell 2"' in page and "value 2\n" in client.get(f"/sweeps/{sweep_id}?cell=2&job=say").text
    assert '<option value="say"' in page and '<tr id="c2" data-v="completed1" aria-current="true">' in page
    assert "#SBATCH" in client.get(f"/sweeps/{sweep_id}?cell=2&job=say&stream=script").text
    assert page.count('id="tail"') == page.count('id="missing"') == 1


def test_a_link_within_the_page_brings_the_drawer_alone(app, client):
    sweep, headers = written(app, ["completed"]), {"HX-Request": "true", "HX-Boosted": "true"}
    text = client.get(f"/sweeps/{sweep.id}?cell=1", headers=headers).text
    assert text.lstrip().startswith("<aside") and "<html" not in text
    assert '<aside id="drawer" hidden' in client.get(f"/sweeps/{sweep.id}?cell=7", headers=headers).text


def test_the_drawer_offers_what_can_be_done_to_its_cell(app, client):
    sweep = written(app, ["running", "completed"], status="running", completed_at=None)
    alive, over = (client.get(f"/sweeps/{sweep.id}?cell={number}&view=cells").text for number in (1, 2))
    assert 'id="cancel-cell"' in alive and "&amp;cell=1" in alive.partition('id="cancel-cell"')[2][:300]
    assert 'id="cancel-cell"' not in over and f"/sweeps/{sweep.id}/rerun?cell=2" in over


def test_the_drawer_asks_again_while_its_cell_lives(client, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "sleep 2")], {"n": [1]})
    sweeps.settle(sweep_id, "running")
    with connected():
        run_id = Run.get().id
    sweeps.wait_job(run_id, "one", "RUNNING")
    poll = poll_of(client.get(f"/sweeps/{sweep_id}?cell=1").text, "job-facts")
    assert client.get(poll).status_code in (200, 204)
    sweeps.settle(sweep_id)
    answer = client.get(poll)
    assert "completed" in answer.text and "data-poll" not in answer.text


# ---- what is done to it


def test_a_sweep_is_cancelled_after_a_question_with_the_number_of_its_cells(client, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "sleep 60")], {"n": [1, 2, 3]}, max_parallel=1)
    sweeps.settle(sweep_id, "running")
    asked = client.post(f"/sweeps/{sweep_id}/cancel").text
    assert "Cancel 3 cells of sweep slow?" in asked and sweeps.sweep(sweep_id)["status"] == "running"
    answer = client.post(f"/sweeps/{sweep_id}/cancel", data={"confirmed": "1"})
    assert answer.status_code == 303 and answer.headers["Location"] == f"/sweeps/{sweep_id}"
    assert sweeps.settle(sweep_id)["status"] == "cancelled"
    page = client.get(f"/sweeps/{sweep_id}").text
    assert "3 cancelled" in page and "→ cancelled" in page and "Rerun 3 cells" in page


def test_draining_says_how_many_are_still_ending(app, client):
    states = ["completed", "running", "running", "cancelled"]
    sweep = written(app, states, status="draining", completed_at=None, cancel_requested_at=time.time() - 30)
    page = client.get(f"/sweeps/{sweep.id}").text
    assert (
        "2 cells are still ending" in page
        and "draining" in page
        and 'data-confirm-action="Cancel the sweep' not in page
    )


def test_one_cell_is_cancelled_and_the_filters_stay(client, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "sleep 60")], {"n": [1, 2]}, max_parallel=2)
    sweeps.settle(sweep_id, "running")
    with connected():
        run = Run.get((Run.sweep == sweep_id) & (Run.cell == 1))
    path = f"/sweeps/{sweep_id}/cells/{run.id}/cancel?state=running"
    assert "Cancel cell 2 of sweep slow?" in client.post(path).text
    answer = client.post(path, data={"confirmed": "1"})
    assert answer.headers["Location"] == f"/sweeps/{sweep_id}?state=running"
    assert sweeps.wait(run.id)["status"] == "cancelled" and sweeps.sweep(sweep_id)["status"] == "running"
    assert client.post(path, data={"confirmed": "1"}).status_code == 422


def test_only_what_failed_is_run_again_with_other_resources(client, sweeps, tmp_path):
    sweep_id = sweeps.begin("flaky", [job("one", f"[ {{{{ n }}}} = 1 ] || test -e {tmp_path}/ok")], {"n": [1, 2, 3]})
    assert sweeps.settle(sweep_id)["cells_failed"] == 2
    form = client.get(f"/sweeps/{sweep_id}/rerun").text
    assert "The 2 that failed" in form and "Rerun 2 failed cells" in form
    (tmp_path / "ok").touch()
    answer = client.post(f"/sweeps/{sweep_id}/rerun", data={"which": "failed", "resource.time_limit": "0:07:00"})
    assert answer.status_code == 303 and sweeps.settle(sweep_id)["status"] == "completed"
    page = client.get(f"/sweeps/{sweep_id}?cell=2").text
    assert page.count("attempt 2") >= 3 and "time_limit 0:07:00" in page and "rerun of 2 cells" in page


def test_chosen_cells_are_ticked_in_the_form(client, sweeps):
    sweep_id = sweeps.begin("good", [job("one")], {"n": [1, 2, 3]})
    sweeps.settle(sweep_id)
    form = client.get(f"/sweeps/{sweep_id}/rerun?cell=1&cell=3").text
    assert re.findall(r'name="cell" value="(\d)" checked', form) == ["1", "3"]
    client.post(f"/sweeps/{sweep_id}/rerun", data={"which": "chosen", "cell": ["1", "3"]})
    assert sweeps.settle(sweep_id)["status"] == "completed"
    with connected():
        assert sorted(run.cell for run in Run.select().where(Run.attempt == 2)) == [0, 2]


def test_a_refused_rerun_stands_in_its_place_with_nothing_lost(client, sweeps):
    sweep_id = sweeps.begin("good", [job("one")], {"n": [1]})
    sweeps.settle(sweep_id)
    data = {"which": "chosen", "cell": "1", "resource.nodes": "many", "resource.memory_per_node": "64G"}
    answer = client.post(f"/sweeps/{sweep_id}/rerun", data=data)
    assert answer.status_code == 422 and "Nothing was started." in answer.text and "nodes" in answer.text
    assert 'value="64G"' in answer.text and 'value="1" checked' in answer.text
    assert "job &#39;job&#39;" not in answer.text and "<li>nodes: " in answer.text
    assert client.post(f"/sweeps/{sweep_id}/rerun", data={"which": "failed"}).status_code == 422


# ---- a cell's run


def test_the_run_of_a_cell_leads_back_to_its_sweep(client, sweeps):
    sweep_id = sweeps.begin("flaky", [job("one", "exit 3")], {"n": [7, 8]})
    sweeps.settle(sweep_id)
    client.post(f"/sweeps/{sweep_id}/rerun", data={"which": "failed"})
    sweeps.settle(sweep_id)
    with connected():
        first = Run.get((Run.cell == 1) & (Run.attempt == 1))
    page = client.get(f"/runs/{first.id}").text
    assert (
        f'<a href="/sweeps/{sweep_id}?cell=2">cell 2</a> of <a href="/sweeps/{sweep_id}">sweep {sweep_id}</a>' in page
    )
    assert "attempt 1 of 2" in page and "<code>n</code> <b>8</b>" in page and "attempt 2</a>" in page


def test_the_list_of_runs_leaves_cells_out(app, client):
    written(app, ["completed"])
    assert "Nothing has run yet" in client.get("/runs").text


# ---- size


def test_a_thousand_cells_are_little_to_send_and_less_when_nothing_changed(app, client):
    sweep = _thousand(app)
    text = client.get(f"/sweeps/{sweep.id}/state").text
    assert len(rows_of(text)) == 200 and "200 of 1000 cells" in text and len(text) < 350_000
    assert client.get(poll_of(text)).status_code == 204
    assert len(rows_of(client.get(f"/sweeps/{sweep.id}/state?all=1").text)) == 1000


def _thousand(app) -> Sweep:
    """A sweep of a thousand cells, a quarter of them over."""
    matrix = {"lr": [place / 1000 for place in range(1, 11)], "seed": [*range(100)]}
    counts = {"cells_completed": 250, "cells_pending": 750}
    with connected(), db.atomic():
        sweep = written_sweep(app, matrix=matrix, **counts)
        for number in range(Matrix(matrix).size):
            is_over = number % 4 == 0
            more = {"status": "completed" if is_over else "pending", "completed_at": time.time() if is_over else None}
            run_id = written_cell(app, sweep, number, **more)
            written_job(run_id, "train", state="COMPLETED" if is_over else "PENDING", job_id=number + 1)
    return sweep
