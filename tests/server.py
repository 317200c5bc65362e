"""Our server as a process of its own, as people start it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Server:
    """`python app.py` with these variables; `get` and `post` are what a program does with it."""

    def __init__(self, folder: Path, **environ: str):
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = open(folder / "server.log", "ab")
        self._environ = {**_clean(), "SRUNX_STATE_DIR": str(folder / "state"), "HOME": str(folder), **environ}
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        argv = [sys.executable, str(ROOT / "app.py"), "--port", str(self.port)]
        return subprocess.Popen(argv, env=self._environ, stdout=self._log, stderr=self._log, start_new_session=True)

    def wait(self, seconds: float = 15) -> "Server":
        """Until it answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.get("/connection")
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, Path(self._log.name).read_text()
                time.sleep(0.05)

    def get(self, path: str, timeout: float = 30) -> tuple[int, str]:
        """(status, text)."""
        return self._ask(urllib.request.Request(self.url + path), timeout)

    def post(self, path: str, body: dict) -> tuple[int, str]:
        """(status, text) of a JSON body."""
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers), 60)

    def _ask(self, request: urllib.request.Request, timeout: float) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> float:
        """SIGTERM; how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - begun

    def restart(self) -> "Server":
        """kill -9 and start again on the same state."""
        self.kill()
        self.process = self._start()
        return self.wait()

    def close(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SRUNX_", "SLURM_"))}
