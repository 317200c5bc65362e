"""The states of a job, in Slurm's own words (squeue(1), JOB STATE CODES)."""

PENDING = "PENDING"
RUNNING = "RUNNING"
COMPLETED = "COMPLETED"
CANCELLED = "CANCELLED"
FAILED = "FAILED"
TIMEOUT = "TIMEOUT"
UNKNOWN = "UNKNOWN"

FAILURES = frozenset({FAILED, TIMEOUT, "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"})
TERMINAL = FAILURES | {COMPLETED, CANCELLED}

KINDS = ("running", "waiting", "done", "failed", "cancelled", "unknown")
_WAITING = frozenset({PENDING, "SUSPENDED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})


def is_terminal(state: str) -> bool:
    """Whether a job in this state will never run (again)."""
    return state in TERMINAL


def kind(state: str) -> str:
    """The colour of a state, one of KINDS: what it means to the one who waits for the job."""
    if state in FAILURES:
        return "failed"
    if state == COMPLETED:
        return "done"
    if state in (CANCELLED, "REVOKED"):
        return "cancelled"
    if state in _WAITING:
        return "waiting"
    return "unknown" if state == UNKNOWN else "running"
