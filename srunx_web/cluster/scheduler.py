"""What a scheduler can do: the seam where Slurm and the embedded executor are alike."""

from typing import Protocol

from ..core.errors import SlurmFailed
from ..core.limits import Limits
from ..core.model import Job, Node, Partition, Sought, Submission
from .shell import Shell


class Scheduler(Protocol):
    """A queue of jobs. Every call has a deadline and raises NotConnected when there is no answer,
    SlurmFailed with the scheduler's own words when it refuses."""

    shell: Shell
    floor: float  # seconds between two questions about the queue; no setting lowers it
    limited: bool  # whether the controller told us to ask less often, at the last call of queue

    def queue(self, mine: bool) -> list[Job]:
        """The jobs it has in memory, finished ones too; of this user only, or of everyone."""

    def jobs(self, ids: list[int]) -> dict[int, Job]:
        """What is known of these jobs, in memory or accounting, in one batched call; those that nobody knows are
        left out, and when a witness that would know does not answer it is SlurmFailed.

        The id of an array answers for its still pending tasks; tasks have ids of their own.
        """

    def array(self, array_id: int) -> list[Job]:
        """Every record of an array: finished, running and pending tasks."""

    def submit(self, submission: Submission) -> int:
        """Hand in a script and return its id; SlurmFailed when refused, Uncertain when nobody can tell."""

    def submit_all(self, submissions: list[Submission]) -> list[int | SlurmFailed | None]:
        """Hand in several in order; "afterok:@0" depends on the first of them. In their order come ids, then perhaps
        SlurmFailed of one that was refused (NotNow: for a while; NotReached: it was not even sent) or Uncertain of
        those that nobody knows, then None of those not tried.

        NotConnected when surely nothing was sent, Invalid when something in them can't be.
        """

    def check(self, submission: Submission) -> str:
        """What the scheduler says of this script without taking it; SlurmFailed when it would refuse."""

    def find(self, sought: list[Sought]) -> dict[str, int | None]:
        """The ids of these submissions by their tags: None of one that is surely not there, for a witness that would
        know says so; left out when nobody can tell; SlurmFailed when a witness does not answer now.

        Ask only once sbatch must have ended and ten seconds more are over, for the accounting lags. Where it keeps no
        comments, an id can be that of another job with the same name, folder and moment.
        """

    def cancel(self, ids: list[str]) -> None:
        """Cancel jobs, arrays (123) and tasks (123_4); finished ones are left as they are; SlurmFailed."""

    def depend(self, terms: dict[int, str]) -> None:
        """Let these waiting jobs depend on something else: by their ids "afterok:12", or "" for nothing at all.
        What has begun meanwhile stays as it is; SlurmFailed."""

    def script(self, job: Job) -> str | None:
        """The script a job was submitted with, or None when it is not kept."""

    def partitions(self) -> list[Partition]:
        """The partitions this user may see."""

    def limits(self) -> Limits:
        """What this user's jobs must keep within, as far as it is known."""

    def nodes(self) -> list[Node]:
        """Every node once, whatever the number of its partitions."""
