"""The shapes of the contract, as the OpenAPI document describes them."""

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema


class ErrorSchema(Schema):
    """What every error looks like."""

    detail = fields.String(metadata={"description": "One sentence: what is wrong, and what to do"})
    errors = fields.List(fields.Dict(), metadata={"description": "The faults of single fields: loc, msg, type"})


class JobResourcesSchema(Schema):
    """What a job asked for or was given."""

    nodes = fields.Integer(metadata={"description": "Nodes"})
    gpus_per_node = fields.Integer(metadata={"description": "GPUs on each node"})
    partition = fields.String(allow_none=True, metadata={"description": "Partition"})
    time_limit = fields.String(allow_none=True, metadata={"description": "D-HH:MM:SS; null without a limit"})


class JobSchema(Schema):
    """A job of the queue, or one that ended lately."""

    name = fields.String(metadata={"description": "The job's name, as given"})
    job_id = fields.Integer(metadata={"description": "Slurm's numeric id of this record"})
    status = fields.String(metadata={"description": "Slurm's state, such as PENDING or TIMEOUT"})
    depends_on = fields.List(fields.String(), metadata={"description": "Empty outside workflows"})
    command = fields.List(fields.String(), metadata={"description": "Empty outside workflows"})
    resources = fields.Nested(JobResourcesSchema, metadata={"description": "Resources asked or given"})
    partition = fields.String(allow_none=True, metadata={"description": "Partition"})
    nodes = fields.Integer(allow_none=True, metadata={"description": "Nodes"})
    gpus = fields.Integer(metadata={"description": "GPUs on all nodes together"})
    cpus = fields.Integer(metadata={"description": "CPUs on all nodes together"})
    elapsed_time = fields.String(allow_none=True, metadata={"description": "D-HH:MM:SS since its start"})
    time_limit = fields.String(allow_none=True, metadata={"description": "D-HH:MM:SS"})
    user = fields.String(metadata={"description": "Owner"})
    nodelist = fields.String(allow_none=True, metadata={"description": "Nodes it runs on, as g[1-2]"})
    reason = fields.String(allow_none=True, metadata={"description": "Slurm's reason for waiting or failing"})
    exit_code = fields.String(allow_none=True, metadata={"description": "Exit status and signal, as 3:0"})
    submitted_at = fields.String(allow_none=True, metadata={"description": "ISO 8601, UTC"})
    started_at = fields.String(allow_none=True, metadata={"description": "ISO 8601; expected, while it waits"})
    completed_at = fields.String(allow_none=True, metadata={"description": "ISO 8601, UTC"})
    array_job_id = fields.Integer(allow_none=True, metadata={"description": "Id of the array it belongs to"})
    array_task_id = fields.Integer(allow_none=True, metadata={"description": "Index in the array"})
    array_tasks = fields.String(allow_none=True, metadata={"description": "Pending rest of an array, as 4-9%3"})


class SubmitSchema(Schema):
    """A script to submit."""

    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True, validate=validate.Length(1, 1024), metadata={"description": "A name for it"})
    script_content = fields.String(allow_none=True, metadata={"description": "The sbatch script"})
    job_name = fields.String(
        allow_none=True, validate=validate.Length(max=1024), metadata={"description": "Slurm's job name; else name"}
    )
    mount_name = fields.String(allow_none=True, metadata={"description": "Mount whose remote root it starts in"})
    script_path = fields.String(allow_none=True, metadata={"description": "Script below the mount, instead of text"})
    notify = fields.Boolean(load_default=False, metadata={"description": "Tell an endpoint when it ends"})
    endpoint_id = fields.Integer(allow_none=True, validate=validate.Range(1), metadata={"description": "Whom to tell"})
    preset = fields.String(
        load_default="terminal", validate=validate.OneOf(("terminal", "running_and_terminal", "all")),
        metadata={"description": "Which changes to tell"},
    )  # fmt: skip

    @validates_schema
    def _one_script(self, data: dict, **_) -> None:
        if (data.get("script_content") is None) == (data.get("script_path") is None):
            raise ValidationError("Exactly one of script_content and script_path is needed", "script_content")
        if data.get("script_path") is not None and not data.get("mount_name"):
            raise ValidationError("script_path needs mount_name", "mount_name")
        if data.get("notify") and not data.get("endpoint_id"):
            raise ValidationError("notify needs endpoint_id", "endpoint_id")


class SubmittedSchema(Schema):
    """A job that was just submitted."""

    name = fields.String(metadata={"description": "As given"})
    job_id = fields.Integer(metadata={"description": "Slurm's id"})
    status = fields.String(metadata={"description": "PENDING"})
    depends_on = fields.List(fields.String(), metadata={"description": "Empty"})
    command = fields.List(fields.String(), metadata={"description": "Empty"})
    resources = fields.Dict(metadata={"description": "Empty"})


class LogsQuerySchema(Schema):
    """Where to go on reading."""

    stdout_offset = fields.Integer(validate=validate.Range(0), metadata={"description": "Byte to read stdout from"})
    stderr_offset = fields.Integer(validate=validate.Range(0), metadata={"description": "Byte to read stderr from"})


class LogsSchema(Schema):
    """New text of both streams, at most 4 MiB each, and where to go on."""

    stdout = fields.String(metadata={"description": "Undecodable bytes replaced"})
    stderr = fields.String(metadata={"description": "Empty when it goes to stdout's file"})
    stdout_offset = fields.Integer(metadata={"description": "Offset of the next byte"})
    stderr_offset = fields.Integer(metadata={"description": "Offset of the next byte"})
    stdout_start = fields.Integer(metadata={"description": "Offset of the first byte returned"})
    stderr_start = fields.Integer(metadata={"description": "Offset of the first byte returned"})


class ResourcesQuerySchema(Schema):
    """Which partition."""

    partition = fields.String(
        validate=validate.Regexp(r"[A-Za-z0-9_.-]{1,128}\Z", error="Letters, digits and _.- only"),
        metadata={"description": "One partition instead of all"},
    )  # fmt: skip


class ResourcesSchema(Schema):
    """What a partition has and what is free."""

    timestamp = fields.String(metadata={"description": "When Slurm said so, ISO 8601"})
    partition = fields.String(metadata={"description": "Name"})
    total_gpus = fields.Integer(metadata={"description": "GPUs of nodes that are up, and those in use on others"})
    gpus_in_use = fields.Integer(metadata={"description": "GPUs allocated"})
    gpus_available = fields.Integer(metadata={"description": "GPUs free"})
    jobs_running = fields.Integer(metadata={"description": "Running jobs"})
    nodes_total = fields.Integer(metadata={"description": "Nodes"})
    nodes_idle = fields.Integer(metadata={"description": "Nodes without a job"})
    nodes_down = fields.Integer(metadata={"description": "Nodes that take no jobs"})
    gpu_utilization = fields.Float(metadata={"description": "0 to 1"})
    has_available_gpus = fields.Boolean(metadata={"description": "Whether one is free"})
