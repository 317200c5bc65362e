"""What comes out of the builder as YAML: built from nothing, field by field, and of what was there before."""

import re

import pytest

from srunx_web.core import workflow, yamltext
from tests import generated
from tests.browser.building import DIAMOND, add, card, field, pull
from tests.conftest import ROOT

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
EXAMPLES = sorted((ROOT / "srunx_web/examples").glob("*.yaml"))
GENERATED = 500
# What is typed into the fields of a job, and what comes of it
FIELDS = {
    "command": "python train.py", "resources.nodes": "2", "resources.gpus_per_node": "4", "retry": "2",
    "resources.ntasks_per_node": "8", "resources.cpus_per_task": "3", "resources.memory_per_node": "32G",
    "resources.time_limit": "4:00:00", "resources.partition": "gpu", "environment.conda": "torch",
    "environment.container.image": "x.sif", "environment.container.runtime": "apptainer", "retry_delay": "5",
    "environment.container.mounts": "/a:/a\n/b:/b", "environment.container.workdir": "/w", "work_dir": "/home/me",
    "environment.container.overlay": "o.img", "log_dir": "logs/a", "srun_args": "--mpi=pmix",
    "resources.nodelist": "g[1-2]", "launch_prefix": "torchrun", "environment.container.nv": True,
    "environment.container.rocm": True, "environment.container.cleanenv": True, "template": "base",
    "environment.container.fakeroot": True, "environment.container.writable_tmpfs": True,
}  # fmt: skip
FLAGS = {key: True for key in ("nv", "rocm", "cleanenv", "fakeroot", "writable_tmpfs")}
WRITTEN = {
    "name": "a", "command": "python train.py", "depends_on": ["b"], "exports": {"KEY": "value of it"},
    "resources": {"nodes": 2, "gpus_per_node": 4, "ntasks_per_node": 8, "cpus_per_task": 3, "memory_per_node": "32G",
                  "time_limit": "4:00:00", "partition": "gpu", "nodelist": "g[1-2]"},
    "environment": {"conda": "torch", "env_vars": {"KEY": "value of it"}, "container": {
        "runtime": "apptainer", "image": "x.sif", "mounts": ["/a:/a", "/b:/b"], "workdir": "/w", **FLAGS,
        "overlay": "o.img", "env": {"KEY": "value of it"}}},
    "work_dir": "/home/me", "log_dir": "logs/a", "retry": 2, "retry_delay": 5, "template": "base",
    "srun_args": "--mpi=pmix", "launch_prefix": "torchrun",
}  # fmt: skip
# Move a job, rename it there and back, copy it, save: through the page's own handlers, but without leaving the page
CHANGE = """() => {
    const one = selector => document.querySelector(selector), cards = document.getElementsByClassName('job-card')
    const until = async test => {
        for (let tries = 0; !test(); tries++) {
            if (tries > 2000) throw Error(`${test}: ${one('.said').textContent} ${one('.problems').textContent}`)
            await new Promise(done => setTimeout(done, 1))
        }
    }
    const press = (target, key, more = {}) =>
        target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
    const rename = async text => {
        const field = one('[data-panel=job] [data-path=name]')
        field.value = text
        field.dispatchEvent(new Event('change', { bubbles: true }))
        await until(() => cards[0].querySelector('b').textContent === text)
    }
    const work = async () => {
        const name = cards[0].querySelector('b').textContent, number = cards.length
        const place = cards[0].parentElement.style.translate
        cards[0].focus()
        press(cards[0], 'ArrowDown')
        if (cards[0].parentElement.style.translate === place) throw Error('it does not move')
        await rename('fresh')
        await rename(name)
        press(cards[0], 'd')
        await until(() => cards.length > number)
        let saved = null
        HTMLFormElement.prototype.submit = function () {
            const body = new URLSearchParams(new FormData(this))
            saved = fetch(location.href, { method: 'POST', body, redirect: 'manual' })
        }
        press(document.body, 's', { ctrlKey: true })
        await until(() => saved)
        return (await saved).type
    }
    window.done = work()
}"""


@pytest.fixture
def build(person, folder):
    """build(text): the builder with a workflow of that text, called two."""

    def build(text: str = DIAMOND):
        (folder / "two.yaml").write_text(text)
        return person.open("/workflows/two/edit")

    return build


