"""The pages of workflows, on the embedded executor."""

import re
from dataclasses import replace

import pytest

from srunx_web.settings import Mount, Profile

FLOW = """\
# mine
description: Two jobs   # kept
args: {lr: 0.1, wall: "4:00:00", layers: [1, 2]}
jobs:
- name: train
  command: [echo, "lr={{ lr }} wall={{ wall }} layers={{ layers }}"]
  resources: {gpus_per_node: 0, time_limit: "5"}
- name: report
  command: [echo, done]
  depends_on: [train]
  resources: {time_limit: "5"}
"""
HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture
def flow(folder):
    """A workflow called flow."""
    path = folder / "flow.yaml"
    path.write_text(FLOW)
    return path


def runs(client, name="flow"):
    return client.get(f"/api/workflows/runs?name={name}").json


# ---- the list


def test_an_empty_page_teaches_and_its_examples_can_be_added(client):
    page = client.get("/workflows").text
    assert "No workflows yet" in page and '<details class="examples" open>' in page
    added = [client.post("/workflows/example", data={"name": "hello"}).location for _ in range(2)]
    assert added == ["/workflows/hello", "/workflows/hello-2"]
    assert "Added hello-2" in client.get(added[1]).text
    assert client.post("/workflows/example", data={"name": "../x"}).status_code == 404


@pytest.mark.parametrize("name", ["hello", "gpu-training", "dependencies", "container"])
def test_every_example_can_be_run_as_it_is(client, name):
    client.post("/workflows/example", data={"name": name})
    assert "can’t be run" not in client.get(f"/workflows/{name}").text
    assert client.post(f"/workflows/{name}/run", data={"dry": "1"}).status_code == 200


def test_a_workflow_is_a_row_with_its_graph_and_last_run(client, flow):
    assert "Graph of 2 jobs" in client.get("/workflows").text
    location = client.post("/workflows/flow/run").location
    page = client.get("/workflows").text
    assert f'href="{location}"' in page and 'href="/workflows/flow/run"' in page and "Two jobs" in page


def test_words_find_names_and_descriptions(client, flow, folder):
    (folder / "other.yaml").write_text("jobs: []\n")
    answer = client.get("/workflows/rows.html?q=TWO")
    assert 'id="w-flow"' in answer.text and 'id="w-other"' not in answer.text
    assert answer.headers["HX-Replace-Url"] == "/workflows?q=TWO"
    assert "No workflow matches" in client.get("/workflows?q=nothing").text


def test_an_unchanged_poll_is_answered_204(client, flow):
    areas = {"/workflows": "workflows", "/workflows/flow": "runs"}
    texts = {id_: client.get(path).text for path, id_ in areas.items()}
    polls = [re.search(rf'id="{id_}" data-poll hx-get="([^"]*)"', text)[1] for id_, text in texts.items()]
    assert [client.get(poll).status_code for poll in polls] == [204, 204]
    client.post("/workflows/flow/run")
    assert [client.get(poll).status_code for poll in polls] == [200, 200]


def test_a_broken_file_is_listed_with_its_line_and_leads_to_the_editor(client, folder):
    (folder / "broken.yaml").write_text("jobs:\n- name: a\n  command: [echo\n")
    for path in ("/workflows", "/workflows/broken"):
        page = client.get(path).text
        assert "line 4, column 1" in page and "/workflows/broken/yaml" in page
        assert '"/workflows/broken/run"' not in page
    assert "line 4" in client.get("/workflows/broken/yaml").text
    assert "can’t be read" in client.get("/workflows/broken/run").text


