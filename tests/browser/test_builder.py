"""The builder in a real browser: with the mouse and by keyboard alone."""

import re

import pytest

from srunx_web.core import yamltext
from tests.browser.building import DIAMOND, card, field
from tests.conftest import ROOT

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
AXE = (ROOT / "tests/vendor/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def build(person, folder):
    """build(text): the builder with a workflow of that text, called two."""

    def build(text: str = DIAMOND):
        (folder / "two.yaml").write_text(text)
        return person.open("/workflows/two/edit")

    return build


def test_everything_is_undone_and_done_again(build):
    page = build()
    yaml = page.locator("[data-yaml]")
    page.keyboard.press("y")
    seen = [yaml.text_content()]
    steps = [
        lambda: card(page, "left").locator("button").press("d"),
        lambda: card(page, "left-1").locator("button").press("Delete"),
        lambda: page.get_by_role("button", name="Add job").click(),
        lambda: field(page, "Name").fill("last"),
        lambda: field(page, "Command").fill("true"),
        lambda: card(page, "prepare").locator("button").press("Delete"),
    ]
    for number, step in enumerate(steps, 1):
        step()
        if number == 4:
            page.keyboard.press("Enter")
        expect(page.locator("[data-count]")).to_contain_text(f"{number} change")
        seen.append(yaml.text_content())
    page.locator("[data-canvas]").focus()
    for text in seen[-2::-1]:
        page.keyboard.press("Control+z")
        expect(yaml).to_have_text(text, use_inner_text=False)
    expect(page.locator(".said")).to_have_text("Undone: copy of left")
    for number, text in enumerate(seen[1:]):
        page.keyboard.press("Control+y" if number % 2 else "Control+Shift+z")
        expect(yaml).to_have_text(text, use_inner_text=False)
    expect(card(page, "prepare")).to_have_count(0)


def test_a_circle_is_refused_in_words_and_other_jobs_are_connected_by_keyboard(build):
    page = build()
    card(page, "finish").locator("button").press("c")
    expect(page.locator(".said")).to_contain_text("Connecting from finish")
    card(page, "prepare").locator("button").press("Enter")
    expect(page.locator(".said")).to_have_text(
        "finish → prepare would close a circle: prepare → left → finish → prepare"
    )
    expect(page.locator(".edge-group")).to_have_count(5)
    card(page, "right").locator("button").press("c")
    card(page, "rescue").locator("button").press("c")
    expect(page.locator(".edge-group")).to_have_count(6)
    expect(card(page, "rescue").locator("button")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Type of the dependency on right").select_option("afterany")
    expect(page.locator(".edge.afterany")).to_have_count(1)
    page.get_by_role("button", name="Don't wait for right").click()
    expect(page.locator(".edge-group")).to_have_count(5)


def test_an_edge_that_was_clicked_changes_its_type_and_goes(build):
    page = build()
    page.locator(".edge-group .hit").first.click(force=True)
    page.get_by_label("Type of dependency").select_option("after")
    expect(page.locator(".edge.after")).to_have_count(1)
    expect(page.locator(".edge-group text", has_text="after").first).to_be_visible()
    page.get_by_label("Type of dependency").press("Delete")
    expect(page.locator(".edge-group")).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(page.locator(".edge.after")).to_have_count(1)


def test_a_fault_shows_while_it_is_typed_and_leads_to_its_field(build):
    page = build()
    card(page, "right").locator("button").click()
    page.get_by_text("Retry", exact=True).click()
    field(page, "Times").press_sequentially("often")
    problem = page.get_by_role("button", name="right · retry: must be a whole number from 0 to 100")
    expect(problem).to_be_visible()
    expect(field(page, "Times")).to_be_focused()
    expect(field(page, "Times")).to_have_attribute("aria-invalid", "true")
    expect(card(page, "right")).to_have_attribute("data-faults", "1")
    card(page, "left").locator("button").click()
    problem.click()
    expect(field(page, "Times")).to_be_focused()
    expect(field(page, "Times")).to_have_value("often")
    page.keyboard.press("Control+s")
    expect(page.locator(".said")).to_have_text("Not saved: there are problems.")
    field(page, "Times").fill("1")
    expect(page.get_by_role("heading", name="No problems")).to_be_visible()


def test_an_arg_gets_a_new_name_wherever_it_is_used_and_another_goes(build):
    page = build()
    page.get_by_label("Name of the arg").first.fill("rate")
    page.get_by_label("Name of the arg").first.press("Enter")
    expect(card(page, "left")).to_contain_text("--lr {{ rate }}")
    page.get_by_role("button", name="Remove tag").click()
    expect(page.get_by_role("button", name="right · command: 'tag' is not defined")).to_be_visible()
    expect(page.locator(":focus")).to_have_value("rate")


def test_what_is_refused_is_said_beside_the_field(build):
    page = build()
    card(page, "right").locator("button").press("Enter")
    field(page, "Name").fill("left")
    field(page, "Name").press("Enter")
    expect(page.locator("#name-wrong")).to_have_text("There is a job 'left' already")
    expect(field(page, "Name")).to_have_value("left")
    field(page, "Name").fill("other")
    page.keyboard.press("Escape")
    expect(card(page, "other").locator("button")).to_be_focused()


def test_focus_is_never_lost(build):
    page = build()
    focused = page.locator(":focus")
    card(page, "left").locator("button").press("Delete")
    expect(card(page, "left")).to_have_count(0)
    expect(focused).to_contain_text("right")
    page.get_by_role("button", name="Undo").click()
    expect(card(page, "left")).to_have_count(1)
    expect(focused).to_have_accessible_name("Undo")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    expect(field(page, "Name")).to_be_focused()


def test_the_script_of_a_job_is_shown_as_it_would_be_handed_in(build):
    page = build()
    card(page, "left").locator("button").click()
    page.get_by_role("tab", name="Script").click()
    expect(page.locator("[data-script]")).to_contain_text("srun python train.py --lr 0.1")
    card(page, "right").locator("button").click()
    expect(page.locator("[data-script]")).to_contain_text("srun python train.py 007 'a b'")


def test_a_file_that_changed_meanwhile_is_saved_only_when_that_is_meant(build, folder):
    page = build()
    card(page, "right").locator("button").press("d")
    expect(card(page, "right-1")).to_be_visible()
    (folder / "two.yaml").write_text(DIAMOND + "description: from elsewhere\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("The file has changed since you opened it")).to_be_visible()
    expect(card(page, "right-1")).to_be_visible()
    page.get_by_role("button", name="Save anyway").click()
    page.wait_for_url(re.compile("/workflows/two$"))
    assert "right-1" in (folder / "two.yaml").read_text()


def test_leaving_with_changes_asks_first(build):
    page, asked = build(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(page.url)
    assert asked == []
    card(page, "right").locator("button").press("d")
    expect(card(page, "right-1")).to_be_visible()
    page.goto(page.url)
    assert asked == ["beforeunload"]


def test_without_javascript_the_page_leads_to_the_text(browser, serving, app, folder):
    (folder / "two.yaml").write_text(DIAMOND)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serving(app) + "/workflows/two/edit")
    expect(page.get_by_text("The builder needs JavaScript")).to_be_visible()
    page.get_by_role("link", name="Edit as YAML").click()
    assert page.url.endswith("/workflows/two/yaml")
    context.close()


def test_one_of_three_hundred_jobs_is_moved_without_asking_the_server(build):
    jobs = [{"name": f"j{number}", "command": ["true"]} for number in range(300)]
    for number, one in enumerate(jobs[3:], 3):
        one["depends_on"] = [f"j{number - 3}", f"afterany:j{number // 2}"]
    page, asked = build(yamltext.dump({"jobs": jobs})), []
    page.on("request", lambda request: asked.append(request.url) if "/draft" in request.url else None)
    before = card(page, "j150").evaluate("node => node.style.translate")
    for _ in range(20):
        card(page, "j150").locator("button").press("ArrowRight")
    assert card(page, "j150").evaluate("node => node.style.translate") != before
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 380])
def test_nobody_is_shut_out(build, person, scheme, width):
    person.page.emulate_media(color_scheme=scheme)
    person.page.set_viewport_size({"width": width, "height": 800})
    page, found = build(DIAMOND + "  - name: broken\n"), []
    for step in (
        lambda: None,
        lambda: page.keyboard.press("y"),
        lambda: card(page, "left").locator("button").click(),
        lambda: [group.evaluate("one => { one.open = true }") for group in page.locator("details").all()],
        lambda: page.get_by_role("tab", name="Script").click(),
        lambda: page.get_by_role("button", name="broken ·").click(),
    ):
        step()
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(AXE)
        wrong = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
        found += [f"{one['id']} {[node['target'] for node in one['nodes']][:3]}" for one in wrong]
    assert found == []


def test_what_was_typed_is_one_step_and_typing_it_back_is_none(build):
    page = build()
    card(page, "left").locator("button").press("Enter")
    times = page.locator("[data-count]")
    page.get_by_text("Container", exact=True).click()
    field(page, "Image").press_sequentially("x.sif", delay=120)
    expect(times).to_contain_text("1 change")
    for _ in range(2):
        page.get_by_label("Runtime").select_option("apptainer")
        page.get_by_label("nv", exact=True).check()
        expect(times).to_contain_text("3 changes")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_label("nv", exact=True)).not_to_be_checked()
        page.get_by_role("button", name="Undo").click()
        expect(times).to_contain_text("1 change")
    field(page, "Image").fill("y.sif")
    expect(times).to_contain_text("2 changes")
    field(page, "Image").fill("x.sif")
    expect(times).to_contain_text("1 change")
