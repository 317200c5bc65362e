"""The database: one SQLite file, its tables, its migrations."""

import atexit
import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)  # fmt: skip

from .core import states
from .core.errors import Problem
from .core.model import Job

db = SqliteDatabase(None)
_anchor: list[sqlite3.Connection] = []
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "fuse.sshfs", "afs", "ceph", "panfs"}


class JobRow(Model):
    """A job seen or submitted. What Slurm says of it stands in columns named as in `core.model.Job`.

    `job_id` is null from the moment a submission is decided until its id is known; `gone_at` is set when Slurm
    has forgotten the job and nobody can say how it ended.
    """

    id = AutoField()
    cluster = TextField()
    job_id = BigIntegerField(null=True)
    array_id = BigIntegerField(null=True)
    task = IntegerField(null=True)
    tasks = TextField(null=True)
    name = TextField()
    user = TextField()
    account = TextField(null=True)
    partition = TextField()
    state = TextField()
    reason = TextField(null=True)
    nodes = IntegerField()
    cpus = IntegerField()
    gpus = IntegerField()
    memory = IntegerField(null=True)
    tres = TextField()
    node_list = TextField()
    time_limit = IntegerField(null=True)
    submit_time = IntegerField(null=True)
    start_time = IntegerField(null=True)
    end_time = IntegerField(null=True)
    exit_code = TextField(null=True)
    priority = IntegerField(null=True)
    dependency = TextField(null=True)
    work_dir = TextField(null=True)
    stdout = TextField(null=True)
    stderr = TextField(null=True)
    comment = TextField(null=True)
    tag = TextField(null=True, unique=True)
    script = TextField(null=True)
    source = TextField(null=True)
    attempted_at = FloatField(null=True)
    seen_at = FloatField()
    gone_at = FloatField(null=True)

    class Meta:
        database = db
        table_name = "job"
        indexes = ((("cluster", "job_id"), True), (("cluster", "state"), False), (("cluster", "end_time"), False))

    @property
    def job(self) -> Job:
        """The row as Slurm's record."""
        return Job(self.job_id, *(getattr(self, name) for name in Job._fields[1:]))


class JSONField(TextField):
    """A value as JSON text."""

    def db_value(self, value):
        """As it is stored."""
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def python_value(self, value):
        """As it is used."""
        return None if value is None else json.loads(value)


class Sweep(Model):
    """A workflow run with every combination of some args. Times are seconds since the epoch.

    The counters are those of the cells' last attempts (services.counts alone writes them). `reopened_at` is when
    cells were last run again; a failure before that is no reason to stop.
    """

    id = AutoField()
    cluster = TextField()
    workflow_name = TextField()
    mount = TextField(null=True)
    path = TextField()
    yaml = TextField()
    matrix = JSONField()
    args = JSONField()  # those given for all cells
    part = JSONField()
    status = TextField(default="pending")
    fail_fast = BooleanField(default=False)
    max_parallel = IntegerField()
    cell_count = IntegerField()
    cells_pending = IntegerField(default=0)
    cells_running = IntegerField(default=0)
    cells_completed = IntegerField(default=0)
    cells_failed = IntegerField(default=0)
    cells_cancelled = IntegerField(default=0)
    jobs = IntegerField()  # of a cell
    is_ahead = BooleanField(default=True)  # whether a cell is handed in behind each that runs
    source = TextField()
    triggered_by = TextField()
    started_at = FloatField()
    completed_at = FloatField(null=True)
    cancel_requested_at = FloatField(null=True)
    reopened_at = FloatField(null=True)
    error = TextField(null=True)

    class Meta:
        database = db
        table_name = "sweep"
        indexes = ((("cluster", "status"), False), (("started_at",), False))

    @property
    def lanes(self) -> int:
        """How many cells there can be at once."""
        return min(self.max_parallel, self.cell_count)


