"""What every Scheduler does. Its tests inherit this and bring `scheduler`, `folder` (an empty one of its user, as a
path there) and `restart`: it kills whatever server there is and returns a new scheduler on the same state."""

import time

import pytest

from srunx_web.core.errors import Invalid, NotFound, SlurmFailed
from srunx_web.core.logpaths import log_paths
from srunx_web.core.model import Job, Sought, Submission
from srunx_web.core.states import CANCELLED, COMPLETED, FAILED, PENDING, RUNNING, TERMINAL, TIMEOUT

NAMES = ["it's", 'a "b" c', "pipes|and,commas", "two\nlines", "ünï 日本", "$(id) `id`; rm *", "-n", "%j"]
# what the controller says, and what sbatch says by itself
REFUSED = {
    "#SBATCH --partition=nope": "Invalid partition name specified",
    "#SBATCH --gres=gpu:99": "Requested node configuration is not available",
    "#SBATCH --mem=99T": "Requested node configuration is not available",
    "#SBATCH --array=5-1": "Invalid job array specification",
    "#SBATCH --dependency=afterok:abc": "Job dependency problem",
    "#SBATCH --nodelist=nosuchnode": "Invalid node name specified",
    "#SBATCH --constraint=nosuchfeature": "Invalid feature specification",
}
MALFORMED = {
    "#!/bin/bash\n#SBATCH --mem=much\n": "sbatch: error: Invalid --mem specification",
    "#!/bin/bash\n#SBATCH --ntasks=0\n": 'sbatch: error: Invalid numeric value "0" for --ntasks.',
    "#!/bin/bash\n#SBATCH --time=soon\n": "sbatch: error: Invalid --time specification",
    "#!/bin/bash\n#SBATCH --open-mode=odd\n": "sbatch: error: Invalid --open-mode specification",
    "#!/bin/bash\n#SBATCH --gres=cow:1\n": "Invalid generic resource (gres) specification",
    "#!/bin/bash\n#SBATCH --nosuchoption\n": "sbatch: unrecognized option '--nosuchoption'",
    "#!/bin/bash\n#SBATCH --comment\n": "sbatch: option '--comment' requires an argument",
    "#!/bin/bash\n#SBATCH word\n": "sbatch: error: Invalid directive found in batch script: word",
    "#!/bin/bash\n#SBATCH -J 'open\n": "sbatch: fatal: stdin: line 2: Unmatched `'` in [ 'open]",
    "echo hello\n": "sbatch: error: This does not look like a batch script.  The first\n",
    "": "sbatch: error: Batch script is empty!",
    "#!/bin/bash\r\necho\r\n": "sbatch: error: Batch script contains DOS line breaks (\\r\\n)\n",
}


