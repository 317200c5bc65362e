"""make bench: our own time beside that of the raw command, measured in the same run on the same machine."""

import gzip
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests import bench_runs, bench_sweeps
from tests.server import Server

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ROOT = Path(__file__).parents[1]
FILTERS = [
    "",
    "q=job-77",
    "state=running",
    "state=failed",
    "partition=gpu",
    "user=user7",
    "q=e&state=waiting&partition=cpu",
]
MINE = 200
SORTS = ["", "id", "-name", "user", "-state", "gpus", "-elapsed", "submitted", "-priority"]
STAND_IN = """#!/bin/sh
case "$*" in *--me*) rows={folder}/mine ;; *) rows={folder}/rows; echo >>{folder}/calls ;; esac
mark=$(printf %s "$*" | sed 's/.*Name:\\(..........*\\)$/\\1/;t;d' | cut -c1-9)
case "$*" in *-O*) sed "s/\\x1e\\./$mark/" $rows ;; esac
"""


def rows(count: int) -> str:
    """That many rows of a queue, made of recorded ones."""
    record = json.loads((TRANSCRIPTS / "24.11/queue.json").read_text(encoding="utf-8"))
    text = next(s["stdout"] for s in record["scenes"] if "squeue" in s["argv"] and "--me" not in s["argv"])
    recorded = [one.split("\x1f") for one in text.partition("\n")[2].split("\x1e.\n") if one.count("\x1f") == 25]
    chance, made = random.Random(1), []
    for id_ in range(1, count + 1):
        fields = list(chance.choice(recorded))
        fields[0] = fields[1] = str(id_)
        fields[2] = "N/A"
        fields[5], fields[25] = f"user{chance.randrange(40)}", f"job-{id_}"
        made.append("\x1f".join(fields))
    return "".join(f"{one}\x1e.\n" for one in made)


class StandIn:
    """A folder of commands that print `count` rows, and our server on them."""

    def __init__(self, count: int):
        self.folder = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
        (self.folder / "rows").write_text(rows(count), encoding="utf-8")
        (self.folder / "mine").write_text(rows(MINE), encoding="utf-8")
        for name in ("squeue", "sinfo", "sbatch", "sacct"):
            (self.folder / name).write_text(STAND_IN.format(folder=self.folder) if name == "squeue" else "#!/bin/sh\n")
            (self.folder / name).chmod(0o755)
        self.environ = {"PATH": f"{self.folder}:{os.environ['PATH']}", "SRUNX_BACKEND": "slurm"}

    def calls(self) -> int:
        """How often squeue was asked for everyone's jobs."""
        return (self.folder / "calls").read_text().count("\n")

    def raw(self) -> float:
        """Seconds that squeue itself takes, the best of five."""
        argv = ["squeue", "-h", "-O", "Name:\x1e12345678"]
        return min(
            _seconds(lambda: subprocess.run(argv, env=self.environ, capture_output=True, check=True)) for _ in range(5)
        )


