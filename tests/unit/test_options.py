"""What options mean, as slurmctld 22.05 showed it for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from srunx_web.core.options import (
    Sizes,
    array_indices,
    dependency_terms,
    exported,
    gpu_count,
    gres_gpus,
    sizes_of,
    spans,
    time_limit,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 300), ("90:10", 5410), ("1:90:10", 9010), ("1-2", 93600), ("1-2:3", 93780), ("1-2:3:4", 93784),
     ("0", None), ("-1", None), ("UNLIMITED", None), ("infinite", None)],
)  # fmt: skip
def test_times(text, seconds):
    assert time_limit(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1.5", " 5", "5m", ":5", "1:2:3:4", "1-2-3"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="Invalid --time specification"):
        time_limit(text)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, Sizes()),
        ({"ntasks": "2", "cpus-per-task": "3"}, Sizes(tasks=2, cpus_per_task=3, cpus=6)),
        ({"nodes": "1", "ntasks-per-node": "4"}, Sizes(tasks=4, cpus=4)),
        ({"nodes": "2-4", "ntasks-per-node": "2"}, Sizes(nodes=2, tasks=4, cpus=4)),
        ({"gres": "gpu:a100:2"}, Sizes(gpus=2)),
        ({"nodes": "2", "gpus-per-node": "4"}, Sizes(nodes=2, tasks=2, cpus=2, gpus=8)),
        ({"gpus-per-task": "1", "ntasks": "3"}, Sizes(tasks=3, cpus=3, gpus=3)),
        ({"gpus-per-task": "1", "gpus": "4"}, Sizes(tasks=4, cpus=4, gpus=4)),
        ({"gpus": "2", "cpus-per-gpu": "3", "mem-per-gpu": "1G"}, Sizes(cpus=6, gpus=2, memory=2048)),
        ({"mem": "1GB"}, Sizes(memory=1024)),
        ({"mem": "100K"}, Sizes(memory=1)),
        ({"mem": "1T"}, Sizes(memory=1 << 20)),
        ({"mem": "0"}, Sizes(memory=0)),
        ({"mem-per-cpu": "100", "ntasks": "3"}, Sizes(tasks=3, cpus=3, memory=300)),
        ({"time": "0:10"}, Sizes(time_limit=10)),
    ],
)
def test_sizes(options, sizes):
    assert sizes_of(options) == sizes


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ntasks", "0", 'Invalid numeric value "0" for --ntasks.'),
        ("cpus-per-task", "abc", 'Invalid numeric value "abc" for --cpus-per-task.'),
        ("mem", "1.5G", "Invalid --mem specification"),
        ("mem-per-cpu", "100x", "Invalid --mem-per-cpu specification"),
        ("gres", "gpu=2", r"Invalid generic resource \(gres\) specification"),
        ("gres", "foo:1", r"Invalid generic resource \(gres\) specification"),
        ("nodes", "all", "Invalid --nodes specification"),
    ],
)
def test_sizes_that_make_no_sense(name, value, words):
    with pytest.raises(ValueError, match=words):
        sizes_of({name: value})


def test_gpus_are_counted_in_all_spellings():
    assert [gpu_count(text) for text in ("", "2", "a100:2", "a100", "a100:2,v100:1")] == [0, 2, 2, 1, 3]
    assert [gres_gpus(text) for text in ("", "none", "gpu", "gpu:3", "gpu:a100", "gpu:a100:2,gpu:1")] == [
        0,
        0,
        1,
        3,
        1,
        3,
    ]


@pytest.mark.parametrize(
    ("text", "indices", "throttle"),
    [("0-3%2", [0, 1, 2, 3], 2), ("3,1,2", [1, 2, 3], None), ("1,1,2-3", [1, 2, 3], None), ("1-10:4", [1, 5, 9], None),
     ("[1-3]%5", [1, 2, 3], 5), ("1-3%0", [1, 2, 3], None), ("1000", [1000], None)],
)  # fmt: skip
def test_arrays(text, indices, throttle):
    assert array_indices(text) == (indices, throttle)


@pytest.mark.parametrize(
    "text", ["", "a", "5-1", "1-3:0", "1-", "-1", "0-1001", "0-99999999999", "1%", "1%x", "1-3%2%2"]
)
def test_what_is_no_array(text):
    with pytest.raises(ValueError, match="Invalid job array specification"):
        array_indices(text)


@given(some.sets(some.integers(0, 1000), min_size=1))
def test_spans_mean_the_indices_they_were_made_of(indices):
    assert array_indices(spans(sorted(indices)))[0] == sorted(indices)


@pytest.mark.parametrize(
    ("text", "is_any", "terms"),
    [
        ("", False, []),
        ("singleton", False, [("singleton", "")]),
        ("AfterOK: 12", False, [("afterok", "12")]),
        ("afterok:1:2_3,after:4", False, [("afterok", "1"), ("afterok", "2_3"), ("after", "4")]),
        ("afternotok:1?afterany:2", True, [("afternotok", "1"), ("afterany", "2")]),
    ],
)
def test_dependencies(text, is_any, terms):
    assert dependency_terms(text) == (is_any, terms)


@pytest.mark.parametrize("text", ["afterok", "afterok:", "afterok:abc", "odd:1", "afterok:1,,afterok:2", "afterok:1,"])
def test_what_is_no_dependency(text):
    with pytest.raises(ValueError, match="Job dependency problem"):
        dependency_terms(text)


def test_what_is_exported():
    environ = {"HOME": "/h", "PATH": "/own", "KEY": "k", "OTHER": "o"}
    bare = {"HOME": "/h", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    assert exported("ALL", environ) == exported("", environ) == environ
    assert exported("NONE", environ) == bare
    assert exported("KEY,NEW=a=b,=c", environ) == {**bare, "KEY": "k", "NEW": "a=b"}
    assert exported("ALL,KEY=x", environ) == {**environ, "KEY": "x"}
    assert exported("PATH", environ)["PATH"] == "/own"
