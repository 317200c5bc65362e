"""Duplicate and edit makes the same job again."""

from srunx_web.core.duplicate import completed
from srunx_web.core.model import Job
from srunx_web.core.script import directives

JOB = Job(
    7, name="train", partition="gpu", nodes=2, cpus=16, gpus=4, memory=64000, time_limit=3600,
    work_dir="/home/ann/my runs", tres="cpu=16,mem=62.5G,node=2,gres/gpu=4,gres/gpu:a100=4",
)  # fmt: skip


def test_what_stood_on_the_command_line_comes_back_as_directives():
    text, added = completed("#!/bin/sh\ntrue\n", (JOB,))
    assert directives(text) == {
        "job-name": "train", "partition": "gpu", "time": "1:00:00", "nodes": "2", "chdir": "/home/ann/my runs",
        "gpus": "a100:4", "mem": "32000M",
    }  # fmt: skip
    assert set(added) == set(directives(text)) and text.endswith("\ntrue\n")


def test_what_the_script_says_itself_stays():
    script = "#!/bin/sh\n#SBATCH --gres=gpu:a100:2 -N 2 -p gpu -t 60 -J mine --mem-per-cpu=1G -D /x\ntrue\n"
    assert completed(script, (JOB,)) == (script, [])


def test_an_array_keeps_its_tasks():
    records = (Job(8, 7, 0, name="a"), Job(9, 7, 1, name="a"), Job(7, 7, None, "2-9%3", name="a"))
    assert directives(completed("#!/bin/sh\n", records)[0])["array"] == "0,1,2-9%3"


def test_a_name_with_quotes_arrives_as_it_was():
    text, _ = completed("#!/bin/sh\n", (Job(7, name='a "b" \\c $d'),))
    assert directives(text)["job-name"] == 'a "b" \\c $d'
