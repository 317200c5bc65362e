"""/api/templates: script templates."""

import pytest

OWN = "{{ directives }}\n# Mine: says who\n\n{{ setup }}\n\necho {{ job_name }} on {{ nodes }}\n{{ launch }}\n"
JOB = {"name": "a", "command": ["echo", "it's"], "resources": {"nodes": 1}}


def make(client, name="mine", content=OWN):
    """A template of one's own."""
    return client.post("/api/templates", json={"name": name, "content": content})


def test_shipped_ones_are_there_and_stay(client):
    names = {one["name"] for one in client.get("/api/templates").json if not one["is_own"]}
    assert {"base", "timed", "torchrun"} <= names
    assert client.delete("/api/templates/base").status_code == 403
    assert client.put("/api/templates/base", json={"content": OWN}).status_code == 403


def test_an_own_one_is_made_changed_shown_and_deleted(client):
    made = make(client)
    assert (made.status_code, made.json["is_own"], made.json["description"]) == (201, True, "Mine: says who")
    assert {"job_name", "nodes", "launch"} <= set(made.json["variables"])
    assert make(client).status_code == 409
    assert client.put("/api/templates/mine", json={"content": OWN + "# more\n"}).json["content"].endswith("# more\n")
    assert client.delete("/api/templates/mine").json == {"status": "deleted", "name": "mine"}
    assert client.get("/api/templates/mine").status_code == 404


@pytest.mark.parametrize(
    "content", ["echo hi", "#!/bin/sh\n{{ nobody }}", "#!/bin/sh\n{% macro x() %}{% endmacro %}", "#!/bin/sh\n{{ 1", ""]
)
def test_a_text_that_makes_no_script_is_refused(client, content):
    answer = make(client, content=content)
    assert (answer.status_code, answer.json["errors"][0]["loc"]) == (422, ["body", "content"])
    assert client.get("/api/templates/mine").status_code == 404


@pytest.mark.parametrize("name", ["a b", "../x", "a.b", "ä"])
def test_a_name_is_a_name(client, name):
    assert make(client, name).status_code == 422


def test_a_template_is_applied_and_submitted(client, jobs):
    make(client)
    shown = client.post("/api/templates/mine/apply", json={"job": JOB}).json
    assert "echo a on 1\nsrun echo 'it'\"'\"'s'\n" in shown["script"] and shown["job_id"] is None
    done = client.post("/api/templates/mine/apply", json={"job": JOB, "submit": True}).json
    assert jobs.wait(done["job_id"], "COMPLETED", "FAILED") == "COMPLETED"


def test_a_job_that_is_none_is_refused(client):
    make(client)
    for job in ({"name": "a"}, {"name": "a", "command": ["x"], "nodes": 2}, {"command": ["x"]}):
        assert client.post("/api/templates/mine/apply", json={"job": job}).status_code == 422


def test_a_workflow_uses_a_template(client):
    make(client)
    client.post("/api/workflows/create", json={"name": "flow", "jobs": [{**JOB, "template": "mine"}]})
    dry = client.post("/api/workflows/flow/run", json={"dry_run": True}).json
    assert "echo a on 1" in dry["jobs"][0]["script"]
    unknown = {"name": "other", "jobs": [{**JOB, "template": "nobodys"}]}
    assert "nobodys" in client.post("/api/workflows/create", json=unknown).json["detail"]