class Run(Model):
    """One execution of a workflow: the definition as it was, and how it stands. Times are seconds since the epoch.

    `parent` is the run that this one runs again, in whole or in part. A run of a sweep is an attempt at one of its
    cells, and its definition is the sweep's.
    """

    id = TextField(primary_key=True)
    cluster = TextField()
    workflow_name = TextField()
    mount = TextField(null=True)
    yaml = TextField()
    args = JSONField()  # those given for this run
    part = JSONField()  # which of its jobs were chosen: from_job, to_job, single_job, or rerun
    status = TextField()
    started_at = FloatField()
    completed_at = FloatField(null=True)
    cancel_requested_at = FloatField(null=True)
    error = TextField(null=True)
    source = TextField()
    triggered_by = TextField()
    parent = TextField(null=True)
    sweep = ForeignKeyField(Sweep, null=True, backref="runs", on_delete="CASCADE")
    cell = IntegerField(null=True)  # its number in the matrix, from 0
    attempt = IntegerField(default=1)
    is_current = BooleanField(default=True)  # the last attempt at its cell
    resolved = JSONField(null=True)  # of a cell: all args, rendered
    resources = JSONField(null=True)  # asked for this attempt instead of the workflow's
    lane = IntegerField(null=True)  # of max_parallel, from 0; null until the cell is claimed
    after = TextField(null=True)  # the run before it in the lane, when it was claimed ahead of that one's end

    class Meta:
        database = db
        table_name = "run"
        indexes = (
            (("cluster", "status"), False), (("workflow_name", "started_at"), False), (("started_at",), False),
            (("sweep", "cell", "attempt"), True),
        )  # fmt: skip

    @property
    def is_pending(self) -> bool:
        """Whether it is a cell that waits: for a lane, or, with one, for the run before it there."""
        return self.status == "pending"

    @property
    def definition(self) -> str:
        """The workflow as YAML, as it was when it was started."""
        return self.sweep.yaml if self.sweep_id else self.yaml


class RunJob(Model):
    """A job of a run. What Slurm says of it is copied from the row of its submission (the same `tag`) until it is
    over; then it stays, whatever becomes of the id. `carried_from` is the earlier run that it completed in."""

    id = AutoField()
    run = ForeignKeyField(Run, backref="jobs", on_delete="CASCADE")
    name = TextField()
    position = IntegerField()
    tag = TextField(null=True, unique=True)
    depends_on = JSONField()  # [[kind, job], ...]
    resources = JSONField()
    folders = JSONField()
    work_dir = TextField(null=True)
    retry = IntegerField(default=0)
    attempts = IntegerField(default=0)
    job_id = BigIntegerField(null=True)
    state = TextField(default=states.PENDING)
    reason = TextField(null=True)
    is_lost = BooleanField(default=False)
    is_unreached = BooleanField(default=False)
    node_list = TextField(default="")
    submit_time = IntegerField(null=True)
    start_time = IntegerField(null=True)
    end_time = IntegerField(null=True)
    exit_code = TextField(null=True)
    carried_from = TextField(null=True)

    class Meta:
        database = db
        table_name = "run_job"
        indexes = ((("run", "name"), True), (("run", "position"), False), (("job_id",), False))


class Event(Model):
    """A change of something's state, for those who listen: `kind` is "sweep_run.status_changed"."""

    id = AutoField()
    kind = TextField()
    sweep = ForeignKeyField(Sweep, backref="events", on_delete="CASCADE")
    at = FloatField()
    old = TextField(null=True)
    new = TextField()
    detail = TextField(null=True)

    class Meta:
        database = db
        table_name = "event"


class Result(Model):
    """The metrics of a run as they were read from its logs and files, and why some could not be; `is_final` says that
    they are not read again."""

    run = ForeignKeyField(Run, primary_key=True, on_delete="CASCADE")
    metrics = JSONField()  # {name: number, or the text that is none}
    faults = JSONField()  # {name: words}
    read_at = FloatField()
    is_final = BooleanField(default=False)

    class Meta:
        database = db
        table_name = "result"


