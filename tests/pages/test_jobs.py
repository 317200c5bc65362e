"""The Jobs page and the page of a job, on the embedded executor."""

import re
import time

import pytest

from srunx_web.core.model import Submission
from srunx_web.services import jobs as service


def test_an_empty_queue_teaches_the_first_step(client):
    page = client.get("/jobs").text
    assert "No jobs of yours in the queue" in page and 'href="/jobs/new"' in page


def test_a_job_is_a_row_that_links_to_its_page(client, jobs):
    id_ = jobs.run("true", name="hello")
    page = client.get("/jobs").text
    assert f'<a class="main" href="/jobs/{id_}">hello</a>' in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b\"'"])
def test_a_name_is_escaped_everywhere(client, jobs, name):
    id_ = jobs.run("true", name=name)
    for path in ("/", "/jobs", "/jobs/rows", f"/jobs/{id_}", f"/jobs/{id_}/state", "/jobs?q=" + name[:5]):
        text = client.get(path).text
        assert name not in text and "<script>alert" not in text


def test_an_unchanged_poll_is_answered_204(client, jobs):
    jobs.run("true")
    page = client.get("/jobs").text
    poll = re.search(r'id="queue" data-poll hx-get="([^"]*)"', page)[1].replace("&amp;", "&")
    assert client.get(poll).status_code == 204
    assert client.get(poll + "x").status_code == 200


def test_a_filter_a_person_chose_is_in_the_address(client, jobs):
    jobs.run("true", name="train")
    answer = client.get("/jobs/rows?q=train&state=&partition=&sort=-name")
    assert answer.headers["HX-Replace-Url"] == "/jobs?q=train&sort=-name"
    assert "train" in answer.text


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "sort=;drop", "state=<b>", "whose=nobody", "open=1,2,x", "page=99999"]
)
def test_a_senseless_query_is_as_if_it_were_not_there(client, jobs, query):
    jobs.run("true", name="still here")
    assert "still here" in client.get(f"/jobs?{query}").text


def test_an_array_opens_into_its_tasks(client, jobs):
    id_ = jobs.run("#SBATCH -a 0-2\ntrue", name="sweep")
    closed, opened = client.get("/jobs").text, client.get(f"/jobs?open={id_}").text
    assert "3 tasks" in closed and f"{id_}_2" not in closed
    assert f'href="/jobs/{id_}_2"' in opened


def test_ticked_jobs_are_cancelled_after_a_question(client, jobs):
    ids = [str(jobs.submit("sleep 60")) for _ in range(3)]
    asked = client.post("/jobs/cancel", data={"ids": ids[:2]})
    assert "Cancel 2 jobs?" in asked.text
    client.post("/jobs/cancel", data={"ids": ids[:2], "confirmed": "1"})
    jobs.wait(ids[0], "CANCELLED")
    jobs.wait(ids[1], "CANCELLED")
    assert jobs.state(ids[2]) in ("RUNNING", "PENDING")


def test_all_that_match_are_cancelled_and_nothing_else(client, jobs):
    train, other = jobs.submit("sleep 60", name="train"), jobs.submit("sleep 60", name="other")
    answer = client.post("/jobs/cancel", data={"all": "1", "q": "train", "confirmed": "1"}, follow_redirects=True)
    assert "Cancelling 1 job" in answer.text
    jobs.wait(train, "CANCELLED")
    assert jobs.state(other) != "CANCELLED"


def test_what_is_no_id_is_not_cancelled(client):
    assert client.post("/jobs/cancel", data={"ids": ["1; reboot"], "confirmed": "1"}).status_code == 422


def test_the_page_of_a_job_has_its_log_and_facts(client, jobs):
    id_ = jobs.run("echo hello; exit 3", name="fails")
    page = client.get(f"/jobs/{id_}").text
    assert "hello\n" in page and "failed" in page and "3:0" in page
    assert "exited" in page or "exit code" in page


def test_the_log_goes_on_where_the_page_ended(client, jobs):
    id_ = jobs.submit("echo one; sleep 2; printf 'two\\nthr'; sleep 60")
    jobs.wait(id_, "RUNNING")
    poll = f"/jobs/{id_}/log?offset=0&seen=0"
    text = _until(client, poll, "one")
    after = _next(text)
    assert client.get(after).status_code == 204
    text = _until(client, after, "two")
    assert "one" not in text and re.search(r"two\n<span[^>]*>thr</span>", text)


def _until(client, path, word):
    """The first answer that holds the word."""
    for _ in range(60):
        answer = client.get(path)
        if word in answer.text:
            return answer.text
        time.sleep(0.1)
    raise AssertionError(f"{word} did not come")


