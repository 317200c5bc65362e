"""Where the logs of jobs are."""

import pytest

from srunx_web.core.logpaths import expand, log_paths
from srunx_web.core.model import Job

JOB = Job(17, name="train", user="ann", node_list="g[3-4]", work_dir="/home/ann")
TASK = Job(18, array_id=15, task=4, name="sweep", user="ann", work_dir="/home/ann")


@pytest.mark.parametrize(
    ("pattern", "job", "name"),
    [
        ("%x-%j.out", JOB, "train-17.out"),
        ("%A_%a.out", TASK, "15_4.out"),
        ("%6j.%3a", TASK, "000018.004"),
        ("%u@%N", JOB, "ann@g3"),
        ("100%%", JOB, "100%"),
        ("%a", JOB, "4294967294"),  # what real sbatch writes
        (r"as\%j", JOB, "as%j"),
        ("%q", JOB, "%q"),
    ],
)
def test_patterns_are_those_of_sbatch(pattern, job, name):
    assert expand(pattern, job) == name


@pytest.mark.parametrize("stdout", ["/home/ann/slurm-17.out", "/home/ann/slurm-%j.out", "slurm-%j.out", None])
def test_the_default_is_found_however_a_version_says_it(stdout):
    assert log_paths(JOB._replace(stdout=stdout)) == ("/home/ann/slurm-17.out", None)


@pytest.mark.parametrize("stdout", ["/home/ann/slurm-18.out", "/home/ann/slurm-%A_%a.out", "slurm-%A_%a.out", None])
def test_so_is_that_of_an_array_task(stdout):
    assert log_paths(TASK._replace(stdout=stdout)) == ("/home/ann/slurm-15_4.out", None)


def test_two_streams_in_one_file_are_one():
    both = JOB._replace(stdout="/x/%j.log", stderr="/x/17.log")
    assert log_paths(both) == ("/x/17.log", None)
    assert log_paths(both._replace(stderr="/x/%j.err")) == ("/x/17.log", "/x/17.err")


def test_what_slurm_forgot_the_script_tells():
    script = "#!/bin/sh\n#SBATCH -o out/%j.log --error=/tmp/err\ntrue\n"
    assert log_paths(JOB, script) == ("/home/ann/out/17.log", "/tmp/err")
