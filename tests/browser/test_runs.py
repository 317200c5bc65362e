"""Runs from the browser, on the embedded executor."""

import re

import pytest

from tests.browser.test_look import AXE
from tests.flows import Flows, diamond, job

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
TALKS = "for i in $(seq 600); do echo line $i; sleep 0.2; done"
FROM_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight"


@pytest.fixture
def flows(client):
    """Workflows of the person's server."""
    return Flows(client)


def test_the_graph_follows_a_run_to_its_end(person, flows):
    page = person.open(f"/runs/{flows.start('diamond', diamond('sleep 5', 'sleep 1'))}")
    expect(page.locator("#n-left")).to_contain_text(re.compile("running · 0:0[1-9]"), timeout=9000)
    expect(page.locator("#run h1 + p")).to_contain_text("4 of 4 jobs done", timeout=20000)
    expect(page.locator("#run h1 + p")).to_contain_text("completed")
    expect(page.locator("#n-finish")).to_contain_text("completed")
    assert page.locator("#run").get_attribute("hx-get") is None


def test_a_click_opens_the_job_and_its_log_follows(person, flows):
    run_id = flows.start("talk", [job("talks", TALKS), job("after", "true", "talks")])
    page = person.open(f"/runs/{run_id}")
    page.locator("#n-talks").click()
    log = page.locator("#drawer .log")
    expect(log).to_contain_text("line 40\n", timeout=15000)
    assert log.inner_text().count("line 9\n") == 1
    assert page.url.endswith(f"/runs/{run_id}?job=talks")
    assert page.locator("#n-talks").get_attribute("aria-current") == "true"
    expect(page.locator("#job-facts")).to_contain_text("running")
    assert log.evaluate(FROM_END) < 8


def test_a_reader_who_scrolled_up_keeps_the_place(person, flows):
    run_id = flows.start("talk", [job("talks", "seq 300; " + TALKS)])
    page = person.open(f"/runs/{run_id}?job=talks")
    log = page.locator("#drawer .log")
    expect(log).to_contain_text("line 3\n", timeout=15000)
    log.evaluate("log => { log.scrollTop = 0 }")
    expect(log).to_contain_text("line 12\n", timeout=9000)
    assert log.evaluate("log => log.scrollTop") == 0


def test_escape_closes_the_drawer_and_the_address_says_so(person, flows):
    run_id = flows.start("slow", [job("one", "sleep 60")])
    page = person.open(f"/runs/{run_id}")
    page.locator("#n-one").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#drawer h2")).to_have_text("one")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    assert page.url.endswith(f"/runs/{run_id}")
    assert page.evaluate("document.activeElement.id") == "n-one"
    page.go_back()
    expect(page.locator("#drawer h2")).to_have_text("one")


def test_a_job_that_waits_gets_its_log_when_it_starts(person, flows):
    run_id = flows.start("slow", [job("one", "sleep 3"), job("two", "echo it began; sleep 60", "one")])
    page = person.open(f"/runs/{run_id}?job=two")
    expect(page.locator("#drawer .log")).to_contain_text("it began", timeout=20000)
    expect(page.locator("#job-facts")).to_contain_text("running", timeout=9000)


def test_why_jobs_failed_stands_there_without_a_click(person, flows):
    run_id = flows.start("bad", diamond("sleep 2; echo 'RuntimeError: bad'; exit 3"))
    page = person.open(f"/runs/{run_id}")
    failure = page.locator(".failure")
    expect(failure).to_contain_text("RuntimeError: bad", timeout=15000)
    expect(page.locator("#n-finish")).to_contain_text("never starts", timeout=9000)
    failure.get_by_role("link", name="Open the log here").click()
    page.wait_for_url(re.compile(r"/jobs/\d+\?"))
    expect(page.locator("#at")).to_have_text("RuntimeError: bad")


