"""The builder over HTTP: drafts, scripts, saving, and files that change meanwhile."""

import html
import json
import re

import pytest

from srunx_web.core import yamltext
from srunx_web.core.workflow import parse

TEXT = """# by hand
name: two
owner: ann   # not ours
jobs:
  - {name: a, command: [echo, hi], resources: {gpus_per_node: 2, nodes: 2, time_limit: "10"}}
  - {name: b, command: "cat {{ x }}", depends_on: ["afterany:a"]}
args: {x: 1.50}
"""
ADD = [{"op": "add", "name": "c", "after": "b"}, {"op": "set", "job": "c", "path": ["command"], "value": "true"}]


@pytest.fixture
def path(app):
    """A workflow called two."""
    path = app.extensions["srunx"].settings.workflow_dir / "two.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT)
    return path


@pytest.fixture
def draft(client):
    """draft(text, *operations): what the server makes of it."""
    return lambda text, *operations, **more: (
        client.post("/workflows/draft", json={"yaml": text, "operations": list(operations), **more}).json
    )


def opened(client, url="/workflows/two/edit") -> dict:
    """The form of the page as a browser would send it."""
    page = client.get(url).text
    fields = {name: html.unescape(value) for name, value in re.findall(r'<input name="(\w+)" value="([^"]*)"', page)}
    text = re.search(r'<textarea name="yaml">\n(.*?)</textarea>', page, re.DOTALL)[1]
    return {**fields, "yaml": html.unescape(text).replace("\n", "\r\n")}


def save(client, form, operations, url="/workflows/two/edit", **more):
    return client.post(url, data={**form, "operations": json.dumps(operations), **more})


def test_a_view_says_what_the_page_shows(draft):
    view = draft(TEXT)
    a, b = view["jobs"]
    assert (a["runs"], a["asks"], a["has_gpu"]) == ("echo hi", ["2 nodes", "4 GPUs", "10 min"], True)
    assert a["fields"]["command"] == ["echo", "hi"] and a["fields"]["resources.nodes"] == "2"
    assert b["waits"] == [["afterany", "a"]] and view["edges"] == [["a", "b", "afterany"]]
    assert view["top"] == {"name": "two", "args": [["x", "1.5"]]} and view["kept"] == ["owner"]
    assert (view["yaml"], view["faults"], view["refused"]) == (TEXT, [], None)


def test_all_faults_are_told_with_job_field_and_line(draft):
    text = "jobs:\n- {name: a, resources: {nodes: none}}\n- {name: b, command: x, retry: many}\n"
    found = {(fault["job"], ".".join(fault["path"]), fault["line"]) for fault in draft(text)["faults"]}
    assert found == {("a", "resources.nodes", 2), ("a", "", 2), ("b", "retry", 3)}
    (fault,) = draft("jobs:\n- {name: a, command: '{{ y }}'}\n")["faults"]
    assert (fault["job"], fault["path"]) == ("a", ["command"]) and fault["words"].startswith("command: 'y' is not")


def test_a_cycle_is_drawn_and_told(draft):
    text = "jobs:\n- {name: a, command: x, depends_on: [b]}\n- {name: b, command: x, depends_on: [a]}\n"
    view = draft(text, layout=True)
    assert set(view["layout"]["places"]) == {"a", "b"} and "in a circle" in view["faults"][0]["words"]


