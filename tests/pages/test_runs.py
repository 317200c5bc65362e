"""The Runs page and the page of a run, on the embedded executor."""

import re
import time

import pytest

from srunx_web.cluster.shell import LocalShell
from srunx_web.core.model import Chunk
from srunx_web.store import JobRow, Run, connected, db
from tests.conftest import cluster_of
from tests.flows import Flows, diamond, job, node_of, written_job, written_run

POLL = re.compile(r'id="run" data-poll hx-get="([^"]*)"')
HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def flows(client):
    """Workflows on the embedded executor."""
    return Flows(client)


def poll_of(page: str) -> str:
    """Where the page asks for what has changed."""
    return POLL.search(page)[1].replace("&amp;", "&")


# ---- the list


def test_an_empty_list_teaches_the_first_step(client):
    page = client.get("/runs").text
    assert "Nothing has run yet" in page and 'href="/workflows"' in page


def test_runs_are_rows_with_their_jobs_counted_newest_first(client, flows):
    first = flows.start("good", diamond())
    flows.wait(first)
    second = flows.start("bad", diamond("exit 3"))
    flows.wait(second)
    page = client.get("/runs").text
    assert page.index(second) < page.index(first)
    assert "4 done" in page and "1 failed" in page and "1 unreached" in page


def test_the_list_is_filtered_by_its_address(client, flows):
    for name in ("good", "other"):
        flows.wait(flows.start(name, [job("one")]))
    for query in ("q=goo", "workflow=good", "q=good&state=completed"):
        rows = client.get(f"/runs/rows?{query}").text
        assert ">good<" in rows and ">other<" not in rows
    assert "No run matches" in client.get("/runs?state=failed").text
    assert ">other<" in client.get("/runs?state=nonsense&page=x").text


def test_an_unchanged_list_is_answered_204(client, flows):
    flows.wait(flows.start("good", [job("one")]))
    poll = re.search(r'id="runs" data-poll hx-get="([^"]*)"', client.get("/runs").text)[1].replace("&amp;", "&")
    assert client.get(poll).status_code == 204
    flows.wait(flows.start("good", [job("one")]))
    assert client.get(poll).status_code == 200


def test_the_list_has_pages_of_fifty(app, client):
    _write_runs(app, 120)
    page = client.get("/runs?page=3").text
    assert page.count("<tr id=") == 20 and "101–120 of 120" in page
    assert "No such page" in client.get("/runs?page=9").text


def test_a_run_that_ended_is_over_in_the_list_without_a_tick(client, flows):
    run_id = flows.start("good", [job("one")])
    for _ in range(100):
        if "completed" in client.get("/runs").text:
            return
        time.sleep(0.1)
    raise AssertionError(flows.show(run_id))


def _write_runs(app, number: int) -> None:
    with connected(), db.atomic():
        for place in range(number):
            written_run(app, "many", status="completed", started_at=1000 + place, completed_at=2000)


# ---- a run


def test_the_page_shows_every_job_and_why_some_never_start(client, flows):
    run_id = flows.start("bad", diamond("echo oh; exit 3"))
    flows.wait(run_id)
    page = client.get(f"/runs/{run_id}").text
    assert "2 of 4 jobs done" in page
    assert "exit 3" in node_of(page, "left") and "completed" in node_of(page, "right")
    assert "never starts (left)" in node_of(page, "finish")
    assert "never starts: afterok left" in client.get(f"/runs/{run_id}?job=finish").text.lower()


def test_the_graph_is_live_until_nothing_can_change(client, flows):
    run_id = flows.start("slow", diamond("sleep 2"))
    poll = poll_of(client.get(f"/runs/{run_id}").text)
    flows.wait(run_id)
    assert poll.startswith(f"/runs/{run_id}/state?v=")
    text = client.get(poll).text
    assert "4 of 4 jobs done" in text and "hx-get" not in text.split('id="jobs"')[0]


def test_an_unchanged_run_is_answered_204(client, flows):
    run_id = flows.start("slow", [job("one", "sleep 60"), job("two", "true", "one")])
    flows.wait_job(run_id, "one", "RUNNING")
    for _ in range(20):  # the reasons of waiting jobs settle first
        poll = poll_of(client.get(f"/runs/{run_id}").text)
        time.sleep(0.2)
        if client.get(poll).status_code == 204:
            break
    assert client.get(poll).status_code == 204
    assert client.get(re.sub("until=.*", "until=5", poll)).status_code == 200  # a time line grows
    assert client.get(poll.replace("v=", "v=x")).status_code == 200


def test_errors_of_failed_jobs_stand_on_the_page(client, flows):
    run_id = flows.start("bad", diamond("seq 50; echo 'RuntimeError: bad' >&2; exit 3"))
    flows.wait(run_id)
    page = client.get(f"/runs/{run_id}").text
    failure = page.split('class="failure"')[1]
    assert "RuntimeError: bad" in failure and "45\n46\n" in failure and "44\n" not in failure
    link = re.search(r'href="(/jobs/\d+\?[^"]*)"', failure)[1].replace("&amp;", "&")
    assert '<mark id="at">45' in client.get(link).text


class SlowShell(LocalShell):
    """This machine, when its files are slow."""

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """After more than a page waits."""
        time.sleep(1.2)
        return super().read(path, offset, limit, timeout)