def test_what_failed_is_run_again_from_the_page(person, flows, tmp_path):
    run_id = flows.start("flaky", diamond(f"test -e {tmp_path}/ok"))
    flows.wait(run_id)
    (tmp_path / "ok").touch()
    page = person.open(f"/runs/{run_id}")
    page.get_by_text("Rerun", exact=True).first.click()
    page.get_by_role("button", name="The 2 that failed").click()
    page.wait_for_url(lambda url: run_id not in url)
    expect(page.locator("#run h1 + p")).to_contain_text("4 of 4 jobs done", timeout=15000)
    expect(page.locator("#n-prepare")).to_contain_text("earlier run")


def test_the_menu_closes_by_escape_and_by_a_click_elsewhere(person, flows):
    run_id = flows.start("good", [job("one")])
    flows.wait(run_id)
    page = person.open(f"/runs/{run_id}")
    menu = page.locator("#rerun form")
    page.locator("#rerun summary").click()
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.locator("#rerun summary").click()
    page.locator("h1").click(position={"x": 1, "y": 1}, modifiers=["Shift"], no_wait_after=True)
    expect(menu).to_be_hidden()


def test_a_run_is_cancelled_with_the_number_of_its_jobs_in_the_question(person, flows):
    run_id = flows.start("slow", [job("one", "sleep 60"), job("two", "true", "one")])
    page = person.open(f"/runs/{run_id}")
    page.get_by_role("button", name="Cancel").click()
    assert "Cancel run slow? 2 jobs are alive." in page.locator("#confirm").inner_text()
    page.locator("#confirm").get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run h1 + p")).to_contain_text("cancelled", timeout=9000)


def test_the_list_is_live_and_cancels_a_row(person, flows):
    page = person.open("/runs")
    run_id = flows.start("slow", [job("one", "sleep 60")])
    row = page.locator(f"#r{run_id}")
    expect(row).to_be_visible(timeout=9000)
    row.hover()
    row.get_by_role("button", name="Cancel run").click()
    page.locator("#confirm").get_by_role("button", name="Cancel the run").click()
    expect(page.locator(f"#r{run_id}")).to_contain_text("cancelled", timeout=9000)
    assert page.url.endswith("/runs")


def test_an_open_time_line_stays_open_and_its_names_open_jobs(person, flows):
    run_id = flows.start("diamond", diamond("sleep 4", "sleep 1"))
    page = person.open(f"/runs/{run_id}")
    page.locator("#timeline summary").click()
    expect(page.locator("#n-right")).to_contain_text("completed", timeout=15000)
    expect(page.locator(".lane").first).to_be_visible()
    page.locator(".lane").get_by_role("link", name="left").click()
    expect(page.locator("#drawer h2")).to_have_text("left")
    expect(page.locator(".lane").first).to_be_visible()


def test_it_works_without_javascript(browser, serving, app, flows):
    run_id = flows.start("slow", [job("one", "echo hello; sleep 60")])
    flows.wait_job(run_id, "one", "RUNNING")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serving(app) + f"/runs/{run_id}")
    page.get_by_role("link", name="one").click()
    assert page.url.endswith("?job=one") and page.locator("#drawer h2").inner_text() == "one"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    assert flows.wait(run_id)["status"] == "cancelled"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 380])
def test_nothing_sticks_out_and_everybody_can_read_it(page, serving, app, flows, scheme, width):
    run_id = flows.start("a-long-name-" * 9, [*diamond("echo bad; exit 3", "sleep 60"), job("x" * 100, "sleep 60")])
    flows.wait_job(run_id, "left", "FAILED")
    url, faults = serving(app), []
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for query in ("", "?job=left", "?view=list", "?job=right&stream=script"):
        page.goto(f"{url}/runs/{run_id}{query}")
        page.locator("#timeline summary").evaluate("summary => summary.click()")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{query} is wider than {width}")
        page.evaluate(AXE)
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
        faults += [f"{query}: {one['id']} {[node['target'] for node in one['nodes']][:3]}" for one in found]
    assert faults == []