def _seconds(call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


class Reader:
    """A browser's kept connection."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """(status, body)."""
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def line(what: str, figure: str, limit: str, is_met: bool) -> None:
    """A row of the table."""
    print(f"{what:<58} {figure:>14}   {limit:<34} {'ok' if is_met else 'MISSED'}", flush=True)


def milliseconds(seconds: float) -> str:
    """As text."""
    return f"{seconds * 1000:.1f} ms"


def queue(count: int, fragment_limit: float) -> None:
    """The figures for a queue of that many jobs."""
    stand_in = StandIn(count)
    raw = stand_in.raw()
    server = Server(stand_in.folder, **stand_in.environ).wait()
    reader = Reader(server.port)
    limit = 1.5 * raw + 30e-6 * count
    cold = _seconds(lambda: reader.get("/api/jobs"))
    line(f"{count} jobs: raw squeue", milliseconds(raw), "", True)
    line("  /api/jobs cold", milliseconds(cold), f"{milliseconds(limit)} (1.5 x raw + 30 us a row)", cold <= limit)
    warm = statistics.median(_seconds(lambda: reader.get("/api/jobs")) for _ in range(9))
    line("  /api/jobs warm", milliseconds(warm), f"{warm / raw:.2f} x raw", True)
    _fragment(reader, fragment_limit)
    if count == 10_000:
        memory = _memory(server.process.pid)
        line("  memory", f"{memory:.0f} MB", "80 MB", memory < 80)
    _shared(stand_in, server)
    server.close()


def _fragment(reader: Reader, limit: float) -> None:
    paths = [f"/jobs/rows?whose=everyone&{kept}&sort={sort}" for kept in FILTERS for sort in SORTS]
    reader.get(paths[0])
    times, largest = [], 0
    for path in random.Random(2).sample(paths * 3, len(paths) * 3):
        begun = time.perf_counter()
        body = reader.get(path)[1]
        times.append(time.perf_counter() - begun)
        largest = max(largest, len(body))
    p95 = statistics.quantiles(times, n=20)[-1]
    line(
        f"  queue fragment, {len(FILTERS)} filters x {len(SORTS)} sorts, p95",
        milliseconds(p95),
        milliseconds(limit),
        p95 < limit,
    )
    line("  queue fragment, largest", f"{largest / 1000:.1f} kB", "60 kB", largest < 60_000)
    poll = re.search(rb'hx-get="(/jobs/rows[^"]*)"', reader.get(paths[0])[1])[1].decode().replace("&amp;", "&")
    statuses = []
    unchanged = statistics.median(_seconds(lambda: statuses.append(reader.get(poll)[0])) for _ in range(21))
    line("  unchanged poll (204)", milliseconds(unchanged), "5 ms", unchanged < 0.005 and statuses.count(204) > 15)


def _shared(stand_in: StandIn, server: Server) -> None:
    time.sleep(3)
    before = stand_in.calls()
    readers = [threading.Thread(target=lambda: Reader(server.port).get("/api/jobs")) for _ in range(20)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    line("  squeue calls for 20 readers at once", str(stand_in.calls() - before), "1", stand_in.calls() - before == 1)


def _memory(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1000


def start() -> None:
    """From the start of the process to the first answer."""
    folder = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    server = Server(folder, SRUNX_BACKEND="embedded")
    seconds = _seconds(server.wait)
    line("start to first answer", f"{seconds:.2f} s", "1 s", seconds < 1)
    server.close()


def first_visit() -> None:
    """Everything that a browser asks for at its first visit of the Jobs page, compressed."""
    folder = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    server = Server(folder, SRUNX_BACKEND="embedded").wait()
    reader = Reader(server.port)
    body = reader.get("/jobs", **{"Accept-Encoding": "gzip"})[1]
    text = gzip.decompress(body).decode()
    urls = {url.split("#")[0] for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', text)}
    total = len(body) + sum(len(reader.get(url, **{"Accept-Encoding": "gzip"})[1]) for url in urls)
    line(f"first visit of the Jobs page, {len(urls) + 1} answers", f"{total / 1000:.1f} kB", "60 kB", total < 60_000)
    server.close()


def over_ssh() -> None:
    """A warm list over SSH, where the test cluster is up."""
    config = Path(os.environ.get("CLUSTER_SSH_CONFIG", "/tmp/srunx-slurm/ssh/config"))
    if not config.exists():
        print("over SSH: not measured; as root: tests/cluster/slurm up")
        return
    folder = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    server = Server(folder, SRUNX_BACKEND="ssh", SRUNX_SSH_HOSTNAME="login", SRUNX_SSH_CONFIG=str(config)).wait()
    reader = Reader(server.port)
    raw = min(
        _seconds(lambda: subprocess.run(["ssh", "-F", config, "login", "squeue"], capture_output=True, check=True))
        for _ in range(3)
    )
    reader.get("/api/jobs")
    warm = statistics.median(_seconds(lambda: reader.get("/api/jobs")) for _ in range(21))
    line(f"over SSH, warm /api/jobs (ssh squeue: {milliseconds(raw)})", milliseconds(warm), "20 ms", warm < 0.02)
    server.close()


def main() -> int:
    """The whole table."""
    queue(10_000, 0.025)
    queue(50_000, 0.1)
    over_ssh()
    start()
    first_visit()
    bench_runs.main(line)
    bench_sweeps.main(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
