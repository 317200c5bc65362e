"""Run as a program: `killed.py SPOOL FOLDER STEP` hands in arrays, each time in a process that is killed by SIGKILL
at a later line of the code that does it, until one comes through. Prints what was acknowledged."""

import os
import signal
import sys
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


def main(spool: Path, folder: str, step: int) -> None:
    last, was_killed = 1, True
    while was_killed:
        child = os.fork()
        if not child:
            submit(spool, folder, last)
            os._exit(0)
        was_killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        last += step


main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
