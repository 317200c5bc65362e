"""What is on record of jobs, in a real SQLite file."""

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from srunx_web.core.errors import Problem
from srunx_web.core.model import Job, Sought, Submission
from srunx_web.services.records import LAG_SECONDS, LOOKED_UP, STALE_SECONDS, Records
from srunx_web.store import MIGRATIONS, JobRow, Run, db, open_database

NOW = 1_700_000_000


@pytest.fixture
def records(tmp_path):
    open_database(tmp_path / "srunx.db")
    return Records("atlas")


def job(id_=1, state="RUNNING", submit=NOW - 100, **more):
    """A job of mine."""
    return Job(id_, name="train", user="ann", partition="gpu", state=state, submit_time=submit, **more)


def test_a_change_is_written_down(records):
    records.write([job()], NOW)
    records.write([job(state="COMPLETED", end_time=NOW)], NOW)
    assert records.row(1).job == job(state="COMPLETED", end_time=NOW)


@pytest.mark.parametrize("late", ["RUNNING", "CANCELLED", "FAILED"])
def test_a_terminal_state_never_changes(records, late):
    records.write([job(state="COMPLETED", end_time=NOW)], NOW)
    records.write([job(state=late)], NOW)
    assert records.row(1).state == "COMPLETED"


def test_a_requeue_or_an_id_used_anew_is_another_submission(records):
    records.write([job(state="NODE_FAIL", end_time=NOW)], NOW)
    records.write([job(state="PENDING", submit=NOW + 1)], NOW + 2)
    assert (records.row(1).state, records.row(1).end_time) == ("PENDING", None)


def test_job_42_of_two_clusters_are_two_jobs(records):
    other = Records("borea")
    records.write([job(42)], NOW)
    other.write([job(42, state="FAILED")], NOW)
    assert (records.row(42).state, other.row(42).state) == ("RUNNING", "FAILED")


def test_what_the_queue_forgot_is_listed_after_it(records):
    records.write([job(1, "COMPLETED", end_time=NOW - 60), job(2), job(3, "FAILED", end_time=NOW - 90_000)], NOW)
    merged = records.merged([job(9)], NOW)
    assert [(one.id, one.state, one.reason) for one in merged] == [
        (9, "RUNNING", None),
        (1, "COMPLETED", None),
        (2, "UNKNOWN", LOOKED_UP),
    ]


class Witness:
    """A scheduler that knows these jobs."""

    def __init__(self, *jobs):
        self.known = {job.id: job for job in jobs}

    def jobs(self, ids):
        return {id_: self.known[id_] for id_ in ids if id_ in self.known}


def test_a_vanished_job_is_looked_up_and_one_that_nobody_knows_is_lost(records):
    records.write([job(1), job(2), job(3)], NOW)
    for later, state in ((1, "RUNNING"), (LAG_SECONDS + 1, "UNKNOWN")):  # the accounting may only be late
        records.settle(Witness(job(1, "FAILED", end_time=NOW)), shown={3}, now=NOW + later)
        assert [records.row(id_).state for id_ in (1, 2, 3)] == ["FAILED", state, "RUNNING"]
    assert records.row(2).gone_at == NOW + LAG_SECONDS + 1


def test_the_accounting_does_not_wipe_out_what_it_does_not_know(records):
    records.write([job(stdout="/x/%j.out", stderr="/x/%j.err")], NOW)
    records.write([job(state="COMPLETED", end_time=NOW)], NOW)
    assert (records.row(1).stdout, records.row(1).stderr) == ("/x/%j.out", "/x/%j.err")


def test_a_submission_is_on_record_before_its_id(records):
    records.begin([Submission("#!/bin/sh", "train", "tag1")], "web", NOW)
    assert records.uncertain(NOW + 1) == [Sought("tag1", "train", None, NOW)]
    records.adopt("tag1", 7, NOW)
    assert records.uncertain(NOW + 1) == []
    assert (records.row(7).script, records.row(7).name) == ("#!/bin/sh", "train")


def test_what_was_seen_before_the_answer_came_is_joined_to_the_submission(records):
    records.begin([Submission("#!/bin/sh", "train", "tag1")], "web", NOW)
    records.write([job(7)], NOW)
    records.adopt("tag1", 7, NOW)
    assert (records.row(7).state, records.row(7).tag, JobRow.select().count()) == ("RUNNING", "tag1", 1)


def test_a_refused_submission_leaves_nothing(records):
    records.begin([Submission("#!/bin/sh", None, "tag1")], "web", NOW)
    records.forget("tag1")
    assert JobRow.select().count() == 0


