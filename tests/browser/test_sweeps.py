"""Sweeps from the browser, on the embedded executor."""

import re

import pytest

from srunx_web.store import Result, Run, Sweep, connected
from tests.browser.test_look import AXE
from tests.flows import job
from tests.pages.test_sweeps import Sweeps, written
from tests.sweeping import written_sweep

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
TALKS = "for i in $(seq 600); do echo {{ n }} says $i; sleep 0.2; done"


@pytest.fixture
def sweeps(client):
    """Sweeps of the person's server."""
    return Sweeps(client)


def test_the_page_follows_a_sweep_to_its_end(person, sweeps):
    page = person.open(f"/sweeps/{sweeps.begin('quick', [job('one', 'sleep 1')], {'n': [1, 2, 3, 4]}, max_parallel=2)}")
    expect(page.locator("#c1")).to_contain_text("running", timeout=9000)
    expect(page.locator(".progress")).to_contain_text("4 completed", timeout=30000)
    expect(page.locator("#sweep h1 + p")).to_contain_text("completed")
    expect(page.locator("#c4")).to_contain_text("completed")
    expect(page.locator("#sweep[data-poll]")).to_have_count(0)


def test_filters_change_the_rows_and_the_address(person, sweeps, app):
    sweep = written(app, ["completed", "failed", "completed", "failed"], {"lr": [0.1, 0.2], "amp": [True, False]})
    page = person.open(f"/sweeps/{sweep.id}")
    page.locator("select[name=state]").select_option("failed")
    expect(page.locator("#rows tr")).to_have_count(2)
    page.get_by_label("lr", exact=True).select_option("0.2")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?state=failed&at\.lr=0\.2$"))
    page.reload()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("link", name="lr", exact=True).click()
    expect(page).to_have_url(re.compile("sort=at.lr"))


def test_one_cell_is_cancelled_from_its_row(person, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "sleep 60")], {"n": [1, 2]}, max_parallel=2)
    page = person.open(f"/sweeps/{sweep_id}")
    expect(page.locator("#c2")).to_contain_text("running", timeout=9000)
    page.locator("#c2").hover()
    page.get_by_role("button", name="Cancel cell 2").click()
    asked = page.locator("#confirm")
    assert "Cancel cell 2 of sweep slow?" in asked.inner_text()
    expect(asked.get_by_role("button", name="Keep")).to_be_focused()
    asked.get_by_role("button", name="Cancel the cell").click()
    expect(page.locator("#c2")).to_contain_text("cancelled", timeout=9000)
    expect(page.locator("#c1")).to_contain_text("running")


