"""The shapes of sweeps and their cells, as the OpenAPI document describes them."""

from marshmallow import RAISE, Schema, fields, validate

from .workflow_schemas import text


def number(words: str, **more):
    """A whole number with its description."""
    return fields.Integer(metadata={"description": words}, **more)


class SweepRunSchema(Schema):
    """A sweep, and how it stands. The five counters sum to cell_count."""

    id = number("Its id")
    name = text("The workflow")
    workflow_yaml_path = text("The file it was started from", allow_none=True)
    status = text("pending, running, draining, completed, failed or cancelled")
    matrix = fields.Dict(metadata={"description": "Lists of values by arg"})
    args = fields.Dict(metadata={"description": "What was given for args that are no axis, or null"}, allow_none=True)
    fail_fast = fields.Boolean(metadata={"description": "Whether the first failure cancels what waits"})
    max_parallel = number("Cells that run at once")
    cell_count = number("Combinations of values")
    cells_pending = number("Not started")
    cells_running = number("Started, and not over")
    cells_completed = number("Completed")
    cells_failed = number("Failed")
    cells_cancelled = number("Cancelled")
    submission_source = text("web, cli or mcp")
    started_at = text("ISO 8601, UTC")
    completed_at = text("ISO 8601, UTC", allow_none=True)
    cancel_requested_at = text("ISO 8601, UTC", allow_none=True)
    error = text("What went wrong", allow_none=True)


class AttemptSchema(Schema):
    """One run of a cell."""

    id = text("The run")
    attempt = number("From 1")
    status = text("pending, submitting, running, completed, failed or cancelled")
    error = text("What went wrong", allow_none=True)
    resources = fields.Dict(allow_none=True, metadata={"description": "Asked for instead of the workflow's, or null"})
    args = fields.Dict(metadata={"description": "What was given, axes included"})


class CellSchema(Schema):
    """A cell by its last run."""

    id = text("The run; GET and cancel it at /api/workflows/runs/{id}")
    cell = number("Its place in the matrix, from 0; the last axis changes fastest")
    workflow_name = text("Its workflow")
    status = text("pending, running, completed, failed or cancelled")
    started_at = text("ISO 8601, UTC; of a waiting cell when it was made")
    completed_at = text("ISO 8601, UTC", allow_none=True)
    args = fields.Dict(metadata={"description": "All args as its jobs see them, axes included"})
    error = text("What went wrong", allow_none=True)
    triggered_by = text("web, cli, mcp or schedule")
    attempt = number("Which attempt at the cell this is, from 1")
    attempts = fields.List(fields.Nested(AttemptSchema), metadata={"description": "All of them, the newest first"})


class SweepEventSchema(Schema):
    """A change of a sweep's state."""

    kind = text("sweep_run.status_changed")
    at = text("ISO 8601, UTC")
    old = text("The state before; null at the beginning", allow_none=True)
    new = text("The state since then")
    detail = text("What the user did, if anything", allow_none=True)


class SweepRerunSchema(Schema):
    """Which cells to run again, and what to change for that attempt."""

    class Meta:
        unknown = RAISE

    which = text("failed; unfinished (failed or cancelled); chosen (those in cells)", load_default="unfinished",
                 validate=validate.OneOf(("failed", "unfinished", "chosen")))  # fmt: skip
    cells = fields.List(fields.String(), load_default=[], metadata={"description": "With which=chosen: ids of cells"})
    resources = fields.Dict(load_default={}, metadata={"description": "memory_per_node, time_limit, ..., of every job"})
    args = fields.Dict(load_default={}, metadata={"description": "Other values for args that are no axis"})
