"""/api/sweep_runs/ID/results: what the cells of a sweep measured."""

import json
import re

from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from ..core.labels import parse_sweep_id
from ..core.results import Row, Table, sorted_by
from ..services import results, sweeps
from ..store import Sweep
from .workflow_schemas import text

blp = Blueprint("sweep_results", __name__, url_prefix="/api/sweep_runs", description="Results of sweeps")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_TYPES = ["application/json", "text/csv"]


class ResultsQuerySchema(Schema):
    """How the table is wanted."""

    format = text("json or csv; without it, csv if the header Accept prefers text/csv", load_default=None,
                  validate=validate.OneOf(("json", "csv")))  # fmt: skip
    sort = text("One of `columns`; without it, the first metric. Best first by a metric, else the smallest first",
                load_default=None)  # fmt: skip
    reverse = fields.Boolean(load_default=False,
                             metadata={"description": "The other way round, what is missing still last"})  # fmt: skip


class MetricSchema(Schema):
    """A metric that the workflow names."""

    name = text("Its name")
    pattern = text("Regular expression on the log", allow_none=True)
    file = text("JSON file that it is read from", allow_none=True)
    key = text("Dotted key in that file", allow_none=True)
    job = text("Whose log or work folder; null: any, or the last", allow_none=True)
    goal = text("max or min: which end is best")
    best = fields.List(fields.Integer(), metadata={"description": "The completed cells with the best value"})


class CellResultSchema(Schema):
    """A cell by its last attempt."""

    cell = fields.Integer(metadata={"description": "Its number in the matrix, from 1"})
    run_id = text("The attempt")
    status = text("pending, running, completed, failed or cancelled")
    attempt = fields.Integer(metadata={"description": "Which one, from 1"})
    duration_seconds = fields.Integer(allow_none=True, metadata={"description": "From the first start to the last end"})
    args = fields.Dict(metadata={"description": "Its values by axis"})
    metrics = fields.Dict(metadata={"description": "A number; or NaN, Infinity and what is no number as text; or null"})
    faults = fields.Dict(metadata={"description": "Why a metric is null"})
    job = text("The job to look at: the first that failed, else the last", allow_none=True)
    job_id = fields.Integer(allow_none=True, metadata={"description": "Slurm's id of that job"})


class ResultsSchema(Schema):
    """Parameters and metrics of all cells."""

    sweep_run_id = fields.Integer(metadata={"description": "The sweep"})
    name = text("Its workflow")
    status = text("Its status")
    axes = fields.List(fields.String(), metadata={"description": "Args that vary, in order"})
    columns = fields.List(fields.String(), metadata={"description": "What it can be sorted by"})
    metrics = fields.List(fields.Nested(MetricSchema), metadata={"description": "In the order of the definition"})
    cells = fields.List(fields.Nested(CellResultSchema), metadata={"description": "Sorted as asked"})


@blp.get("/<sweep_id>/results")
@blp.arguments(ResultsQuerySchema, location="query")
@blp.response(200, ResultsSchema)
@blp.alt_response(400, description="Not a positive id")
@blp.alt_response(404, description="No such sweep")
def results_of(query, sweep_id):
    """The result table of a sweep, best first, as JSON or as CSV to take away."""
    sweep = sweeps.show(parse_sweep_id(sweep_id))
    table = results.table(sweep.id)
    rows = sorted_by(table, query["sort"], query["reverse"])
    kind = query["format"] or ("csv" if request.accept_mimetypes.best_match(_TYPES) == _TYPES[1] else "json")
    return _csv(sweep, table, rows) if kind == "csv" else _json(sweep, table, rows)


def _json(sweep: Sweep, table: Table, rows: list[Row]) -> Response:
    """Rendered without marshmallow, which would take 100 times as long."""
    return Response(_encode(results.as_json(sweep, table, rows)), mimetype=_TYPES[0], headers={"Vary": "Accept"})


def _csv(sweep: Sweep, table: Table, rows: list[Row]) -> Response:
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", sweep.workflow_name)
    headers = {"Content-Disposition": f'attachment; filename="{stem}-sweep-{sweep.id}.csv"', "Vary": "Accept"}
    return Response(results.as_csv(table, rows), mimetype=_TYPES[1], headers=headers)
