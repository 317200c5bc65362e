"""Slurm by its own commands, through a Shell; 20.11 to 26.05."""

import secrets
import shlex
import time

from ..core import parse
from ..core.errors import NotConnected, SlurmFailed, Uncertain
from ..core.limits import Limits
from ..core.model import Job, Node, Partition, Sought, Submission
from . import batch, limits, witness
from .batch import said
from .shell import Result, Shell

QUERY_SECONDS = 60  # a rate-limited squeue sleeps for 10 s and more, and is right in the end
BATCH = 500  # ids in one call: an argument list has its limits
# epochs, since Slurm prints local times without a zone; and array task lists whole, not cut after 64 characters
_ENVIRONMENT = ["env", "SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0"]
_SACCT = ["sacct", "-X", "-n", "-P", "--delimiter", parse.SEP]
_NO_ACCOUNTING = "accounting storage is disabled"
# without them sacct leaves out what was cancelled before it could start
_ALL_STATES = "BF,CA,CD,DL,F,NF,OOM,PD,PR,R,RQ,RS,S,TO"

_NOT_WAITING = ("no longer pending", "already finished", "Invalid job id")  # scontrol's words for what need not wait


class Slurm:
    """The Scheduler that asks squeue, sacct, sinfo, sbatch, scancel and scontrol."""

    floor = 2

    def __init__(self, shell: Shell, mark: str | None = None, submit_seconds: float = 40):
        self.shell = shell
        self._submit_seconds = submit_seconds
        self._min_job_age: float | None = None
        self.limited = False  # whether the controller told us to slow down, last time
        # random, so that no job name can end a record and begin another
        self._known: dict[bool, dict[str, Job]] = {True: {}, False: {}}  # the last listings, by their records
        self._mark = mark or "\x1e" + secrets.token_hex(4)

    def queue(self, mine: bool) -> list[Job]:
        """The jobs in slurmctld's memory; those of one user cost it far less."""
        mark = self._new_mark()
        argv = ["squeue", "-v", "-h", "-t", "all", *(["--me"] if mine else []), "-O", _fields(parse.SQUEUE, mark)]
        result = self._query(argv)
        self.limited = "rate limited" in result.err
        found = parse.squeue(result.out, mark, self._known[mine])
        self._known[mine] = found
        return list(found.values())

    def jobs(self, ids: list[int]) -> dict[int, Job]:
        """From the accounting in batches; what it does not know (yet), from memory.

        When the accounting is down and memory does not know them all, nobody can tell: SlurmFailed.
        """
        found: dict[int, Job] = {}
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            known, failure = self._accounted(batch)
            missing = [id_ for id_ in batch if id_ not in known]
            known.update(self._in_memory(missing, failure))
            if failure and not known.keys() >= set(batch):
                raise failure
            found.update((id_, known[id_]) for id_ in batch if id_ in known)
        return found

    def array(self, array_id: int) -> list[Job]:
        """Every record of an array: memory first, for the accounting lags."""
        known, failure = self._accounted([array_id])
        known.update(self._in_memory([array_id], failure))
        return sorted(known.values(), key=lambda job: (job.task is None, job.task or 0))

    def _accounted(self, ids: list[int]) -> tuple[dict[int, Job], SlurmFailed | None]:
        argv = [*_SACCT, "--format", ",".join(parse.SACCT), "-j", _list(ids)]
        try:
            # for a moment after its submission sacct calls a job "allocation" (20.11, 22.05): it does not know it yet
            return {job.id: job for job in parse.sacct(self._query(argv).out) if job.name != "allocation"}, None
        except SlurmFailed as failure:  # memory has to do: for now when slurmdbd is down, always where there is none
            return {}, None if _NO_ACCOUNTING in failure.detail else failure

    def _in_memory(self, ids: list[int], failure: SlurmFailed | None) -> dict[int, Job]:
        """What slurmctld remembers of these; when it fails after the accounting did, both are said."""
        if not ids:
            return {}
        mark = self._new_mark()
        argv = ["squeue", "-h", "-t", "all", "-O", _fields(parse.SQUEUE, mark), "-j", _list(ids)]
        result = self._run([*_ENVIRONMENT, *argv], QUERY_SECONDS)
        if result.code and "Invalid job id" in result.err:
            return {}
        if result.code:
            raise failure or _failed(argv, result)
        return {job.id: job for job in parse.squeue(result.out, mark).values()}

    def submit(self, submission: Submission) -> int:
        """`sbatch` with the script on its standard input."""
        if submission.folders:
            (outcome,) = self.submit_all([submission])
        else:
            outcome = batch.answer(self._sbatch("--parsable", submission, is_read=False))
        if isinstance(outcome, int):
            return outcome
        raise outcome

    def check(self, submission: Submission) -> str:
        """`sbatch --test-only`, which says when and where it would start."""
        result = self._sbatch("--test-only", submission, is_read=True)
        if result.code:
            raise SlurmFailed(f"sbatch failed: {said(result)}")
        return result.err.strip()

    def _sbatch(self, how: str, submission: Submission, is_read: bool) -> Result:
        batch.check([submission])
        argv = ["sbatch", how, *batch.options(submission)]
        return self._in_time(argv, submission.script.encode(), is_read)

    def _in_time(self, argv: list[str], stdin: bytes, is_read: bool) -> Result:
        """By `timeout`: an sbatch can outlive the server, and goes on trying by itself."""
        limit = ["timeout", f"{self._submit_seconds:g}"]
        return self._run([*limit, *argv], self._submit_seconds + 5, stdin, is_read)

    def submit_all(self, submissions: list[Submission]) -> list[int | SlurmFailed | None]:
        """By one shell that runs one `sbatch` after the other, all within the time for one submission."""
        batch.check(submissions)
        if not submissions:
            return []
        mark = f"srunx-{secrets.token_hex(8)}"
        try:
            result = self._in_time(batch.ARGV, batch.text(submissions, mark), is_read=False)
        except Uncertain as fault:
            return [Uncertain(fault.detail) for _ in submissions]
        found = batch.outcomes(result, len(submissions), mark)
        if found[0] is None:
            raise NotConnected(f"sh on {self.shell.host} did not get as far as sbatch: {said(result)}")
        return found

    def find(self, sought: list[Sought]) -> dict[str, int | None]:
        """By the comments in memory, which is sure of what it knows but forgets MinJobAge seconds after the end;
        then by the accounting, where there is one."""
        if not sought:
            return {}
        mark = self._new_mark()
        argv = ["squeue", "-h", "-t", "all", "--me", "-O", _fields(parse.SQUEUE, mark)]
        in_memory = list(parse.squeue(self._query(argv).out, mark).values())
        found = witness.tagged(in_memory, sought)
        missing = [one for one in sought if one.tag not in found]
        ended = self._find_ended(missing, in_memory) if missing else {}
        surely = {one.tag for one in sought if one.since}  # of others nobody knows how far to look back
        return found | {tag: id_ for tag, id_ in ended.items() if id_ is not None or tag in surely}

    def _find_ended(self, sought: list[Sought], in_memory: list[Job]) -> dict[str, int | None]:
        since = f"now-{witness.hours(sought, time.time())}hours"  # the cluster's clock may show another time than ours
        which = ["-D", "-u", self.shell.user, "-s", _ALL_STATES, "-S", since, "-E", "now"]
        argv = [*_SACCT, "--format", ",".join(parse.SACCT_SOUGHT), *which]
        try:
            records = parse.sacct_sought(self._query(argv).out)
        except SlurmFailed as failure:
            if _NO_ACCOUNTING in failure.detail:
                return witness.remembered(sought, time.time(), self._job_age())
            raise
        found = witness.tagged(records, sought)
        if witness.has_comments(records):
            records, in_memory = witness.without_end(records, in_memory), []
        ahead = float(self._query(["date", "+%s"]).out) - time.time() if records or in_memory else 0
        missing = [one for one in sought if one.tag not in found]
        return found | witness.alike(missing, records, in_memory, ahead, self._submit_seconds + 5)

    def _job_age(self) -> float:
        """Seconds for which slurmctld surely remembers a job; asked once."""
        if self._min_job_age is None:
            self._min_job_age = parse.min_job_age(self._query(["scontrol", "show", "config"]).out)
        return self._min_job_age

    def cancel(self, ids: list[str]) -> None:
        """`scancel`; silent for what has ended or is unknown. One that is refused does not keep the others."""
        failures = []
        for start in range(0, len(ids), BATCH):
            argv = ["scancel", *ids[start : start + BATCH]]
            result = self._run(argv, QUERY_SECONDS, is_read=False)
            if result.code:
                failures.append(said(result))
        if failures:
            raise SlurmFailed("scancel failed: " + "\n".join(failures)[:2000])

    def depend(self, terms: dict[int, str]) -> None:
        """By `scontrol update`, one after the other in one shell."""
        lines = [
            f"scontrol update JobId={id_} Dependency={shlex.quote(text)} || failed=1" for id_, text in terms.items()
        ]
        text = "\n".join(["failed=0", *lines, "exit $failed"])
        result = self._run(batch.ARGV, QUERY_SECONDS, text.encode(), is_read=False)
        words = [line for line in result.err.splitlines() if line and not any(over in line for over in _NOT_WAITING)]
        if result.code and words:
            raise SlurmFailed(f"scontrol failed: {words[0][:2000]}")

    def script(self, job: Job) -> str | None:
        """From slurmctld while it remembers the job, then from the accounting (22.05 and later, where it is kept)."""
        id_ = str(job.array_id or job.id)
        result = self._run(["scontrol", "write", "batch_script", id_, "-"], QUERY_SECONDS)
        if not result.code and result.out:
            return result.out
        result = self._run(["sacct", "-B", "-j", id_], QUERY_SECONDS)
        text = result.out.partition("-" * 80 + "\n")[2]
        return None if result.code or not text or text.startswith("NONE") else text

    def partitions(self) -> list[Partition]:
        """By sinfo."""
        mark = self._new_mark()
        return parse.partitions(self._query(["sinfo", "-h", "-O", _fields(parse.PARTITIONS, mark)]).out, mark)

    def nodes(self) -> list[Node]:
        """By sinfo, node by node: several nodes may share a host."""
        mark = self._new_mark()
        return parse.sinfo(self._query(["sinfo", "-h", "-N", "-O", _fields(parse.SINFO, mark)]).out, mark)

    def limits(self) -> Limits:
        """By scontrol, sinfo and sacctmgr in one shell call; what the accounting does not tell is not known."""
        mark = self._new_mark()
        return limits.read(self._run([*_ENVIRONMENT, *limits.argv(mark)], QUERY_SECONDS), mark)

    def version(self) -> str:
        """Slurm's version, "22.05.8"."""
        return self._query(["sinfo", "--version"]).out.split()[-1]

    def _new_mark(self) -> str:
        """What ends a record; new for each question, or a job's name could end one and begin another."""
        return self._mark or "\x1e" + secrets.token_hex(4)

    def _query(self, argv: list[str]) -> Result:
        result = self._run([*_ENVIRONMENT, *argv], QUERY_SECONDS)
        if result.code:
            raise _failed(argv, result)
        return result

    def _run(self, argv: list[str], timeout: float, stdin: bytes = b"", is_read: bool = True) -> Result:
        result = self.shell.run(argv, stdin, timeout, is_read)
        if result.code == 127:
            raise NotConnected(f"Slurm's commands were not found on {self.shell.host}: {said(result)}")
        return result


def _fields(names: tuple[str, ...], mark: str) -> str:
    """The argument of -O: each field whole, followed by a separator, the last one by the mark."""
    return ",".join(f"{name}:{parse.SEP}" for name in names[:-1]) + f",{names[-1]}:{mark}"


def _list(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def _failed(argv: list[str], result: Result) -> SlurmFailed:
    return SlurmFailed(f"{argv[0]} failed: {said(result)}")
