"""Every page in light and dark, wide and narrow: nothing sticks out, and everybody can read it."""

from pathlib import Path

import pytest

from tests.conftest import is_fault
from tests.flows import Flows, diamond

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parents[1] / "vendor/axe.min.js").read_text(encoding="utf-8")
PAGES = ["/", "/jobs", "/jobs?whose=everyone&open={array}", "/jobs/{id}", "/jobs/{id}?stream=script", "/jobs/{array}",
         "/jobs/new", "/resources", "/nowhere", "/api/docs", "/workflows", "/workflows/flow",
         "/workflows/flow?job=left", "/workflows/flow?view=list", "/workflows/flow?view=yaml", "/workflows/flow/run",
         "/workflows/flow/yaml", "/workflows/flow/edit", "/workflows/new", "/workflows/new/yaml", "/templates",
         "/templates/torchrun", "/templates/new", "/templates/torchrun/apply", "/runs", "/runs/{run}",
         "/runs/{run}?job=left", "/runs/{run}?view=list"]  # fmt: skip


@pytest.fixture
def paths(client, jobs):
    """The pages of a queue with something of everything in it, and of a workflow with a run."""
    flows = Flows(client)
    run = flows.start("flow", diamond(left="echo 'ValueError: no' >&2; exit 1"))
    flows.wait(run)
    jobs.run("echo out; echo 'RuntimeError: bad' >&2; exit 3", name="fails")
    array = jobs.submit("#SBATCH -a 0-5%2\nsleep 100", name="sweep")
    id_ = jobs.submit("#SBATCH -t 10\necho line; sleep 100", name="a-very-long-name-" * 6)
    jobs.submit("#SBATCH -H\ntrue", name="held")
    jobs.wait(id_, "RUNNING", "PENDING")
    return [path.format(id=id_, array=array, run=run) for path in PAGES]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 380])
def test_no_page_scrolls_sideways_or_shuts_anybody_out(browser, serving, app, paths, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, url, faults = context.new_page(), serving(app), []
    page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    for path in paths:
        page.goto(url + path)
        page.wait_for_timeout(200)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{path} is wider than {width}")
        if "docs" not in path:
            faults += _barriers(page, path)
    context.close()
    assert faults == []


def _barriers(page, path) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")["violations"]
    return [f"{path}: {one['id']} {[node['target'] for node in one['nodes']][:3]}" for one in found]


def test_twenty_two_rows_are_seen_at_once(page, serving, app, jobs):
    for number in range(30):
        jobs.submit("#SBATCH -H\ntrue", name=f"job-{number}")
    page.goto(serving(app) + "/jobs")
    boxes = [row.bounding_box() for row in page.locator("#rows tr").all()]
    assert sum(box["y"] + box["height"] <= 900 for box in boxes) >= 22


def test_nothing_is_asked_of_other_hosts(page, serving, app, paths):
    url, asked = serving(app), set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    for path in paths:
        page.goto(url + path)
    assert asked == {url.split("/")[2]}
