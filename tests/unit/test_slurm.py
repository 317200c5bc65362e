"""What Slurm 20.11, 22.05, 24.11 and 26.05 said, through our own calls."""

import json
import time
from pathlib import Path

import pytest

from srunx_web.cluster.shell import Result
from srunx_web.cluster.slurm import Slurm
from srunx_web.core import parse
from srunx_web.core.errors import NotConnected, NotReached, SlurmFailed, Uncertain
from srunx_web.core.labels import count_tasks
from srunx_web.core.logpaths import log_paths
from srunx_web.core.model import Sought, Submission
from srunx_web.core.states import TERMINAL
from tests.scripted import ScriptedShell
from tests.transcripts.record import MARK, REFUSED

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
VERSIONS = ["20.11", "22.05", "24.11", "26.05"]
ODD = "odd | näme\nwith lines"


class Played:
    """A recorded phase of one version: Slurm on it, and the ids of the jobs by their names."""

    def __init__(self, version, phase):
        record = json.loads((TRANSCRIPTS / version / f"{phase}.json").read_text(encoding="utf-8"))
        self.ids, self.shell = record["ids"], ScriptedShell(record["scenes"])
        self.slurm, self.version = Slurm(self.shell, MARK), record["slurm"]


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def played(version):
    return Played(version, "queue")


def by_name(jobs):
    """One record for each name."""
    return {job.name: job for job in jobs}


@pytest.mark.parametrize("mine", [True, False])
def test_the_queue_has_every_job_with_its_state(played, mine):
    states = {name: job.state for name, job in by_name(played.slurm.queue(mine)).items()}
    assert states["hello"] == states[ODD] == "COMPLETED"
    assert states["fails"] == states["signal"] == states["no output"] == "FAILED"
    assert (states["stopped"], states["never"]) == ("CANCELLED", "CANCELLED")
    assert states["typed"] == states["two nodes"] == "RUNNING"
    assert states["held"] == states["later"] == states["depends"] == "PENDING"


def test_gpus_are_counted_however_they_were_asked_for(played):
    jobs = by_name(played.slurm.queue(mine=True))
    assert [jobs[name].gpus for name in ("typed", "gpus", "per task", "per node", "hello")] == [2, 4, 2, 2, 0]


def test_numbers_times_and_texts_are_whole(played):
    job = by_name(played.slurm.queue(mine=True))["typed"]
    assert (job.nodes, job.cpus, job.memory, job.time_limit) == (1, 8, 32768, 3600)
    assert 1.7e9 < job.submit_time <= job.start_time < 2e9
    assert job.end_time is None
    assert (job.user, job.account, job.partition, job.work_dir) == ("researcher", "lab", "gpu", "/home/researcher")


def test_an_array_is_running_tasks_and_the_pending_rest(played):
    records = [job for job in played.slurm.queue(mine=True) if job.array_id == played.ids["array"]]
    assert sorted(job.label.partition("_")[2] for job in records) == ["0", "1", "2", "[3-9%3]"]


def test_a_long_task_list_is_not_cut(played):
    assert count_tasks(by_name(played.slurm.queue(mine=True))["long list"].tasks) == 60


def test_exit_codes_are_the_same_words_in_all_versions(played):
    jobs = by_name(played.slurm.queue(mine=True))
    assert (jobs["hello"].exit_code, jobs["fails"].exit_code) == ("0:0", "3:0")
    assert jobs["signal"].exit_code == "0:11"


def test_the_reasons_are_slurms_tokens(played):
    jobs = by_name(played.slurm.queue(mine=True))
    assert jobs["held"].reason == "JobHeldUser"
    assert (jobs["too long"].reason, jobs["later"].reason) == ("PartitionTimeLimit", "BeginTime")
    assert jobs["typed"].reason is None


def test_log_paths_are_expanded_also_where_slurm_does_not(played):
    jobs = by_name(played.slurm.queue(mine=True))
    id_ = played.ids["hello"]
    assert log_paths(jobs["hello"]) == (f"/home/researcher/out/hello-{id_}.out", "/home/researcher/err.txt")
    assert log_paths(jobs["fails"]) == (f"/home/researcher/slurm-{played.ids['fails']}.out", None)
    task = next(job for job in played.slurm.queue(mine=True) if job.array_id == played.ids["array"] and job.task == 1)
    assert log_paths(task) == (f"/home/researcher/slurm-{task.array_id}_1.out", None)