def test_the_whole_sweep_is_cancelled_with_the_number_in_the_question(person, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "sleep 60")], {"n": [1, 2, 3]}, max_parallel=1)
    sweeps.settle(sweep_id, "running")
    page = person.open(f"/sweeps/{sweep_id}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    assert "Cancel 3 cells of sweep slow?" in page.locator("#confirm").inner_text()
    page.locator("#confirm").get_by_role("button", name="Cancel the sweep").click()
    expect(page.locator("#sweep h1 + p")).to_contain_text("cancelled", timeout=15000)


def test_the_log_of_a_cell_follows_beside_the_table(person, sweeps):
    sweep_id = sweeps.begin("talk", [job("one", TALKS)], {"n": ["anna", "bob"]}, max_parallel=2)
    page = person.open(f"/sweeps/{sweep_id}?state=running")
    expect(page.locator("#c2")).to_contain_text("running", timeout=9000)
    page.locator("#c2").hover()
    page.get_by_role("link", name="Log of cell 2").click()
    log = page.locator("#drawer .log")
    expect(log).to_contain_text("bob says 30\n", timeout=15000)
    assert log.inner_text().count("bob says 9\n") == 1 and "anna" not in log.inner_text()
    assert page.url.endswith(f"/sweeps/{sweep_id}?state=running&cell=2")
    assert log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight") < 8
    expect(page.locator("#c2[aria-current=true]")).to_have_count(1)


def test_a_drawer_and_the_focus_stay_while_the_page_is_refreshed(person, sweeps):
    sweep_id = sweeps.begin("some", [job("one", "sleep {{ n }}")], {"n": [60, 1, 1, 1]}, max_parallel=2)
    sweeps.settle(sweep_id, "running")
    page = person.open(f"/sweeps/{sweep_id}")
    page.locator("#c1 a.main").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer h2")).to_have_text("Cell 1")
    page.locator("#c1 a.main").focus()
    expect(page.locator(".progress")).to_contain_text("2 completed", timeout=30000)
    assert page.evaluate("document.activeElement.closest('tr').id") == "c1"
    expect(page.locator("#drawer h2")).to_have_text("Cell 1")
    expect(page.locator("#c1[aria-current=true]")).to_have_count(1)


def test_results_and_logs_stand_side_by_side(person, sweeps, app):
    sweep_id = sweeps.begin("measured", [job("one", "echo acc={{ n }}")], {"n": [1, 3, 2]}, max_parallel=3)
    sweeps.settle(sweep_id)
    with connected():
        Sweep.update(yaml=written_sweep(app, metrics={"acc": "acc=(.*)"}, names=["one"]).yaml).execute()
        for run in Run.select():
            Result.create(run=run, metrics={"acc": run.args["n"]}, faults={}, read_at=1, is_final=True)
    page = person.open(f"/sweeps/{sweep_id}")
    expect(page.locator("#cells tbody tr").first).to_contain_text("best 3")
    page.get_by_role("link", name="Log of cell 2").click()
    expect(page.locator("#drawer .log")).to_contain_text("acc=3")
    expect(page.locator("#r2[aria-current=true]")).to_have_count(1)
    page.get_by_label("n", exact=True).select_option("2")
    expect(page.locator("#cells tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"cell=2&at\.n=2$"))
    page.locator("#views").get_by_role("link", name="Cells").click()
    expect(page.locator("#c3")).to_be_visible()
    expect(page.locator("#drawer h2")).to_have_text("Cell 2")


def test_escape_closes_the_drawer_and_j_and_k_go_through_the_rows(person, app):
    sweep = written(app, ["completed"] * 3)
    page = person.open(f"/sweeps/{sweep.id}?cell=2")
    expect(page.locator("#drawer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page).to_have_url(re.compile(f"/sweeps/{sweep.id}$"))
    page.keyboard.press("j")
    expect(page.locator("#c3 a.main")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator(".of-sweep")).to_contain_text("cell 2 of sweep")


def test_ticked_cells_are_run_again_with_more_memory(person, sweeps, tmp_path):
    sweep_id = sweeps.begin("flaky", [job("one", f"test -e {tmp_path}/ok")], {"n": [1, 2, 3]})
    sweeps.settle(sweep_id)
    (tmp_path / "ok").touch()
    page = person.open(f"/sweeps/{sweep_id}")
    page.get_by_role("checkbox", name="cell 1").check()
    page.get_by_role("checkbox", name="cell 3").check()
    page.get_by_role("button", name="Rerun 2 cells").click()
    page.get_by_label("memory_per_node").fill("1G")
    page.get_by_role("button", name="Rerun 2 cells").click()
    expect(page.locator(".progress")).to_contain_text("2 completed", timeout=20000)
    expect(page.locator("#c3")).to_contain_text("attempt 2")
    page.locator("#events summary").click()
    expect(page.locator("#events")).to_contain_text("rerun of 2 cells with memory_per_node 1G")


def test_the_button_of_the_rerun_form_says_what_it_will_do(person, app):
    page = person.open(f"/sweeps/{written(app, ['failed', 'cancelled', 'completed']).id}/rerun")
    button = page.locator(".rerun .primary")
    expect(button).to_have_text("Rerun 1 failed cell")
    page.get_by_label("All 2 that failed or were cancelled").check()
    expect(button).to_have_text("Rerun 2 cells")
    page.get_by_label("Chosen ones").check()
    expect(button).to_be_disabled()
    page.locator(".picks input").last.check()
    expect(button).to_have_text("Rerun 1 cell")


def test_the_list_is_live_and_cancels_a_row(person, sweeps):
    page = person.open("/sweeps")
    sweep_id = sweeps.begin("slow", [job("one", "sleep 60")], {"n": [1, 2]})
    row = page.locator(f"#s{sweep_id}")
    expect(row).to_be_visible(timeout=9000)
    row.hover()
    row.get_by_role("button", name="Cancel sweep").click()
    page.locator("#confirm").get_by_role("button", name="Cancel the sweep").click()
    expect(page.locator(f"#s{sweep_id}")).to_contain_text("2 cancelled", timeout=15000)
    assert page.url.endswith("/sweeps")


def test_it_works_without_javascript(browser, serving, app, sweeps):
    sweep_id = sweeps.begin("slow", [job("one", "echo hello {{ n }}; sleep 60"), job("two")], {"n": [1, 2]})
    sweeps.settle(sweep_id, "running")
    context = browser.new_context(java_script_enabled=False)
    page, url = context.new_page(), serving(app)
    page.goto(f"{url}/sweeps/{sweep_id}?cell=1&job=one")
    expect(page.locator("#drawer h2")).to_have_text("Cell 1")
    page.locator("select[name=state]").select_option("completed")
    page.get_by_role("button", name="Filter").click()
    assert "No cell matches" in page.locator("#cells").inner_text() and "cell=1" in page.url
    page.goto(f"{url}/sweeps/{sweep_id}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the sweep").click()
    expect(page.locator("h1")).to_contain_text("slow")
    with connected():
        assert not Run.select().where(Run.cancel_requested_at.is_null(), Run.status == "running").exists()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 380])
def test_nothing_sticks_out_and_everybody_can_read_it(browser, serving, app, scheme, width):
    states = ["completed", "failed", "running", "pending", "cancelled", "completed"]
    matrix = {"a_rather_long_name_of_an_axis": ["x" * 80, 1, 0.5], "amp": [True, False]}
    sweep = written(app, states, matrix, status="running", completed_at=None, args={"data": "/scratch/" + "d" * 99})
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, url, faults = context.new_page(), serving(app), []
    for path in ("", f"/{sweep.id}", f"/{sweep.id}?cell=2", f"/{sweep.id}/rerun", f"/{sweep.id}?state=draining"):
        page.goto(f"{url}/sweeps{path}")
        for summary in page.locator("main summary").all():
            summary.evaluate("summary => summary.click()")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{path} is wider than {width}")
        page.evaluate(AXE)
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
        faults += [f"{path}: {one['id']} {[node['target'] for node in one['nodes']][:3]}" for one in found]
    context.close()
    assert faults == []