def test_nothing_of_a_file_is_taken_for_html(client, folder):
    quoted = HOSTILE.replace('"', '\\"')
    (folder / "bad.yaml").write_text(
        f'name: "{quoted}"\ndescription: "{quoted}"\nargs: {{x: "{quoted}"}}\nsweep: {{matrix: {{x: ["{quoted}"]}}}}\n'
        f'jobs:\n- name: a\n  command: ["{quoted}"]\n  exports: {{k: "{quoted}"}}\n'
    )
    (folder / "worse.yaml").write_text(f"jobs: [{HOSTILE}\n")
    for path in ("", "/bad", "/bad?job=a", "/bad?view=list&job=a", "/bad?view=yaml", "/bad/run", "/bad/yaml", "/worse"):
        text = client.get("/workflows" + path).text
        assert "<script>alert" not in text and "</html>" in text, path
    assert "<script>alert" not in client.post("/workflows/bad/run", data={"dry": "1", "arg.x": HOSTILE + "2"}).text


# ---- one


def test_the_three_views_show_the_same_jobs(client, flow):
    graph, table, text = (client.get(f"/workflows/flow?view={view}").text for view in ("graph", "list", "yaml"))
    assert 'id="n-report"' in graph and "?job=report" in graph
    assert "5:00" in table and ">train<" in table
    assert '<span class="line" id="L1"><span class="c1"># mine</span>' in text


def test_a_chosen_job_shows_its_definition_and_script(client, flow):
    page = client.get("/workflows/flow?job=report").text
    assert "#SBATCH --job-name=report" in page and "srun <span" not in page.split('class="command"')[0]
    assert 'href="/workflows/flow?job=train#n-train"' in page
    assert "single_job=report" in page and "from_job=report" in page


def test_a_fault_of_one_job_does_not_hide_the_script_of_another(client, flow):
    flow.write_text(FLOW + "- name: bad\n  command: [echo, '{{ nobody }}']\n")
    page = client.get("/workflows/flow?job=report").text
    assert "can’t be run as it is" in page and "/workflows/flow/yaml#line-13" in page
    assert "#SBATCH --job-name=report" in page
    assert "script can’t be made" in client.get("/workflows/flow?job=bad").text


def test_it_is_duplicated_downloaded_and_deleted_after_a_question(client, flow):
    client.post("/workflows/flow/run")
    assert client.post("/workflows/flow/duplicate").location == "/workflows/flow-copy"
    answer = client.get("/workflows/flow-copy/download")
    assert answer.text == FLOW and 'filename="flow-copy.yaml"' in answer.headers["Content-Disposition"]
    assert "Delete the workflow flow?" in client.post("/workflows/flow/delete").text and flow.exists()
    assert client.post("/workflows/flow/delete", data={"confirmed": "1"}).location == "/workflows"
    assert not flow.exists() and len(runs(client)) == 1


@pytest.mark.parametrize(
    ("path", "status"), [("/workflows/none", 404), ("/workflows/a b", 422), ("/workflows?mount=x", 404)]
)
def test_what_is_not_there_has_a_page_that_says_so(client, path, status):
    assert client.get(path).status_code == status


def test_the_mount_stays_in_every_link(app, client, tmp_path):
    server = app.extensions["srunx"]
    mounts = (Mount("data", tmp_path / "data", "/scratch/data"),)
    server.settings = replace(server.settings, profile=Profile("p", "host", mounts=mounts))
    assert (
        client.post("/workflows/example?mount=data", data={"name": "hello"}).location == "/workflows/hello?mount=data"
    )
    assert (tmp_path / "data/.srunx/workflows/hello.yaml").exists() and 'id="w-hello"' not in client.get(
        "/workflows"
    ).text
    for path in ("/workflows", "/workflows/hello", "/workflows/hello/run", "/workflows/hello/yaml"):
        main = client.get(f"{path}?mount=data").text.partition("<main")[2]
        links = re.findall(r'(?:href|action)="(/workflows/hello[^"]*)"', main)
        assert all("mount=data" in link for link in links), links
    assert "/scratch/data" in client.get("/workflows/hello/run?mount=data").text


# ---- running