class SchedulerContract:
    """Between each two steps the server is killed and started again."""

    @pytest.fixture(autouse=True)
    def _bench(self, scheduler, restart, folder):
        self.scheduler, self.restart, self.folder, self.ids = scheduler, restart, folder, []
        yield
        self.restart().cancel([str(id_) for id_ in self.ids])

    # ---- the words of these tests

    def submit(self, body: str, *directives: str, **options) -> int:
        """Hand in a script in the folder, in the life of one server."""
        lines = ["#!/bin/bash", *(f"#SBATCH {words}" for words in directives), body]
        self.scheduler = self.restart()
        id_ = self.scheduler.submit(Submission("\n".join(lines) + "\n", work_dir=self.folder, **options))
        self.ids.append(id_)
        self.scheduler = self.restart()
        return id_

    def submit_all(self, *submissions: Submission) -> list:
        """Hand in several in the folder, in the life of one server."""
        self.scheduler = self.restart()
        outcomes = self.scheduler.submit_all(
            [one._replace(work_dir=one.work_dir or self.folder) for one in submissions]
        )
        self.ids += [outcome for outcome in outcomes if isinstance(outcome, int)]
        self.scheduler = self.restart()
        return outcomes

    def wait(self, id_: int, states=TERMINAL, timeout: float = 30) -> Job:
        """The job, once it is in one of these states."""
        deadline = time.monotonic() + timeout
        while (job := self.known(id_)) is None or job.state not in states:
            assert time.monotonic() < deadline, f"after {timeout} s: {job}"
            time.sleep(0.1)
        self.scheduler = self.restart()
        return job

    def known(self, id_: int) -> Job | None:
        """The job in the queue, which knows sooner than the accounting, or there."""
        queue = {job.id: job for job in self.scheduler.queue(mine=True)}
        return queue.get(id_) or self.scheduler.jobs([id_]).get(id_)

    def end(self, id_: int) -> str:
        """How it ended."""
        return self.wait(id_).state

    def in_queue(self, id_: int, reason: str, timeout: float = 30) -> Job:
        """The job as the queue shows it, once it waits for this reason."""
        deadline = time.monotonic() + timeout
        while True:
            jobs = {job.id: job for job in self.scheduler.queue(mine=True)}
            if id_ in jobs and jobs[id_].reason == reason:
                return jobs[id_]
            assert time.monotonic() < deadline, f"after {timeout} s: {jobs.get(id_)}"
            time.sleep(0.1)

    def tasks(self, array_id: int, is_reached, timeout: float = 30) -> dict[str, str]:
        """The states of an array's records by their labels, once they are as they should be."""
        deadline = time.monotonic() + timeout
        while not is_reached(found := {job.label: job.state for job in self.scheduler.array(array_id)}):
            assert time.monotonic() < deadline, f"after {timeout} s: {found}"
            time.sleep(0.1)
        self.scheduler = self.restart()
        return found

    def read(self, name: str) -> str:
        return self.scheduler.shell.read(f"{self.folder}/{name}", 0, 1 << 20).data.decode()

    def exists(self, name: str) -> bool:
        try:
            return bool(self.scheduler.shell.read(f"{self.folder}/{name}", 0, 1)) or True
        except NotFound:
            return False

    def allow(self) -> None:
        """Let those scripts go on that wait for it."""
        self.scheduler.shell.write(f"{self.folder}/go", b"")

    until_allowed = "while ! test -e go; do sleep 0.1; done"

    # ---- one job

    def test_a_job_runs_and_is_known_afterwards(self):
        began = time.time()
        id_ = self.submit("pwd; echo oops >&2", "--time=5", name="first")
        job = self.wait(id_)
        assert (job.name, job.state, job.exit_code) == ("first", COMPLETED, "0:0")
        assert (job.user, job.work_dir) == (self.scheduler.shell.user, self.folder)
        assert (job.nodes, job.cpus, job.gpus, job.time_limit) == (1, 1, 0, 300)
        assert began - 2 < job.submit_time <= job.start_time <= job.end_time < time.time() + 2
        assert job.node_list in {node.name for node in self.scheduler.nodes()}
        assert self.read(f"slurm-{id_}.out") == f"{self.folder}\noops\n"

    def test_output_lands_where_the_script_says(self):
        directives = ["--job-name=train", "--output=%x-%6j-%%j.out", "-e %u.err"]
        id_ = self.submit("echo out; echo err >&2", *directives)
        job = self.wait(id_)
        stdout, stderr = f"train-{id_:06}-%j.out", f"{job.user}.err"
        assert (self.read(stdout), self.read(stderr)) == ("out\n", "err\n")
        paths = (f"{self.folder}/{stdout}", f"{self.folder}/{stderr}")
        assert log_paths(job, self.scheduler.script(job)) == paths

    def test_output_is_replaced_or_added_to(self):
        for word in ("one", "two", "three"):
            mode = "append" if word == "three" else "truncate"
            self.wait(self.submit(f"echo {word}", "--output=log", f"--open-mode={mode}"))
        assert self.read("log") == "two\nthree\n"

    def test_an_output_that_cannot_be_opened_fails_the_job(self):
        assert self.end(self.submit("true", "--output=/proc/missing/log")) == FAILED

    def test_names_arrive_as_written(self):
        ids = {self.submit("true", "--hold", name=name): name for name in NAMES}
        assert {job.id: job.name for job in self.scheduler.queue(mine=True) if job.id in ids} == ids

    def test_exit_codes_and_signals_are_kept(self):
        code, signal = self.wait(self.submit("exit 3")), self.wait(self.submit("kill -SEGV $$"))
        assert (code.state, code.exit_code) == (FAILED, "3:0")
        assert (signal.state, signal.exit_code) == (FAILED, "0:11")

    def test_the_environment_is_the_jobs_own(self, monkeypatch):
        for name in ("SRUNX_WEB_TOKEN", "SLACK_WEBHOOK_URL", "SBATCH_PARTITION", "SLURM_ARRAY_TASK_ID"):
            monkeypatch.setenv(name, "secret")
        id_ = self.submit("env", "--ntasks=2", "--output=env", name="mine")
        self.wait(id_)
        environ = dict(line.partition("=")[::2] for line in self.read("env").splitlines())
        assert not [name for name in environ if name.startswith(("SRUNX_", "SLACK_", "SBATCH_"))]
        assert "secret" not in environ.values()
        names = ("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_JOB_NAME", "SLURM_NTASKS", "SLURM_CPUS_ON_NODE")
        assert [environ[name] for name in names] == [str(id_), str(id_), "mine", "2", "2"]

    def test_srun_runs_the_tasks_side_by_side(self):
        task = "echo $SLURM_PROCID of $SLURM_NTASKS; touch here$SLURM_PROCID; until test -e here1; do sleep 0.1; done"
        id_ = self.submit(f"srun bash -c '{task}'", "--ntasks=2", "--output=log")
        assert self.end(id_) == COMPLETED
        assert sorted(self.read("log").splitlines()) == ["0 of 2", "1 of 2"]

    def test_srun_ends_with_the_code_of_its_tasks(self):
        calls = ("srun --ntasks=1 -- bash -c 'exit 5'", "srun -n1 bash -c 'kill -9 $$'", "srun --cpu-bind=none nosuch")
        job = self.wait(self.submit("; echo $?; ".join(calls), "--ntasks=2", "--output=log"))
        assert (job.state, job.exit_code) == (FAILED, "2:0")
        assert [line for line in self.read("log").splitlines() if line.isdigit()] == ["5", "137"]

    def test_what_a_script_leaves_behind_holds_nothing_up(self):
        assert self.end(self.submit("sleep 600 & disown")) == COMPLETED

    # ---- arrays

    def test_an_array_runs_task_by_task_under_its_throttle(self):
        begin, end = "echo task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT", "exit $SLURM_ARRAY_TASK_ID"
        id_ = self.submit(f"{begin}; {self.until_allowed}; {end}", "--array=0-3%2")
        waiting = f"{id_}_[2-3%2]"
        found = self.tasks(id_, lambda found: list(found.values()).count(RUNNING) == 2)
        assert found == {f"{id_}_0": RUNNING, f"{id_}_1": RUNNING, waiting: PENDING}
        self.scheduler.cancel([f"{id_}_3"])
        self.allow()
        found = self.tasks(id_, lambda found: f"{id_}_2" in found and TERMINAL.issuperset(found.values()))
        assert found.pop(f"{id_}_3", CANCELLED) == CANCELLED  # Slurm forgets it
        assert list(found.values()) == [COMPLETED, FAILED, FAILED]
        texts = [self.read(f"slurm-{id_}_{task}.out") for task in range(3)]
        assert texts == [f"task {task} of 4\n" for task in range(3)]
        assert not self.exists(f"slurm-{id_}_3.out")

    def test_the_tasks_of_an_array_are_jobs(self):
        id_ = self.submit("true", "--array=7,9", "--output=%A-%a-%j")
        self.tasks(id_, lambda found: list(found.values()) == [COMPLETED, COMPLETED])
        jobs = self.scheduler.array(id_)
        assert [(job.array_id, job.task) for job in jobs] == [(id_, 7), (id_, 9)]
        assert len({job.id for job in jobs}) == 2 and id_ in {job.id for job in jobs}
        assert self.scheduler.jobs([job.id for job in jobs]).keys() == {job.id for job in jobs}
        assert all(self.exists(f"{id_}-{job.task}-{job.id}") for job in jobs)

    def test_an_array_is_cancelled_whole(self):
        id_ = self.submit("sleep 600", "--array=0-2%1")
        self.tasks(id_, lambda found: RUNNING in found.values())
        self.scheduler.cancel([str(id_)])
        self.tasks(id_, lambda found: set(found.values()) == {CANCELLED})

    # ---- dependencies

    def test_dependents_of_a_failure_run_or_do_not(self):
        id_ = self.submit(f"{self.until_allowed}; exit 1")
        kinds = ("afterok", "afternotok", "afterany", "after")
        ids = {kind: self.submit(f"touch {kind}", dependency=f"{kind}:{id_}") for kind in kinds}
        self.allow()
        ends = {kind: self.end(ids[kind]) for kind in kinds}
        assert ends == {"afterok": CANCELLED, "afternotok": COMPLETED, "afterany": COMPLETED, "after": COMPLETED}
        assert [self.exists(kind) for kind in kinds] == [False, True, True, True]

    def test_dependents_of_a_success_run_or_do_not(self):
        id_ = self.submit(self.until_allowed)
        kinds = ("afterok", "afternotok", "afterany", "after")
        ids = {kind: self.submit(f"test -e go; echo $? >{kind}", dependency=f"{kind}:{id_}") for kind in kinds}
        assert self.end(ids["after"]) == COMPLETED
        self.allow()
        ends = {kind: self.end(ids[kind]) for kind in kinds}
        assert ends == {"afterok": COMPLETED, "afternotok": CANCELLED, "afterany": COMPLETED, "after": COMPLETED}
        assert [self.exists(kind) and self.read(kind) for kind in kinds] == ["0\n", False, "0\n", "1\n"]

    def test_a_chain_and_an_array_wait_for_each_other(self):
        first = self.submit(self.until_allowed)
        array = self.submit("sleep 0.2; touch task$SLURM_ARRAY_TASK_ID", "--array=0-1", dependency=f"afterok:{first}")
        last = self.submit("ls task*", "--output=log", dependency=f"afterok:{array}")
        assert self.in_queue(array, "Dependency").state == PENDING
        self.allow()
        assert self.end(last) == COMPLETED
        assert self.read("log") == "task0\ntask1\n"

    def test_one_of_two_is_enough_where_that_was_asked_for(self):
        bad, good = (self.submit(f"{self.until_allowed}; exit {code}") for code in (1, 0))
        either = self.submit("true", f"--dependency=afterok:{bad}?afterok:{good}")
        both = self.submit("true", f"--dependency=afterok:{bad}:{good}", "--kill-on-invalid-dep=yes")
        self.allow()
        assert (self.end(either), self.end(both)) == (COMPLETED, CANCELLED)

    def test_a_singleton_waits_for_its_namesakes(self):
        self.submit(self.until_allowed, name="twin")
        single = self.submit("test -e go", "--dependency=singleton", name="twin")
        assert self.in_queue(single, "Dependency").state == PENDING
        self.allow()
        assert self.end(single) == COMPLETED

    def test_without_leave_to_kill_it_an_impossible_job_stays(self):
        id_ = self.submit(f"{self.until_allowed}; exit 1")
        never = self.submit("true", f"--dependency=afterok:{id_}")
        self.allow()
        assert self.in_queue(never, "DependencyNeverSatisfied").state == PENDING

    # ---- several at once

    def test_what_waits_for_another_job_can_be_let_go(self):
        id_ = self.submit(self.until_allowed)
        free = self.submit("test -e go; echo $? >free", dependency=f"afterany:{id_}")
        other = self.submit("test -e go; echo $? >other", dependency=f"afterany:{id_}")
        self.scheduler.depend({free: "", other: f"afterok:{free},afterany:{id_}"})
        assert self.end(free) == COMPLETED and self.in_queue(other, "Dependency").state == PENDING
        self.scheduler.depend({free: "", id_: ""})  # over, or running: nothing to change
        self.allow()
        assert self.end(other) == COMPLETED and [self.read(name) for name in ("free", "other")] == ["1\n", "0\n"]

    def test_a_batch_runs_in_the_order_of_its_dependencies(self):
        ids = self.submit_all(
            Submission(f"#!/bin/bash\n{self.until_allowed}; echo first >>log\n"),
            Submission("#!/bin/bash\necho second >>log; exit 1\n", dependency="afterok:@0"),
            Submission("#!/bin/bash\ntrue\n", dependency="afterok:@1"),
            Submission("#!/bin/bash\necho last >>log\n", dependency="afterok:@0,afternotok:@1"),
        )
        later = self.submit("true", dependency=f"afterok:{ids[3]}")
        self.allow()
        assert [self.end(id_) for id_ in (*ids, later)] == [COMPLETED, FAILED, CANCELLED, COMPLETED, COMPLETED]
        assert self.read("log") == "first\nsecond\nlast\n"

    def test_dependencies_name_the_batch_and_others_together(self):
        outside = self.submit(self.until_allowed)
        body = "#!/bin/bash\ntest -e go\n"
        ids = self.submit_all(Submission(body), Submission(body, dependency=f"afterany:@0:{outside},after:@0"))
        assert self.in_queue(ids[1], "Dependency").state == PENDING
        self.allow()
        assert self.end(ids[1]) == COMPLETED

    def test_what_follows_a_refusal_is_not_tried(self):
        script, tags = "#!/bin/bash\n#SBATCH --hold\n", [f"t{time.time_ns():x}-{number}" for number in range(4)]
        refused = Submission("#!/bin/bash\n#SBATCH --partition=nope\n", tag=tags[2])
        submissions = [Submission(script, tag=tag) for tag in tags]
        first, second, refusal, last = self.submit_all(*submissions[:2], refused, submissions[3])
        assert first < second and last is None
        assert refusal.detail.endswith("sbatch: error: Batch job submission failed: Invalid partition name specified")
        jobs = {job.comment: job.id for job in self.scheduler.queue(mine=True)}
        assert [jobs.get(f"srunx:{tag}") for tag in tags] == [first, second, None, None]

    def test_texts_of_a_batch_arrive_as_written(self):
        lines = ["#!/bin/bash", "#SBATCH --hold --comment='my \"own\" $HOME'", *NAMES, "EOF", "\\ \\n %s\t\x7f"]
        scripts = ["\n".join(lines[:2] + lines[number:]) + "\n" * (number % 3) for number in range(2, 10)]
        tag = f"t{time.time_ns():x}"
        ids = self.submit_all(*(Submission(script, name, tag) for script, name in zip(scripts, NAMES, strict=True)))
        jobs = {job.id: job for job in self.scheduler.queue(mine=True)}
        assert [jobs[id_].name for id_ in ids] == NAMES
        assert {jobs[id_].comment for id_ in ids} == {f'srunx:{tag} my "own" $HOME'}
        assert [self.scheduler.script(Job(id_)) for id_ in ids] == scripts

    def test_an_empty_batch_is_nothing(self):
        assert self.scheduler.submit_all([]) == []

    # ---- folders

    def test_missing_folders_are_made_first(self):
        script = "#!/bin/bash\n#SBATCH --output=logs/%j/log\nls -d logs 'a b/c' deep/er ./-n\n"
        folders = ("logs", "a b/c", f"{self.folder}/deep/er", "-n", "it's", "logs")
        (id_,) = self.submit_all(Submission(script.replace("%j/", ""), folders=folders))
        assert self.end(id_) == COMPLETED
        assert sorted(self.read("logs/log").splitlines()) == ["./-n", "a b/c", "deep/er", "logs"]
        assert self.end(self.submit("touch other/file", folders=("other",))) == COMPLETED

    def test_a_folder_that_cannot_be_made_refuses_the_job(self):
        script = "#!/bin/bash\n#SBATCH --hold\n"
        for submission, words in (
            (
                Submission(script, work_dir=f"{self.folder}/no one's", folders=("logs",)),
                f"{self.folder}/no one's is not",
            ),
            (Submission(script, folders=("logs", "/proc/none/x")), "the folder /proc/none/x can't be made: "),
        ):
            first, refusal, last = self.submit_all(Submission(script), submission, Submission(script))
            assert isinstance(first, int) and last is None
            assert words in refusal.detail
            with pytest.raises(SlurmFailed, match=words):
                self.scheduler.submit(submission._replace(work_dir=submission.work_dir or self.folder))

    # ---- the ends that people make

    def test_cancelling_ends_a_job_and_its_children(self):
        id_ = self.submit("(sleep 9; touch late) & sleep 600; touch late")
        self.wait(id_, {RUNNING})
        self.scheduler.cancel([str(id_)])
        assert self.end(id_) == CANCELLED
        time.sleep(9.5)
        assert not self.exists("late")

    def test_a_held_job_waits_until_it_is_cancelled(self):
        id_ = self.submit("touch ran", "--hold")
        assert self.in_queue(id_, "JobHeldUser").state == PENDING
        self.scheduler.cancel([str(id_)])
        assert self.end(id_) == CANCELLED
        assert not self.exists("ran")

    def test_cancelling_what_has_ended_or_never_was_changes_nothing(self):
        id_ = self.submit("true")
        self.wait(id_)
        self.scheduler.cancel([str(id_), "999999999"])
        assert self.end(id_) == COMPLETED

    # ---- what is known

    def test_a_submission_is_found_by_its_tag(self):
        now = time.time()
        tag, other = f"t{time.time_ns():x}", f"t{time.time_ns():x}-other"
        id_ = self.submit("true", "--comment='my own'", "--hold", tag=tag)
        array = self.submit("true", "--array=0-2", "--hold", tag=other)
        sought = [Sought(tag, since=now), Sought(other, since=now), Sought("unheard-of", "unheard-of", since=now)]
        assert self.scheduler.find(sought) == {tag: id_, other: array, "unheard-of": None}
        assert self.scheduler.find(sought[2:]) == {"unheard-of": None} and self.scheduler.find([]) == {}
        assert self.in_queue(id_, "JobHeldUser").comment == f"srunx:{tag} my own"

    def test_the_queue_remembers_what_has_just_ended(self):
        id_ = self.submit("true")
        self.wait(id_)
        assert (id_, COMPLETED) in [(job.id, job.state) for job in self.scheduler.queue(mine=True)]

    def test_unknown_jobs_are_left_out(self):
        id_ = self.submit("true")
        self.wait(id_)
        assert self.scheduler.jobs([id_, 999999999]).keys() == {id_}

    def test_a_script_is_given_back_as_it_was(self):
        text = "#!/bin/bash\n#SBATCH --hold\necho 'ünï \\n' \"$HOME\"\n\n# no newline at the end"
        id_ = self.scheduler.submit(Submission(text, work_dir=self.folder))
        self.ids.append(id_)
        assert self.restart().script(Job(id_)) == text

    def test_nodes_and_partitions_fit_each_other(self):
        nodes, partitions = self.scheduler.nodes(), self.scheduler.partitions()
        assert len([partition for partition in partitions if partition.is_default]) == 1
        assert {name for node in nodes for name in node.partitions} <= {partition.name for partition in partitions}
        assert all(node.cpus > 0 and node.memory > 0 for node in nodes)

    def test_the_limits_are_those_of_its_partitions_and_nodes(self):
        limits, nodes = self.scheduler.limits(), {node.name: node for node in self.scheduler.nodes()}
        assert limits.max_array_size > 1 and limits.is_accounting_known
        assert limits.partitions.keys() >= {partition.name for partition in self.scheduler.partitions()}
        place = next(place for place in limits.partitions.values() if place.is_default)
        assert place.node_cpus == max(node.cpus for node in nodes.values() if place.name in node.partitions)

    def test_a_running_job_uses_its_node(self):
        job = self.wait(self.submit(self.until_allowed), {RUNNING})
        node = next(node for node in self.scheduler.nodes() if node.name == job.node_list)
        assert node.cpus_used >= 1
        assert node.state in ("mixed", "allocated")

    # ---- before it is taken

    def test_a_check_says_that_it_would_be_taken(self):
        assert " to start at " in self.scheduler.check(Submission("#!/bin/bash\n", work_dir=self.folder))

    @pytest.mark.parametrize("directive", REFUSED)
    def test_what_can_never_run_is_refused(self, directive):
        submission = Submission(f"#!/bin/bash\n{directive}\n", work_dir=self.folder)
        with pytest.raises(SlurmFailed) as refusal:
            self.scheduler.submit(submission)
        assert refusal.value.detail.endswith(f"sbatch: error: Batch job submission failed: {REFUSED[directive]}")
        with pytest.raises(SlurmFailed) as refusal:
            self.scheduler.check(submission)
        assert refusal.value.detail.endswith(f"allocation failure: {REFUSED[directive]}")

    @pytest.mark.parametrize("script", MALFORMED, ids=lambda script: repr(script[12:]))
    def test_what_makes_no_sense_is_refused(self, script):
        for call in (self.scheduler.check, self.scheduler.submit):
            with pytest.raises(SlurmFailed) as refusal:
                call(Submission(script, work_dir=self.folder))
            assert MALFORMED[script] in refusal.value.detail

    def test_a_nul_character_is_refused(self):
        for submission in (Submission("#!/bin/bash\n\0"), Submission("#!/bin/bash\n", name="a\0b")):
            for call in (self.scheduler.submit, self.scheduler.check, lambda one: self.scheduler.submit_all([one])):
                with pytest.raises(Invalid):
                    call(submission)

    def test_a_dependency_on_what_is_not_yet_handed_in_is_refused(self):
        for dependency in ("afterok:@1", "afterany:@0,afterok:@7"):
            with pytest.raises(Invalid, match="names no earlier submission"):
                self.scheduler.submit_all(
                    [Submission("#!/bin/bash\n"), Submission("#!/bin/bash\n", None, None, None, dependency)]
                )


class TimeLimits:
    """That Slurm keeps them takes a minute to see: once for each version is enough."""

    time_limit, time_limit_seconds = "1", 60  # the shortest there is, in --time's words and in seconds

    def test_a_time_limit_is_kept(self):
        job = self.wait(self.submit("sleep 600", f"--time={self.time_limit}"), timeout=self.time_limit_seconds + 90)
        assert job.state == TIMEOUT
        assert job.end_time - job.start_time >= self.time_limit_seconds
