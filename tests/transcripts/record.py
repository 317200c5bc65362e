"""Record what a real Slurm answers to our own calls.

python -m tests.transcripts.record SSH_CONFIG OUT_FOLDER ROOT COMMAND...   (a shell as root on the cluster)
makes queue.json, drained.json, limits.json, no-accounting.json, no-controller.json: {"slurm", "ids", "scenes": [...]}.
It submits, cancels, drains a node and stops daemons: only for a test cluster (tests/cluster/slurm) without other jobs.
"""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from srunx_web.cluster.shell import Result
from srunx_web.cluster.slurm import Slurm
from srunx_web.cluster.ssh import SSHShell, Target
from srunx_web.core.errors import Problem
from srunx_web.core.model import Sought, Submission

MARK = "\x1e."
JOBS = {
    "hello": "#SBATCH -o out/%x-%j.out -e err.txt --comment 'x=1|y'\necho hi",
    "fails": "exit 3",
    "signal": "kill -SEGV $$",
    "no output": "#SBATCH -o /nonexistent/x\ntrue",
    "odd | näme\nwith lines": "true",
    "stopped": "sleep 900",
    "typed": "#SBATCH -p gpu --gres=gpu:a100:2 -c 8 --mem=32G\nsleep 900",
    "gpus": "#SBATCH -p gpu --gpus=4\nsleep 900",
    "per task": "#SBATCH -p gpu -n 2 --gpus-per-task=1\nsleep 900",
    "per node": "#SBATCH -p gpu -N 2 --gpus-per-node=1\nsleep 900",
    "two nodes": "#SBATCH -N 2 -n 4\nsleep 900",
    "array": "#SBATCH -a 0-9%3\nsleep 900",
    "long list": "#SBATCH -H -a " + ",".join(str(n) for n in range(1, 120, 2)) + "\ntrue",
    "held": "#SBATCH -H\ntrue",
    "later": "#SBATCH -b now+1hour\ntrue",
    "too long": "#SBATCH -t 30-0\ntrue",
}
REFUSED = {
    "partition": "#!/bin/sh\n#SBATCH -p nope\n",
    "gpu type": "#!/bin/sh\n#SBATCH -p gpu --gres=gpu:h100:1\n",
    "memory": "#!/bin/sh\n#SBATCH --mem=999G\n",
    "time": "#!/bin/sh\n#SBATCH --time=abc\n",
    "no shebang": "echo hi\n",
    "dos": "#!/bin/sh\r\necho hi\r\n",
}

# high enough to stand in nobody's way
LIMITED = """
sacctmgr -i add qos lift >/dev/null
sacctmgr -i modify qos lift set flags=PartitionTimeLimit,OverPartQOS MaxSubmitJobsPerUser=6000 MaxJobsPerUser=4500
sacctmgr -i modify user researcher where account=lab set maxsubmit=5000 maxjobs=4000 qos=normal,lift defaultqos=normal
scontrol create partitionname=tight nodes=c[1-2] maxtime=30 maxnodes=1 maxcpuspernode=8 maxmempernode=1000 qos=lift
"""
UNLIMITED = """
scontrol delete partitionname=tight
sacctmgr -i modify user researcher where account=lab set maxsubmit=-1 maxjobs=-1 defaultqos=-1
sacctmgr -i modify user researcher where account=lab set qos=normal
sacctmgr -i delete qos lift
"""


class Recorder:
    """A Shell that writes down what another one answers."""

    def __init__(self, shell):
        self._shell = shell
        self.host, self.user = "login", shell.user
        self.scenes: list[dict] = []

    def run(self, argv, stdin=b"", timeout=30, is_read=True) -> Result:
        """The other shell's answer."""
        result = self._shell.run(argv, stdin, timeout, is_read)
        self.scenes.append({"argv": argv, "exit_code": result.code, "stdout": result.out, "stderr": result.err})
        return result


