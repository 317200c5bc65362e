"""What the tests stand on: the app on the embedded executor, the real clusters, a real browser."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import waitress

from srunx_web import create_app
from srunx_web.security import Gate
from srunx_web.settings import load
from tests.guarded import us

ROOT = Path(__file__).parents[1]
# Under this switch what is missing is a failure
REQUIRED = bool(os.environ.get("SRUNX_TEST_REQUIRE"))


def missing(what: str) -> None:
    """Skip in one line that says how to get it; fail where it has to be there."""
    (pytest.fail if REQUIRED else pytest.skip)(what)


def make_app(tmp_path: Path, **environ: str):
    """The app of a fresh home, with these variables; everybody who asks is its owner."""
    environ = {"HOME": str(tmp_path), "SRUNX_STATE_DIR": str(tmp_path / "state"), **environ}
    return create_app(load(environ), Gate(owner_of=us))


def cluster_of(app):
    """The cluster that the app is connected to."""
    return app.extensions["srunx"].cluster


def close(app) -> None:
    """Cancel what runs, and let go."""
    scheduler = cluster_of(app).scheduler
    scheduler.cancel([job.cancel_label for job in scheduler.queue(mine=True) if not job.is_terminal])
    scheduler.shell.close()


@pytest.fixture
def app(tmp_path):
    """The app on the embedded executor."""
    app = make_app(tmp_path, SRUNX_BACKEND="embedded", SRUNX_DEFAULT_WORK_DIR=str(tmp_path))
    yield app
    close(app)


@pytest.fixture
def client(app):
    """Somebody who asks it."""
    return app.test_client()


class Jobs:
    """Jobs through the API, as a user of it sees them."""

    def __init__(self, client):
        self._client = client

    def submit(self, text: str = "true", name: str = "job") -> int:
        """Submit a bash script of these lines and return its id."""
        body = {"name": name, "script_content": f"#!/bin/bash\n{text}\n"}
        answer = self._client.post("/api/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json["job_id"]

    def state(self, label) -> str:
        """Its state now."""
        return self._client.get(f"/api/jobs/{label}").json["status"]

    def wait(self, label, *states: str, seconds: float = 20) -> str:
        """Wait until it is in one of these states."""
        end = time.monotonic() + seconds
        while (state := self.state(label)) not in states:
            assert time.monotonic() < end, f"{label} is still {state}"
            time.sleep(0.1)
        return state

    def run(self, text: str, name: str = "job") -> int:
        """Submit and wait for its end."""
        id_ = self.submit(text, name)
        self.wait(id_, "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        return id_


@pytest.fixture
def jobs(client):
    """Jobs on the embedded executor."""
    return Jobs(client)


def _run(server) -> None:
    """Serve until it is closed, which its loop may notice in the middle of asking for its sockets."""
    with contextlib.suppress(OSError):
        server.run()


@pytest.fixture
def serving():
    """serving(app): the URL of the app on a real server."""
    servers = []

    def serve(app) -> str:
        server = waitress.create_server(app, host="127.0.0.1", port=0, threads=24)
        threading.Thread(target=_run, args=(server,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.effective_port}"

    yield serve
    for server in servers:
        server.close()


class TestCluster:
    """A real Slurm booted by tests/cluster/slurm or slurm-release, reached over its own sshd."""

    __test__ = False

    def __init__(self, command: list[str]):
        self.command = command
        lines = subprocess.run([*command, "env"], capture_output=True, text=True, check=True).stdout
        words = dict(
            line.removeprefix("export ").split("=", 1)
            for line in lines.replace(" ", "\nexport ").splitlines()
            if "=" in line
        )
        self.folder, self.ssh_config = Path(words["CLUSTER_DIR"]), words["CLUSTER_SSH_CONFIG"]

    @property
    def is_up(self) -> bool:
        """Whether somebody can log in there."""
        argv = ["ssh", "-F", self.ssh_config, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "login", "squeue", "-h"]
        return Path(self.ssh_config).exists() and subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def environ(self, host: str = "login") -> dict[str, str]:
        """The variables that lead our server there."""
        return {"SRUNX_BACKEND": "ssh", "SRUNX_SSH_HOSTNAME": host, "SRUNX_SSH_CONFIG": self.ssh_config}

    def user(self, *argv: str) -> str:
        """Run something there as the researcher."""
        return subprocess.run(
            ["ssh", "-F", self.ssh_config, "login", *argv], capture_output=True, text=True, check=True
        ).stdout

    def up(self) -> None:
        """Start what is not running."""
        subprocess.run([*self.command, "up"], check=True, capture_output=True, timeout=120)


SCRIPTS = ROOT / "tests/cluster"


def cluster(release: str | None) -> TestCluster:
    """The cluster of this Debian release, of this machine's own Slurm when it is None; skips when it is not up."""
    command = [str(SCRIPTS / "slurm-release"), release] if release else [str(SCRIPTS / "slurm")]
    found = TestCluster(command)
    if not found.is_up:
        missing(
            f"no Slurm to test against; as root: tests/cluster/{' '.join([Path(command[0]).name, *command[1:]])} up"
        )
    return found


@pytest.fixture(scope="session")
def slurm() -> TestCluster:
    """This machine's own Slurm, or that of the release SRUNX_TEST_ON."""
    return cluster(os.environ.get("SRUNX_TEST_ON"))


@pytest.fixture
def folder(app) -> Path:
    """Where the app's own workflows live."""
    folder = app.extensions["srunx"].settings.workflow_dir
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def shared(slurm):
    """A folder that the nodes and the login host of the cluster share."""
    folder = slurm.user("mktemp", "-d").strip()
    yield folder
    slurm.user("rm", "-rf", folder)


@pytest.fixture(scope="session")
def browser():
    """A real Chromium."""
    api = pytest.importorskip("playwright.sync_api") if not REQUIRED else __import__("playwright.sync_api").sync_api
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        missing("no browser; apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


def is_fault(message) -> bool:
    """Whether a line of the browser's console says that a page is wrong; answers of 4xx and 5xx are meant, and so are
    servers that were killed."""
    meant = ("Failed to load resource", "Failed to fetch")
    return message.type == "error" and not any(words in message.text for words in meant)


@pytest.fixture
def page(browser):
    """A fresh page that fails the test when the page has an error."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page, faults = context.new_page(), []
    page.set_default_timeout(5000)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    yield page
    context.close()
    assert not faults
