"""Workflows and templates from the browser, on the embedded executor."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
FLOW = """\
args: {who: world}
jobs:
  - name: first
    command: [echo, "hello {{ who }}"]
    resources: {time_limit: "5"}
  - name: second
    command: [echo, bye]
    depends_on: [first]
    resources: {time_limit: "5"}
"""
CARET = "area => area.value.slice(0, area.selectionStart).split('\\n').length"


@pytest.fixture
def flow(client):
    """A workflow called flow."""
    client.post("/workflows/new/yaml", data={"name": "flow", "yaml": FLOW})


def test_from_an_example_to_its_first_run(person):
    page = person.open("/workflows")
    page.get_by_role("button", name="Add the example hello").click()
    page.wait_for_url("**/workflows/hello")
    page.locator("#n-left").click()
    expect(page.locator(".drawer-head h2")).to_have_text("left")
    expect(page.locator("#drawer pre.code")).to_contain_text("#SBATCH --job-name=left")
    assert page.locator("#n-left").get_attribute("aria-current") == "true" and "job=left" in page.url
    page.get_by_role("link", name="Run", exact=True).click()
    page.get_by_label("who", exact=True).fill("Ada")
    page.get_by_role("button", name="Dry run").click()
    page.locator("summary").first.click()
    expect(page.locator(".plan [open]")).to_contain_text("preparing for Ada")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/[\w-]{36}"))


def test_a_chosen_job_closes_again_and_the_graph_keeps_its_place(person, client):
    jobs = "".join(f"- {{name: j{n}, command: [a], depends_on: [{f'j{n - 1}' if n else ''}]}}\n" for n in range(12))
    client.post("/workflows/new/yaml", data={"name": "chain", "yaml": f"jobs:\n{jobs}"})
    page = person.open("/workflows/chain")
    page.locator("#n-j11").click()
    expect(page.locator(".drawer-head h2")).to_have_text("j11")
    assert page.locator("#graph-box").evaluate("box => box.scrollLeft") > 500
    page.get_by_role("link", name="Close").click()
    expect(page.locator("#drawer")).to_contain_text("Choose a job")
    assert page.locator("#graph-box").evaluate("box => box.scrollLeft") > 500


def test_the_editor_checks_what_is_typed_and_leads_to_each_fault(person, flow):
    page = person.open("/workflows/flow/yaml")
    yaml = page.get_by_label("YAML")
    expect(page.locator("#check")).to_contain_text("2 jobs")
    yaml.fill(FLOW.replace("[first]", "[nobody]").replace("args", "agrs"))
    fault = page.get_by_role("button", name="line 8")
    expect(page.locator("#check")).to_contain_text("there is no job 'nobody'")
    fault.click()
    assert yaml.evaluate(CARET) == 8 and yaml.evaluate("area => area === document.activeElement")
    expect(page.locator(".editor .l.bad")).to_have_text("    depends_on: [nobody]")
    yaml.fill(FLOW)
    expect(page.locator("#check")).to_contain_text("2 jobs")
    page.get_by_role("button", name="second").click()
    assert yaml.evaluate(CARET) == 6


def test_the_editor_indents_as_yaml_does_and_saves_by_a_key(person, flow):
    page = person.open("/workflows/flow/yaml")
    yaml = page.get_by_label("YAML")
    yaml.press("ControlOrMeta+End")
    for text in ("  - name: third", "command: |", "echo a", "echo b"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    assert yaml.input_value() == f"{FLOW}  - name: third\n    command: |\n      echo a\n      echo b\n      "
    page.keyboard.press("ControlOrMeta+s")
    page.wait_for_url("**/workflows/flow")
    assert page.locator("#n-third").is_visible()


def test_tab_indents_all_chosen_lines_and_undo_takes_it_back(person, flow):
    page = person.open("/workflows/flow/yaml")
    yaml = page.get_by_label("YAML")
    yaml.press("ControlOrMeta+a")
    page.keyboard.press("Tab")
    assert yaml.input_value() == re.sub("(?m)^(?=.)", "  ", FLOW)
    page.keyboard.press("ControlOrMeta+z")
    assert yaml.input_value() == FLOW
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Cancel").evaluate("link => link === document.activeElement")


def test_who_leaves_with_unsaved_words_is_asked(person, flow):
    page = person.open("/workflows/flow/yaml")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("YAML").press("ControlOrMeta+End")
    page.keyboard.type("# x")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and page.url.endswith("/yaml")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/workflows/flow")
    assert asked == ["beforeunload"]


def test_a_row_offers_its_actions_and_deleting_asks_by_name(person, flow):
    page = person.open("/workflows")
    row = page.locator("#w-flow")
    row.hover()
    row.get_by_role("button", name="Delete flow").click()
    assert "Delete the workflow flow?" in page.locator("#confirm").inner_text()
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.locator("[data-toast]")).to_contain_text("Deleted flow")
    assert page.locator("#w-flow").count() == 0


def test_the_list_follows_a_run_to_its_end(person, flow, client):
    client.post("/workflows/flow/run")
    page = person.open("/workflows")
    expect(page.locator("#w-flow .state")).to_have_text("completed", timeout=20000)
    assert page.locator("#w-flow rect.done").count() == 2


def test_a_file_is_uploaded(person, flow):
    page = person.open("/workflows")
    page.get_by_role("button", name="Upload").click()
    file = {"name": "flow.yaml", "mimeType": "text/yaml", "buffer": FLOW.replace("bye", "again").encode()}
    page.get_by_label("YAML file").set_input_files(file)
    page.locator("#upload").get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Replace flow").click()
    page.wait_for_url("**/workflows/flow")
    page.locator("#n-second").click()
    expect(page.locator("pre.command")).to_have_text("echo again")


def test_a_template_becomes_a_job(person):
    page = person.open("/templates/torchrun/apply")
    page.get_by_label("Job name").fill("net")
    page.get_by_label("Command").fill("train.py")
    expect(page.locator("#preview")).to_contain_text("#SBATCH --job-name=net")
    page.get_by_label("GPUs a node").fill("2")
    expect(page.locator("#preview")).to_contain_text("--nproc-per-node 2")
    page.get_by_label("GPUs a node").fill("")
    expect(page.locator("#preview")).to_contain_text("--nproc-per-node 1")
    page.get_by_role("button", name="Open in the submit form").click()
    assert "--nproc-per-node 1" in page.get_by_label("Script").input_value()
    page.get_by_role("button", name="Submit job").click()
    page.wait_for_url(re.compile(r"/jobs/\d+$"))


def test_everything_works_without_javascript(browser, serving, app):
    context = browser.new_context(java_script_enabled=False)
    page, url = context.new_page(), serving(app)
    page.goto(url + "/workflows")
    page.get_by_role("button", name="Add the example hello").click()
    page.locator("#n-right").click()
    assert "right of {{ who }}" in page.locator("pre.command").inner_text()
    page.goto(url + "/workflows/hello/yaml")
    page.get_by_label("YAML").fill(FLOW.replace("[first]", "[nobody]"))
    page.get_by_role("button", name="Save").click()
    assert "there is no job 'nobody'" in page.locator("#check").inner_text()
    page.goto(url + "/templates/base/apply")
    page.get_by_label("Job name").fill("plain")
    page.get_by_label("Command").fill("true")
    page.get_by_role("button", name="Preview").click()
    assert "--job-name=plain" in page.locator("#preview").inner_text()
    page.goto(url + "/workflows/hello")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete hello").click()
    assert "No workflows yet" in page.inner_text("main")
    context.close()
