"""The shapes of workflows, runs and templates, as the OpenAPI document describes them."""

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema


def text(words: str, **more):
    """A string field with its description."""
    return fields.String(metadata={"description": words}, **more)


class MountQuerySchema(Schema):
    """Where the definition lives."""

    mount = text("Mount whose workflows are meant; without: the server's own folder", load_default=None)


class ResourcesSchema(Schema):
    """What a job of a definition asks for; null where it says nothing."""

    nodes = fields.Raw(allow_none=True, metadata={"description": "Nodes; text while it is an expression"})
    gpus_per_node = fields.Raw(allow_none=True, metadata={"description": "GPUs on each node"})
    partition = text("Partition", allow_none=True)
    time_limit = text("Time limit", allow_none=True)


class WorkflowJobSchema(Schema):
    """A job of a definition."""

    name = text("Its name")
    job_id = fields.Integer(allow_none=True, metadata={"description": "null: a definition is not submitted"})
    status = text("UNKNOWN")
    depends_on = fields.List(fields.String(), metadata={"description": "JOB, or TYPE:JOB"})
    command = fields.List(fields.String(), metadata={"description": "Words; a shell text is one"})
    resources = fields.Dict(metadata={"description": "nodes, gpus_per_node, partition, time_limit; {} for scripts"})
    script_path = text("Of shell jobs")
    exports = fields.Dict(metadata={"description": "Values for dependents, when given"})
    template = text("Script template, when given")


class WorkflowSchema(Schema):
    """A workflow as defined."""

    name = text("The file's name without its ending")
    jobs = fields.List(fields.Nested(WorkflowJobSchema), metadata={"description": "In the order of the file"})
    args = fields.Dict(metadata={"description": "When given"})
    default_project = text("Mount that its jobs belong to, when given")
    title = text("The name inside the file, where it is another")
    description = text("When given")
    sweep = fields.Dict(metadata={"description": "What the run dialog offers, when given"})
    metrics = fields.Dict(metadata={"description": "By name: pattern or file and key, job, best; when given"})
    error = text("Why the file can't be read, when it can't")


class ValidateSchema(Schema):
    """A text to check."""

    class Meta:
        unknown = EXCLUDE

    yaml = text("The workflow as YAML", load_default="", allow_none=True)


class ValidatedSchema(Schema):
    """What is wrong with it, if anything."""

    valid = fields.Boolean(metadata={"description": "Whether it could be run"})
    errors = fields.List(fields.String(), metadata={"description": "All faults; only when not valid"})


class UploadSchema(Schema):
    """A file to keep."""

    class Meta:
        unknown = EXCLUDE

    yaml = text("The workflow as YAML", required=True)
    filename = text("NAME.yaml or NAME.yml", required=True)
    mount = text("Mount to keep it in", load_default=None, allow_none=True)
    overwrite = fields.Boolean(load_default=False, metadata={"description": "Replace one of the same name"})

    @validates_schema
    def _has_a_file_name(self, data: dict, **_) -> None:
        if not validate_file_name(data.get("filename", "")):
            raise ValidationError("Must be letters, digits, - and _ with the ending .yaml or .yml", "filename")


def validate_file_name(name: str) -> bool:
    """Whether a file of that name can hold a workflow."""
    stem, dot, ending = name.rpartition(".")
    is_plain = all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in stem)
    return bool(dot and stem and is_plain and ending in ("yaml", "yml") and len(stem) <= 128)


class ReplaceSchema(Schema):
    """A workflow as data; each job has the keys of the YAML format, and unknown ones are refused."""

    class Meta:
        unknown = EXCLUDE

    name = text("The same as in the path, when given")
    jobs = fields.List(fields.Dict(), required=True, metadata={"description": "Jobs, with name and command"})
    args = fields.Dict(load_default=None, allow_none=True, metadata={"description": "Values for {{ name }}"})
    default_project = text("Mount that it belongs to, and is kept in", load_default=None, allow_none=True)
    description = text("What it is for", load_default=None, allow_none=True)
    sweep = fields.Dict(load_default=None, allow_none=True, metadata={"description": "What the run dialog offers"})
    metrics = fields.Dict(load_default=None, allow_none=True, metadata={"description": "Patterns or files, by name"})
    overwrite = fields.Boolean(load_default=False, metadata={"description": "Replace one of the same name"})


class CreateSchema(ReplaceSchema):
    """A new workflow as data."""

    name = text("Letters, digits, - and _", required=True)


