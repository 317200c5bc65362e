"""Every page in light and dark, wide and narrow: nothing sticks out, and everybody can read it."""

from pathlib import Path

import pytest

from srunx_web.services.readings import collect
from tests.conftest import cluster_of, is_fault
from tests.flows import Sweeps, diamond, job

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parents[1] / "vendor/axe.min.js").read_text(encoding="utf-8")
PAGES = ["/", "/jobs", "/jobs?whose=everyone&open={array}", "/jobs/{id}", "/jobs/{id}?stream=script", "/jobs/{array}",
         "/jobs/new", "/resources", "/nowhere", "/api/docs", "/workflows", "/workflows/flow",
         "/workflows/flow?job=left", "/workflows/flow?view=list", "/workflows/flow?view=yaml", "/workflows/flow/run",
         "/workflows/flow/yaml", "/workflows/flow/edit", "/workflows/new", "/workflows/new/yaml", "/templates",
         "/templates/torchrun", "/templates/new", "/templates/torchrun/apply", "/runs", "/runs/{run}",
         "/runs/{run}?job=left", "/runs/{run}?view=list", "/sweeps", "/sweeps/{sweep}", "/sweeps/{sweep}?view=cells",
         "/sweeps/{sweep}?cell=2", "/sweeps/{sweep}/rerun", "/workflows/grid/run", "/workflows/grid"]  # fmt: skip


@pytest.fixture
def paths(app, client, jobs):
    """The pages of a queue with something of everything in it, and of a workflow with a run."""
    flows = Sweeps(client)
    sweep = swept(flows)
    collect(cluster_of(app))
    run = flows.start("flow", diamond(left="echo 'ValueError: no' >&2; exit 1"))
    flows.wait(run)
    jobs.run("echo out; echo 'RuntimeError: bad' >&2; exit 3", name="fails")
    array = jobs.submit("#SBATCH -a 0-5%2\nsleep 100", name="sweep")
    id_ = jobs.submit("#SBATCH -t 10\necho line; sleep 100", name="a-very-long-name-" * 6)
    jobs.submit("#SBATCH -H\ntrue", name="held")
    jobs.wait(id_, "RUNNING", "PENDING")
    return [path.format(id=id_, array=array, run=run, sweep=sweep) for path in PAGES]


def swept(flows: Sweeps) -> int:
    """A sweep with metrics of which a cell failed."""
    more = {"metrics": {"acc": "acc=(.*)", "loss": "loss=(.*)"}, "sweep": {"matrix": {"lr": [1, 2]}}}
    flows.create("grid", [job("cell", "echo acc={{ lr }}; [ {{ n }} != 2 ]")], args={"lr": 1, "n": 1}, **more)
    sweep = flows.sweep("grid", {"lr": [0.1, 0.2, 0.3], "n": [1, 2]})
    flows.settle(sweep)
    return sweep


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
