"""The plain editor of workflows, and uploads."""

import io
import re

import pytest

FLOW = """\
# mine
description: Two jobs   # kept
args: {lr: 0.1}
jobs:
- name: train
  command: [echo, "lr={{ lr }}"]
  resources: {time_limit: "5"}
- name: report
  command: [echo, done]
  depends_on: [train]
  resources: {time_limit: "5"}
"""


@pytest.fixture
def flow(folder):
    """A workflow called flow."""
    path = folder / "flow.yaml"
    path.write_text(FLOW)
    return path


def upload(client, text, name="flow.yaml"):
    return client.post("/workflows/upload", data={"file": (io.BytesIO(text.encode()), name)})


def digest(page) -> str:
    return re.search(r'name="version" value="(\w+)"', page)[1]


def test_what_is_saved_is_what_was_written_comments_and_all(client, flow):
    version, text = digest(client.get("/workflows/flow/yaml").text), FLOW.replace("Two", "2 ") + "\n\n# end\n"
    answer = client.post("/workflows/flow/yaml", data={"yaml": text.replace("\n", "\r\n"), "version": version})
    assert answer.location == "/workflows/flow" and flow.read_bytes() == text.encode()


def test_a_file_that_changed_meanwhile_is_not_overwritten_unless_asked(client, flow):
    data = {"yaml": FLOW + "# ours\n", "version": digest(client.get("/workflows/flow/yaml").text)}
    flow.write_text(FLOW + "# theirs\n")
    answer = client.post("/workflows/flow/yaml", data=data)
    assert answer.status_code == 409 and flow.read_text().endswith("# theirs\n")
    assert "-# theirs" in answer.text and "+# ours" in answer.text and "Save anyway" in answer.text
    assert client.post("/workflows/flow/yaml", data={**data, "replace": "1"}).status_code == 303
    assert flow.read_text().endswith("# ours\n")


def test_a_file_that_went_away_meanwhile_comes_back_only_when_asked(client, flow):
    data = {"yaml": FLOW, "version": digest(client.get("/workflows/flow/yaml").text)}
    flow.unlink()
    assert client.post("/workflows/flow/yaml", data=data).status_code == 409 and not flow.exists()
    assert client.post("/workflows/flow/yaml", data={**data, "replace": "1"}).status_code == 303 and flow.exists()


def test_all_faults_are_told_with_their_lines_and_nothing_typed_is_lost(client, flow):
    text = FLOW.replace("time_limit", "time", 1).replace("[train]", "[nobody]")
    for path, status in (("check", 200), ("flow/yaml", 422)):
        version = digest(client.get("/workflows/flow/yaml").text)
        answer = client.post(f"/workflows/{path}", data={"yaml": text, "version": version})
        assert answer.status_code == status
        assert re.findall(r'data-line="(\d+)"', answer.text) == ["7", "10"]
    assert "[nobody]" in answer.text and flow.read_text() == FLOW


def test_a_text_without_faults_is_drawn(client):
    assert "Graph of 2 jobs" in client.post("/workflows/check", data={"yaml": FLOW}).text
    assert "needs a job" in client.post("/workflows/check", data={"yaml": "jobs: []"}).text


def test_a_new_workflow_needs_a_name_that_is_free(client, flow):
    for name, words in (("", "A name is needed"), ("a b", "not a valid name"), ("new", "page of its own")):
        answer = client.post("/workflows/new/yaml", data={"name": name, "yaml": FLOW})
        assert answer.status_code == 422 and words in answer.text and "# mine" in answer.text
    answer = client.post("/workflows/new/yaml", data={"name": "flow", "yaml": "jobs: [] # x"})
    assert answer.status_code == 422 and flow.read_text() == FLOW
    answer = client.post("/workflows/new/yaml", data={"name": "flow", "yaml": FLOW + "# x\n"})
    assert answer.status_code == 409 and "Replace flow" in answer.text and flow.read_text() == FLOW
    assert client.post("/workflows/new/yaml", data={"name": "fresh", "yaml": FLOW}).location == "/workflows/fresh"


def test_the_text_that_a_new_one_begins_with_can_be_kept(client):
    page = client.get("/workflows/new/yaml").text
    assert "2 jobs" in page and "fault" not in page.partition("<main")[2]


def test_an_uploaded_file_replaces_another_only_when_asked(client, flow):
    assert upload(client, FLOW, "other.YML").location == "/workflows/other"
    answer = upload(client, FLOW.replace("0.1", "0.9"))
    assert answer.status_code == 409 and "There is a workflow flow already" in answer.text
    data = {"name": "flow", "yaml": FLOW.replace("0.1", "0.9"), "replace": "1"}
    assert client.post("/workflows/new/yaml", data=data).status_code == 303 and "0.9" in flow.read_text()


@pytest.mark.parametrize(
    ("text", "name"), [("jobs: [", "a.yaml"), (FLOW, "a b.yaml"), (FLOW, ".yaml"), ("\0", "b.yaml")]
)
def test_an_uploaded_file_that_can_not_be_kept_opens_in_the_editor(client, folder, text, name):
    answer = upload(client, text, name)
    assert answer.status_code == 422 and 'name="yaml"' in answer.text and not list(folder.iterdir())


def test_no_file_at_all_leads_back(client):
    assert client.post("/workflows/upload").location == "/workflows"


def test_more_than_a_megabyte_is_too_large_and_is_not_lost(client):
    answer = client.post("/workflows/new/yaml", data={"name": "big", "yaml": FLOW + "# " + "x" * (1 << 20)})
    assert answer.status_code == 413 and "larger than 1 MB" in answer.text and "# mine" in answer.text
