"""What becomes of submissions whose answer never came: found, surely not there, or nobody can tell."""

import time

import pytest

from srunx_web.cluster import witness
from srunx_web.cluster.shell import Result
from srunx_web.cluster.slurm import Slurm
from srunx_web.core import parse
from srunx_web.core.errors import SlurmFailed
from srunx_web.core.model import Job, Sought
from tests.scripted import ScriptedShell

NOW = 1_700_000_000
DISABLED = Result(1, "", "Slurm accounting storage is disabled")
SOUGHT = Sought("T1", "train", "/home/ann", NOW)


def job(id_=7, name="train", at=NOW + 1, **more):
    """A record of the accounting."""
    return Job(id_, name=name, submit_time=at, **{"work_dir": "/home/ann", "state": "COMPLETED", **more})


def alike(records, sought=(SOUGHT,), in_memory=(), ahead=0):
    return witness.alike(list(sought), list(records), list(in_memory), ahead, 45)


class Site(ScriptedShell):
    """A cluster whose memory is empty, and whose accounting answers this; `asked` are its questions."""

    def __init__(self, sacct: Result, config: str = "", ahead: float = 0):
        super().__init__([])
        self.answers = {"squeue": Result(0, "", ""), "sacct": sacct, "scontrol": Result(0, config, "")}
        self.ahead, self.asked = ahead, []

    def run(self, argv, stdin=b"", timeout=30, is_read=True):
        self.asked.append(argv)
        command = next(word for word in argv if word in (*self.answers, "date"))
        return self.answers.get(command) or Result(0, f"{int(time.time() + self.ahead)}\n", "")


def records(*jobs: Job) -> Result:
    """What sacct says of them."""
    lines = [(f"{one.id}", f"{one.id}_3" if one.array_id else f"{one.id}", one.state, f"{one.submit_time}",
              one.comment or "", one.work_dir or "", one.name) for one in jobs]  # fmt: skip
    return Result(0, "".join(parse.SEP.join(line) + "\n" for line in lines), "")


# ---- where comments are kept


def test_the_accounting_knows_what_memory_forgot():
    site = Site(records(job(7, "other", comment="srunx:T1 mine"), job(8, comment="srunx:T3")))
    sought = [SOUGHT, Sought("T2", "train", "/home/ann", NOW)]
    assert Slurm(site).find(sought) == {"T1": 7, "T2": None}


def test_of_a_job_whose_end_the_accounting_has_not_heard_no_comment_is_known():
    ours, unheard, over = job(1, comment="srunx:T9"), job(7, state="RUNNING"), job(8, state="COMPLETED")
    sought = SOUGHT._replace(since=time.time() - 100)
    unheard, over = (one._replace(submit_time=int(sought.since) + 1) for one in (unheard, over))
    assert Slurm(Site(records(ours, unheard, over))).find([sought]) == {"T1": 7}
    assert Slurm(Site(records(ours, over))).find([sought]) == {"T1": None}
    assert witness.without_end([unheard], [job(7)]) == []


def test_an_array_is_found_by_its_own_id():
    text = parse.SEP.join(["21", "20_0", "COMPLETED", "1", "srunx:T1", "/", "a"])
    (found,) = parse.sacct_sought(text + "\n")
    assert witness.tagged([found], [SOUGHT]) == {"T1": 20}


def test_the_look_back_is_as_long_as_needed():
    site, now = Site(records()), time.time()
    for since, words in ((now - 10, "now-1hours"), (now - 3600, "now-2hours"), (now - 9 * 86400, "now-217hours")):
        Slurm(site).find([Sought("T1", since=since), Sought("T2", since=now)])
        assert words in next(argv for argv in reversed(site.asked) if "sacct" in argv)


def test_of_what_was_tried_at_an_unknown_time_nothing_is_sure():
    site = Site(records(job(comment="srunx:T9"), job(8, comment="srunx:T2")))
    assert Slurm(site).find([Sought("T1"), Sought("T2")]) == {"T2": 8}
    assert any("now-49hours" in argv for argv in site.asked)


# ---- where they are not


def test_the_only_one_alike_is_it():
    others = [job(1, "eval"), job(2, work_dir="/home/ann/x"), job(3, at=NOW - 3), job(4, at=NOW + 46)]
    assert alike([*others, job(7, work_dir="/home//ann/")]) == {"T1": 7}
    assert alike(others) == {"T1": None}


def test_of_several_alike_nobody_can_tell():
    assert alike([job(7), job(8)]) == {}
    assert alike([job(7), job(7, at=NOW + 30)]) == {"T1": 7}  # one job, requeued
    assert alike([job(7)], [SOUGHT, SOUGHT._replace(tag="T2")]) == {}
    assert alike([], [SOUGHT, SOUGHT._replace(tag="T2")]) == {"T1": None, "T2": None}


def test_a_job_that_memory_knows_as_another_of_ours_is_not_it():
    assert alike([job(7), job(8)], in_memory=[job(7, comment="srunx:T5")]) == {"T1": 8}
    assert alike([job(7)], in_memory=[job(7, comment="srunx:T5")]) == {"T1": None}


def test_a_job_with_a_comment_of_its_own_is_left_in_doubt():
    assert alike([job(comment="set by the site")]) == {}
    assert alike([job()], in_memory=[job(comment="set by the site")]) == {}


def test_a_job_that_lost_our_mark_in_memory_is_still_recognised():
    assert alike([], in_memory=[job(7)]) == {"T1": 7}


def test_without_a_name_only_nothing_is_sure():
    nameless = SOUGHT._replace(name=None)
    assert alike([job(at=NOW + 60)], [nameless]) == {"T1": None}
    assert alike([job(name="any")], [nameless]) == {}


def test_what_an_old_database_cannot_store_is_still_recognised():
    assert alike([job(name="a ? b")], [SOUGHT._replace(name="a 😀 b")]) == {"T1": 7}


@pytest.mark.parametrize("ahead", [0, -4000, 4000])
def test_the_clocks_need_not_agree(ahead):
    now = time.time()
    site = Site(records(job(at=int(now - 100 + ahead))), ahead=ahead)
    assert Slurm(site).find([SOUGHT._replace(since=now - 101)]) == {"T1": 7}
    assert Slurm(site).find([SOUGHT._replace(since=now - 400)]) == {"T1": None}


# ---- where there is no accounting, or no answer


@pytest.mark.parametrize(
    ("config", "found"),
    [("MinJobAge               = 300 sec", {"T1": None}), ("MinJobAge = 0 sec", {"T1": None, "T2": None}), ("", {})],
)
def test_without_accounting_memory_is_sure_as_long_as_it_lasts(config, found):
    slurm, now = Slurm(Site(DISABLED, f"MaxJobCount = 10\n{config}\nx\n")), time.time()
    for _ in range(2):
        assert slurm.find([Sought("T1", since=now - 280), Sought("T2", since=now - 295), Sought("T3")]) == found
    assert len([argv for argv in slurm.shell.asked if "scontrol" in argv]) == 1


def test_without_slurmdbd_nothing_is_said():
    down = Result(1, "", "sacct: error: slurm_persist_conn_open: Connection refused")
    with pytest.raises(SlurmFailed, match="Connection refused"):
        Slurm(Site(down)).find([SOUGHT])


def test_the_first_part_of_a_heterogeneous_job_stands_for_it():
    parts = [job(20, comment="srunx:T1"), job(21, comment="srunx:T1")]
    assert witness.tagged(parts, [SOUGHT]) == witness.tagged(parts[::-1], [SOUGHT]) == {"T1": 20}
