"""What holds for every page."""

import pytest

PAGES = ["/", "/jobs", "/jobs?whose=everyone", "/jobs/new", "/resources", "/api/docs"]


@pytest.mark.parametrize("path", PAGES)
def test_it_answers_and_asks_nobody_else(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert "//" not in answer.text.replace("<!doctype", "").split("<main")[0].replace("http://localhost", "")


@pytest.mark.parametrize("path", ["/", "/jobs", "/resources"])
def test_a_refused_reader_is_told_nothing_of_the_cluster(app, path):
    answer = app.test_client().get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "embedded" not in answer.text


def test_static_files_never_go_stale(client):
    page = client.get("/jobs").text
    url = page.split('rel="stylesheet" href="')[1].split('"')[0]
    with client.get(url) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/jobs").headers["Cache-Control"] == "private, no-cache"


def test_answers_are_compressed_for_those_who_can_read_that(client):
    plain, packed = client.get("/jobs"), client.get("/jobs", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.data) < len(plain.data) / 2


def test_the_connection_says_what_it_is(client):
    assert "jobs run on this machine" in client.get("/connection").text