def main(config: str, folder: str, *root: str) -> None:
    """Run all phases."""
    shell = SSHShell(Target(ssh_host="login", config_file=config))
    shell.run(["mkdir", "-p", "out"])
    slurm, out = Slurm(shell, MARK), Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    slurm.queue(mine=True)  # connects, so that the user is known
    ids = _fill(slurm)
    _save(out, "queue", slurm, shell, ids, _queue)
    _root(root, "scontrol update nodename=g2 state=drain reason='bad gpu, | row 3'")
    _save(out, "drained", slurm, shell, ids, lambda slurm, ids: slurm.nodes())
    _root(root, "scontrol update nodename=g2 state=resume")
    _record_limits(out, slurm, shell, root)
    _root(root, "kill $(cat $CLUSTER_DIR/run/slurmdbd.pid); while pgrep -x slurmdbd >/dev/null; do sleep .1; done")
    _save(out, "no-accounting", slurm, shell, ids, _no_accounting)
    _root(root, "kill $(cat $CLUSTER_DIR/run/slurmctld.pid); while pgrep -x slurmctld >/dev/null; do sleep .1; done")
    _save(out, "no-controller", slurm, shell, ids, _no_controller)
    _root(root, "slurm up || $CLUSTER_UP up")
    slurm.cancel([str(id_) for id_ in ids.values()])
    shell.close()


def _fill(slurm: Slurm) -> dict[str, int]:
    ids = {
        name: slurm.submit(Submission(f"#!/bin/bash\n{text}\n", name, name.split()[0])) for name, text in JOBS.items()
    }
    while {job.state for job in slurm.jobs([ids["stopped"], ids["typed"]]).values()} != {"RUNNING"}:
        time.sleep(0.5)
    depends = Submission(
        "#!/bin/bash\ntrue\n", "depends", "depends", None, f"afterok:{ids['typed']},afterany:{ids['array']}"
    )
    ids["depends"] = slurm.submit(depends)
    ids["never"] = slurm.submit(Submission("#!/bin/bash\ntrue\n", "never", "never", None, f"afterok:{ids['fails']}"))
    slurm.cancel([str(ids["stopped"])])
    time.sleep(8)  # the accounting of 22.05 lags by 5 s
    return ids


def _queue(slurm: Slurm, ids: dict[str, int]) -> None:
    slurm.queue(mine=True)
    slurm.queue(mine=False)
    slurm.jobs([*ids.values(), 99999])
    slurm.array(ids["array"])
    slurm.find([Sought(tag, since=time.time()) for tag in ("hello", "array", "nosuchtag")])
    slurm.nodes()
    slurm.partitions()
    for job in slurm.jobs([ids["hello"]]).values():
        slurm.script(job)
    slurm.check(Submission("#!/bin/sh\ntrue\n"))
    for text in REFUSED.values():
        _tried(slurm.submit, Submission(text))
    slurm.cancel(["99999", str(ids["fails"])])


def _record_limits(out: Path, slurm: Slurm, shell: SSHShell, root: tuple[str, ...]) -> None:
    _root(root, LIMITED)
    try:
        _save(out, "limits", slurm, shell, {}, lambda slurm, ids: slurm.limits())
    finally:
        _root(root, UNLIMITED)


def _no_accounting(slurm: Slurm, ids: dict[str, int]) -> None:
    _tried(slurm.jobs, list(ids.values()))
    _tried(slurm.jobs, [ids["hello"], 99999])
    _tried(slurm.limits)


def _no_controller(slurm: Slurm, ids: dict[str, int]) -> None:
    _tried(slurm.queue, False)
    _tried(slurm.limits)
    _tried(slurm.submit, Submission("#!/bin/sh\ntrue\n"))
    _tried(slurm.cancel, [str(ids["held"])])


def _tried(call, *args) -> None:
    try:
        call(*args)
    except Problem as fault:
        print(type(fault).__name__, fault.detail)


def _save(out: Path, name: str, slurm: Slurm, shell: SSHShell, ids: dict[str, int], play) -> None:
    recorder = Recorder(shell)
    play(Slurm(recorder, MARK), ids)
    record = {"slurm": slurm.version(), "ids": ids, "scenes": recorder.scenes}
    text = _neutral(json.dumps(record, indent=1, ensure_ascii=False))
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _neutral(text: str) -> str:
    """Without the names that the cluster and its machine have here."""
    text = re.sub(r"/tmp/srunx-slurm(?:-\w+/cluster)?(?=/)", "/cluster", text)
    return re.sub(rf"\b{re.escape(socket.gethostname())}(?=\(127\.| is UP)", "login", text)


def _root(command: tuple[str, ...], line: str) -> None:
    subprocess.run([*command, line], check=True, timeout=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
