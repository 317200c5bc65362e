"""What Slurm has: jobs, nodes, partitions. Times are seconds since the epoch (UTC), memory is MiB."""

from typing import NamedTuple

from . import states


class Job(NamedTuple):
    """One record of the queue or of the accounting; a tuple, for 50,000 of them are made at once.

    An array task has `array_id` and `task`; the pending rest of an array is one record with `tasks` ("4-9%3").
    """

    id: int
    array_id: int | None = None
    task: int | None = None
    tasks: str | None = None
    name: str = ""
    user: str = ""
    account: str | None = None
    partition: str = ""  # of a waiting job: several with commas between
    state: str = states.UNKNOWN
    reason: str | None = None
    nodes: int = 1
    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    tres: str = ""
    node_list: str = ""
    time_limit: int | None = None  # seconds; None: no limit, or not known
    submit_time: int | None = None
    start_time: int | None = None  # of a waiting job: when Slurm expects it to start
    end_time: int | None = None  # None while it has not ended
    exit_code: str | None = None  # "3:0": exit status and signal
    priority: int | None = None
    dependency: str | None = None
    work_dir: str | None = None
    stdout: str | None = None  # as Slurm gives it, %j and all; core.script.log_paths makes a path of it
    stderr: str | None = None  # None: the same file as stdout
    comment: str | None = None

    @property
    def label(self) -> str:
        """How squeue and people write its id: 123, 123_4, 123_[4-9%3]."""
        if self.task is not None:
            return f"{self.array_id}_{self.task}"
        return f"{self.array_id}_[{self.tasks}]" if self.tasks else str(self.id)

    @property
    def cancel_label(self) -> str:
        """Its id as scancel takes it, which knows no throttle: 123_[4-9]."""
        return f"{self.array_id}_[{self.tasks.partition('%')[0]}]" if self.tasks else self.label

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended for good."""
        return states.is_terminal(self.state)

    def elapsed(self, now: float) -> int | None:
        """Seconds it ran so far, or None when it never started; `now` is in seconds since the epoch."""
        if self.start_time is None or self.state == states.PENDING:
            return None
        end = self.end_time if self.end_time is not None else now
        return max(0, int(end - self.start_time))


class Node(NamedTuple):
    """A machine of the cluster, in all its partitions."""

    name: str
    partitions: tuple[str, ...]
    state: str  # Slurm's word without suffixes: idle, mixed, allocated, drained, draining, down, ...
    cpus: int = 0
    cpus_used: int = 0
    memory: int = 0
    memory_used: int = 0
    gpus: tuple[tuple[str, int, int], ...] = ()  # (type, total, used); the type is "gpu" where none is named
    reason: str | None = None
    reason_by: str | None = None
    reason_time: int | None = None
    features: str = ""

    @property
    def is_down(self) -> bool:
        """Whether it takes no new jobs: down, drained or draining, in maintenance, reserved, not answering."""
        return any(word in self.state for word in ("down", "drain", "maint", "reserved", "fail", "inval", "unk"))


class Partition(NamedTuple):
    """A partition; `time_limit` is its longest in seconds, None without one."""

    name: str
    is_default: bool = False
    state: str = "up"
    time_limit: int | None = None
    default_time: int | None = None


class Submission(NamedTuple):
    """What is handed to Slurm: the script as it stands, and the options that are ours."""

    script: str
    name: str | None = None
    tag: str | None = None  # our mark, found again in the job's comment
    work_dir: str | None = None
    dependency: str | None = None  # Slurm's own words: afterok:12:13,afterany:14; @2: the third of the same batch
    folders: tuple[str, ...] = ()  # made first when missing; relative ones below work_dir, or the home folder


class Sought(NamedTuple):
    """A submission whose answer never came: our mark, and what else the accounting may know it by."""

    tag: str
    name: str | None = None
    work_dir: str | None = None
    since: float = 0  # when it was tried, seconds since the epoch


class Chunk(NamedTuple):
    """A piece of a file: its bytes, the offset of the first one, the size of the whole file."""

    data: bytes
    offset: int
    size: int