class RunSchema(Schema):
    """Which part to run, with what."""

    class Meta:
        unknown = EXCLUDE

    from_job = text("First job, in the order of the file", load_default=None, allow_none=True)
    to_job = text("Last job", load_default=None, allow_none=True)
    single_job = text("Only this one, without its dependencies", load_default=None, allow_none=True)
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only show what would be submitted"})
    args_override = fields.Dict(load_default=None, allow_none=True, metadata={"description": "Laid over args"})
    sweep = fields.Dict(load_default=None, allow_none=True, metadata={
        "description": "Run every combination of some args: matrix (lists of values by arg), fail_fast (false), "
                       "max_parallel (4)"})  # fmt: skip
    notify = fields.Boolean(load_default=False, metadata={"description": "Tell an endpoint when it ends"})
    endpoint_id = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1),
                                 metadata={"description": "Whom to tell"})  # fmt: skip
    preset = text("Which changes to tell", load_default="terminal",
                  validate=validate.OneOf(("terminal", "running_and_terminal", "all")))  # fmt: skip

    @validates_schema
    def _knows_whom(self, data: dict, **_) -> None:
        if data.get("notify") and not data.get("endpoint_id"):
            raise ValidationError("notify needs endpoint_id", "endpoint_id")


class RunStateSchema(Schema):
    """A run, and how it stands."""

    id = text("Opaque")
    workflow_name = text("Its workflow")
    started_at = text("ISO 8601, UTC")
    completed_at = text("ISO 8601, UTC", allow_none=True)
    status = text("syncing, submitting, running, completed, failed or cancelled")
    job_ids = fields.Dict(metadata={"description": "Slurm's ids as text, by job"})
    job_statuses = fields.Dict(metadata={"description": "Slurm's states by job"})
    error = text("What went wrong, in Slurm's words", allow_none=True)
    rerun_of = text("The run that this one runs again", allow_none=True)
    sweep_run_id = fields.Integer(allow_none=True, metadata={"description": "The sweep that it started or belongs to"})
    cell_count = fields.Integer(metadata={"description": "Of a sweep: how many cells it has"})
    cells = fields.List(fields.Dict(), metadata={"description": "Of a dry sweep: cell, args, error"})
    notices = fields.List(fields.String(), metadata={"description": "Of a dry sweep: limits that it would meet"})
    dry_run = fields.Boolean(metadata={"description": "true in the answer to a dry run"})
    jobs = fields.List(fields.Dict(), metadata={"description": "Of a dry run: name, script, depends_on, resources"})
    execution_order = fields.List(fields.String(), metadata={"description": "Of a dry run"})


class RunsQuerySchema(Schema):
    """Which runs."""

    name = text("Only those of this workflow", load_default=None)


class CancelledSchema(Schema):
    """What became of the wish to cancel."""

    status = text("cancelled")
    run_id = text("The run")
    warnings = fields.List(fields.String(), metadata={"description": "What is still being tried; only if anything"})


class DeletedSchema(Schema):
    """What was deleted."""

    status = text("deleted")
    name = text("Its name")


class RerunSchema(Schema):
    """What to run again."""

    which = text("all, failed (what failed or was not reached) or from", load_default="failed",
                 validate=validate.OneOf(("all", "failed", "from")))  # fmt: skip
    from_job = text("With which=from: the first job", load_default=None, allow_none=True)


class TemplateSchema(Schema):
    """A script template."""

    name = text("Letters, digits, - and _", required=True)
    content = text("The script as a Jinja template", required=True, validate=validate.Length(1, 256 << 10))
    description = text("The first comment of it", dump_only=True)
    is_own = fields.Boolean(dump_only=True, metadata={"description": "false: it ships with srunx-web"})
    variables = fields.List(fields.String(), dump_only=True, metadata={"description": "Names that it uses"})


class TemplateTextSchema(Schema):
    """A new text for a template."""

    content = text("The script as a Jinja template", required=True, validate=validate.Length(1, 256 << 10))


class ApplySchema(Schema):
    """A job for a template: the keys of a job of a workflow; `submit` hands the script in at once."""

    job = fields.Dict(required=True, metadata={"description": "name, command, resources, environment, ..."})
    submit = fields.Boolean(load_default=False, metadata={"description": "Submit it, rather than only show it"})


class AppliedSchema(Schema):
    """The script that came of it, and its job when it was submitted."""

    script = text("The rendered script")
    job_id = fields.Integer(allow_none=True, metadata={"description": "Slurm's id, or null"})
