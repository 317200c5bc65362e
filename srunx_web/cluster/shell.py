"""How a machine is reached: a command, a piece of a file, a file written."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from typing import NamedTuple, Protocol

from ..core.errors import BadRequest, Denied, NotConnected, NotFound
from ..core.model import Chunk

OUTPUT_LIMIT = 128 << 20  # bytes of one stream of one command; 50,000 queue rows are about 20 MB
# What must not reach Slurm's commands: it would change what they print, and jobs inherit it (tokens, too).
SCRUBBED = re.compile(r"(?:SRUNX|SLACK|SBATCH|SQUEUE|SINFO|SACCT|SCANCEL|SLURM)_\w*")
KEPT = {"SLURM_CONF"}


class Result(NamedTuple):
    """How a command ended: exit code, and both streams as text (undecodable bytes replaced)."""

    code: int
    out: str
    err: str


class Shell(Protocol):
    """A way to run things on one machine as one user.

    `is_read` says that the command changes nothing, so it may be repeated on a new connection.
    All raise NotConnected when no answer came before the deadline (seconds).
    """

    host: str  # how people call the machine
    user: str

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30, is_read: bool = True) -> Result:
        """Run a command and return how it ended."""

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """Up to `limit` bytes from `offset`, or the last `limit` bytes when it is None; NotFound, Denied."""

    def write(self, path: str, data: bytes, timeout: float = 30) -> None:
        """Replace a file at once; the folder must exist; NotFound, Denied."""

    def close(self) -> None:
        """Let go of connections and running commands."""
