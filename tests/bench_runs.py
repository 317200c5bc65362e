"""What make bench says of runs: fifty jobs beside fifty plain sbatch, and a tick over five hundred live runs."""

import json
import os
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from srunx_web import create_app
from srunx_web.cluster.scheduler import Scheduler
from srunx_web.cluster.shell import Result
from srunx_web.cluster.slurm import BATCH, Slurm
from srunx_web.cluster.ssh import SSHShell, Target
from srunx_web.core import parse
from srunx_web.core.layout import layout
from srunx_web.security import Gate
from srunx_web.services.cluster import Cluster
from srunx_web.services.tick import tick
from srunx_web.settings import load
from srunx_web.store import JobRow, Run, RunJob, connected, db, open_database
from tests.cluster.conftest import AsResearcher
from tests.guarded import us

JOBS = 50
ROUNDS = 5
NOW = int(time.time())
SCRIPT = "#!/bin/bash\n#SBATCH -o /dev/null --hold\ntrue\n"


def seconds(call) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def submission(line) -> None:
    """POST of a run, locally and over SSH, each beside one shell that runs sbatch as often."""
    config = Path(os.environ.get("CLUSTER_SSH_CONFIG", "/tmp/srunx-slurm/ssh/config"))
    if not config.exists() or os.geteuid() != 0:
        print("runs: not measured; as root: tests/cluster/slurm up")
        return
    os.environ.setdefault("SLURM_CONF", str(config.parents[1] / "etc/slurm.conf"))
    for where, shell in (("locally", AsResearcher()), ("over SSH", SSHShell(Target("login", config_file=str(config))))):
        ours, plain = _compared(Slurm(shell))
        limit = f"{1.3 * plain * 1000:.0f} ms (1.3 x {JOBS} sbatch in one shell)"
        line(f"run of {JOBS} jobs, {where} ({ours / plain:.2f} x)", f"{ours * 1000:.0f} ms", limit, ours <= 1.3 * plain)
        shell.close()


def _compared(scheduler: Scheduler) -> tuple[float, float]:
    """Median seconds of a POST, and of the plain commands, in turns."""
    home = Path(tempfile.mkdtemp(prefix="srunx-bench-"))
    app = create_app(load({"HOME": str(home), "SRUNX_BACKEND": "embedded"}), Gate(owner_of=us))
    app.extensions["srunx"].cluster = Cluster("bench", "slurm", "bench", scheduler)
    client = app.test_client()
    (home / ".config/srunx/workflows").mkdir(parents=True)
    (home / ".config/srunx/workflows/held.sh").write_text(SCRIPT)
    chain = [
        {"name": f"j{n}", "script_path": "held.sh", "depends_on": [f"j{n - 1}"] if n % 5 else []} for n in range(JOBS)
    ]
    assert client.post("/api/workflows/create", json={"name": "flow", "jobs": chain}).status_code == 200
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: _started(client)))
        text = f"for n in $(seq {JOBS}); do sbatch --parsable -J bench <<'END'\n{SCRIPT}END\ndone\n"
        plain.append(seconds(lambda text=text: scheduler.shell.run(["sh", "-s"], text.encode(), 60, is_read=False)))
    scheduler.shell.run(["scancel", "--me"], is_read=False)
    return statistics.median(ours), statistics.median(plain)


def _parents(number: int) -> list[str]:
    """Chains of five."""
    return [f"j{number - 1}"] if number % 5 else []


def _started(client) -> None:
    answer = client.post("/api/workflows/flow/run", json={})
    assert answer.status_code == 202 and len(answer.json["job_ids"]) == JOBS, answer.text


class Accounting:
    """A shell in which squeue knows nothing and sacct every job that it is asked for; it counts both."""

    host = user = "bench"

    def __init__(self):
        self.calls: list[str] = []
        self.seconds = 0.0

    def run(self, argv, stdin=b"", timeout=30, is_read=True) -> Result:
        """The answer of sacct for the ids in argv."""
        begun = time.perf_counter()
        name = next(word for word in argv if word in ("squeue", "sacct", "scancel"))
        self.calls.append(name)
        text = "".join(map(_record, argv[argv.index("-j") + 1].split(","))) if name == "sacct" else ""
        self.seconds += time.perf_counter() - begun
        return Result(0, text, "")


