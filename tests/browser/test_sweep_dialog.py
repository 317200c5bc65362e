"""A run's form with args that are lists, from the keyboard."""

import re

import pytest

from srunx_web.store import Sweep

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
FLOW = """\
args: {lr: 0.1, seed: 1}
jobs:
  - name: train
    command: [echo, "{{ lr }} {{ seed }}"]
    resources: {time_limit: "5"}
  - name: report
    command: [echo, bye]
    depends_on: [train]
    resources: {time_limit: "5"}
"""


@pytest.fixture
def form(person, client):
    """The form of a workflow with two args."""
    client.post("/workflows/new/yaml", data={"name": "flow", "yaml": FLOW})
    return person.open("/workflows/flow/run")


def make_list(page, name: str, text: str) -> None:
    """Turn an arg into a list with the keys alone, and type its values."""
    page.get_by_label(name, exact=True).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def test_a_sweep_is_made_and_started_with_the_keys_alone(form):
    assert not form.locator("#sweep").is_visible()
    make_list(form, "lr", "0.1, 0.2")
    make_list(form, "seed", "1..3")
    expect(form.locator("#sweep")).to_contain_text("2 × 3 = 6 cells")
    expect(form.locator("#sweep")).to_contain_text("12 jobs in all; 4 cells at a time")
    form.get_by_label("Cells at once").fill("2")
    expect(form.locator("#sweep")).to_contain_text("2 cells at a time")
    form.get_by_role("button", name="Run sweep (6 cells)").press("Enter")
    form.wait_for_url(re.compile(r"/sweeps/\d+"))
    assert (Sweep.get().matrix, Sweep.get().max_parallel) == ({"lr": [0.1, 0.2], "seed": [1, 2, 3]}, 2)


def test_the_strip_follows_what_is_typed_and_leaves_the_focus(form):
    make_list(form, "seed", "1..")
    field = form.get_by_label("seed as a list")
    expect(form.locator("[id='w-list.seed']")).to_contain_text("is no range")
    expect(field).to_have_attribute("aria-invalid", "true")
    form.keyboard.type("20")
    expect(form.locator("#sweep")).to_contain_text("20 cells")
    expect(form.locator("[id='w-list.seed']")).to_be_empty()
    assert field.get_attribute("aria-invalid") is None and field.input_value() == "1..20"
    assert field.evaluate("field => field === document.activeElement")
    form.keyboard.press("Shift+Tab")
    form.keyboard.press("ArrowLeft")
    expect(form.get_by_role("button", name="Run", exact=True)).to_be_visible()
    assert not form.locator("#sweep").is_visible() and form.get_by_label("seed", exact=True).input_value() == "1"


def test_more_than_fifty_cells_are_asked_for_with_the_focus_on_not_yet(form):
    make_list(form, "seed", "1..60")
    form.get_by_role("button", name="Run sweep (60 cells)").press("Enter")
    assert "Start 60 cells, 120 jobs in all, 4 at a time?" in form.locator("#confirm").inner_text()
    form.keyboard.press("Enter")
    assert Sweep.select().count() == 0 and form.url.endswith("/run")
    form.get_by_role("button", name="Run sweep (60 cells)").press("Enter")
    form.locator("#confirm").get_by_role("button", name="Start 60 cells").press("Enter")
    form.wait_for_url(re.compile(r"/sweeps/\d+"))
    assert Sweep.get().cell_count == 60


def test_an_answer_about_fewer_cells_than_were_typed_since_starts_nothing(form):
    make_list(form, "seed", "1..60")
    button = form.get_by_role("button", name="Run sweep (60 cells)")
    button.wait_for()
    form.route("**/run/sweep", lambda route: route.abort())
    form.get_by_label("seed as a list").fill("1..900")
    button.click()
    form.locator("#confirm").get_by_role("button", name="Start 60 cells").click()
    expect(form.locator("#outcome")).to_contain_text("Start 900 cells?")
    assert Sweep.select().count() == 0


def test_it_works_without_javascript(browser, serving, app, client):
    client.post("/workflows/new/yaml", data={"name": "flow", "yaml": FLOW})
    context = browser.new_context(java_script_enabled=False)
    page, url = context.new_page(), serving(app)
    page.goto(url + "/workflows/flow/run")
    page.get_by_role("radiogroup", name="Values of seed").get_by_text("List").click()
    page.get_by_label("seed as a list").fill("1..55")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Not yet").click()
    assert Sweep.select().count() == 0 and page.get_by_label("seed as a list").input_value() == "1..55"
    page.get_by_role("button", name="Yes, start 55 cells").click()
    page.wait_for_url(re.compile(r"/sweeps/\d+"))
    context.close()
