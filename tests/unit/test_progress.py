"""A run's state from its jobs' states, as the contract says and as slurmctld decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core import states
from srunx_web.core.progress import Part, is_met, rules_out, run_state, unreached
from srunx_web.core.spec import KINDS, Dependency


def part(name, state="PENDING", *parents, started=None, **more):
    """A job of a run; `parents` are written as in a definition."""
    depends = tuple(Dependency(*(text.split(":") if ":" in text else ("afterok", text))) for text in parents)
    return Part(name, state, depends, state not in ("PENDING", "CANCELLED") if started is None else started, **more)


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ([part("a", "COMPLETED"), part("b", "RUNNING", "a")], None),
        ([part("a", "COMPLETED"), part("b", "COMPLETED", "a")], "completed"),
        ([part("a", "FAILED"), part("b", "PENDING", "a")], "failed"),
        ([part("a", "TIMEOUT"), part("b", "CANCELLED", "a"), part("c", "PENDING", "b")], "failed"),
        ([part("a", "COMPLETED"), part("b", "PENDING", "afternotok:a")], "completed"),
        ([part("a", "FAILED"), part("b", "COMPLETED", "afternotok:a")], "failed"),
        ([part("a", "FAILED"), part("b", "PENDING", "afterany:a")], None),
        ([part("a", "FAILED"), part("b", "PENDING", "a"), part("c", "PENDING", "afternotok:b")], None),
        ([part("a", "CANCELLED")], "cancelled"),
        ([part("a", "CANCELLED", started=True), part("b", "PENDING", "a")], "cancelled"),
        ([part("a", "CANCELLED", started=True), part("b", "OUT_OF_MEMORY")], "failed"),
        ([part("a", "UNKNOWN", is_lost=True), part("b", "COMPLETED")], "failed"),
        ([part("a", "UNKNOWN"), part("b", "COMPLETED")], None),
        ([], "completed"),
    ],
)
def test_the_end_of_a_run(parts, end):
    assert run_state(parts) == end


def test_a_wish_to_cancel_decides_unless_a_job_failed():
    assert run_state([part("a", "COMPLETED")], is_cancelled=True) == "cancelled"
    assert run_state([part("a", "FAILED")], is_cancelled=True) == "failed"


def test_an_unreached_job_says_which_dependency_rules_it_out():
    found = unreached([part("a", "FAILED"), part("b", "PENDING", "a"), part("c", "PENDING", "afterany:a", "b")])
    assert found == {"b": Dependency("afterok", "a"), "c": Dependency("afterok", "b")}


@given(st.sampled_from(KINDS), st.sampled_from(sorted(states.TERMINAL)), st.booleans())
def test_a_parent_that_is_over_has_decided(kind, state, is_lost):
    assert is_met(kind, state, is_lost) != rules_out(kind, state, is_lost)


STATES = sorted(states.TERMINAL | {"PENDING", "RUNNING"})


@st.composite
def runs(draw):
    """Jobs of a run in any states."""
    parts = []
    for number in range(draw(st.integers(0, 8))):
        kinds = (
            draw(st.dictionaries(st.integers(0, max(0, number - 1)), st.sampled_from(KINDS), max_size=3))
            if number
            else {}
        )
        state = draw(st.sampled_from(STATES))
        depends = tuple(Dependency(kind, f"j{parent}") for parent, kind in kinds.items())
        parts.append(Part(f"j{number}", state, depends, draw(st.booleans()) or state == "RUNNING"))
    return parts


@given(runs())
def test_a_run_is_open_exactly_while_a_reached_job_is(parts):
    neutral = unreached(parts)
    is_open = any(one.name not in neutral and not states.is_terminal(one.state) for one in parts)
    assert (run_state(parts) is None) == is_open


@given(runs())
def test_a_completed_run_has_no_failure(parts):
    if run_state(parts) == "completed":
        assert not {one.state for one in parts} & states.FAILURES
