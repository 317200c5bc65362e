"""What make bench says of sweeps: cells of two seconds beside a plain Slurm array of the same size and throttle."""

import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from srunx_web import create_app
from srunx_web.cluster.ssh import SSHShell, Target
from srunx_web.security import Gate
from srunx_web.settings import load
from srunx_web.store import Result
from tests.guarded import us
from tests.server import Server
from tests.sweeping import written_cell, written_sweep

CELLS, AT_ONCE, SECONDS = 9, 4, 2
ROUNDS = 3
MOST = 1.5


def beside_an_array(line) -> None:
    """First submit to last end, both by sacct, in turns; the sweep through a real server over SSH."""
    config = Path(os.environ.get("CLUSTER_SSH_CONFIG", "/tmp/srunx-slurm/ssh/config"))
    if not config.exists() or os.geteuid() != 0:
        print("sweeps: not measured; as root: tests/cluster/slurm up")
        return
    home, shell = Path(tempfile.mkdtemp(prefix="srunx-bench-")), SSHShell(Target("login", config_file=str(config)))
    environ = {"SRUNX_BACKEND": "ssh", "SRUNX_SSH_HOSTNAME": "login", "SRUNX_SSH_CONFIG": str(config)}
    server = Server(home, **environ).wait()
    try:
        rounds = [(_sweep(server, shell), _array(shell)) for _ in range(ROUNDS)]
    finally:
        server.close()
        shell.close()
    ours, plain = (statistics.median(one) for one in zip(*rounds, strict=True))
    what = f"sweep of {CELLS} cells of {SECONDS} s, {AT_ONCE} at once ({ours / plain:.2f} x)"
    line(what, f"{ours:.0f} s", f"{MOST * plain:.0f} s ({MOST} x an array)", ours <= MOST * plain)


def _sweep(server: Server, shell: SSHShell) -> float:
    command = ["sh", "-c", f"sleep {SECONDS} # {{{{ n }}}}"]
    job = {"name": "cell", "command": command, "resources": {"time_limit": "5"}}
    body = {"name": "bench", "jobs": [job], "args": {"n": 0}, "overwrite": True}
    status, text = server.post("/api/workflows/create", body)
    assert status == 200, text
    matrix = {"matrix": {"n": list(range(CELLS))}, "max_parallel": AT_ONCE}
    status, text = server.post("/api/workflows/bench/run", {"sweep": matrix})
    assert status == 202, text
    place = f"/api/sweep_runs/{json.loads(text)['sweep_run_id']}"
    time.sleep(1.5 * SECONDS * CELLS / AT_ONCE + 5)  # no reader that makes it look at the queue more often
    while json.loads(server.get(place)[1])["cells_completed"] < CELLS:
        time.sleep(1)
    cells = json.loads(server.get(f"{place}/cells")[1])
    runs = [json.loads(server.get(f"/api/workflows/runs/{cell['id']}")[1]) for cell in cells]
    return _span(shell, [run["job_ids"]["cell"] for run in runs])


def _array(shell: SSHShell) -> float:
    argv = ["sbatch", "--parsable", f"--array=0-{CELLS - 1}%{AT_ONCE}", "-t", "5", "-o", "/dev/null", "--wrap"]
    id_ = shell.run([*argv, f"srun sleep {SECONDS}"], is_read=False).out.strip()
    while shell.run(["squeue", "-h", "-j", id_]).out.strip():
        time.sleep(1)
    return _span(shell, [id_])


def _span(shell: SSHShell, ids: list[str]) -> float:
    """Seconds from the first submit to the last end."""
    end = time.monotonic() + 30
    while True:
        argv = ["env", "SLURM_TIME_FORMAT=%s", "sacct", "-X", "-n", "-P", "-j", ",".join(ids), "-o", "submit,end,state"]
        rows = [row.split("|") for row in shell.run(argv).out.split()]
        if len(rows) == CELLS and all(state == "COMPLETED" for *_, state in rows):
            return max(int(ended) for _, ended, _ in rows) - min(int(submit) for submit, *_ in rows)
        assert time.monotonic() < end, rows
        time.sleep(1)


def results(line, cells: int = 1000) -> None:
    """The table of a thousand cells with ten metrics, as the API and the page tell it."""
    home = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    app = create_app(load({"HOME": str(home), "SRUNX_BACKEND": "embedded"}), Gate(owner_of=us))
    metrics = {f"m{number}": "x" for number in range(10)}
    sweep = written_sweep(app, metrics, {name: list(range(10)) for name in "abc"})
    chance = random.Random(1)
    for number in range(cells):
        run = written_cell(app, sweep, number, {"train": None})
        values = {name: chance.random() for name in metrics}
        Result.create(run=run, metrics=values, faults={}, read_at=1.0, is_final=True)
    client = app.test_client()
    for what, place in (("as JSON", f"/api/sweep_runs/{sweep.id}/results"), ("page", f"/sweeps/{sweep.id}")):
        times = [_seconds(client, place) for _ in range(7)]
        median = statistics.median(times) * 1000
        line(f"results of {cells:,} cells x 10 metrics, {what}", f"{median:.0f} ms", "200 ms", median <= 200)


def _seconds(client, place: str) -> float:
    begun = time.perf_counter()
    assert client.get(place).status_code == 200
    return time.perf_counter() - begun


def starting(line, cells: int = 1000) -> None:
    """POST of a sweep: every cell rendered and written down before the answer."""
    home = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    client = create_app(load({"HOME": str(home), "SRUNX_BACKEND": "embedded"}), Gate(owner_of=us)).test_client()
    body = {"name": "some", "jobs": [{"name": "cell", "command": ["echo", "{{ n }}"]}], "args": {"n": 0}}
    assert client.post("/api/workflows/create", json=body).status_code == 200
    begun = time.perf_counter()
    sweep = {"matrix": {"n": list(range(cells))}, "fail_fast": True}
    answer = client.post("/api/workflows/some/run", json={"sweep": sweep})
    took = time.perf_counter() - begun
    assert answer.status_code == 202
    line(f"start of a sweep of {cells:,} cells", f"{took:.2f} s", "2 s", took <= 2)


def main(line) -> None:
    """The rows of the table."""
    for measure in (results, starting, beside_an_array):
        measure(line)


if __name__ == "__main__":
    main(lambda *words: print(json.dumps(words)))
