"""Workflows and their runs through the API, as a user of it sees them."""

import re
import time
import uuid

from srunx_web.core.sweep import CELL_STATES
from srunx_web.store import Run, RunJob
from tests.conftest import cluster_of

SHORT = {"time_limit": "5"}  # minutes


def job(name: str, command: str = "true", *depends_on: str, **more) -> dict:
    """A job of a definition: a shell text, and what it depends on."""
    return {"name": name, "command": ["sh", "-c", command], "depends_on": list(depends_on), "resources": SHORT, **more}


def diamond(left: str = "true", right: str = "true") -> list[dict]:
    """Four jobs: prepare, then left and right, then finish."""
    return [job("prepare"), job("left", left, "prepare"), job("right", right, "prepare"),
            job("finish", "true", "left", "right")]  # fmt: skip


def node_of(page: str, name: str) -> str:
    """The node of a job in the graph, as its words."""
    return re.search(rf'id="n-{name}".*?</a>', page, re.S)[0]


class Flows:
    """Definitions are created, run, and waited for."""

    def __init__(self, client):
        self._client = client

    def create(self, name: str, jobs: list[dict], **more) -> dict:
        """Write a definition, over an older one of that name."""
        body = {"name": name, "jobs": jobs, "overwrite": True, **more}
        return self._answer(self._client.post("/api/workflows/create", json=body), 200)

    def run(self, name: str, **body) -> str:
        """Start a run and return its id."""
        return self._answer(self._client.post(f"/api/workflows/{name}/run", json=body), 202)["id"]

    def start(self, name: str, jobs: list[dict], **body) -> str:
        """Create and run; the run's id."""
        self.create(name, jobs)
        return self.run(name, **body)

    def show(self, run_id: str) -> dict:
        """How it stands now."""
        return self._answer(self._client.get(f"/api/workflows/runs/{run_id}"), 200)

    def wait(self, run_id: str, *states: str, seconds: float = 30) -> dict:
        """Wait until the run is in one of these states (without any: until it is over), and how it stands then."""
        wanted, end = states or ("completed", "failed", "cancelled"), time.monotonic() + seconds
        while (found := self.show(run_id))["status"] not in wanted:
            assert time.monotonic() < end, f"{run_id} is still {found['status']}: {found['job_statuses']}"
            time.sleep(0.1)
        return found

    def wait_job(self, run_id: str, name: str, *states: str, seconds: float = 30) -> None:
        """Wait until that job of the run is in one of these states."""
        end = time.monotonic() + seconds
        while (state := self.show(run_id)["job_statuses"][name]) not in states:
            assert time.monotonic() < end, f"{name} is still {state}"
            time.sleep(0.1)

    def _answer(self, answer, status: int) -> dict:
        assert answer.status_code == status, answer.text
        return answer.json


class Sweeps(Flows):
    """Sweeps are started, and waited for."""

    def sweep(self, name: str, matrix: dict, body: dict | None = None, **more) -> int:
        """Start one and return its id; `body` holds more keys of the run's body, `more` of the sweep's."""
        whole = {**(body or {}), "sweep": {"matrix": matrix, **more}}
        return self._answer(self._client.post(f"/api/workflows/{name}/run", json=whole), 202)["sweep_run_id"]

    def get(self, sweep_id: int, below: str = ""):
        """What the API says of it now."""
        return self._answer(self._client.get(f"/api/sweep_runs/{sweep_id}{below}"), 200)

    def post(self, sweep_id: int, what: str, **body) -> dict:
        """Cancel it, or run cells again."""
        return self._answer(self._client.post(f"/api/sweep_runs/{sweep_id}/{what}", json=body), 202)

    def settle(self, sweep_id: int, *states: str, seconds: float = 40) -> dict:
        """Wait until it is in one of these states (without any: over), and how it stands then."""
        wanted, end = states or ("completed", "failed", "cancelled"), time.monotonic() + seconds
        while (found := self.get(sweep_id))["status"] not in wanted:
            assert sum(found[f"cells_{state}"] for state in CELL_STATES) == found["cell_count"]
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found

    def cells(self, sweep_id: int) -> list[dict]:
        """Its cells by number."""
        return sorted(self.get(sweep_id, "/cells"), key=lambda cell: cell["cell"])


def written_run(app, name: str, **more) -> str:
    """A run on record; its id."""
    run_id, known = str(uuid.uuid4()), {"yaml": "", "args": {}, "part": {}, "source": "web", "triggered_by": "web"}
    Run.create(id=run_id, cluster=cluster_of(app).key, workflow_name=name, **known, **more)
    return run_id


def written_job(run_id: str, name: str, place: int = 0, **more) -> None:
    """A job of it on record."""
    RunJob.create(run=run_id, name=name, position=place, **{"depends_on": [], "resources": {}, "folders": [], **more})
