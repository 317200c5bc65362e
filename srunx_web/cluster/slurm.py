"""Slurm by its own commands, through a Shell; 20.11 to 26.05."""

import secrets

from ..core import parse
from ..core.errors import Invalid, NotConnected, SlurmFailed, Uncertain
from ..core.model import Job, Node, Partition, Submission
from ..core.script import directives
from .shell import Result, Shell

QUERY_SECONDS = 60  # a rate-limited squeue sleeps for 10 s and more, and is right in the end
SUBMIT_SECONDS = 40
BATCH = 500  # ids in one call: an argument list has its limits
TAG = "srunx:"
# epochs, since Slurm prints local times without a zone; and array task lists whole, not cut after 64 characters
_ENVIRONMENT = ["env", "SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0"]
_SACCT = ["sacct", "-X", "-n", "-P", "--delimiter", parse.SEP]
_NO_ACCOUNTING = "accounting storage is disabled"
# sbatch's words when its request may have arrived all the same
_PERHAPS = ("timed out", "Zero Bytes", "reset by peer", "Broken pipe", "Unexpected message")


class Slurm:
    """The Scheduler that asks squeue, sacct, sinfo, sbatch, scancel and scontrol."""

    floor = 2

    def __init__(self, shell: Shell, mark: str | None = None):
        self.shell = shell
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
        argv = ["timeout", str(SUBMIT_SECONDS), "sbatch", "--parsable", *_options(submission)]
        result = self._run(argv, SUBMIT_SECONDS + 5, _script(submission), is_read=False)
        if result.code in (124, 137) or (result.code and any(words in result.err for words in _PERHAPS)):
            raise Uncertain(f"sbatch gave no clear answer: {_words(result)}")
        if result.code:
            raise SlurmFailed(f"sbatch failed: {_words(result)}")
        first = result.out.strip().split(";")[0]
        if not first.isdigit():
            raise Uncertain(f"sbatch printed no job id: {result.out.strip()[:200]!r}")
        return int(first)

    def check(self, submission: Submission) -> str:
        """`sbatch --test-only`, which says when and where it would start."""
        argv = ["timeout", str(SUBMIT_SECONDS), "sbatch", "--test-only", *_options(submission)]
        result = self._run(argv, SUBMIT_SECONDS + 5, _script(submission))
        if result.code:
            raise SlurmFailed(f"sbatch failed: {_words(result)}")
        return result.err.strip()

    def find(self, tags: list[str]) -> dict[str, int]:
        """By the comments in memory, then by those in the accounting of the last two days (where it keeps them)."""
        mark = self._new_mark()
        argv = ["squeue", "-h", "-t", "all", "--me", "-O", _fields(parse.SQUEUE, mark)]
        jobs = parse.squeue(self._query(argv).out, mark).values()
        found = _tagged({job.array_id or job.id: job.comment for job in jobs}, tags)
        return found if len(found) == len(tags) else self._find_ended(tags) | found

    def _find_ended(self, tags: list[str]) -> dict[str, int]:
        argv = [*_SACCT, "--format", ",".join(parse.SACCT_COMMENTS), "-S", "now-2days", "-E", "now"]
        try:
            return _tagged(parse.sacct_comments(self._query([*argv, "-u", self.shell.user]).out), tags)
        except SlurmFailed as failure:
            if _NO_ACCOUNTING in failure.detail:
                return {}
            raise

    def cancel(self, ids: list[str]) -> None:
        """`scancel`; silent for what has ended or is unknown. One that is refused does not keep the others."""
        failures = []
        for start in range(0, len(ids), BATCH):
            argv = ["scancel", *ids[start : start + BATCH]]
            result = self._run(argv, QUERY_SECONDS, is_read=False)
            if result.code:
                failures.append(_words(result))
        if failures:
            raise SlurmFailed("scancel failed: " + "\n".join(failures)[:2000])

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
            raise NotConnected(f"Slurm's commands were not found on {self.shell.host}: {_words(result)}")
        return result


def _options(submission: Submission) -> list[str]:
    argv = []
    if submission.tag:
        own = directives(submission.script).get("comment", "")
        argv.append(f"--comment={TAG}{submission.tag} {own}".rstrip())
    if submission.name:
        argv.append(f"--job-name={submission.name}")
    if submission.work_dir:
        argv.append(f"--chdir={submission.work_dir}")
    if submission.dependency:
        argv += [f"--dependency={submission.dependency}", "--kill-on-invalid-dep=yes"]
    if any("\0" in word for word in argv):
        raise Invalid("a NUL character can't be part of a name or a folder")
    return argv


def _script(submission: Submission) -> bytes:
    if "\0" in submission.script:
        raise Invalid("the script holds a NUL character, which sbatch can't read")
    return submission.script.encode()


def _tagged(comments: dict[int, str | None], tags: list[str]) -> dict[str, int]:
    """Tags by job id, where a comment begins with one of ours."""
    wanted = {TAG + tag: tag for tag in tags}
    words = {id_: (comment or "").split(" ", 1)[0] for id_, comment in comments.items()}
    return {wanted[word]: id_ for id_, word in words.items() if word in wanted}


def _fields(names: tuple[str, ...], mark: str) -> str:
    """The argument of -O: each field whole, followed by a separator, the last one by the mark."""
    return ",".join(f"{name}:{parse.SEP}" for name in names[:-1]) + f",{names[-1]}:{mark}"


def _list(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def _words(result: Result) -> str:
    """What the command said, without the name of the program in front of each line."""
    return (result.err or result.out).strip()[:2000] or f"exit status {result.code}"


def _failed(argv: list[str], result: Result) -> SlurmFailed:
    return SlurmFailed(f"{argv[0]} failed: {_words(result)}")
