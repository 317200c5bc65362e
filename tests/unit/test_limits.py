"""Limits as Slurm 20.11, 22.05, 24.11 and 26.05 print them, and what is said to whoever is beyond them."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.cluster.shell import Result
from srunx_web.cluster.slurm import Slurm
from srunx_web.core import limits as limits_
from srunx_web.core.asked import asked
from srunx_web.core.errors import Invalid, NotConnected, SlurmFailed
from srunx_web.core.fitting import fits_ahead, notices
from srunx_web.core.limits import Association, Limits, PartitionLimit, Qos
from srunx_web.core.matrix import Matrix
from srunx_web.core.plan import PlannedJob
from srunx_web.core.script import directives
from srunx_web.core.spec import JobSpec
from srunx_web.services.limits import check
from srunx_web.services.limits import notices as on_page
from tests.conftest import cluster_of
from tests.unit.test_slurm import VERSIONS, Played

CPU = PartitionLimit("cpu", True, max_time=7200, nodes=2, node_cpus=32, node_memory=128000, node_gpus=0)
TIGHT = PartitionLimit("tight", max_time=1800, max_nodes=1, max_cpus_per_node=8, max_mem_per_node=1000, nodes=2)
PLACES = {"cpu": CPU, "tight": TIGHT}


def job(*directives, name="train"):
    script = "\n".join(["#!/bin/bash", *(f"#SBATCH {words}" for words in directives), "true"])
    return PlannedJob(name, script, (), JobSpec(name, "true"), None, ())


def sweep(max_parallel=4, size=20, **more):
    return Matrix({"x": list(range(size))}, max_parallel=max_parallel, **more)


def lab(qos=(), **limits):
    """Limits of the accounting for a user in one account."""
    known = {each.name: each for each in qos}
    mine = Association("lab", is_default=True, qos=tuple(known), **limits)
    return Limits(is_enforced=True, associations=(mine,), qos=known, partitions=PLACES)


def said(limits, *jobs, matrix=None, **more):
    """(text, is_fatal) of each notice."""
    return [(one.text, one.is_fatal) for one in notices(limits, jobs or [job()], matrix, **more)]


def fatal(limits, *directives):
    return [notice.text for notice in notices(limits, [job(*directives)], None) if notice.is_fatal]


# ---- what Slurm prints


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_tell_their_limits(version):
    limits = Played(version, "limits").slurm.limits()
    assert (limits.max_array_size, limits.max_job_count, limits.refuses_part) == (20001, 100000, "NO")
    assert limits.is_enforced and limits.is_accounting_known and not (limits.has_plugins or limits.is_partial)
    assert limits.associations == (Association("lab", None, 4000, 5000, ("lift", "normal"), "normal", True),)
    assert limits.qos["lift"] == Qos("lift", frozenset({"PartitionTimeLimit", "OverPartQOS"}), 4500, 6000)
    assert limits.qos["normal"] == Qos("normal")
    sizes = {"nodes": 2, "node_cpus": 32, "node_memory": 128000, "node_gpus": 0}
    assert limits.partitions["tight"] == PartitionLimit("tight", False, "UP", 1800, 1, 8, 1000, **sizes, qos="lift")
    assert limits.partitions["cpu"] == PartitionLimit("cpu", True, "UP", 7 * 86400, **sizes)
    assert (limits.partitions["gpu"].node_gpus, limits.partitions["gpu"].qos) == (8, None)


class Answering:
    """A Shell with one answer."""

    host, user = "scripted", "researcher"

    def __init__(self, code, out, err=""):
        self.answer = Result(code, out, err)

    def run(self, argv, stdin=b"", timeout=30, is_read=True):
        return self.answer


def read(*answers, config="AccountingStorageType   = accounting_storage/slurmdbd\n"):
    """The limits in these (text, exit status) of partitions, nodes, user and QOS."""
    pieces = [(config, 0), *answers]
    return Slurm(Answering(0, "".join(f"{text}M {status}\n" for text, status in pieces)), "M").limits()


def test_without_slurmdbd_the_rest_is_known():
    limits = read(("PartitionName=a MaxTime=UNLIMITED\n", 0), ("", 0), ("", 1), ("", 124))
    assert (limits.is_accounting_known, limits.associations, limits.qos) == (False, (), {})
    assert limits.partitions == {"a": PartitionLimit("a")}


def test_where_there_is_no_accounting_that_is_all_there_is():
    assert read(("", 0), ("", 0), ("", 127), ("", 127), config="AccountingStorageType = (null)\n").is_accounting_known


def test_a_controller_that_does_not_answer_is_told_in_its_words():
    with pytest.raises(SlurmFailed, match="scontrol failed: slurm_load_ctl_conf error: Unable to contact"):
        Slurm(Answering(1, "", "slurm_load_ctl_conf error: Unable to contact slurm controller")).limits()
    with pytest.raises(NotConnected, match="not found on scripted"):
        Slurm(Answering(127, "", "scontrol: command not found")).limits()


@pytest.mark.parametrize("text", ["", "UNLIMITED", "INFINITE", "N/A", "(null)", "-1", "a"])
def test_what_is_no_number_is_no_limit(text):
    limits = read((f"PartitionName=a MaxTime={text} MaxNodes={text} MaxMemPerNode={text} QoS=N/A\n", 0),
                  (f"a\x1f{text}\x1f{text}\x1f(null)\x1f\n", 0), (f"|lab|lab|{text}|{text}|{text}||\n", 0),
                  (f"normal||{text}||{text}|\n", 0))  # fmt: skip
    assert limits.partitions["a"] == PartitionLimit("a", node_gpus=0)
    assert (limits.associations[0].max_submit, limits.qos["normal"].max_submit) == (None, None)


def test_other_clusters_of_the_same_slurmdbd_do_not_count():
    config = "AccountingStorageType = accounting_storage/slurmdbd\nClusterName             = here\n"
    rows = "here|lab|lab||1|2|normal|\nthere|lab|lab||3|4|normal|\n"
    assert [each.max_submit for each in read(("", 0), ("", 0), (rows, 0), ("", 0), config=config).associations] == [2]


@given(st.lists(st.text(), min_size=5, max_size=5))
def test_no_answer_is_too_odd(texts):
    assert isinstance(limits_.read(*texts), Limits)


# ---- what a script asks for


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ([], (None, 1, 1, 0, 0)),
        (["--time=0", "--nodes=2-4", "--ntasks=64"], (math.inf, 2, 1, 0, 0)),
        (["--time=1-0", "--nodes=2", "--ntasks=9", "-c2"], (86400, 2, 10, 0, 0)),
        (["--nodes=3", "--ntasks-per-node=4", "-c2", "--mem-per-cpu=1G"], (None, 3, 8, 8192, 0)),
        (["--mem=2G", "--gpus-per-node=4", "--overcommit", "-n99"], (None, 1, 1, 2048, 4)),
        (["--gres=lustre:1", "--gpus=6", "--nodes=2", "--mem=much", "--time=soon"], (None, 2, 1, 0, 3)),
    ],
)
def test_what_is_asked_of_a_node_is_never_overstated(directives, expected):
    one = asked(job(*directives).script)
    assert (one.time, one.nodes, one.cpus, one.memory, one.gpus) == expected


def test_scripts_that_are_not_one_job_here_are_left_alone():
    assert asked(job("--clusters=other").script) is None
    assert asked(job("-p cpu", "hetjob", "-p gpu").script) is None


@given(st.lists(st.sampled_from(["#SBATCH -t 5", " #", "#!/bin/sh", "", "\t", "true", "\r", "#SBATCH -N 2"])))
def test_the_head_of_a_script_has_all_its_options(lines):
    one, options = asked("\n".join(lines)), directives("\n".join(lines))
    assert (one.time, one.nodes) == (300 if "time" in options else None, int(options.get("nodes", 1)))


@given(st.text(), st.text(st.characters(codec="ascii"), max_size=40))
def test_no_script_is_too_odd(text, words):
    for script in (text, f"#!/bin/sh\n#SBATCH {words}\n", f"#!/bin/sh\n#SBATCH --array={words} -N {words}\n"):
        notices(Limits(max_array_size=10, partitions=PLACES), [replace(job(), script=script)], sweep())


# ---- how many jobs


def test_a_sweep_that_fits_is_started_in_silence():
    assert said(lab(max_jobs=4, max_submit=8), matrix=sweep()) == []
    assert said(Limits(), matrix=sweep(1000)) == []
    assert said(lab(max_submit=1)._replace(is_enforced=False), matrix=sweep()) == []


def test_a_queue_that_is_too_short_for_the_cells_is_fatal():
    (notice,) = notices(lab(max_submit=10), [job(), job(name="test")], sweep(8))
    assert notice.text == ("Your account lab may have 10 jobs in the queue (MaxSubmitJobs); "
                           "8 cells of 2 jobs need 16: set max_parallel to 5 or lower")  # fmt: skip
    assert (notice.is_fatal, notice.loc) == (True, ("sweep", "max_parallel"))
    assert said(lab(max_submit=10), job(), job(name="test"), matrix=sweep(8, size=5, fail_fast=True)) == []


def test_one_cell_may_be_too_much_by_itself():
    text = "Your account lab may have 3 jobs in the queue (MaxSubmitJobs); one cell has 5: make it smaller"
    assert said(lab(max_submit=3), job("--array=0-3"), job(name="b"), matrix=sweep(1)) == [(text, True)]


def test_without_room_for_cells_ahead_the_sweep_is_slower_and_goes():
    may = "Your account lab may have 10 jobs in the queue (MaxSubmitJobs)"
    ahead = f"{may}: no cell is handed in ahead, so that the next one starts a moment after one has ended"
    assert said(lab(max_submit=10), matrix=sweep(8)) == [(ahead, False)]
    assert said(lab(max_submit=10), matrix=sweep(8, size=10)) == []
    assert said(lab(max_submit=10), matrix=sweep(8, fail_fast=True)) == []


def test_a_queue_that_is_full_now_is_told():
    may = "Your account lab may have 10 jobs in the queue (MaxSubmitJobs), and there are 7 now"
    text = (
        f"{may}; 4 cells of 1 job need 4, and Slurm refuses what finds no room: wait, or set max_parallel to 3 or lower"
    )
    assert said(lab(max_submit=10), matrix=sweep(4), queued=7) == [(text, False)]
    (text,) = [text for text, _ in said(lab(max_submit=10), matrix=sweep(4), queued=12)]
    assert text.endswith("finds no room: wait")


def test_fewer_running_jobs_than_cells_are_told():
    text = "Your account lab may run 2 jobs at once (MaxJobs): 2 of 4 cells run at a time, the others wait"
    assert said(lab(max_jobs=2), matrix=sweep(4)) == [(text, False)]


def test_the_limit_of_a_qos_comes_before_that_of_the_association():
    slow = Qos("slow", max_submit=6)
    assert said(lab([slow], max_submit=2), matrix=sweep(3)) == []
    (text,) = [text for text, _ in said(lab([slow]), matrix=sweep(8))]
    assert text.startswith("With QOS slow you may have 6 jobs in the queue (MaxSubmitJobs); 8 cells of 1 job need 8")


def test_that_of_the_partition_comes_first_unless_the_jobs_own_is_over_it():
    for flags, most in ((frozenset(), 4), (frozenset({"OverPartQOS"}), 6)):
        limits = lab([Qos("own", flags, max_submit=6)], max_submit=99)
        limits = limits._replace(qos={**limits.qos, "part": Qos("part", max_submit=4)},
                                 partitions={"cpu": CPU._replace(qos="part")})  # fmt: skip
        assert [fits_ahead(limits, [job()], sweep(lanes), 0) for lanes in (most // 2, most // 2 + 1)] == [True, False]


def test_jobs_count_where_they_go():
    limits = lab(max_submit=5)
    other = Association("other", max_submit=100)
    limits = limits._replace(associations=(*limits.associations, other))
    assert said(limits, job(), job("-A other", name="b"), matrix=sweep(5, size=5)) == []
    assert said(limits, job(), job(name="b"), matrix=sweep(5, size=5))[0][1]


def test_an_association_of_the_partition_comes_before_one_of_all():
    limits = lab(max_submit=2)
    special = Association("lab", "tight", max_submit=50, is_default=True)
    limits = limits._replace(associations=(*limits.associations, special))
    asking = [job(), job("-p cpu"), job("-p tight")]
    assert [fits_ahead(limits, [one], sweep(4), 0) for one in asking] == [False, False, True]


def test_in_doubt_nothing_is_refused():
    unsure = lab([Qos("a", max_submit=1), Qos("b")], max_submit=1)
    assert said(unsure, matrix=sweep()) == []
    assert said(lab(max_submit=1)._replace(is_accounting_known=False), matrix=sweep()) == []
    assert not fits_ahead(lab()._replace(is_accounting_known=False), [job()], sweep(1), 0)


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 30), st.integers(1, 4), st.integers(0, 20))
def test_refused_is_what_slurm_would_refuse(most, lanes, size, per_cell, queued):
    jobs = [job(name=f"j{number}") for number in range(per_cell)]
    found = notices(lab(max_submit=most), jobs, sweep(lanes, size), queued)
    assert any(one.is_fatal for one in found) == (min(lanes, size) * per_cell > most)
    assert bool(found) == (queued + min(2 * lanes, size) * per_cell > most)
    assert fits_ahead(lab(max_submit=most), jobs, sweep(lanes, size), queued) == (not found)


def test_the_controllers_own_limits_are_told():
    limits = Limits(max_array_size=1001, max_job_count=100)
    text = "Job train has the array index 2000, and the cluster's end below 1001 (MaxArraySize): split the array"
    assert said(limits, job("--array=0-2000:1000%2")) == [(text, True)]
    (text,) = [text for text, _ in said(limits, job("--array=0-9"), matrix=sweep(11))]
    assert text.startswith("The cluster keeps 100 jobs at most (MaxJobCount); this sweep has 110 at once")


# ---- how large


@pytest.mark.parametrize(
    ("directives", "words"),
    [
        ("--time=1:00:00", "1:00:00 of time, and partition tight allows 30:00 (MaxTime)"),
        ("--time=UNLIMITED", "no limit of time, and partition tight allows 30:00 (MaxTime)"),
        ("--nodes=2", "2 nodes, and partition tight allows 1 (MaxNodes)"),
        ("--cpus-per-task=9", "9 CPUs on a node, and partition tight allows 8 (MaxCPUsPerNode)"),
        ("--mem=1001", "1001M of memory on a node, and partition tight allows 1000M (MaxMemPerNode)"),
    ],
)
def test_what_is_beyond_a_partition_is_fatal(directives, words):
    (notice,) = notices(Limits(partitions=PLACES), [job("-p tight", directives)], None)
    assert notice.text == f"Job train asks for {words}: ask for less, or for another partition"
    assert (notice.is_fatal, notice.loc) == (True, ("jobs", "train"))


def test_so_is_what_no_node_has_in_the_default_partition():
    limits = Limits(partitions=PLACES)
    (cpus,) = fatal(limits, "-n 40 -N 1")
    assert "asks for 40 CPUs on a node, and partition cpu has nodes with 32 at most" in cpus
    found = " ".join(fatal(limits, "--mem=200G --gpus-per-node=1 -N 3"))
    assert "200G of memory on a node, and partition cpu has nodes with 125G" in found
    assert (
        "1 GPU on a node, and partition cpu has nodes with 0" in found and "3 nodes, and partition cpu has 2" in found
    )


def test_one_of_several_partitions_is_enough_unless_all_have_to():
    limits = Limits(partitions=PLACES)
    assert fatal(limits, "-p tight,cpu -t 60") == []
    assert len(fatal(limits._replace(refuses_part="ALL"), "-p tight,cpu -t 60")) == 1
    assert fatal(limits._replace(refuses_part="ALL"), "-p tight,cpu -c 9") == []
    assert len(fatal(limits, "-p tight,cpu -t 600")) == 2


def test_unknown_partitions_are_fatal_with_those_there_are():
    limits = Limits(partitions=PLACES)
    text = "Job train asks for partition nope, which the cluster does not have; there are cpu, tight"
    assert fatal(limits, "-p cpu,nope") == [text]
    (text,) = fatal(Limits(partitions={"tight": TIGHT}))
    assert text == "Job train names no partition, and the cluster has no default one: name one, there are tight"


def test_where_limits_can_be_lifted_it_is_a_notice():
    lift = Qos("lift", frozenset({"PartitionTimeLimit"}))
    for limits in (lab([lift]), lab([Qos("a"), lift]), lab([Qos("a")])._replace(is_accounting_known=False)):
        ((text, is_fatal),) = said(limits, job("-p tight -t 60"))
        assert text.endswith(" may allow it") and not is_fatal
        assert len(fatal(limits, "-p tight -c 9")) == 1
    assert len(fatal(lab([lift]), "-p tight -N 2")) == 1


def test_where_the_cluster_may_choose_or_hide_partitions_it_is_a_notice():
    plugins, hidden = (Limits(partitions=PLACES, **{name: True}) for name in ("has_plugins", "is_partial"))
    assert fatal(plugins, "-t 600") == fatal(plugins, "-p nope") == fatal(hidden, "-p nope") == []
    assert fatal(hidden, "-p tight -t 60") == [] and len(fatal(plugins, "-p tight -t 60")) == 1


def test_a_closed_partition_is_told():
    limits = Limits(partitions={"a": PartitionLimit("a", state="DRAIN"), **PLACES})
    assert said(limits, job("-p a")) == [("Job train is for partition a, which is closed now (state DRAIN)", False)]
    assert said(limits, job("-p a,cpu")) == []


def test_cells_that_ask_for_more_than_the_first_are_told_once():
    others = [job("-p tight", f"-t {minutes}") for minutes in (10, 60, 60)]
    (notice,) = notices(Limits(partitions=PLACES), [job("-p tight", "-t 10")], sweep(), others=others)
    assert "1:00:00 of time" in notice.text


# ---- on a page, and at the start


def test_the_embedded_executor_tells_what_this_machine_has(app):
    cluster = cluster_of(app)
    with pytest.raises(
        Invalid, match="Job big asks for 99999 CPUs on a node, and partition local has nodes with"
    ) as fault:
        check(cluster, [job("-c 99999", name="big")], sweep())
    assert [error["loc"] for error in fault.value.errors] == [["body", "jobs", "big"]]
    assert [notice.is_fatal for notice in on_page(cluster, [job("--nodes=2")], sweep())] == [True]
    assert check(cluster, [job()], sweep(999, 999)) == []


def test_a_cluster_that_tells_nothing_keeps_nobody_waiting(app):
    cluster = cluster_of(app)
    cluster.limits = type(cluster.limits)(Slurm(Answering(1, "")).limits, 60)
    assert on_page(cluster, [job("-c 99999")], sweep()) == check(cluster, [job("-c 99999")], sweep()) == []
