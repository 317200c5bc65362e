"""Definitions as they are read: every fault at once, each with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.errors import Invalid, TooLarge
from srunx_web.core.workflow import PythonRefused, descendants, parse, topological

JOB = "jobs:\n- name: a\n  command: [echo]\n"


def faults(text: str) -> list[str]:
    """What is wrong with a definition."""
    with pytest.raises(Invalid) as fault:
        parse(text)
    return [error["msg"] for error in fault.value.errors] or [fault.value.detail]


def test_everything_of_the_format_is_read():
    text = """
name: Long title
args: {lr: 0.1, parts: [1, 2]}
default_project: proj
jobs:
- {name: a, command: python a.py, exports: {model: /m}, retry: 3, retry_delay: 5}
- name: b
  path: run.sh
  script_vars: {x: 1}
  depends_on: [a, 'afternotok:c']
- name: c
  command: [python, -c, "print(1)"]
  resources: {nodes: 2, gpus_per_node: 1, ntasks_per_node: 4, cpus_per_task: 2, memory_per_node: 32G,
              time_limit: 4:00:00, partition: 'gpu,long', nodelist: 'g[1-2]'}
  environment: {venv: /v, env_vars: {A: 1}, container: {runtime: apptainer, image: i.sif, nv: true, mounts: ['/a:/b']}}
  work_dir: /w
  log_dir: logs
  template: base
  srun_args: --mpi=pmix
  launch_prefix: [numactl, -N0]
"""
    found = parse(text)
    assert (found.title, found.default_project, found.order) == ("Long title", "proj", ["a", "c", "b"])
    assert found.jobs[2].resources["time_limit"] == "4:00:00"
    assert found.edges == [("a", "b", "afterok"), ("c", "b", "afternotok")]
    assert found.jobs[1].script_path == "run.sh"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Empty YAML content"),
        ("[1]", "mapping with name and jobs"),
        ("jobs: {}", "jobs: must be a list"),
        ("jobs: [3]", "must be a mapping with name"),
        ("jobs:\n- name: a", "line 2, job 'a': needs exactly one of command and script_path"),
        ("jobs:\n- {name: a, command: x, script_path: y}", "needs exactly one"),
        ("jobs:\n- {name: a b, command: x}", "job 'a b', name: 'a b' must be letters"),
        ("jobs:\n- {command: x}", "name: is missing"),
        (JOB + "  comand: x", "line 4, job 'a', comand: is not known; did you mean command?"),
        (JOB + "  outputs: {a: b}", "outputs: is now called exports"),
        (JOB + "  depends_on: [b]", "there is no job 'b'"),
        (JOB + "  depends_on: ['soon:a']", "'soon' is no type of dependency"),
        (JOB + "  depends_on: b", "must be a list of jobs"),
        (JOB + "- {name: a, command: x}", "is used by another job already"),
        (JOB + "  depends_on: [a]", "in a circle: a -> a"),
        (JOB + "  resources: {nodes: 0}", "job 'a', resources.nodes: must be a whole number from 1"),
        (JOB + "  resources: {gpus: 1}", "resources.gpus: is not known; did you mean gpus_per_node?"),
        (JOB + "  resources: {time_limit: soon}", "'soon' is not a time"),
        (JOB + '  resources: {partition: "a b"}', "must be the name of a partition"),
        (JOB + '  resources: {nodelist: "a\\n#SBATCH -p x"}', "must be a list of nodes"),
        (JOB + "  environment: {conda: a, venv: b}", "can't be combined with conda"),
        (JOB + "  environment: {env_vars: {1A: x}}", "must be named by letters"),
        (JOB + "  environment: {env_vars: {SLURM_X: x}}", "belongs to Slurm"),
        (
            JOB + "  environment: {container: {runtime: docker, image: i}}",
            "must be one of pyxis, apptainer, singularity",
        ),
        (JOB + "  environment: {container: {image: i, nv: true}}", "nv: is for apptainer and singularity only"),
        (JOB + "  environment: {container: {runtime: apptainer}}", "image: is missing"),
        (JOB + "  exports: {a-b: c}", "must be named by letters"),
        (JOB + "  retry: -1", "retry: must be a whole number from 0 to 100"),
        (JOB + "  retry: true", "retry: must be a whole number"),
        (JOB + '  work_dir: "/a\\nb"', "must be text of one line"),
        (JOB + "  script_vars: {a: 1}", "goes with script_path"),
        (JOB + "args: [1]", "args: must be a mapping"),
        (JOB + "args: {a-b: 1}", "must be named like a variable"),
        (JOB + "sweep: {matrix: {lr: []}}", "sweep.matrix.lr: must be a list"),
        (JOB + "sweep: {matrix: {lr: [1]}, parallel: 2}", "sweep.parallel: is not known"),
        (JOB + "name: [", "line 5"),
        (JOB + "jobs: []", "line 4, column 1: duplicate key 'jobs'"),
    ],
)
def test_a_fault_is_named_with_its_place(text, words):
    assert any(words in fault for fault in faults(text)), faults(text)


def test_all_faults_are_told_at_once():
    found = faults("jobs:\n- {name: a, retry: -1, nodes: 2}\n- {name: b, command: x, depends_on: [z]}\n")
    assert len(found) == 4


@pytest.mark.parametrize("value", ["python: 1", "  PYTHON:x", "{a: [1, {b: 'python: x'}]}"])
def test_python_is_refused_at_any_depth(value):
    for text in (f"args:\n  v: {value!r}\n" if "{" not in value else f"args: {{v: {value}}}\n",):
        with pytest.raises(PythonRefused, match="prefix which is not allowed"):
            parse(text + JOB)


def test_python_in_a_sweep_is_refused():
    with pytest.raises(PythonRefused, match=r"sweep.matrix at 'lr'"):
        parse(JOB + "sweep: {matrix: {lr: ['python: 3']}}")


def test_words_are_taken_as_they_were_written():
    (job,) = parse("jobs:\n- {name: a, command: [x, 1e-3, 010, True, null, 0x1F], exports: {v: 1.50}}").jobs
    assert (job.command, job.exports) == (("x", "1e-3", "010", "True", "null", "0x1F"), {"v": "1.50"})
    assert "needs exactly one" in faults("jobs: [{name: a, command: }]")[0]


def test_a_definition_has_a_size():
    with pytest.raises(TooLarge):
        parse("#" * (1 << 20) + "\n" + JOB)


def test_numbers_may_be_expressions_until_they_are_rendered():
    assert parse(JOB + "  resources: {nodes: '{{ n }}'}\n  retry: '{{ r }}'").jobs[0].retry == "{{ r }}"


@st.composite
def graphs(draw):
    """Names with parents among those before them."""
    count = draw(st.integers(0, 12))
    return {
        f"j{i}": [f"j{p}" for p in draw(st.sets(st.integers(0, i - 1), max_size=4))] if i else [] for i in range(count)
    }


@given(graphs())
def test_parents_come_first(parents):
    order = topological(parents)
    assert sorted(order) == sorted(parents)
    assert all(order.index(one) < order.index(name) for name, found in parents.items() for one in found)


@given(graphs())
def test_descendants_are_closed(parents):
    edges = [(one, name, "afterok") for name, found in parents.items() for one in found]
    for name in parents:
        below = descendants(edges, [name])
        assert name in below and all(child in below for parent, child, _ in edges if parent in below)
