"""Jobs from the browser, on the embedded executor."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
TALKS = "#!/bin/bash\n#SBATCH -J talks\nfor i in $(seq 600); do echo line $i; sleep 0.2; done\n"
SLEEPS = "#!/bin/bash\n#SBATCH -J {}\nsleep 600\n"


def test_a_script_is_submitted_followed_and_cancelled(person):
    id_ = person.submit(TALKS)
    page, log = person.page, person.page.locator("[data-log]")
    expect(log).to_contain_text("line 8", timeout=9000)
    expect(page.locator("#state-line")).to_contain_text("running")
    assert log.inner_text().count("line 8\n") == 1
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_role("button", name="Keep").evaluate("button => button === document.activeElement")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#state-line")).to_contain_text("cancelled", timeout=9000)
    assert f"#{id_}" in page.locator("h1").inner_text()


def test_the_table_refreshes_without_losing_ticks_focus_or_scroll(person):
    person.open("/jobs")
    for number in range(40):
        _api_submit(person, SLEEPS.format(f"many-{number}"))
    page = person.open("/jobs")
    page.locator("[data-tick]").nth(30).check()
    label = page.locator("[data-tick]").nth(30).get_attribute("value")
    page.mouse.wheel(0, 500)
    page.get_by_placeholder("Name or id").focus()
    page.keyboard.type("many")
    page.wait_for_url(re.compile(r"q=many"))
    scroll = page.evaluate("scrollY")
    new = _api_submit(person, SLEEPS.format("many-new"))
    page.wait_for_selector(f"#j{new}", timeout=12000)
    assert page.locator(f"[data-tick][value='{label}']").is_checked()
    assert page.evaluate("document.activeElement.name") == "q"
    assert abs(page.evaluate("scrollY") - scroll) < 80


def _api_submit(person, script) -> int:
    return person.page.evaluate(
        """async script => {
            const body = JSON.stringify({name: script.match(/-J (.*)/)[1], script_content: script})
            const headers = {'Content-Type': 'application/json'}
            return (await (await fetch('/api/jobs', {method: 'POST', headers, body})).json()).job_id
        }""",
        script,
    )


def test_a_hidden_tab_asks_nothing(person):
    page = person.open("/jobs")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.wait_for_timeout(7000)
    assert [url for url in asked if "/static/" not in url] == []
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => false, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1000)
    assert any("/jobs/rows" in url for url in asked)


def test_filters_stand_in_the_address_and_the_back_button_works(person):
    person.open("/jobs")
    _api_submit(person, SLEEPS.format("train"))
    page = person.open("/jobs")
    page.get_by_label("State").select_option("waiting")
    page.wait_for_url(re.compile("state=waiting"))
    page.get_by_label("State").select_option("")
    page.wait_for_url(re.compile(r"/jobs$"))
    page.get_by_role("link", name="train").click()
    page.wait_for_url(re.compile(r"/jobs/\d+$"))
    page.go_back()
    assert page.get_by_role("link", name="train").is_visible()


def test_ticked_rows_are_cancelled_with_their_number_in_the_question(person):
    person.open("/jobs")
    ids = [_api_submit(person, SLEEPS.format(f"t{number}")) for number in range(3)]
    page = person.open("/jobs")
    for id_ in ids[:2]:
        page.locator(f"[data-tick][value='{id_}']").check()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    assert "Cancel 2 jobs" in page.locator("#confirm").inner_text()
    page.locator("#confirm").get_by_role("button", name="Cancel 2 jobs").click()
    page.wait_for_selector("[data-toast]")
    expect(page.locator(f"#j{ids[0]} .state")).to_contain_text("cancelled", timeout=9000)
    assert "cancelled" not in page.locator(f"#j{ids[2]}").inner_text()


def test_the_keyboard_is_enough(person):
    person.open("/jobs")
    _api_submit(person, SLEEPS.format("first"))
    page = person.open("/jobs")
    page.keyboard.press("/")
    page.keyboard.type("first")
    page.wait_for_url(re.compile("q=first"))
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/\d+$"))


def test_the_form_writes_the_directives_and_a_refusal_loses_nothing(person):
    page = person.open("/jobs/new")
    page.get_by_label("Time limit").fill("2:00:00")
    page.get_by_label("GPUs").fill("999")
    assert "#SBATCH --time=2:00:00" in page.get_by_label("Script").input_value()
    page.get_by_role("button", name="Submit job").click()
    page.wait_for_selector(".notice.error")
    assert "Requested node configuration is not available" in page.locator(".notice.error").inner_text()
    assert page.get_by_label("GPUs").input_value() == "999"


def test_it_works_without_javascript(browser, serving, app, jobs):
    id_ = jobs.submit("sleep 600", name="plain")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serving(app) + f"/jobs/{id_}")
    page.get_by_role("button", name="Cancel").click()
    assert "Cancel 1 job?" in page.inner_text("h1")
    page.get_by_role("button", name="Cancel 1 job").click()
    jobs.wait(id_, "CANCELLED")
    context.close()
