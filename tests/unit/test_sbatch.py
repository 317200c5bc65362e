"""Rendered scripts: as they were when somebody last read them, and as sbatch and a shell read them."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srunx_web.core import sbatch
from srunx_web.core.plan import Defaults, Site, plan
from srunx_web.core.script import complaint, directives
from srunx_web.core.spec import JobSpec
from srunx_web.core.workflow import parse

GOLDEN = Path(__file__).parents[1] / "golden"
SIZES = {"nodes": 1, "gpus_per_node": 0, "ntasks_per_node": 1, "cpus_per_task": 1}
SITE = Site(defaults=lambda spec: Defaults(SIZES, log_dir="logs", variables={"SITE": "x y"}))
JOBS = plan(parse((GOLDEN / "everything.yaml").read_text(encoding="utf-8")), SITE)
# what a directive may hold: one line of visible text
LINES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).filter(str.strip)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_script_is_as_it_was_read(job):
    """After a change that is meant, write `job.script` to the file and read the difference."""
    assert job.script == (GOLDEN / f"{job.name}.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_sbatch_and_bash_have_no_complaint(job):
    assert complaint(job.script) is None
    checked = subprocess.run(["bash", "-n"], input=job.script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@given(LINES, LINES.filter(lambda text: "\\" not in text))
def test_a_directive_keeps_its_value(work_dir, log_dir):
    found = directives(sbatch.script(JobSpec("a", ("true",), work_dir=work_dir, log_dir=log_dir)))
    assert found["chdir"] == work_dir
    assert found["output"] == found["error"] == f"{log_dir.rstrip('/')}/%x_%j.log".replace("//", "/")


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_every_word_arrives_as_it_was_written(words):
    line = sbatch.launch(JobSpec("a", ("printf", "%s\\0", *words)))
    shell = f'srun() {{ command "$@"; }}\n{line}'
    printed = subprocess.run(["bash", "-c", shell], capture_output=True, check=True).stdout
    assert printed == b"".join(word.encode() + b"\0" for word in words)


def run(script: str, tmp_path) -> subprocess.CompletedProcess:
    """A script in a shell whose srun just runs the command."""
    (tmp_path / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "srun").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    return subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False, env=path, cwd=tmp_path)


@pytest.mark.parametrize(("successes_after", "code", "attempts"), [(1, 0, 1), (3, 0, 3), (9, 5, 3)])
def test_a_job_is_tried_again_until_it_succeeds(tmp_path, successes_after, code, attempts):
    command = f'echo x >>tries; [ "$(wc -l <tries)" -ge {successes_after} ] || exit 5'
    done = run(sbatch.script(JobSpec("a", ("sh", "-c", command), retry=2, retry_delay=0)), tmp_path)
    assert (done.returncode, (tmp_path / "tries").read_text().count("x")) == (code, attempts)
    assert done.stdout.count(" begins at ") == attempts
    assert f"srunx: attempt {attempts} of 3 ended with exit code {code}" in done.stdout


def test_a_failing_line_of_shell_text_ends_an_attempt(tmp_path):
    done = run(sbatch.script(JobSpec("a", "true\nfalse\necho went on", retry=1, retry_delay=0)), tmp_path)
    assert done.returncode == 1 and "went on" not in done.stdout


def test_variables_reach_the_command_as_they_are(tmp_path):
    text = "it's $5\n`id`"
    done = run(sbatch.script(JobSpec("a", ("printenv", "TEXT"), environment={"env_vars": {"TEXT": text}})), tmp_path)
    assert done.stdout == text + "\n"
