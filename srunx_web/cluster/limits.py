"""Every question about a cluster's limits, in one shell call."""

import re

from ..core import limits
from ..core.errors import SlurmFailed
from ..core.limits import Limits
from ..core.parse import SEP
from .batch import said
from .shell import Result

# What takes longest is told apart: slurmdbd may be down, or sacctmgr not there, and the rest still counts
_SCRIPT = """\
command -v scontrol >/dev/null || { echo 'scontrol: command not found' >&2; exit 127; }
end() { printf '%s %s\\n' "$1" "$2"; }
scontrol show config || exit
end "$1" $?
scontrol -a -o show partition; end "$1" $?
sinfo -h -a -e -O "$2"; end "$1" $?
timeout 10 sacctmgr -nP show user name="$(id -un)" withassoc format="$3"; end "$1" $?
timeout 10 sacctmgr -nP show qos format="$4"; end "$1" $?
"""


def argv(mark: str) -> list[str]:
    """The command whose answers each end with `mark` and an exit status."""
    nodes = ",".join(f"{name}:{SEP}" for name in limits.NODES)
    return ["sh", "-c", _SCRIPT, "sh", mark, nodes, ",".join(limits.USER), ",".join(limits.QOS)]


def read(result: Result, mark: str) -> Limits:
    """The limits in its answer; SlurmFailed when there is no configuration, which says how to read the rest."""
    pieces = re.split(rf"^{re.escape(mark)} (\d+)\n", result.out, flags=re.MULTILINE)
    answers = [text if status == "0" else None for text, status in zip(pieces[::2], pieces[1::2], strict=False)]
    if result.code or len(answers) != 5:
        raise SlurmFailed(f"scontrol failed: {said(result)}")
    config, partitions, nodes, user, qos = answers
    return limits.read(config or "", partitions or "", nodes or "", user, qos)
