"""Operations on a workflow in the making: what they change, what they leave as it is, what they refuse."""

import itertools
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from srunx_web.core import draft, typed, yamltext
from srunx_web.core.edges import edges, with_ancestors
from srunx_web.core.errors import Invalid, TooLarge

DIAMOND = yamltext.load("""
name: diamond
args: {lr: 0.10, wd: "1e-4", big: 123456789012345678901}
owner: {team: [a, b], on: true}
jobs:
- name: a
  command: [python, prepare.py, 3]
  exports: {out: "x-{{ lr }}"}
- name: b
  depends_on: [a]
  command: echo {{ deps.a.out }} {{ deps['a']['out'] }} {{ lr }} deps.a.out lr
- name: c
  depends_on: ["afterany:a"]
  resources: {nodes: 2, memory_per_node: 4G}
  path: run.sh
- {name: d, depends_on: [b, " after : c"], command: "true"}
sweep: {matrix: {lr: [0.1, 0.2]}, max_parallel: 2}
""")
REFUSED = [
    ({"op": "explode"}, "no such operation"),
    ({"op": ["add"]}, "no such operation"),
    ("add", "no such operation"),
    ({"op": "add", "name": "a"}, "There is a job 'a' already"),
    ({"op": "add", "name": "no blanks"}, "can't be the name"),
    ({"op": "add"}, "can't be the name"),
    ({"op": "add", "name": "e", "after": "z"}, "no job 'z'"),
    ({"op": "duplicate", "job": "a", "name": "b"}, "There is a job 'b' already"),
    ({"op": "delete", "job": "z"}, "no job 'z'"),
    ({"op": "rename", "job": "a", "to": "d"}, "There is a job 'd' already"),
    ({"op": "order", "job": "a", "before": "z"}, "no job 'z'"),
    ({"op": "connect", "from": "d", "to": "a", "kind": "afterok"}, "d → a would close a circle: a → b → d → a"),
    ({"op": "connect", "from": "a", "to": "a", "kind": "afterok"}, "can't wait for itself"),
    ({"op": "connect", "from": "a", "to": "b", "kind": "after"}, "b waits for a already"),
    ({"op": "connect", "from": "a", "to": "d", "kind": "later"}, "'later' is no type of dependency"),
    ({"op": "connect", "from": {"a": 1}, "to": "d", "kind": "after"}, "There is no job"),
    ({"op": "retype", "from": "a", "to": "d", "kind": "after"}, "d does not wait for a"),
    ({"op": "disconnect", "from": "a", "to": "b", "kind": "after"}, "b does not wait for a"),
    ({"op": "set", "job": "a", "path": ["depends_on"], "value": "b"}, "There is no field 'depends_on'"),
    ({"op": "set", "job": None, "path": ["jobs"], "value": None}, "There is no field 'jobs'"),
    ({"op": "set", "job": "a", "path": ["name"], "value": "b"}, "by renaming it"),
    ({"op": "set", "job": "a", "path": "name", "value": "b"}, "A path is a list of keys"),
    ({"op": "set", "job": "a", "path": [], "value": "b"}, "A path is a list of keys"),
    ({"op": "set", "job": "a", "path": ["command"], "value": 3}, "A value is text"),
    ({"op": "set", "job": "a", "path": ["work_dir"], "value": ["x"]}, "no value for this field"),
    ({"op": "set", "job": "a", "path": ["exports"], "value": "x"}, "There is no field 'exports'"),
    ({"op": "set", "job": "a", "path": ["exports", "out", "x"], "value": "x"}, "There is no field"),
    ({"op": "key", "job": None, "path": ["args", "lr"], "to": "wd"}, "There is a 'wd' already"),
    ({"op": "key", "job": None, "path": ["args", "xx"], "to": "yy"}, "There is no 'xx'"),
    ({"op": "key", "job": None, "path": ["args", "lr"], "to": ""}, "A name is missing"),
    ({"op": "key", "job": "a", "path": ["command"], "to": "x"}, "can't have another name"),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
NAMES = ["a", "b", "c", "d", "e"]


@st.composite
def documents(draw):
    """Definitions of up to five jobs, later ones depending on earlier ones, with anything in the other keys."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=2))
    jobs = []
    for number, name in enumerate(names):
        job = {**draw(st.dictionaries(TEXTS, TREES, max_size=3)), "name": name}
        parents = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        written = [
            draw(st.sampled_from(["{}", "afterok:{}", "after: {}", "afterany:{} "])).format(one) for one in parents
        ]
        jobs.append({**job, "depends_on": written} if written else job)
    return {**draw(st.dictionaries(TEXTS, TREES, max_size=3)), "jobs": jobs}


def job(document, name):
    return next(one for one in document["jobs"] if one["name"] == name)


def one(operation, *names):
    """An operation with these parameters, on the diamond."""
    return draft.apply(DIAMOND, [{"op": operation, **dict(names)}])


def put(path, value, name="a", document=DIAMOND):
    """That job, or the workflow, after this was typed."""
    found = draft.apply(document, [{"op": "set", "job": name, "path": path.split("."), "value": value}])
    return job(found, name) if name else found


@pytest.mark.parametrize(("operation", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_makes_no_sense_is_refused_in_a_sentence(operation, words):
    with pytest.raises(Invalid, match=re.escape(words)):
        draft.apply(DIAMOND, [operation])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]", "not a mapping"),
        ("jobs: {a: 1}", "not a list"),
        ("jobs: [{name: a}, {command: x}]", "Job 2 has no name"),
        ("jobs: [a]", "Job 1 has no name"),
        ("jobs: [{name: a}, {name: a}]", "Two jobs are called 'a'"),
    ],
)
def test_jobs_that_can_not_be_told_apart_are_refused(text, words):
    with pytest.raises(Invalid, match=words):
        draft.apply(yamltext.load(text), [])


def test_a_diamond_from_nothing():
    operations = [{"op": "add", "name": name} for name in "abc"]
    operations += [
        {"op": "add", "name": "d", "after": "b"},
        {"op": "connect", "from": "a", "to": "b", "kind": "afterok"},
        {"op": "connect", "from": "c", "to": "d", "kind": "afternotok"},
        {"op": "set", "job": "d", "path": ["resources", "gpus_per_node"], "value": "2"},
        {"op": "set", "job": "d", "path": ["command"], "value": ["echo", "a b"]},
        {"op": "set", "job": None, "path": ["name"], "value": "mine"},
    ]
    assert yamltext.dump(draft.apply(None, operations)) == (
        "name: mine\njobs:\n  - name: a\n  - name: b\n    depends_on: [a]\n  - name: d\n    command: [echo, a b]\n"
        "    depends_on: [b, afternotok:c]\n    resources:\n      gpus_per_node: 2\n  - name: c\n"
    )


def test_a_new_name_is_said_wherever_the_old_one_was():
    found = one("rename", ("job", "a"), ("to", "load"))
    assert job(found, "b")["command"] == "echo {{ deps.load.out }} {{ deps['load']['out'] }} {{ lr }} deps.a.out lr"
    assert (job(found, "b")["depends_on"], job(found, "c")["depends_on"]) == (["load"], ["afterany:load"])
    assert job(one("rename", ("job", "c"), ("to", "x")), "d")["depends_on"] == ["b", " after : x"]
    assert "{{ deps['my-a'].out }}" in job(one("rename", ("job", "a"), ("to", "my-a")), "b")["command"]


def test_a_new_name_of_an_arg_reaches_the_jobs_the_other_args_and_the_sweep():
    document = {**DIAMOND, "args": {"lr": 1, "out": "{{ lr }}{{ x.lr }}{{ 'lr' }}{{ 1 | lr }}{{ f(lr=lr) }}"}}
    found = draft.apply(document, [{"op": "key", "job": None, "path": ["args", "lr"], "to": "rate"}])
    assert found["args"] == {"rate": 1, "out": "{{ rate }}{{ x.lr }}{{ 'lr' }}{{ 1 | lr }}{{ f(lr=rate) }}"}
    assert job(found, "b")["command"].endswith("{{ rate }} deps.a.out lr")
    assert found["sweep"] == {"matrix": {"rate": [0.1, 0.2]}, "max_parallel": 2}


def test_deleting_takes_the_dependencies_along():
    found = one("delete", ("job", "a"))
    assert [name["name"] for name in found["jobs"]] == ["b", "c", "d"]
    assert "depends_on" not in job(found, "b") and job(found, "d") is job(DIAMOND, "d")


def test_a_copy_waits_for_the_same_jobs_and_stands_behind():
    found = one("duplicate", ("job", "b"), ("name", "b-2"))
    assert [name["name"] for name in found["jobs"]] == ["a", "b", "b-2", "c", "d"]
    assert job(found, "b-2") == {**job(DIAMOND, "b"), "name": "b-2"}


def test_jobs_change_their_order():
    order = [one["name"] for one in one("order", ("job", "d"), ("before", "b"))["jobs"]]
    assert order == ["a", "d", "b", "c"]
    assert [one["name"] for one in one("order", ("job", "a"))["jobs"]] == ["b", "c", "d", "a"]


def test_of_two_dependencies_on_the_same_job_the_one_that_is_named_changes():
    document = {"jobs": [{"name": "a"}, {"name": "b", "depends_on": ["after:a", "afterany:a"]}]}
    found = draft.apply(document, [{"op": "retype", "from": "a", "to": "b", "was": "afterany", "kind": "afterok"}])
    assert edges(found) == [("a", "b", "after"), ("a", "b", "afterok")]
    found = draft.apply(found, [{"op": "disconnect", "from": "a", "to": "b", "kind": "after"}])
    assert found["jobs"][1]["depends_on"] == ["a"]


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("resources.nodes", "4", 4),
        ("resources.nodes", "{{ n }}", "{{ n }}"),
        ("resources.nodes", "four", "four"),
        ("resources.time_limit", "30", "30"),
        ("environment.container.nv", "true", True),
        ("retry", "0", 0),
        ("command", "python x.py", "python x.py"),
        ("command", ["python", "a b", "", '"two\\nlines"', "3"], ["python", "a b", "two\nlines", 3]),
        ("environment.container.mounts", "/a:/b\n/c:/d\n", ["/a:/b", "/c:/d"]),
        ("exports.out", "5", "5"),
        ("exports.out", "", ""),
        ("script_vars.x", "5", 5),
    ],
)
def test_typed_text_becomes_the_value_of_its_field(path, typed, value):
    found = put(path, typed)
    for key in path.split("."):
        found = found[key]
    assert (found, type(found)) == (value, type(value))


def test_nothing_typed_takes_the_key_away_and_what_is_empty_then():
    document = {"jobs": [put("resources.memory_per_node", "", "c")]}
    assert document["jobs"][0]["resources"] == {"nodes": 2}
    assert "resources" not in put("resources.nodes", None, "c", document)
    assert put("exports.out", None).keys() == put("exports", None).keys() == {"name", "command"}
    assert put("environment.container", None) == job(DIAMOND, "a")


def test_a_job_has_a_command_or_a_script():
    assert put("script_path", "x.sh").keys() == {"name", "script_path", "exports"}
    assert put("script_path", "x.sh", "c")["path"] == "x.sh"
    assert "path" not in put("command", "true", "c")


def test_an_image_alone_is_a_container():
    document = {"jobs": [{"name": "a", "environment": {"container": "x.sif"}}]}
    found = put("environment.container.nv", "true", document=document)
    assert found["environment"]["container"] == {"image": "x.sif", "nv": True}
    assert typed.JOB.shown(document["jobs"][0])["environment.container.image"] == "x.sif"


def test_new_keys_stand_where_people_expect_them():
    found = put("work_dir", "/w", "c", {"jobs": [put("retry", "1", "c")]})
    assert list(found) == ["name", "depends_on", "resources", "work_dir", "retry", "path"]
    assert list(put("resources.gpus_per_node", "1", "c")["resources"]) == ["nodes", "gpus_per_node", "memory_per_node"]
    assert list(put("description", "x", None))[:3] == ["name", "description", "args"]


def test_a_mapping_of_another_shape_is_left_alone():
    document = {"jobs": [{"name": "a", "resources": [1], "depends_on": "b"}, {"name": "b"}]}
    with pytest.raises(Invalid, match="resources is not a mapping here"):
        put("resources.nodes", "1", document=document)
    with pytest.raises(Invalid, match="depends_on of a is no list"):
        draft.apply(document, [{"op": "connect", "from": "b", "to": "a", "kind": "after"}])


def test_copies_of_copies_do_not_grow_beyond_what_is_taken():
    document = {"jobs": [{"name": "a", "command": "x" * 100_000}]}
    with pytest.raises(TooLarge):
        draft.apply(document, [{"op": "duplicate", "job": "a", "name": f"a{number}"} for number in range(2000)])


def test_a_job_with_all_that_it_depends_on():
    assert [one["name"] for one in with_ancestors(DIAMOND, "b")["jobs"]] == ["a", "b"]


@given(documents(), st.data())
def test_a_name_there_and_back_changes_nothing(document, data):
    old = data.draw(st.sampled_from([one["name"] for one in document["jobs"]]))
    there, back = ({"op": "rename", "job": old, "to": "fresh"}, {"op": "rename", "job": "fresh", "to": old})
    assert repr(draft.apply(document, [there, back])) == repr(document)


@given(documents(), st.data(), st.sampled_from(["afterok", "after", "afterany", "afternotok"]))
def test_connecting_and_disconnecting_changes_nothing(document, data, kind):
    names, taken = [one["name"] for one in document["jobs"]], {edge[:2] for edge in edges(document)}
    free = [pair for pair in itertools.combinations(names, 2) if pair not in taken]
    assume(free)
    parent, child = data.draw(st.sampled_from(free))
    there = {"op": "connect", "from": parent, "to": child, "kind": kind}
    assert (parent, child, kind) in edges(draft.apply(document, [there]))
    back = {"op": "disconnect", "from": parent, "to": child}
    assert repr(draft.apply(document, [there, back])) == repr(document)


@given(documents(), st.data())
def test_what_is_done_to_one_job_leaves_everything_else_the_same_object(document, data):
    assume(not {"exports", "resources", "environment"} & {key for one in document["jobs"] for key in one})
    name = data.draw(st.sampled_from([one["name"] for one in document["jobs"]]))
    paths = ["command", "resources.nodes", "environment.container.env.X", "exports.y", "retry"]
    operations = [
        {"op": "set", "job": name, "path": path.split("."), "value": data.draw(TEXTS | st.none())} for path in paths
    ]
    before = repr(document)
    found = draft.apply(document, operations)
    assert all(new is old for new, old in zip(found["jobs"], document["jobs"], strict=True) if old["name"] != name)
    assert all(found[key] is value for key, value in document.items() if key != "jobs")
    assert all(job(found, name)[key] is value for key, value in job(document, name).items())
    assert repr(document) == before and list(found) == list(document)
