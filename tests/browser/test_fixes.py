"""What people stumbled over: the red button, the log on a phone, a long log, other ways to ask for GPUs."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
PHONE = {"width": 380, "height": 760}
TALKS = "for i in $(seq 200); do echo line $i; done; for i in $(seq 300); do echo more $i; sleep 0.2; done"
FROM_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
GRES = "#!/bin/bash\n#SBATCH -J eight\n#SBATCH --gres=gpu:a100:4  # a node\nsleep 1\n"
PRINT_2_MB = """() => {
    const block = ('x'.repeat(79) + '\\n').repeat(700), tail = document.getElementById('tail')
    for (let number = 0; number < 40; number++) tail.before(block)
}"""
CONTRAST = """button => {
    const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    const light = colour => {
        paint.fillStyle = colour
        paint.fillRect(0, 0, 1, 1)
        const [red, green, blue] = [...paint.getImageData(0, 0, 1, 1).data].map(part => (part / 255) ** 2.2)
        return .2126 * red + .7152 * green + .0722 * blue + .05
    }
    const { color, backgroundColor } = getComputedStyle(button), both = [light(color), light(backgroundColor)]
    return Math.max(...both) / Math.min(...both)
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_red_button_of_a_question_can_be_read(person, jobs, scheme):
    id_ = jobs.submit("sleep 600")
    person.page.emulate_media(color_scheme=scheme)
    page = person.open(f"/jobs/{id_}")
    page.get_by_role("button", name="Cancel").click()
    red = page.locator("#confirm .danger")
    assert red.evaluate(CONTRAST) > 4.5
    red.hover()
    assert red.evaluate(CONTRAST) > 4.5


def test_a_phone_follows_the_log_inside_its_own_box(person, jobs):
    id_ = jobs.submit(TALKS)
    person.page.set_viewport_size(PHONE)
    log = person.open(f"/jobs/{id_}").locator("[data-log]")
    expect(log).to_contain_text("more 8", timeout=9000)
    assert log.evaluate(FROM_END) < 8
    assert person.page.evaluate("document.documentElement.scrollHeight") < 2 * PHONE["height"]
    log.evaluate("log => { log.scrollTop = 0 }")
    expect(person.page.get_by_label("Follow")).not_to_be_checked()
    person.page.get_by_label("Follow").check()
    assert log.evaluate(FROM_END) < 8


@pytest.mark.parametrize("width", [1400, 800, 380])
def test_the_buttons_of_the_head_stay_together_whatever_the_name(person, jobs, width):
    id_ = jobs.submit("sleep 600", name="a-very-long-name-" * 12)
    person.page.set_viewport_size({"width": width, "height": 900})
    page = person.open(f"/jobs/{id_}")
    tops = {round(page.locator(f".actions {kind}").bounding_box()["y"]) for kind in ("a", "button")}
    assert len(tops) == 1
    assert page.locator("h1").bounding_box()["height"] < 30
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_log_keeps_its_end_and_says_so_once(person, jobs):
    page = person.open(f"/jobs/{jobs.submit(TALKS)}")
    log = page.locator("[data-log]")
    expect(log).to_contain_text("more 1", timeout=9000)
    for _ in range(2):
        page.evaluate(PRINT_2_MB)
        page.wait_for_timeout(2500)
    assert log.evaluate("log => log.textContent.length") < 2.1e6
    assert log.locator(".skipped").all_inner_texts() == ["… earlier lines are not kept here"]
    assert log.evaluate(FROM_END) < 8


def test_who_reads_the_first_lines_keeps_them(person, jobs):
    page = person.open(f"/jobs/{jobs.submit(TALKS)}")
    log = page.locator("[data-log]")
    expect(log).to_contain_text("more 1", timeout=9000)
    log.evaluate("log => { log.scrollTop = 0 }")
    page.evaluate(PRINT_2_MB)
    page.wait_for_timeout(2500)
    assert log.inner_text().startswith("line 1\n")
    assert log.evaluate("log => log.scrollTop") == 0


def test_finding_in_a_part_of_the_log_offers_the_whole(person, jobs):
    id_ = jobs.run("for i in $(seq 9000); do echo step $i of it; done")
    page = person.open(f"/jobs/{id_}")
    whole = page.locator("[data-log-whole]")
    expect(whole).to_be_hidden()
    page.get_by_label("Find in the log").fill("step 8000")
    expect(page.locator("[data-log-found]")).to_have_text("1 of 1 here")
    whole.click()
    expect(page.locator(".hits")).to_contain_text("step 8000 of it")


def test_the_line_that_was_looked_for_stands_in_a_third_of_the_log(person, jobs):
    id_ = jobs.run("for i in $(seq 900); do echo step $i; [ $i = 400 ] && echo 'ValueError: shape'; done; true")
    page = person.open(f"/jobs/{id_}")
    page.get_by_role("link", name="First error").click()
    mark = page.locator("#at")
    expect(mark).to_have_text("ValueError: shape")
    log = page.locator("[data-log]").bounding_box()
    assert abs(mark.bounding_box()["y"] - log["y"] - log["height"] / 3) < 20


def test_warnings_that_speak_of_errors_are_not_marked_as_errors(person, jobs):
    lines = ["WARNING: Error rate high", "0 errors", "12:00 [INFO] no Error yet", "RuntimeError: bad, try X_DEBUG=INFO",
             "RuntimeError: see the INFO lines"]  # fmt: skip
    id_ = jobs.run("\n".join(f"echo '{line}'" for line in lines))
    page = person.open(f"/jobs/{id_}")
    expect(page.locator("[data-log]")).to_contain_text(lines[-1])
    assert page.evaluate("[...CSS.highlights.get('trouble')].map(String)") == lines[3:]


def test_gpus_of_a_gres_line_are_read_and_written_there(person):
    page = person.open("/jobs/new")
    script, gpus = page.get_by_label("Script"), page.get_by_label("GPUs")
    script.fill(GRES)
    expect(gpus).to_have_value("a100:4")
    gpus.fill("")
    gpus.fill("a100:2")
    assert script.input_value().count("--gres=gpu:a100:2") == 1
    assert "--gpus" not in script.input_value()


def test_changed_gpus_change_their_line_only(person):
    page = person.open("/jobs/new")
    script = page.get_by_label("Script")
    for text in (GRES, GRES.replace("--gres=gpu:", "--gpus-per-node=")):
        script.fill(text)
        expect(page.get_by_label("GPUs")).to_have_value("a100:4")
        page.get_by_label("GPUs").fill("a100:2")
        assert script.input_value() == text.replace("a100:4", "a100:2")
        page.get_by_label("Job name").focus()