@pytest.mark.parametrize(
    ("text", "operations", "words"),
    [
        (TEXT, [{"op": "connect", "from": "b", "to": "a", "kind": "after"}], "would close a circle: a → b → a"),
        (TEXT, [{"op": "add", "name": "a"}], "There is a job 'a' already"),
        (TEXT, [{"op": "nothing"}], "no such operation"),
        (TEXT, [{"op": "add", "name": f"j{number}"} for number in range(2001)], "2000 changes without saving"),
        ("a: [", [], "line "),
        ("a: 1\n" * 300_000, [], "larger than 1 MB"),
        (["a"], [], "is text"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(draft, text, operations, words):
    assert words in draft(text, *operations)["refused"]


def test_operations_that_are_no_list_are_refused(client):
    answer = client.post("/workflows/draft", json={"yaml": TEXT, "operations": {"op": "add"}})
    assert answer.json == {"refused": "Operations are a list"}
    assert client.post("/workflows/draft", json=[1]).status_code == 400


def test_the_script_of_a_job_is_shown_although_others_are_broken(client):
    asked = {"yaml": TEXT, "operations": [{"op": "add", "name": "c"}], "job": "b"}
    answer = client.post("/workflows/draft/script", json=asked).json
    assert "srun cat 1.5" in answer["text"] and "<span" in answer["html"]
    answer = client.post("/workflows/draft/script", json={**asked, "job": "c"}).json
    assert "command and script_path" in answer["refused"]


def test_a_changed_workflow_is_saved_and_what_is_not_shown_stays(client, path):
    answer = save(client, opened(client), ADD)
    assert answer.status_code == 303 and answer.location == "/workflows/two"
    found, before = yamltext.load(path.read_text()), yamltext.load(TEXT)
    assert found["jobs"].pop() == {"name": "c", "command": "true", "depends_on": ["b"]}
    assert repr(found) == repr(before)


def test_words_stay_as_they_were_written(draft):
    text = "jobs:\n- {name: a, command: [x, 1e-3, 010, True], environment: {env_vars: {V: 1.50}}}\n"
    (job,) = parse(draft(text, {"op": "rename", "job": "a", "to": "b"})["yaml"]).jobs
    assert (job.command, job.environment) == (("x", "1e-3", "010", "True"), {"env_vars": {"V": "1.50"}})


def test_nothing_changed_nothing_written(client, path):
    there, back = {"op": "rename", "job": "a", "to": "z"}, {"op": "rename", "job": "z", "to": "a"}
    for operations in ([], [there, back]):
        assert save(client, opened(client), operations).status_code == 303
        assert path.read_text() == TEXT
    assert "Nothing was changed" in client.get("/workflows/two").text


def test_comments_are_spoken_of_beforehand(client, path):
    assert "saving from here drops them" in client.get("/workflows/two/edit").text
    path.write_text("jobs: [{name: a, command: 'echo # this is none'}]")
    assert "saving from here drops them" not in client.get("/workflows/two/edit").text


def test_a_file_that_changed_meanwhile_is_not_overwritten_unasked(client, path):
    form = opened(client)
    path.write_text(TEXT + "description: from elsewhere\n")
    answer = save(client, form, ADD)
    assert answer.status_code == 409 and "The file has changed since you opened it" in answer.text
    assert path.read_text().endswith("elsewhere\n")
    assert json.loads(html.unescape(re.search(r'name="operations" value="([^"]*)"', answer.text)[1])) == ADD
    now = re.search(r'name="replace" value="(\w+)"', answer.text)[1]
    assert save(client, form, ADD, replace=now).status_code == 303
    assert len(yamltext.load(path.read_text())["jobs"]) == 3


def test_a_file_that_is_gone_can_be_saved_all_the_same(client, path):
    form = opened(client)
    path.unlink()
    answer = save(client, form, ADD)
    assert answer.status_code == 409 and "The file is gone" in answer.text
    assert save(client, form, ADD, replace="").status_code == 303 and path.exists()


def test_faults_keep_it_from_being_saved_and_nothing_is_lost(client, path):
    answer = save(client, opened(client), ADD[:1])
    assert answer.status_code == 422 and "command and script_path" in answer.text
    assert path.read_text() == TEXT and "&#34;op&#34;: &#34;add&#34;" in answer.text


def test_a_new_workflow_gets_its_file(client, path):
    form = opened(client, "/workflows/new")
    operations = [{"op": "set", "job": None, "path": ["name"], "value": "fresh"}, *ADD[1:]]
    operations.insert(1, {"op": "add", "name": "c"})
    assert save(client, form, operations, "/workflows/new", name="fresh").location == "/workflows/fresh"
    text = (path.parent / "fresh.yaml").read_text()
    assert text == 'name: fresh\njobs:\n  - name: c\n    command: "true"\n'


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("two", 409, "exists already"), ("", 422, "not a valid name"), ("new", 422, "a page of its own"),
     ("../x", 422, "not a valid name")],
)  # fmt: skip
def test_a_new_one_needs_a_free_name(client, path, name, status, words):
    operations = [{"op": "add", "name": "c"}, ADD[1]]
    answer = save(client, opened(client, "/workflows/new"), operations, "/workflows/new", name=name)
    assert answer.status_code == status and words in answer.text
    assert "Save anyway" not in answer.text and path.read_text() == TEXT


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "Empty"), ("jobs: [", "line 2"), ("- a", "not a mapping"), ("jobs: [{command: x}]", "Job 1 has no name"),
     ("jobs: [{name: a}, {name: a}]", "Two jobs are called")],
)  # fmt: skip
def test_a_file_that_it_can_not_show_opens_as_text(client, path, text, words):
    path.write_text(text)
    answer = client.get("/workflows/two/edit")
    assert (answer.status_code, answer.location) == (302, "/workflows/two/yaml")
    assert words in client.get(answer.location).text


def test_what_is_not_there_is_not_found(client):
    assert client.get("/workflows/nothing/edit").status_code == 404
    assert client.get("/workflows/new?mount=nowhere").status_code in (200, 404)
    assert client.post("/workflows/new", data={"operations": "["}).status_code == 400


def test_values_are_data_on_the_page(client, path):
    path.write_text("jobs: [{name: a, command: \"</textarea><script>'x'</script>\"}]\n")
    page = client.get("/workflows/two/edit").text
    assert "<script>'x'" not in page and "&lt;/textarea&gt;" in page


def test_a_workflow_may_be_called_like_a_route(client, path):
    path.rename(path.with_stem("draft"))
    assert client.get("/workflows/draft").status_code == client.get("/workflows/draft/edit").status_code == 200


def test_what_was_made_before_is_not_mixed_up_with_what_is_asked(draft):
    gone = {"op": "set", "job": None, "path": ["name"], "value": None}
    for _ in range(2):
        assert draft("name: x\n", gone)["yaml"] == "{}\n"
        assert draft("name: x\n", gone, {"op": "add", "name": "a"})["yaml"] == "jobs:\n  - name: a\n"