def test_many_threads_write_and_nothing_is_lost(records):
    def write(first):
        for id_ in range(first, first + 50):
            records.write([job(id_)], NOW)

    threads = [threading.Thread(target=write, args=(1 + 50 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records.merged([], NOW)) == 400


def test_the_file_is_private_and_knows_its_version(tmp_path, records):
    assert (tmp_path / "srunx.db").stat().st_mode & 0o777 == 0o600
    with db.connection_context():
        assert db.execute_sql("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_an_older_file_keeps_all_that_is_in_it(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript((Path(__file__).parents[1] / "golden/version-2.sql").read_text(encoding="utf-8"))
    open_database(tmp_path / "old.db")
    with db.connection_context():
        run = Run.get()
        assert [(row.name, row.state) for row in run.jobs] == [("a", "COMPLETED"), ("b", "PENDING")]
        assert (run.status, run.definition, run.sweep) == ("running", "jobs: []", None)
        assert (run.attempt, run.is_current) == (1, True)
        assert db.execute_sql("PRAGMA foreign_key_check").fetchall() == []
    assert (tmp_path / "old.db.before-3").exists()


def test_an_id_used_anew_takes_neither_script_nor_tag_of_the_old_job(records):
    records.begin([Submission("#!/bin/sh old", "train", "tag1", "/home")], "web", NOW)
    records.adopt("tag1", 7, NOW)
    records.write([job(7, "COMPLETED", work_dir="/home", end_time=NOW)], NOW)
    records.begin([Submission("#!/bin/sh new", "other", "tag2", "/home")], "web", NOW + 9)
    records.adopt("tag2", 7, NOW + 9)
    assert (records.row(7).script, records.tagged("tag1").job_id) == ("#!/bin/sh new", None)


def test_a_requeued_job_keeps_its_script(records):
    records.begin([Submission("#!/bin/sh", "train", "tag1")], "web", NOW)
    records.adopt("tag1", 7, NOW)
    records.write([job(7, "RUNNING")], NOW)
    records.write([job(7, "PENDING", submit=NOW + 50)], NOW + 51)
    assert records.row(7).script == "#!/bin/sh"


def test_a_job_with_our_mark_is_recognised_whenever_it_is_seen(records):
    records.begin([Submission("#!/bin/sh", "train", "tag1")], "web", NOW)
    records.lose("tag1", NOW + 99)
    assert [row.name for row in records.lost(NOW - 1)] == ["train"]
    records.write([job(7, comment="srunx:tag1 mine")], NOW + 999)
    assert (records.row(7).script, records.lost(NOW - 1)) == ("#!/bin/sh", [])


def test_a_newer_database_is_not_touched(tmp_path):
    open_database(tmp_path / "new.db")
    with db.connection_context():
        db.execute_sql("PRAGMA user_version = 99")
    with pytest.raises(Problem, match="newer version"):
        open_database(tmp_path / "new.db")


def test_a_live_job_whose_id_begins_again_is_lost_and_keeps_its_script(records):
    records.begin([Submission("#!/bin/sh old", "train", "tag1")], "web", NOW)
    records.adopt("tag1", 7, NOW)
    records.write([job(7)], NOW)
    records.write([job(7, submit=NOW + 9)._replace(name="other")], NOW + 10)
    old = records.tagged("tag1")
    assert (old.job_id, old.state, old.gone_at, old.script) == (None, "UNKNOWN", NOW + 10, "#!/bin/sh old")
    assert (records.row(7).name, records.row(7).tag, records.lost(NOW - 1)) == ("other", None, [])


def test_the_accounting_may_only_know_the_submission_before(records):
    records.write([job(7, submit=NOW)], NOW)
    records.write([job(7, "COMPLETED", submit=NOW - 50, end_time=NOW - 40)], NOW + 1)
    assert records.row(7).state == "RUNNING"


def test_a_job_that_only_the_accounting_calls_alive_is_lost_in_the_end(records):
    records.write([job(1)], NOW)
    for later, state in ((1, "RUNNING"), (LAG_SECONDS + 1, "RUNNING"), (STALE_SECONDS + 1, "UNKNOWN")):
        records.settle(Witness(job(1)), shown=set(), now=NOW + later)
        assert records.row(1).state == state


def test_a_job_that_was_given_up_and_is_seen_again_is_alive(records):
    records.write([job(1)], NOW)
    for later in (1, LAG_SECONDS + 1):
        records.settle(Witness(), shown=set(), now=NOW + later)
    records.write([job(1)], NOW + 99)
    assert (records.row(1).state, records.row(1).gone_at) == ("RUNNING", None)


def test_a_long_silence_of_an_unchanged_job_is_not_its_end(records):
    records.write([job(1)], NOW)
    records.settle(Witness(), shown=set(), now=NOW + 9000)
    assert records.row(1).state == "RUNNING"


def test_an_older_job_that_had_the_id_says_nothing_of_the_new_one(records):
    records.write([job(7, "COMPLETED", end_time=NOW)], NOW)
    records.begin([Submission("#!/bin/sh", "train", "tag1")], "web", NOW + 9)
    records.adopt_all({"tag1": 7}, NOW + 10)
    assert (records.row(7).state, records.row(7).tag, records.row(7).end_time) == ("PENDING", "tag1", None)
