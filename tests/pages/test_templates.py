"""The pages of script templates, on the embedded executor."""

import re
from html import unescape

import pytest

TEXT = "{{ directives }}\n# Says hello.\n\necho {{ job_name }}\n{{ launch }}\n"
JOB = {"name": "fresh", "command": "echo hi", "time_limit": "4:00:00"}


@pytest.fixture
def mine(client):
    """A template of one's own."""
    answer = client.post("/templates/new", data={"name": "mine", "content": TEXT.replace("\n", "\r\n")})
    assert answer.location == "/templates/mine"


def test_shipped_and_own_ones_are_listed_with_what_they_are_for(client, mine):
    page = client.get("/templates").text
    assert ">torchrun<" in page and "PyTorch on several nodes" in page and "gpus_per_node" in page
    row = page.partition('id="t-mine"')[2].partition("</tr>")[0]
    assert "own" in row and "Says hello." in row and "/templates/mine/edit" in row
    assert "/templates/torchrun/edit" not in page and "/templates/new?like=torchrun" in page


def test_a_template_is_shown_beside_what_it_makes_of_an_example(client, mine):
    page = client.get("/templates/mine").text
    assert "directives" in page and "#SBATCH --job-name=example" in page
    assert client.get("/templates/none").status_code == 404


def test_nothing_of_a_template_is_taken_for_html(client):
    hostile = "{{ directives }}\n# <script>alert(1)</script>\n"
    client.post("/templates/new", data={"name": "bad", "content": hostile})
    for path in ("", "/bad", "/bad/edit", "/bad/apply", "/new?like=bad"):
        text = client.get("/templates" + path).text
        assert "<script>alert" not in text and "</html>" in text, path
    assert "<script>alert" not in client.post("/templates/example", data={"content": hostile}).text


def test_a_shipped_one_is_copied_and_changed_never_itself(client):
    page = client.get("/templates/new?like=timed").text
    assert 'value="my-timed"' in page and "trap " in page
    assert client.get("/templates/timed/edit").location == "/templates/new?like=timed"
    assert client.post("/templates/timed/edit", data={"content": TEXT}).status_code == 403
    assert client.post("/templates/timed/delete", data={"confirmed": "1"}).status_code == 403


def test_one_of_ones_own_is_changed_and_deleted_after_a_question(client, mine):
    assert client.post("/templates/mine/edit", data={"content": TEXT + "# more\n"}).location == "/templates/mine"
    assert "# more" in client.get("/templates/mine").text
    assert "Delete the template mine?" in client.post("/templates/mine/delete").text
    assert client.post("/templates/mine/delete", data={"confirmed": "1"}).location == "/templates"
    assert client.get("/templates/mine").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("mine", TEXT, 409, "exists already"),
        ("new", TEXT, 409, "page of its own"),
        ("a b", TEXT, 422, "not a valid name"),
        ("x", TEXT + "{{ nobody }}", 422, "nobody"),
        ("x", "echo no directives", 422, "must begin with"),
    ],
)
def test_what_can_not_be_kept_is_told_with_all_that_was_typed(client, mine, name, content, status, words):
    answer = client.post("/templates/new", data={"name": name, "content": content + "\n# typed"})
    assert answer.status_code == status and words in answer.text and "# typed" in answer.text


def test_the_script_is_shown_while_the_form_is_filled_in(client):
    assert "once the job has a name" in client.get("/templates/torchrun/apply").text
    page = client.post("/templates/torchrun/preview", data={**JOB, "gpus_per_node": "4", "partition": ""}).text
    assert "#SBATCH --time=4:00:00" in page and "--nproc-per-node" in page and "--partition" not in page
    assert client.get("/api/jobs").json == []


def test_the_script_can_be_taken_to_the_submit_form(client):
    page = client.post("/templates/base/apply", data={**JOB, "preview": "1"}).text
    script = unescape(re.search(r'<textarea name="script"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)[1])
    answer = client.post("/jobs/new", data={"script": script, "check": "1"})
    assert "Slurm would take it" in answer.text and client.get("/api/jobs").json == []


def test_a_job_is_submitted_and_its_page_opens(client):
    answer = client.post("/templates/base/apply", data=JOB, follow_redirects=True)
    assert "Submitted as job" in answer.text and "fresh" in answer.text


@pytest.mark.parametrize(
    ("given", "field"),
    [({"nodes": "many"}, "nodes"), ({"venv": "a", "conda": "b"}, "venv"), ({"command": " "}, "command")],
)
def test_a_fault_stands_beside_its_field_and_nothing_typed_is_lost(client, given, field):
    for path, status in (("apply", 422), ("preview", 200)):
        answer = client.post(f"/templates/base/{path}", data={**JOB, **given})
        assert answer.status_code == status and field in answer.text
        assert path == "preview" or (f'id="w-{field}"' in answer.text and 'value="4:00:00"' in answer.text)


def test_a_refusal_of_slurm_is_shown_in_its_words(client):
    answer = client.post("/templates/base/apply", data={**JOB, "partition": "nope"})
    assert answer.status_code == 502 and "invalid partition specified: nope" in answer.text
    assert 'value="fresh"' in answer.text
