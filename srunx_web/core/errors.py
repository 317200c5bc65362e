"""What can go wrong, each with the HTTP status that says so.

Problem
├── BadRequest    400
├── Unauthorized  401
├── Denied        403
├── NotFound      404
├── Conflict      409
├── TooLarge      413
├── Invalid       422
├── SlurmFailed   502   Slurm answered, and refused or failed; detail carries its own words
│   └── Uncertain       a submission whose end is not known: it may have reached Slurm
└── NotConnected  503   no answer: not configured, unreachable, too slow
"""


class Problem(Exception):
    """A failure with a sentence for the user; `errors` are the faults of single fields, `run_id` is the run that it
    ended, if any."""

    status = 500

    def __init__(self, detail: str, errors: list[dict] | None = None):
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.run_id: str | None = None


class BadRequest(Problem):
    """The request makes no sense."""

    status = 400


class Unauthorized(Problem):
    """A token is asked for, and missing or wrong."""

    status = 401


class Denied(Problem):
    """Understood, and not allowed."""

    status = 403


class NotFound(Problem):
    """There is no such thing."""

    status = 404


class Conflict(Problem):
    """It exists already, or is in use."""

    status = 409


class TooLarge(Problem):
    """More than is taken."""

    status = 413


class Invalid(Problem):
    """A value is not valid here."""

    status = 422


class SlurmFailed(Problem):
    """A command of Slurm's refused or failed."""

    status = 502


class Uncertain(SlurmFailed):
    """A submission was sent and its answer never came: it may have reached Slurm or not."""


class NotNow(SlurmFailed):
    """Not taken for as long as the queue is as full as it is: the same may be taken later."""


class NotReached(NotNow):
    """There was no controller to hand a submission to: surely nothing was sent."""


class NotConnected(Problem):
    """The cluster does not answer, or none is configured."""

    status = 503