def test_the_accounting_and_the_queue_agree(played):
    known = {job.id: job for job in played.slurm.queue(mine=True)}
    found = played.slurm.jobs([*played.ids.values(), 99999])
    assert found.keys() >= set(played.ids.values())
    for id_, job in found.items():
        assert (job.state, job.name, job.gpus, job.cpus) == (
            known[id_].state,
            known[id_].name,
            known[id_].gpus,
            known[id_].cpus,
        )
        assert (job.submit_time, job.work_dir, job.end_time) == (
            known[id_].submit_time,
            known[id_].work_dir,
            known[id_].end_time,
        )


def test_an_array_is_found_with_all_its_tasks(played):
    assert [job.task for job in played.slurm.array(played.ids["array"])] == [0, 1, 2, None]


def test_submissions_are_found_by_their_tags(played):
    sought = [Sought(tag, since=time.time()) for tag in ("hello", "array", "nosuchtag")]
    known = {name: played.ids[name] for name in ("hello", "array")}
    assert played.slurm.find(sought) == known | {"nosuchtag": None}


def test_what_memory_forgot_is_found_in_the_accounting(played):
    for argv, scenes in played.shell._scenes.items():
        if "squeue" in argv:
            left = [one for one in scenes[0]["stdout"].split(MARK + "\n") if not TERMINAL & {*one.split("\x1f")[3:4]}]
            scenes[0]["stdout"] = (MARK + "\n").join(left)
    names = {"hello": "hello", "odd": ODD, "stopped": "stopped", "never": "never", "array": "array"}
    expected = {tag: played.ids[name] for tag, name in names.items()} | {"nosuchtag": None}
    if played.version.startswith("24.11"):  # which hides what could never start from the moment it came
        expected["never"] = None
    assert played.slurm.find([Sought(tag, since=time.time()) for tag in expected]) == expected


def test_nodes_are_counted_by_name_though_they_share_a_host(played):
    nodes = {node.name: node for node in played.slurm.nodes()}
    assert sorted(nodes) == ["c1", "c2", "g1", "g2"]
    in_use = sum(job.gpus for job in played.slurm.queue(mine=False) if job.state == "RUNNING")
    assert sum(used for node in nodes.values() for _, _, used in node.gpus) == in_use > 0
    assert nodes["g1"].gpus[0][:2] == ("a100", 8) and nodes["c1"].gpus == ()
    assert nodes["c1"].partitions == ("cpu",)


def test_partitions_have_their_limits(played):
    cpu, gpu = played.slurm.partitions()
    assert (cpu.name, cpu.is_default, cpu.time_limit, cpu.default_time) == ("cpu", True, 7 * 86400, 3600)
    assert (gpu.is_default, gpu.time_limit) == (False, 2 * 86400)


def test_the_script_comes_back(played):
    job = played.slurm.jobs([played.ids["hello"]])[played.ids["hello"]]
    assert played.slurm.script(job).startswith("#!/bin/bash\n#SBATCH -o out/%x-%j.out")


def test_a_check_says_when_and_where_it_would_start(played):
    assert "to start at" in played.slurm.check(Submission("#!/bin/sh\ntrue\n"))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("partition", "Invalid partition name specified"),
        ("gpu type", "Requested node configuration is not available"),
        ("memory", "Memory specification can not be satisfied"),
        ("time", "Invalid --time specification"),
        ("no shebang", "This does not look like a batch script"),
        ("dos", "DOS line breaks"),
    ],
)
def test_a_refusal_is_in_slurms_own_words(version, what, words):
    played = Played(version, "queue")
    for name, text in REFUSED.items():  # in the order of the recording
        with pytest.raises(SlurmFailed) as fault:
            played.slurm.submit(Submission(text))
        if name == what:
            assert words in fault.value.detail


def test_cancelling_what_is_unknown_or_over_is_silent(played):
    played.slurm.cancel(["99999", str(played.ids["fails"])])


def test_a_drained_node_says_why_and_since_when(version):
    (node,) = [node for node in Played(version, "drained").slurm.nodes() if node.name == "g2"]
    assert node.is_down and "drain" in node.state
    assert (node.reason, node.reason_by) == ("bad gpu, | row 3", "root")
    assert node.reason_time > 1.7e9


def test_without_the_accounting_memory_has_to_do(version):
    played = Played(version, "no-accounting")
    assert played.slurm.jobs(list(played.ids.values())).keys() >= set(played.ids.values())
    with pytest.raises(SlurmFailed, match="Connection refused"):  # nobody can tell how 99999 ended
        played.slurm.jobs([played.ids["hello"], 99999])


