"""Jobs as rows: grouped, filtered, sorted, paged."""

from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.listing import SORTS, Filter, Table
from srunx_web.core.model import Job
from srunx_web.core.overview import overview

STATES = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "UNKNOWN"]
ONE = st.tuples(
    st.integers(1, 500), st.sampled_from(["train", "eval", "x|y"]), st.sampled_from(["ann", "bob"]),
    st.sampled_from(["cpu", "gpu", "cpu,gpu"]), st.sampled_from(STATES), st.none() | st.integers(0, 100),
)  # fmt: skip
JOBS = st.lists(ONE, max_size=30, unique_by=lambda one: one[0]).map(lambda all_: [job(*one) for one in all_])


def job(id_, name, user, partition, state, start):
    """A job of its own."""
    return Job(id_, name=name, user=user, partition=partition, state=state, start_time=start)


ARRAY = [
    Job(5, 5, None, "4-9%3", "sweep", state="PENDING"),
    Job(6, 5, 0, None, "sweep", state="COMPLETED"),
    Job(7, 5, 1, None, "sweep", state="RUNNING"),
    Job(8, 5, 2, None, "sweep", state="FAILED"),
]


@given(JOBS, st.sampled_from(SORTS), st.integers(1, 9))
def test_the_pages_hold_every_row_once(jobs, sort, size):
    table, wanted = Table(jobs), Filter(sort=sort)
    pages = [table.page(wanted, number, size) for number in range(1, table.page(wanted, 1, size).pages + 1)]
    assert sorted(row.job.id for page in pages for row in page.rows) == sorted(job.id for job in jobs)


@given(JOBS, st.sampled_from(["train", "12"]), st.sampled_from([*STATES, "failed", ""]), st.sampled_from(["gpu", ""]))
def test_a_filter_keeps_what_it_says_and_nothing_else(jobs, search, state, partition):
    wanted = Filter(search, state, partition, "ann")
    kept = {row.job.id for row in Table(jobs).page(wanted, size=1000).rows}
    for job in jobs:
        fits = (search in job.name or search in str(job.id)) and job.user == "ann"
        fits = fits and (not state or state == job.state or (state == "failed" and job.state == "FAILED"))
        assert (job.id in kept) == bool(fits and (not partition or partition in job.partition))


@given(JOBS)
def test_what_lives_stands_first_and_the_newest_before(jobs):
    rows = [row.job for row in Table(jobs).page(Filter(), size=1000).rows]
    ranks = [{"RUNNING": 0, "PENDING": 1}.get(job.state, 2) for job in rows]
    assert ranks == sorted(ranks)
    assert all(a.id > b.id for a, b, x, y in zip(rows, rows[1:], ranks, ranks[1:], strict=False) if x == y)


@given(JOBS, st.sampled_from(["name", "gpus", "elapsed", "submitted"]))
def test_the_other_direction_is_the_reverse_but_for_ties(jobs, sort):
    table = Table(jobs)
    up = [row.job for row in table.page(Filter(sort=sort), size=1000).rows]
    down = [row.job for row in table.page(Filter(sort=f"-{sort}"), size=1000).rows]
    if sort == "name":
        assert [job.name for job in up] == [job.name for job in down][::-1]
    assert {job.id for job in up} == {job.id for job in down}


def test_an_array_is_one_row_with_counts_by_state():
    (row,) = Table(ARRAY).page(Filter()).rows
    assert (row.label, row.job.task) == ("5", 1)
    assert row.counts == {"COMPLETED": 1, "FAILED": 1, "RUNNING": 1, "PENDING": 6}


def test_an_array_is_kept_when_one_task_is():
    assert Table(ARRAY).page(Filter(state="failed")).total == 1
    assert Table(ARRAY).page(Filter(state="TIMEOUT")).total == 0


def test_cancelling_by_filter_names_whole_arrays_and_single_tasks():
    table = Table([*ARRAY, Job(9, name="done", state="COMPLETED"), Job(10, name="x", state="PENDING")])
    assert table.labels(Filter()) == ["5", "10"]
    assert sorted(table.labels(Filter(state="waiting"))) == ["10", "5_[4-9]"]
    assert table.labels(Filter(state="failed")) == []


def test_the_overview_says_what_needs_somebody():
    now = 10_000
    rows = [
        Job(1, name="near", state="RUNNING", start_time=now - 950, time_limit=1000),
        Job(2, name="fine", state="RUNNING", start_time=now - 10, time_limit=1000),
        Job(3, name="stuck", state="PENDING", reason="DependencyNeverSatisfied"),
        Job(4, name="dead", state="TIMEOUT", end_time=now - 60),
        Job(5, name="old", state="FAILED", end_time=now - 90_000),
    ]
    found = overview(Table(rows).page(Filter()).rows, now)
    assert {row.job.name for row, *_ in found.attention} == {"near", "stuck", "dead"}
    assert [len(part) for part in found[1:]] == [2, 1, 1]
