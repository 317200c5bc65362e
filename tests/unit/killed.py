"""Run as a program: `killed.py SPOOL FOLDER STEP` hands in arrays, each time in a process that is killed by SIGKILL
at a later line of the code that does it, until one comes through. Prints what was acknowledged.

Between two of them another process looks on until all has ended, as the next server would."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from srunx_web.cluster.embedded import Embedded
from srunx_web.cluster.shell import LocalShell
from srunx_web.core.model import Submission

SCRIPT = "#!/bin/bash\n#SBATCH --array=0-1 --output=/dev/null\necho $SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID >>ran\n"
CODE = str(Path(sys.modules[Embedded.__module__].__file__).parent)


def submit(spool: Path, folder: str, last: int) -> None:
    """Hand in an array, and die at the line with this number."""
    scheduler, lines = Embedded(spool, LocalShell(), cpus=4, gpus=0), 0

    def count(frame, event, _argument):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        lines += event == "line"
        if lines >= last:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(count)
    id_ = scheduler.submit(Submission(SCRIPT, work_dir=folder))
    sys.settrace(None)
    print(id_, flush=True)


def settle(spool: Path) -> None:
    """Look on until nothing waits or runs."""
    scheduler = Embedded(spool, LocalShell(), cpus=4, gpus=0)
    while not all(job.is_terminal for job in scheduler.queue(mine=True)):
        time.sleep(0.02)


def run(work, *words) -> int:
    """Do it in a process of its own; how that ended."""
    child = os.fork()
    if not child:
        work(*words)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


spool, folder, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
last = 1
while run(submit, spool, folder, last) == -signal.SIGKILL:
    run(settle, spool)
    last += step
