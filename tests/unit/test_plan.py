"""What a run will do: parts of a workflow, args, exports, defaults, script files, templates."""

import pytest

from srunx_web.core.errors import Invalid
from srunx_web.core.plan import Defaults, Selection, ShellScript, Site, chosen, plan
from srunx_web.core.workflow import PythonRefused, parse

CHAIN = """
args: {root: /data, out: "{{ root }}/{{ tag }}", tag: v1, unused: "{{ nothing }}"}
jobs:
- {name: a, command: [make, "{{ out }}"], exports: {model: "{{ out }}/m"}}
- {name: b, command: [use, "{{ deps.a.model }}"], depends_on: ["afterany:a"]}
- {name: c, command: [end], depends_on: [b]}
"""


def planned(text, site=Site(), overrides=None, **part):
    """The jobs of a text by name."""
    found = parse(text)
    return {job.name: job for job in plan(found, site, overrides, chosen(found, Selection(**part)))}


def faults(text, **more):
    """What keeps it from being planned."""
    with pytest.raises(Invalid) as fault:
        planned(text, **more)
    return fault.value.detail


def test_args_refer_to_each_other_and_exports_flow_along_dependencies():
    jobs = planned(CHAIN)
    assert jobs["a"].spec.command == ("make", "/data/v1")
    assert jobs["b"].spec.command == ("use", "/data/v1/m")
    assert list(jobs) == ["a", "b", "c"]


def test_given_args_win_and_may_be_new():
    assert planned(CHAIN, overrides={"tag": "v2"})["a"].spec.command == ("make", "/data/v2")
    assert planned("jobs: [{name: a, command: ['{{ x }}']}]", overrides={"x": 3})["a"].spec.command == ("3",)


@pytest.mark.parametrize(
    ("part", "names", "parents"),
    [
        ({}, ["a", "b", "c"], 2),
        ({"from_job": "b"}, ["b", "c"], 1),
        ({"to_job": "b"}, ["a", "b"], 1),
        ({"from_job": "b", "to_job": "b"}, ["b"], 0),
        ({"single_job": "b"}, ["b"], 0),
    ],
)
def test_a_part_leaves_out_dependencies_on_what_is_not_run(part, names, parents):
    jobs = planned(CHAIN, **part)
    assert list(jobs) == names
    assert sum(len(job.depends_on) for job in jobs.values()) == parents
    assert "b" not in jobs or jobs["b"].spec.command == ("use", "/data/v1/m")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"from_job": "x"}, "no job 'x'"),
        ({"from_job": "c", "to_job": "a"}, "comes after"),
        ({"single_job": "a", "to_job": "b"}, "can't be combined"),
    ],
)
def test_a_part_that_is_none_is_refused(part, words):
    assert words in faults(CHAIN, **part)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobs: [{name: a, command: ['{{ x }}']}]", "job 'a', command: "),
        ("args: {a: '{{ b }}', b: '{{ a }}'}\njobs: [{name: j, command: ['{{ a }}']}]", "in a circle"),
        ("args: {a: '{{ b }}'}\njobs: [{name: j, command: ['{{ a }}']}]", "arg 'a'"),
        ("jobs: [{name: a, command: ['{{ deps.b.x }}']}]", "job 'a', command: "),
        ("jobs: [{name: a, command: ['{% for']}]", "job 'a', command: "),
        (
            "args: {n: 0}\njobs: [{name: a, command: x, resources: {nodes: '{{ n }}'}}]",
            "resources.nodes: must be a whole",
        ),
        ("jobs: [{name: a, command: x, template: t}]", "there is no template 't'"),
        ("jobs: [{name: a, script_path: x.sh}]", "there is no script 'x.sh'"),
    ],
)
def test_a_fault_of_rendering_names_job_and_key(text, words):
    assert words in faults(text)


def test_faults_of_several_jobs_are_told_at_once():
    text = "jobs: [{name: a, command: ['{{ x }}']}, {name: b, command: ['{{ y }}']}]"
    assert "job 'a'" in faults(text) and "job 'b'" in faults(text)


def test_python_can_not_come_in_by_an_override_nor_by_rendering():
    for overrides in ({"x": "python: 1"}, {"x": [" Python:1"]}):
        with pytest.raises(PythonRefused):
            planned(CHAIN, overrides=overrides)
    with pytest.raises(PythonRefused):
        planned("args: {a: '{{ b }}thon: 1', b: py}\njobs: [{name: j, command: ['{{ a }}']}]")


USUAL = Defaults(
    {"nodes": 1, "partition": "long"}, {"conda": "base", "env_vars": {"A": "usual", "B": "usual"}}, "logs", "/home/w",
    {"P": "profile"},
)  # fmt: skip


def test_defaults_fill_what_a_job_leaves_out():
    text = "jobs: [{name: a, command: x, resources: {nodes: 3}, environment: {venv: /v, env_vars: {A: own}}}]"
    job = planned(text, Site(defaults=lambda spec: USUAL))["a"]
    assert job.spec.resources == {"nodes": 3, "partition": "long"}
    assert job.spec.environment == {"venv": "/v", "env_vars": {"A": "own", "B": "usual"}}
    assert (job.work_dir, job.folders) == ("/home/w", ("logs",))
    assert "export P=profile" in job.script and "conda" not in job.script


SCRIPT = "#!/bin/bash\nset -- ${#a[@]}\necho {{ x }}\n"


def test_a_script_file_is_rendered_with_its_own_variables_only():
    site = Site(
        defaults=lambda spec: USUAL, read=lambda path: ShellScript(SCRIPT.replace("${#a[@]}", ""), f"/m/{path}")
    )
    text = "args: {v: 7}\njobs: [{name: a, script_path: '{{ v }}.sh', script_vars: {x: 'v={{ v }}'}}]"
    job = planned(text, site)["a"]
    assert job.script.endswith("echo v=7\n") and "long" not in job.script
    assert job.work_dir == "/m/7.sh"


def test_a_script_file_without_variables_is_taken_as_it_is():
    job = planned("jobs: [{name: a, script_path: x.sh}]", Site(read=lambda path: ShellScript(SCRIPT)))["a"]
    assert job.script == SCRIPT


def test_a_template_arranges_the_pieces():
    site = Site(template=lambda name: "{{ directives }}\n# {{ job_name }} {{ nodes }} {{ command }}\n{{ launch }}\n")
    script = planned("jobs: [{name: a, command: [echo, it's], template: t, resources: {nodes: 2}}]", site)["a"].script
    assert "# a 2 echo 'it'\"'\"'s'\nsrun echo" in script and script.startswith("#!/bin/bash\n#SBATCH --job-name=a\n")


def test_braces_of_the_shell_are_no_comments():
    assert planned('jobs: [{name: a, command: "echo ${#list[@]}"}]')["a"].spec.command == "echo ${#list[@]}"