def test_a_slow_cluster_makes_no_slow_page_and_the_errors_come_later(app, client, flows):
    run_id = flows.start("bad", [job(name, f"echo because of {name}; exit 3") for name in ("one", "two", "three")])
    flows.wait(run_id)
    cluster_of(app).scheduler.shell = SlowShell()
    begun = time.monotonic()
    page = client.get(f"/runs/{run_id}").text
    assert time.monotonic() - begun < 1.2
    assert page.count("has not come yet") == 3 and f'hx-get="/runs/{run_id}/failures"' in page
    time.sleep(1.2)
    text = client.get(f"/runs/{run_id}/failures").text
    assert all(f"because of {name}" in text for name in ("one", "two", "three"))
    assert "data-poll" not in text


def test_stderr_of_its_own_is_what_is_shown(app, client, flows):
    place = app.extensions["srunx"].settings.workflow_dir
    place.mkdir(parents=True)
    script = "#!/bin/bash\n#SBATCH -o out.txt -e err.txt\necho fine\necho wrong >&2\nexit 4\n"
    (place / "split.sh").write_text(script)
    run_id = flows.start("split", [{"name": "one", "script_path": "split.sh"}])
    flows.wait(run_id)
    failure = client.get(f"/runs/{run_id}").text.split('class="failure"')[1]
    assert "wrong" in failure and "fine" not in failure and "Open stderr here" in failure


def test_what_jobs_print_is_shown_harmless(client, flows):
    run_id = flows.start("hostile", [job("one", f"echo '{HOSTILE}'; exit 1")])
    flows.wait(run_id)
    for path in ("", "?job=one", "?job=one&stream=script", "?view=list", "/failures", "/drawer?job=one"):
        text = client.get(f"/runs/{run_id}{path}").text
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in client.get(f"/runs/{run_id}").text


def test_the_drawer_has_facts_log_and_script(client, flows):
    run_id = flows.start("good", diamond("echo from the left"))
    ids = flows.wait(run_id)["job_ids"]
    page = client.get(f"/runs/{run_id}?job=left").text
    assert f'href="/jobs/{ids["left"]}"' in page and "from the left\n" in page
    assert 'id="n-left" class="job-node done" href="?job=left" aria-current="true"' in page
    script = client.get(f"/runs/{run_id}?job=left&stream=script").text
    assert "#SBATCH" in script
    assert page.count('id="tail"') == page.count('id="missing"') == 1


def test_a_link_within_the_page_brings_the_drawer_alone(client, flows):
    run_id = flows.start("good", [job("one")])
    flows.wait(run_id)
    headers = {"HX-Request": "true", "HX-Boosted": "true"}
    text = client.get(f"/runs/{run_id}?job=one", headers=headers).text
    assert text.lstrip().startswith("<aside") and "<html" not in text
    assert '<aside id="drawer" hidden' in client.get(f"/runs/{run_id}?job=nobody", headers=headers).text


def test_the_facts_ask_again_only_while_the_job_lives(client, flows):
    run_id = flows.start("slow", [job("one", "sleep 2")])
    flows.wait_job(run_id, "one", "RUNNING")
    page = client.get(f"/runs/{run_id}?job=one").text
    poll = re.search(r'id="job-facts" data-poll hx-get="([^"]*)"', page)[1].replace("&amp;", "&")
    assert client.get(poll).status_code == 204
    flows.wait(run_id)
    assert "hx-get" not in client.get(poll).text


@pytest.mark.parametrize("query", ["job=x", "view=cube", "stream=<b>", "v=1&offset=-1", "job=" + "x" * 999])
def test_a_senseless_query_is_as_if_it_were_not_there(client, flows, query):
    run_id = flows.start("good", [job("one")])
    assert client.get(f"/runs/{run_id}?{query}").status_code == 200


def test_what_is_no_run_is_not_found(client):
    for path in ("/runs/nobody", "/runs/nobody/state", "/runs/nobody/failures", "/runs/nobody/drawer"):
        assert client.get(path).status_code == 404
    assert client.post("/runs/nobody/cancel", data={"confirmed": "1"}).status_code == 404


def test_the_jobs_as_a_list(client, flows):
    run_id = flows.start("bad", diamond("exit 3"))
    flows.wait(run_id)
    rows = re.findall(r'<tr id="n-(\w+)".*?</tr>', client.get(f"/runs/{run_id}?view=list").text, re.S)
    assert sorted(rows) == ["finish", "left", "prepare", "right"]


def test_only_the_jobs_of_this_cluster_are_looked_at(app, client, flows):
    run_id = flows.start("good", [job("one", "exit 1")])
    flows.wait(run_id)
    with connected():
        Run.update(cluster="elsewhere").where(Run.id == run_id).execute()
        JobRow.update(cluster="elsewhere").execute()
    page = client.get(f"/runs/{run_id}?job=one").text
    assert "belongs to elsewhere" in page and "/jobs/1" not in page and "data-confirm" not in page


# ---- size


def test_a_run_of_a_thousand_jobs_is_a_page_of_less_than_300_kb(app, client):
    run_id = _thousand(app)
    text = client.get(f"/runs/{run_id}/state").text
    assert text.count("job-node") == 1000 and len(text) < 300_000
    begun = time.process_time()
    assert client.get(poll_of(text)).status_code == 204
    assert time.process_time() - begun < 0.2


def _thousand(app) -> str:
    """A run of a thousand jobs that wait for each other."""
    now = int(time.time())
    with connected(), db.atomic():
        run_id = written_run(app, "thousand", status="running", started_at=now)
        for place in range(1000):
            parents = [["afterok", f"step-{other:04}"] for other in {place // 2, place // 3} if other < place]
            known = {"job_id": place + 10_000, "submit_time": now, "reason": "Dependency"}
            written_job(run_id, f"step-{place:04}", place, depends_on=parents, **known)
    return run_id
