"""/api/workflows: definitions."""

import os

import pytest

from tests.flows import Flows, job

HELLO = "name: My flow\nargs: {who: world}\njobs:\n- name: a\n  command: [echo, '{{ who }}']\n"
JOB = {"name": "a", "command": ["echo", "hi"]}
SHOWN = {
    "name": "a", "job_id": None, "status": "UNKNOWN", "depends_on": [], "command": ["echo", "{{ who }}"],
    "resources": {"nodes": None, "gpus_per_node": None, "partition": None, "time_limit": None},
}  # fmt: skip


def upload(client, text=HELLO, filename="flow.yaml", **more):
    """Keep a file."""
    return client.post("/api/workflows/upload", json={"yaml": text, "filename": filename, **more})


def create(client, *jobs, name="made", **more):
    """Write a definition from data."""
    return client.post("/api/workflows/create", json={"name": name, "jobs": list(jobs) or [JOB], **more})


def test_a_definition_is_kept_listed_shown_and_deleted(client):
    assert upload(client).json["args"] == {"who": "world"}
    assert [one["name"] for one in client.get("/api/workflows").json] == ["flow"]
    shown = client.get("/api/workflows/flow").json
    assert shown["jobs"] == [SHOWN]
    assert client.delete("/api/workflows/flow").json == {"status": "deleted", "name": "flow"}
    assert client.get("/api/workflows/flow").status_code == 404


def test_a_file_of_the_same_name_is_replaced_only_when_asked(client):
    upload(client)
    assert upload(client, HELLO.replace("echo", "other")).status_code == 409
    assert client.get("/api/workflows/flow").json["jobs"][0]["command"][0] == "echo"
    assert upload(client, HELLO.replace("echo", "other"), overwrite=True).json["jobs"][0]["command"][0] == "other"


@pytest.mark.parametrize("filename", ["flow.txt", "a/b.yaml", "../x.yaml", ".yaml", "a b.yaml", "ä.yaml", "new.yaml"])
def test_a_file_name_that_is_none_is_refused(client, filename):
    assert upload(client, filename=filename).status_code == 422
    assert client.get("/api/workflows").json == []


def test_a_faulty_file_leaves_the_good_one_of_its_name(client):
    upload(client)
    assert upload(client, "jobs: [", overwrite=True).status_code == 422
    assert upload(client, "jobs: []", overwrite=True).status_code == 422
    assert upload(client, HELLO.replace("who }}", "nobody }}"), overwrite=True).status_code == 422
    assert client.get("/api/workflows/flow").json["title"] == "My flow"


def test_more_than_a_megabyte_is_too_large(client):
    assert upload(client, HELLO + "#" * (1 << 20)).status_code == 413


def test_data_becomes_a_definition_that_reads_the_same(client):
    jobs = [
        {**JOB, "depends_on": [], "resources": {"nodes": 2, "partition": None}, "environment": {"conda": None}},
        {"name": "b", "command": ["x"], "depends_on": ["afternotok:a"], "exports": {"k": "v"}, "retry": 2},
    ]
    assert create(client, *jobs, args={"lr": 0.1}).status_code == 200
    shown = client.get("/api/workflows/made").json
    assert [job["depends_on"] for job in shown["jobs"]] == [[], ["afternotok:a"]]
    assert (shown["jobs"][0]["resources"]["nodes"], shown["jobs"][1]["exports"], shown["args"]) == (
        2,
        {"k": "v"},
        {"lr": 0.1},
    )


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"name": "new"}, 422),
        ({"name": "a b"}, 422),
        ({"jobs": []}, 422),
        ({"jobs": [JOB, JOB]}, 422),
        ({"jobs": [{**JOB, "depends_on": ["z"]}]}, 422),
        ({"jobs": [{**JOB, "outputs": {"a": "b"}}]}, 422),
        ({"jobs": [{**JOB, "resources": {"nodes": 0}}]}, 422),
        ({"jobs": [{**JOB, "environment": {"conda": "a", "venv": "b"}}]}, 422),
        ({"args": {"x": " Python: 1"}}, 422),
        ({"jobs": [{**JOB, "command": ["{{ nobody }}"]}]}, 422),
        ({"default_project": "nowhere"}, 404),
    ],
)
def test_data_that_can_not_run_is_refused_before_anything_is_written(client, more, status):
    answer = client.post("/api/workflows/create", json={"name": "made", "jobs": [JOB], **more})
    assert (answer.status_code, type(answer.json["detail"])) == (status, str)
    assert client.get("/api/workflows").json == []