def test_without_the_controller_its_own_words_are_said(version):
    played = Played(version, "no-controller")
    with pytest.raises(SlurmFailed, match="Unable to contact slurm controller"):
        played.slurm.queue(mine=False)
    with pytest.raises(NotReached, match="Unable to contact slurm controller"):
        played.slurm.submit(Submission("#!/bin/sh\ntrue\n"))
    with pytest.raises(SlurmFailed, match="Unable to contact slurm controller"):
        played.slurm.cancel([str(played.ids["held"])])


SBATCH = ["timeout", "40", "sbatch", "--parsable"]


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [
        (124, "", ""),
        (1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"),
        (0, "", "sbatch: something odd"),
    ],
)
def test_a_submission_without_a_clear_answer_is_uncertain(code, out, err):
    slurm = Slurm(ScriptedShell([{"argv": SBATCH, "exit_code": code, "stdout": out, "stderr": err}]))
    with pytest.raises(Uncertain):
        slurm.submit(Submission("#!/bin/sh\n"))


def test_a_federated_cluster_names_itself_after_the_id():
    slurm = Slurm(ScriptedShell([{"argv": SBATCH, "stdout": "17;bench\n"}]))
    assert slurm.submit(Submission("#!/bin/sh\n")) == 17


def test_missing_commands_are_no_answer():
    slurm = Slurm(ScriptedShell([{"argv": SBATCH, "exit_code": 127, "stderr": "sbatch: command not found"}]))
    with pytest.raises(NotConnected, match="not found"):
        slurm.submit(Submission("#!/bin/sh\n"))


def test_a_controller_that_limits_us_is_heard():
    played = Played("24.11", "queue")
    scene = next(
        scene for scene in played.shell._scenes.values() if "squeue" in scene[0]["argv"] and "--me" in scene[0]["argv"]
    )[0]
    scene["stderr"] = "squeue: RPC rate limited 1 time(s). Sleeping then trying again.\n"
    assert played.slurm.queue(mine=True)
    assert played.slurm.limited


RECORD = ["7", "7", "N/A", "RUNNING", "None", "ann", "lab", "gpu", "1", "1", "cpu=1", "N/A", "N/A", "1:00",
          "1700000000", "1700000000", "N/A", "0:0", "5", "g1", "(null)", "/home", "out", "(null)", "(null)",
          "name"]  # fmt: skip


def test_a_begin_time_beyond_all_calendars_is_none():
    record = [*RECORD[:15], "60481794860541", *RECORD[16:]]
    (job,) = parse.squeue("\x1f".join(record) + "\x1e\n", "\x1e").values()
    assert (job.id, job.start_time) == (7, None)


@pytest.mark.parametrize("field", [0, 2, 14])
def test_a_record_of_nonsense_is_left_out_and_the_others_stay(field):
    odd = [*RECORD[:field], "x" if field != 2 else "1-2", *RECORD[field + 1 :]]
    text = "".join("\x1f".join(record) + "\x1e\n" for record in (odd, RECORD))
    assert 7 in [job.id for job in parse.squeue(text, "\x1e").values()]


def test_a_separator_in_a_name_costs_the_name_only():
    text = "\x1f".join([*RECORD[:-1], "a\x1fb"]) + "\x1e\n"
    (job,) = parse.squeue(text, "\x1e").values()
    assert (job.id, job.user, job.state, job.name) == (7, "ann", "RUNNING", parse.UNREADABLE)


def test_each_question_has_an_end_of_its_own():
    marks = set()

    class Shell(ScriptedShell):
        def run(self, argv, stdin=b"", timeout=30, is_read=True):
            marks.add(argv[-1].rpartition("Name:")[2])
            return Result(0, "", "")

    for _ in range(3):
        Slurm(Shell([])).queue(mine=True)
    assert len(marks) == 3 and all(len(mark) == 9 for mark in marks)


def test_without_accounting_memory_is_the_only_witness():
    class Shell(ScriptedShell):
        def run(self, argv, stdin=b"", timeout=30, is_read=True):
            if "sacct" in argv:
                return Result(1, "", "Slurm accounting storage is disabled")
            return Result(0, "\x1f".join([*RECORD[:24], "srunx:T1 mine", "name"]) + "\x1e\n", "")

    assert Slurm(Shell([]), "\x1e").find([Sought("T1"), Sought("T2")]) == {"T1": 7}


def test_one_refused_batch_does_not_keep_the_others():
    asked = []

    class Shell(ScriptedShell):
        def run(self, argv, stdin=b"", timeout=30, is_read=True):
            asked.append(len(argv))
            return Result(210, "", "Access/permission denied") if len(asked) == 1 else Result(0, "", "")

    with pytest.raises(SlurmFailed, match="permission denied"):
        Slurm(Shell([])).cancel([str(number) for number in range(1, 1200)])
    assert asked == [501, 501, 200]