def test_a_diamond_is_built_with_the_mouse(person, folder):
    page = person.open("/workflows/new")
    field(page, "Name").fill("diamond")
    for key, value in (("lr", "0.1"), ("tag", '"007"')):
        page.get_by_role("button", name="Add an arg").click()
        page.get_by_label("Name of the arg").last.fill(key)
        page.get_by_label("Value of the arg").last.fill(value)
    add(page, "prepare", "python prepare.py")
    add(page, "left", "python train.py --lr {{ lr }}")
    field(page, "Nodes").fill("2")
    field(page, "GPUs a node").fill("4")
    page.get_by_text("Retry", exact=True).click()
    field(page, "Times").fill("2")
    add(page, "right", "python train.py {{ tag }} 'a b'")
    page.get_by_label("How the command is written").select_option("as words, one a line")
    add(page, "finish", "python report.py")
    add(page, "rescue", "echo failed")
    expect(page.locator("#stale")).to_be_empty()  # what stands above the canvas moves it when it goes
    for parent, child in (("prepare", "left"), ("prepare", "right"), ("left", "finish"), ("right", "finish"),
                          ("left", "rescue")):  # fmt: skip
        pull(page, parent, child)
        expect(page.get_by_role("group", name=f"{parent} to {child}")).to_be_visible()
    page.get_by_label("Type of dependency").select_option("afternotok")
    expect(card(page, "left")).to_contain_text("2 nodes · 8 GPUs")
    expect(page.locator(".edge.afternotok")).to_have_count(1)
    page.get_by_role("button", name="Arrange").click()
    expect(card(page, "prepare")).to_have_css("translate", re.compile("^16px "))
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("/workflows/diamond$"))
    assert (folder / "diamond.yaml").read_text() == DIAMOND


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_survives_a_visit_by_keyboard(person, folder, path):
    (folder / path.name).write_text(path.read_text())
    page = person.open(f"/workflows/{path.stem}/edit")
    while not page.evaluate("document.activeElement.matches('.job-card')"):
        page.keyboard.press("Tab")
    before = page.locator(".job-box").first.bounding_box()
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".job-box").first.bounding_box()["x"] == before["x"] + 80
    page.keyboard.press("Enter")
    expect(field(page, "Name")).to_be_focused()
    field(page, "Name").press_sequentially("renamed")
    page.keyboard.press("Escape")
    expect(card(page, "renamed").locator("button")).to_be_focused()
    page.keyboard.press("Control+s")
    page.wait_for_url(re.compile(f"/workflows/{path.stem}$"))
    found, before = yamltext.load((folder / path.name).read_text()), yamltext.load(path.read_text())
    old = before["jobs"][0]["name"]
    assert yamltext.dump(found).replace("renamed", old) == yamltext.dump(before)
    page.goto(f"{person.url}/workflows/{path.stem}/edit")
    assert page.locator(".job-box").first.bounding_box()["x"] > 300


def test_every_field_of_the_panel_writes_its_key(build, folder):
    page = build("jobs: [{name: a, command: x}, {name: b, command: x}]\n")
    card(page, "a").locator("button").click()
    for group in page.locator("[data-panel=job] details").all():
        group.evaluate("one => { one.open = true }")
    for path, text in FIELDS.items():
        control = page.locator(f'[data-panel=job] [data-path="{path}"]')
        if text is True:
            control.check()
        elif path in ("template", "environment.container.runtime"):
            control.select_option(text)
        else:
            control.fill(text)
    for path in ("exports", "environment.env_vars", "environment.container.env"):
        box = page.locator(f'[data-map="{path}"]')
        box.locator("[data-more]").click()
        box.locator("[data-entry=key]").fill("KEY")
        box.locator("[data-entry=value]").fill("value of it")
    page.get_by_label("Another job").select_option("b")
    page.get_by_role("button", name="Wait for it").click()
    page.keyboard.press("Control+s")
    page.wait_for_url(re.compile("/workflows/two$"))
    assert yamltext.load((folder / "two.yaml").read_text())["jobs"][0] == WRITTEN


def test_a_job_runs_a_script_instead_and_has_no_container_any_more(build, folder):
    (folder / "run.sh").write_text("#!/bin/bash\necho {{ x }}\n")
    page = build("jobs: [{name: a, command: y, environment: {container: {image: x, mounts: [/a]}}}]\n")
    card(page, "a").locator("button").click()
    page.get_by_role("button", name="No container").click()
    page.get_by_text("Script file instead").click()
    field(page, "Path").fill("run.sh")
    page.get_by_role("button", name="Add a value").first.click()
    page.get_by_label("Name of the value").first.fill("x")
    page.get_by_label("Value of the value").first.fill("[1, 2.50]")
    expect(field(page, "Command")).to_have_value("")
    page.keyboard.press("Control+s")
    page.wait_for_url(re.compile("/workflows/two$"))
    job = yamltext.load((folder / "two.yaml").read_text())["jobs"][0]
    assert job == {"name": "a", "script_path": "run.sh", "script_vars": {"x": [1, 2.5]}}


def test_five_hundred_workflows_lose_nothing(person, folder):
    (folder / "run.sh").write_text("#!/bin/bash\necho {{ x }} {{ y }}\n")
    pages, lost = [person.page, person.page.context.new_page()], []  # one is opened while the other works
    for number in range(GENERATED + len(pages)):
        page, file = pages[number % 2], folder / f"made{number % 2}.yaml"
        if number >= len(pages):
            assert page.evaluate("done") == "opaqueredirect", number - 2
            lost += [number - 2] if _is_lost(generated.text(number - 2), file.read_text()) else []
        if number < GENERATED:
            file.write_text(generated.text(number))
            page.goto(f"{person.url}/workflows/{file.stem}/edit", wait_until="domcontentloaded")
            page.evaluate(CHANGE)
    assert lost == []


def _is_lost(before, after):
    """Whether anything but the copy of the first job differs."""
    old, new = workflow.load(before), workflow.load(after)
    copy = new["jobs"].pop(1)
    return repr(old) != repr(new) or repr({**copy, "name": 0}) != repr({**old["jobs"][0], "name": 0})