def _first(database: SqliteDatabase) -> None:
    """Jobs seen and submitted."""
    database.create_tables([JobRow])


def _second(database: SqliteDatabase) -> None:
    """Runs of workflows and their jobs."""
    database.create_tables([Run, RunJob])


# ALTER TABLE: a table that is made anew would take the rows that refer to it along when the old one is dropped
_CELL_COLUMNS = {
    "sweep_id": 'INTEGER REFERENCES "sweep" ("id") ON DELETE CASCADE', "cell": "INTEGER",
    "attempt": "INTEGER NOT NULL DEFAULT 1", "is_current": "INTEGER NOT NULL DEFAULT 1", "resolved": "TEXT",
    "resources": "TEXT", "lane": "INTEGER", "after": "TEXT",
}  # fmt: skip


def _third(database: SqliteDatabase) -> None:
    """Sweeps: runs become cells of them."""
    database.create_tables([Sweep])
    known = {column.name for column in database.get_columns("run")}
    for name, kind in _CELL_COLUMNS.items():
        if name not in known:
            database.execute_sql(f'ALTER TABLE "run" ADD COLUMN "{name}" {kind}')
    database.create_tables([Run, Event, Result])


MIGRATIONS: list[Callable[[SqliteDatabase], None]] = [_first, _second, _third]


def open_database(path: Path) -> None:
    """Open the file (0600), made when missing, and bring its tables up to date.

    Before a migration the file is copied beside itself, as NAME.before-VERSION.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    journal = "truncate" if file_system(path) in NETWORK_FILE_SYSTEMS else "wal"
    pragmas = {"journal_mode": journal, "busy_timeout": 5000, "foreign_keys": 1, "synchronous": "normal"}
    db.init(str(path), pragmas=pragmas)
    with connected():
        _hold(path)
        version = db.execute_sql("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise Problem(
                f"{path} was written by a newer version of srunx-web; use that one, or another SRUNX_STATE_DIR"
            )
        if 0 < version < len(MIGRATIONS):
            _copy(path, path.with_name(f"{path.name}.before-{version + 1}"))
        for number, change in enumerate(MIGRATIONS[version:], version + 1):
            with db.atomic("IMMEDIATE"):
                change(db)
                db.execute_sql(f"PRAGMA user_version = {number}")


def _hold(path: Path) -> None:
    """Keep one connection open: when the last one goes, so does the write-ahead log, and on a full disk
    nobody could read any more."""
    _release()
    _anchor.append(sqlite3.connect(path, check_same_thread=False))
    _anchor[0].execute("SELECT count(*) FROM sqlite_master").fetchone()


def _release() -> None:
    while _anchor:
        _anchor.pop().close()


atexit.register(_release)


def _copy(path: Path, target: Path) -> None:
    with sqlite3.connect(path) as source, contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    shutil.copymode(path, target)


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """A connection for this thread while the block lasts; inside another one, that one."""
    opened = db.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if opened:
            db.close()


def insert(model: type[Model], rows: list[dict]) -> None:
    """Add rows that all have the same columns."""
    if rows:
        fields = [getattr(model, name) for name in rows[0]]
        values = [tuple(field.db_value(row[field.name]) for field in fields) for row in rows]
        execute_many(model.insert_many([tuple(rows[0].values())], fields), values)


def execute_many(query, rows: list[tuple]) -> None:
    """A query whose first parameters are one of these rows, for each of them; peewee writes its SQL only once."""
    sql, parameters = query.sql()
    rest = tuple(parameters[len(rows[0]) :]) if rows else ()
    db.connection().executemany(sql, [(*row, *rest) for row in rows])


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, as in /proc/mounts; "" where that can't be told."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = {str(path.absolute()), *map(str, path.absolute().parents)}
    return max(((len(point), kind) for point, kind in mounts if point in above), default=(0, ""))[1]