def _next(text):
    return re.search(r'hx-get="([^"]+)"', text)[1].replace("&amp;", "&")


def test_a_finished_log_asks_no_more(client, jobs):
    id_ = jobs.run("echo done")
    assert 'id="tail">' in client.get(f"/jobs/{id_}/log?offset=5&seen=5").text


def test_a_log_is_shown_harmless(client, jobs):
    id_ = jobs.run(r"printf '\033[31mred\033[0m <b>bold</b> 10%%\r20%%\n'")
    page = client.get(f"/jobs/{id_}").text
    assert "20%" in page and "10%" not in page and "\x1b" not in page and "<b>bold" not in page


def test_the_whole_log_is_downloaded_as_it_is(client, jobs):
    id_ = jobs.run(r"printf '\033[31m\r\n'; head -c 5000000 /dev/zero")
    answer = client.get(f"/jobs/{id_}/log/raw")
    assert answer.data == b"\033[31m\r\n" + bytes(5_000_000)
    assert (
        answer.headers["Content-Disposition"].startswith("attachment")
        and "sandbox" in answer.headers["Content-Security-Policy"]
    )


def test_a_log_of_two_gigabytes_opens_by_its_end(client, jobs, tmp_path):
    id_ = jobs.run("echo begin")
    with open(tmp_path / f"slurm-{id_}.out", "r+b") as log:
        log.truncate(2 << 30)
        log.seek(0, 2)
        log.write(b"\nthe end\n")
    begun = time.monotonic()
    page = client.get(f"/jobs/{id_}").text
    assert "the end" in page and len(page) < 256 << 10
    assert time.monotonic() - begun < 2


def test_the_first_error_and_any_text_are_found_in_the_whole_log(client, jobs):
    id_ = jobs.run("for i in $(seq 20000); do echo line $i; done; echo RuntimeError: bad; seq 20000")
    answer = client.get(f"/jobs/{id_}/log/error")
    assert "RuntimeError: bad" in client.get(answer.headers["Location"]).text
    assert "line 12345" in client.get(f"/jobs/{id_}?find=LINE+12345").text


def test_the_script_is_shown_and_can_be_edited_anew(client, jobs):
    id_ = jobs.run("echo $HOME # <b>", name="mine")
    assert "&lt;b&gt;" in client.get(f"/jobs/{id_}?stream=script").text
    assert "echo $HOME # &lt;b&gt;" in client.get(f"/jobs/new?like={id_}").text


def test_unknown_jobs_have_a_page_that_says_so(client):
    answer = client.get("/jobs/999")
    assert answer.status_code == 404 and "999" in answer.text
    assert client.get("/jobs/abc").status_code == 422
    assert client.get("/jobs/0").status_code == 400


def test_a_lost_submission_is_told_and_can_be_sent_again(app, client):
    here = app.extensions["srunx"].cluster
    here.records.begin([Submission("#!/bin/sh\necho lost\n", "gone", "tag1")], "web", time.time() - 600)
    assert "being looked up" in client.get("/jobs").text
    service.look_up(here, time.time())
    assert "Nobody knows whether Slurm took" in client.get("/jobs").text
    assert "echo lost" in client.get("/jobs/new?tag=tag1").text


def test_a_follower_whose_file_is_away_for_a_moment_keeps_its_place(client, jobs, tmp_path):
    id_ = jobs.submit("echo one; sleep 60")
    jobs.wait(id_, "RUNNING")
    _until(client, f"/jobs/{id_}/log?offset=0&seen=0", "one")
    path = tmp_path / f"slurm-{id_}.out"
    path.rename(tmp_path / "away")
    assert client.get(f"/jobs/{id_}/log?offset=4&seen=4").status_code == 204


def test_a_follower_far_behind_is_taken_to_the_end(client, jobs):
    id_ = jobs.run("echo first; seq 200000; echo the real reason")
    text = client.get(f"/jobs/{id_}/log?offset=0&seen=0").text
    assert "skipped" in text and "the real reason" in text and "first" not in text


def test_find_runs_on_files_only(client, jobs):
    id_ = jobs.run("#SBATCH -o /dev/zero\ntrue")
    begun = time.monotonic()
    assert client.get(f"/jobs/{id_}?find=x").status_code == 200
    assert time.monotonic() - begun < 2


def test_a_waiting_task_has_a_page_before_it_has_an_id(client, jobs):
    id_ = jobs.submit("#SBATCH -H -a 1-9:2%2\ntrue")
    assert "pending" in client.get(f"/jobs/{id_}_5").text
    assert client.get(f"/jobs/{id_}_4").status_code == 404