def test_a_dry_run_shows_every_script_in_order_and_submits_nothing(client, flow):
    page = client.post("/workflows/flow/run", data={"dry": "1"}).text
    assert page.index("--job-name=train") < page.index("--job-name=report")
    assert "2 jobs in this order; nothing was submitted" in page and "after train" in page
    assert client.get("/api/jobs").json == [] and runs(client) == []


@pytest.mark.parametrize(
    ("typed", "shown", "rendered"),
    [
        ({"wall": "12:30:00"}, "wall=12:30:00", "wall=12:30:00"),
        ({"lr": "0.5"}, "lr=0.5", "lr=0.5"),
        ({"lr": '"0.50"'}, "lr=&#34;0.50&#34;", "lr=0.50"),
        ({"layers": "[8, 9]"}, "layers=[8, 9]", "layers=[8, 9]"),
        ({"lr": "{{ wall }}"}, "lr={{ wall }}", "lr=4:00:00"),
        (
            {"lr": "", "wall": "4:00:00", "layers": "[1, 2]"},
            "nothing was submitted",
            "lr=0.1 wall=4:00:00 layers=[1, 2]",
        ),
    ],
)
def test_args_are_read_as_they_look(client, flow, typed, shown, rendered):
    data = {"dry": "1", **{f"arg.{name}": text for name, text in typed.items()}}
    page = client.post("/workflows/flow/run", data=data).text
    assert shown in page and rendered in page


def test_an_arg_that_is_none_is_told_beside_its_field_with_all_that_was_typed(client, flow):
    answer = client.post("/workflows/flow/run", data={"arg.layers": "[1, 2", "arg.wall": "<i>", "to_job": "train"})
    assert answer.status_code == 422
    assert 'id="w-arg.layers"' in answer.text and 'value="[1, 2"' in answer.text
    assert 'value="&lt;i&gt;"' in answer.text and "<option selected>train</option>" in answer.text
    assert runs(client) == []


def test_python_is_refused(client, flow):
    answer = client.post("/workflows/flow/run", data={"arg.wall": "python: 1"})
    assert answer.status_code == 422 and "python:" in answer.text and runs(client) == []


def test_a_run_starts_and_leads_to_its_page(client, flow):
    answer = client.post("/workflows/flow/run", data={"arg.lr": "0.5", "single_job": "train"})
    assert answer.status_code == 303
    (run,) = runs(client)
    assert answer.location == f"/runs/{run['id']}" and list(run["job_ids"]) == ["train"]
    page = client.get("/workflows/flow").text
    assert "lr=0.5" in page and "single job train" in page
    again = client.get(f"/workflows/flow/run?like={run['id']}").text
    assert 'value="0.5"' in again and "<option selected>train</option>" in again


def test_parts_that_make_no_sense_are_refused_in_place(client, flow):
    answer = client.post("/workflows/flow/run", data={"single_job": "train", "to_job": "report"})
    assert answer.status_code == 422 and "combined" in answer.text and runs(client) == []


def test_a_refusal_of_slurm_is_shown_in_its_words_with_the_run_that_failed(client, flow):
    flow.write_text(FLOW.replace("[train]\n  resources: {", "[train]\n  resources: {partition: nope, "))
    answer = client.post("/workflows/flow/run", data={"arg.lr": "0.7"})
    assert answer.status_code == 502
    assert "invalid partition specified: nope" in answer.text and 'value="0.7"' in answer.text
    assert f'href="/runs/{runs(client)[0]["id"]}"' in answer.text


def test_a_sweep_of_the_file_is_offered_and_starts_only_when_asked_for(client, flow):
    flow.write_text(FLOW + "sweep: {matrix: {lr: [0.1, 0.2]}}\n")
    assert "Sweep" in client.get("/workflows/flow").text and "Sweep" in client.get("/workflows/flow/run").text
    client.post("/workflows/flow/run")
    assert len(runs(client)) == 1
