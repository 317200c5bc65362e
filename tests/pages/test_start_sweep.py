"""A run's form with args that are lists: the strip, the dry run, the question, the start."""

import re

import pytest

from srunx_web.store import Run, Sweep

FLOW = """\
args: {lr: 0.1, seed: 1, net: "4:00:00"}
jobs:
- name: train
  command: [echo, "lr={{ lr }} seed={{ seed }} net={{ net }} {{ 1 // (seed - 4) }}"]
  resources: {time_limit: "5"}
- name: report
  command: [echo, done]
  depends_on: [train]
  resources: {time_limit: "5"}
"""
URL = "/workflows/flow/run"
OFFER = "sweep: {matrix: {seed: [1, 2, 3], lr: [0.1, x y]}, max_parallel: 2, fail_fast: true}\n"


@pytest.fixture
def flow(folder):
    """A workflow called flow."""
    path = folder / "flow.yaml"
    path.write_text(FLOW)
    return path


def lists(also=(), **axes) -> dict:
    """The fields of a form in which these args are lists."""
    fields = [
        (f"{kind}.{name}", text) for name, typed in axes.items() for kind, text in (("mode", "list"), ("list", typed))
    ]
    return {**dict(fields), **dict(also)}


def words(text: str) -> str:
    """A page as it is read."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def started() -> list:
    return [*Sweep.select(), *Run.select()]


# ---- the strip, while lists are typed


def test_the_strip_counts_cells_and_jobs_and_names_the_button(client, flow):
    data = lists({"max_parallel": "3"}, lr="0.1, 0.2, 0.3", seed="5..8")
    text = words(client.post(f"{URL}/sweep", data=data).text)
    assert "3 × 4 = 12 cells" in text and "12 cells of 2 jobs: 24 jobs in all; 3 cells at a time" in text
    assert "lr 3 0.1 0.2 0.3 seed 4 5 6 7 8" in text and "Run sweep (12 cells)" in text
    assert "Run sweep" not in words(client.post(f"{URL}/sweep", data={"list.lr": "1, 2"}).text)


def test_long_axes_are_cut_and_a_part_has_fewer_jobs(client, flow):
    text = words(client.post(f"{URL}/sweep", data=lists({"single_job": "train"}, seed="5..44")).text)
    assert "5 6 7 8 9 10 +33 more 44" in text and "40 jobs in all" in text


@pytest.mark.parametrize(("typed", "told"), [("0.1 0.2", "“0.1 0.2” is text"), ("0.1, fast", "“fast” is text")])
def test_text_where_a_number_was_is_pointed_out(client, flow, typed, told):
    assert told in words(client.post(f"{URL}/sweep", data=lists(lr=typed)).text)
    assert "is text" not in words(client.post(f"{URL}/sweep", data=lists(lr="0.1, 1e-3")).text)


@pytest.mark.parametrize(
    ("data", "place", "told"),
    [
        (lists(lr="0.1..0.5", seed="5, 6"), "list.lr", "needs a step"), (lists(lr="1,1"), "list.lr", "is there twice"),
        (lists({"max_parallel": "0"}, lr="1,2"), "max_parallel", "a whole number from 1"),
    ],
)  # fmt: skip
def test_a_fault_stands_beside_its_field(client, flow, data, place, told):
    answer = client.post(URL, data=data)
    assert answer.status_code == 422 and started() == []
    assert re.search(rf'id="w-{place}">[^<]*{told}', answer.text) and f'href="#f-{place}"' in answer.text
    assert all(f'value="{text}"' in answer.text for name, text in data.items() if name.startswith("list."))


def test_a_list_at_fault_is_told_while_it_is_typed(client, flow):
    text = client.post(f"{URL}/sweep", data=lists(lr="log(1,2", seed="1, 2")).text
    assert re.search(r'id="w-list.lr" hx-swap-oob="true">[^<]*how many', text) and "a list can’t be read" in text
    assert '<p class="wrong" id="w-list.seed" hx-swap-oob="true"></p>' in text


def test_more_cells_than_a_sweep_may_have_are_refused(client, flow):
    answer = client.post(URL, data=lists({"confirmed": "1200", "asked": "1200"}, lr="1..40", seed="1..30"))
    assert answer.status_code == 422 and started() == []
    assert "The sweep has 1200 cells (40 x 30); at most 1000" in answer.text
    assert "40 × 30 = 1200 cells" in words(answer.text)


def test_a_cell_that_cannot_be_rendered_is_named_in_the_strip(client, flow):
    text = words(client.post(f"{URL}/sweep", data=lists(seed="1..4")).text)
    assert "Cell 4 can’t be rendered" in text and "Cell 1 can’t" not in text


# ---- what the form begins with


def test_the_files_sweep_fills_the_form(client, flow):
    flow.write_text(FLOW + OFFER)
    page = client.get(URL).text
    assert 'name="list.seed" value="1, 2, 3"' in page and 'name="list.lr" value="0.1, x y"' in page
    assert page.count('value="list" checked') == 2 and 'name="mode.net" value="single" checked' in page
    assert 'name="max_parallel" value="2"' in page and 'name="fail_fast" value="1" checked' in page
    assert "3 × 2 = 6 cells" in words(page) and 'name="list.net" value="4:00:00"' in page


def test_an_earlier_sweep_fills_the_form_and_a_run_of_it_does_not_make_one(client, flow):
    flow.write_text(FLOW + OFFER)
    client.post(URL, data=lists({"arg.net": "[8, 9]", "single_job": "train", "max_parallel": "7"}, seed="5..8"))
    (sweep,) = Sweep.select()
    page = client.get(f"{URL}?like_sweep={sweep.id}").text
    assert 'name="list.seed" value="5..8"' in page and page.count('value="list" checked') == 1
    assert 'name="arg.net" value="[8, 9]"' in page and "<option selected>train</option>" in page
    assert 'name="max_parallel" value="7"' in page and 'value="1" checked' not in page
    run = Run.get(Run.cell == 2)
    page = client.get(f"{URL}?like={run.id}").text
    assert 'value="list" checked' not in page and 'name="arg.seed" value="7"' in page


@pytest.mark.parametrize(("id_", "status"), [("99", 404), ("x", 422), ("9" * 30, 400), ("-1", 400), ("0", 400)])
def test_a_sweep_that_is_not_there_says_so(client, flow, id_, status):
    assert client.get(f"{URL}?like_sweep={id_}").status_code == status


# ---- the dry run


def test_a_dry_run_shows_the_cells_and_the_scripts_of_the_first(client, flow):
    page = client.post(URL, data=lists({"dry": "1", "arg.net": "x"}, lr="0.5, 0.6", seed="5..8")).text
    assert "8 cells, 16 jobs; nothing was submitted" in words(page) and "Scripts of cell 1" in page
    assert "lr=0.5 seed=5 net=x" in page and "2 0.5 6 3 0.5 7" in words(page) and started() == []


def test_cells_that_cannot_be_rendered_are_shown_with_why(client, flow):
    page = words(client.post(URL, data=lists({"dry": "1"}, lr="1..40", seed="4, 5")).text)
    assert "40 cells can’t be rendered, and would fail at once" in page and "Scripts of cell 2" in page
    assert "51 26 4" in page and "52 26 5" not in page and "15 more are not shown; they can all be rendered" in page


# ---- the start


def test_lists_start_a_sweep_and_lead_to_its_page(client, flow):
    data = lists({"arg.net": "8", "arg.seed": "77", "max_parallel": "2", "fail_fast": "1"}, lr="0.5, x", seed="5..6")
    answer = client.post(URL, data=data)
    (sweep,) = Sweep.select()
    assert answer.status_code == 303 and answer.location == f"/sweeps/{sweep.id}"
    assert (sweep.matrix, sweep.args) == ({"lr": [0.5, "x"], "seed": [5, 6]}, {"net": 8})
    assert (sweep.cell_count, sweep.max_parallel, sweep.fail_fast) == (4, 2, True)
    assert "Started a sweep of flow: 4 cells" in client.get(answer.location).text


def test_the_order_of_axes_is_that_of_the_files_sweep(client, flow):
    flow.write_text(FLOW + OFFER)
    client.post(URL, data=lists(lr="1, 2", seed="5, 6", net="a"))
    assert list(Sweep.get().matrix) == ["seed", "lr", "net"]


@pytest.mark.parametrize(
    "answer", [{}, {"confirmed": ""}, {"confirmed": "1"}, {"confirmed": "60"}, {"confirmed": "1", "asked": "60"}]
)
def test_more_than_fifty_cells_are_asked_for_again_whatever_is_sent(client, flow, answer):
    page = client.post(URL, data=lists(answer, lr="1..17", seed="5..7"))
    assert page.status_code == 200 and started() == []
    assert "Start 51 cells? That is 102 jobs in all, 4 cells at a time. Nothing has been started." in words(page.text)
    assert '<button name="confirmed" value="51">' in page.text and 'value="1..17"' in page.text


@pytest.mark.parametrize("answer", [{"confirmed": "51"}, {"confirmed": "1", "asked": "51"}])
def test_an_answer_about_that_many_cells_starts_them(client, flow, answer):
    assert client.post(URL, data=lists(answer, lr="1..17", seed="5..7")).status_code == 303
    assert Sweep.get().cell_count == 51


def test_fifty_cells_are_not_asked_for(client, flow):
    assert client.post(URL, data=lists(lr="1..10", seed="5..9")).status_code == 303


def test_without_a_list_it_is_a_run(client, flow):
    assert client.post(URL, data={"mode.lr": "single", "list.lr": "1, 2", "arg.lr": "3"}).location.startswith("/runs/")
    (run,) = started()
    assert run.args == {"lr": 3}


def test_python_is_refused_and_nothing_typed_is_taken_for_html(client, flow):
    hostile = "<script>alert(1)</script>"
    answer = client.post(URL, data=lists(lr="python: 1, 2", net=hostile))
    assert answer.status_code == 422 and "python:" in answer.text and started() == []
    for data in ({}, {"dry": "1"}):
        assert "<script>alert" not in client.post(URL, data=lists(data, net=f"{hostile}, {hostile}2")).text
    assert "<script>alert" not in client.post(f"{URL}/sweep", data=lists(net=hostile)).text


# ---- the limits of the cluster


def test_what_the_cluster_has_no_room_for_is_named_before_a_start(client, flow):
    flow.write_text(FLOW.replace('{time_limit: "5"}', '{time_limit: "5", cpus_per_task: "{{ cpus }}"}', 1))
    asked = {"cpus": "1, 90000", "seed": "5"}
    for path, data in (("/sweep", {}), ("", {"dry": "1"})):
        page = client.post(URL + path, data=lists(data, **asked)).text
        assert re.search(r'class="notice error".*90000', page, re.S), path
    assert "notice" not in client.post(f"{URL}/sweep", data=lists(cpus="1", seed="5")).text
