"""From the builder to the end of a run, on the real cluster over SSH, through a kill -9 of the server."""

import re

import pytest

from tests.browser.building import add, field, pull
from tests.server import Server

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = [pytest.mark.browser, pytest.mark.cluster]


@pytest.fixture
def server(slurm, shared, tmp_path):
    server = Server(tmp_path, SRUNX_DEFAULT_WORK_DIR=shared, **slurm.environ()).wait()
    yield server
    server.close()


def test_a_diamond_from_the_builder_to_completed(page, server, slurm, shared):
    page.goto(server.url + "/workflows/new")
    build(page)
    page.get_by_role("link", name="Run", exact=True).first.click()
    page.get_by_role("textbox", name="seconds").fill("6")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(node(page, "train")).to_contain_text("running", timeout=20000)
    server.restart()
    expect(node(page, "report")).to_contain_text("completed", timeout=60000)
    expect(page.locator("h1, .head").first).to_contain_text("completed", timeout=20000)
    expect(node(page, "rescue")).to_contain_text("never starts")
    node(page, "flaky").click()
    expect(page.locator("aside, [role=region]").filter(has_text="attempt 2 of 3").first).to_be_visible(timeout=15000)
    assert slurm.user("cat", f"{shared}/ran").split() == ["prepare", "flaky", "flaky", "train", "report"]
    assert slurm.user("cat", f"{shared}/gpus").strip().isdigit()


def build(page) -> None:
    """prepare; flaky (tried again) beside train (a GPU, with an arg); report after both, rescue should train fail."""
    field(page, "Name").fill("diamond")
    page.get_by_role("button", name="Add an arg").click()
    page.get_by_label("Name of the arg").last.fill("seconds")
    page.get_by_label("Value of the arg").last.fill("60")
    add(page, "prepare", "sh -c 'echo prepare >>ran'")
    add(page, "flaky", "sh -c 'echo flaky >>ran; test $(grep -c flaky ran) = 2'")
    page.get_by_text("Retry", exact=True).click()
    field(page, "Times").fill("2")
    field(page, "After seconds").fill("1")
    add(page, "train", "sh -c 'sleep {{ seconds }}; echo $CUDA_VISIBLE_DEVICES >gpus; echo train >>ran'")
    field(page, "GPUs a node").fill("1")
    page.get_by_role("combobox", name="Partition").fill("gpu")
    add(page, "report", "sh -c 'echo report >>ran'")
    add(page, "rescue", "sh -c 'echo rescue >>ran'")
    page.get_by_role("button", name="Arrange").click()
    for parent, child in (("prepare", "flaky"), ("prepare", "train"), ("flaky", "report"), ("train", "report")):
        pull(page, parent, child)
        expect(page.get_by_role("group", name=f"{parent} to {child}")).to_be_visible()
    pull(page, "train", "rescue")
    page.get_by_label("Type of dependency").select_option("afternotok")
    expect(page.get_by_role("heading", name="No problems")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("/workflows/diamond$"))


def node(page, name):
    """A job in the graph of a run."""
    return page.locator(f"#n-{name}")