def test_a_definition_is_replaced_by_put(client):
    create(client)
    body = {"jobs": [{**JOB, "command": ["other"]}]}
    assert client.put("/api/workflows/made", json=body).json["jobs"][0]["command"] == ["other"]
    assert client.put("/api/workflows/nothing", json=body).status_code == 404
    assert client.put("/api/workflows/made", json={**body, "name": "else"}).status_code == 422


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Empty YAML content"),
        ("jobs: [}", "line 1, column 8"),
        ("jobs: [{name: a, command: x, depends_on: [b]}]", "there is no job 'b'"),
        ("jobs: [{name: a, command: '{{ x }}'}]", "job 'a', command"),
        (HELLO + "sweep: {matrix: {}}", "sweep.matrix"),
    ],
)
def test_a_check_tells_what_is_wrong(client, text, words):
    answer = client.post("/api/workflows/validate", json={"yaml": text})
    assert answer.status_code == 200 and not answer.json["valid"]
    assert any(words in error for error in answer.json["errors"]), answer.json


def test_a_check_of_what_can_run_says_so_and_writes_nothing(client):
    for text in (HELLO, "jobs: []"):
        assert client.post("/api/workflows/validate", json={"yaml": text}).json == {"valid": True}
    assert client.get("/api/workflows").json == []


def test_python_is_refused_in_the_contracts_words(client):
    answer = client.post("/api/workflows/validate", json={"yaml": HELLO.replace("world", "'python: 1'")})
    assert answer.status_code == 422
    assert answer.json["detail"] == (
        "args at 'who' contains 'python:' prefix which is not allowed via web for security reasons"
    )


def test_a_broken_file_is_listed_with_its_error(client, app):
    folder = app.extensions["srunx"].settings.workflow_dir
    folder.mkdir(parents=True)
    (folder / "broken.yml").write_text("jobs:\n- name: ]")
    (found,) = client.get("/api/workflows").json
    assert found["name"] == "broken" and "line 2" in found["error"]
    assert client.get("/api/workflows/broken").status_code == 422


@pytest.mark.parametrize("name", ["..", "a%2Fb", "%00", "a.b", "ä"])
def test_a_name_leads_nowhere_else(client, name):
    for method in ("get", "delete"):
        assert client.open(f"/api/workflows/{name}", method=method.upper()).status_code in (404, 422)


def test_what_is_no_regular_file_is_refused_and_hangs_nobody(client, app):
    folder = app.extensions["srunx"].settings.workflow_dir
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.yaml")
    assert "not a regular file" in client.get("/api/workflows").json[0]["error"]


def test_a_sweep_and_metrics_are_kept(client):
    more = {"description": "two", "sweep": {"matrix": {"n": [1, 2]}}, "metrics": {"acc": "acc=(.*)"}}
    Flows(client).create("some", [job("a")], args={"n": 1}, **more)
    found = client.get("/api/workflows/some").json
    assert (found["description"], found["sweep"]) == ("two", {"matrix": {"n": [1, 2]}})
    assert found["metrics"] == {"acc": {"pattern": "acc=(.*)", "best": "max"}}
    again = {key: found[key] for key in ("args", "description", "sweep", "metrics")}
    assert client.put("/api/workflows/some", json={"jobs": [job("a")], **again}).json == found


@pytest.mark.parametrize("more", [
    {"sweep": {"matrix": {"n": []}}}, {"metrics": {"acc": "("}}, {"metrics": {"acc": {"pattern": "a", "job": "b"}}},
])  # fmt: skip
def test_a_wrong_sweep_or_metric_is_named(client, more):
    answer = client.post("/api/workflows/create", json={"name": "some", "jobs": [job("a")], **more})
    assert answer.status_code == 422 and answer.json["errors"][0]["loc"][:2] == ["body", next(iter(more))]