def _record(id_: str) -> str:
    values = {"JobIDRaw": id_, "JobID": id_, "State": "RUNNING", "User": "bench", "Partition": "cpu", "NNodes": "1",
              "NCPUS": "1", "Submit": str(NOW), "Start": str(NOW), "NodeList": "c1"}  # fmt: skip
    values["JobName"] = f"j{(int(id_) - 1) % 10}"
    return parse.SEP.join(values.get(name, "") for name in parse.SACCT) + "\n"


def live_runs(line, runs: int = 500, jobs: int = 10) -> None:
    """A tick that finds every job gone from the queue and running in the accounting."""
    open_database(Path(tempfile.mkdtemp(prefix="srunx-bench-")) / "srunx.db")
    _fill(runs, jobs)
    shell = Accounting()
    cluster = Cluster("bench", "slurm", "bench", Slurm(shell))
    first = seconds(lambda: tick(cluster)) - shell.seconds
    asked = shell.calls.count("sacct")
    shell.seconds, shell.calls = 0.0, []
    again = seconds(lambda: tick(cluster)) - shell.seconds
    most = -(-runs * jobs // BATCH)
    line(f"tick, {runs} live runs of {jobs} jobs, all changed", f"{first * 1000:.0f} ms", "1000 ms", first < 1)
    line("  nothing changed", f"{again * 1000:.0f} ms", "1000 ms", again < 1)
    line("  sacct calls", str(asked), f"{most} (one for {BATCH} ids)", asked == most)


RUN = {"cluster": "bench", "workflow_name": "flow", "yaml": "", "args": {}, "part": {}, "status": "running",
       "started_at": NOW, "source": "web", "triggered_by": "web"}  # fmt: skip
SUBMISSION = {"cluster": "bench", "user": "bench", "partition": "cpu", "state": "PENDING", "nodes": 1, "cpus": 1,
              "gpus": 0, "tres": "", "node_list": "", "attempted_at": NOW, "seen_at": NOW,
              "submit_time": NOW}  # fmt: skip


def _fill(runs: int, jobs: int) -> None:
    """Runs that were submitted whole, as on record."""
    made, rows, submissions = [], [], []
    for number in range(runs):
        made.append({**RUN, "id": str(uuid.uuid4())})
        for job in range(jobs):
            name, tag, job_id = f"j{job}", f"t{number}.{job}", 1 + number * jobs + job
            parents = [["afterok", f"j{job - 1}"]] if job else []
            rows.append({"run": made[-1]["id"], "name": name, "position": job, "tag": tag, "job_id": job_id,
                         "resources": {}, "folders": [], "depends_on": parents})  # fmt: skip
            submissions.append({**SUBMISSION, "job_id": job_id, "name": name, "tag": tag})
    with connected(), db.atomic():
        for model, table in ((Run, made), (RunJob, rows), (JobRow, submissions)):
            for start in range(0, len(table), 500):
                model.insert_many(table[start : start + 500]).execute()


def graph(line, count: int = 1000) -> None:
    """Where the jobs of a large workflow are drawn."""
    edges = [(f"j{n // 2}", f"j{n}", "afterok") for n in range(1, count)] + [
        (f"j{n}", f"j{n + 7}", "afterany") for n in range(0, count - 7, 2)
    ]
    took = min(seconds(lambda: layout([f"j{n}" for n in range(count)], edges)) for _ in range(3))
    line(f"layout of {count} jobs, {len(edges)} dependencies", f"{took * 1000:.0f} ms", "200 ms", took < 0.2)


def main(line) -> None:
    """The rows of the table."""
    submission(line)
    live_runs(line)
    graph(line)


if __name__ == "__main__":
    main(lambda *words: print(json.dumps(words)))
