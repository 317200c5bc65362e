"""The drawing of a graph of jobs: what it never does, how well it does where the best is known, its markup."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from srunx_web.core.layout import layout

TEMPLATES = Path(__file__).parents[2] / "templates"
KINDS = ["afterok", "after", "afterany", "afternotok"]
ONE = st.tuples(st.integers(0, 24), st.integers(0, 24), st.sampled_from(KINDS))
WIDTH, HEIGHT = 176, 48


def name(number):
    return f"job-{number:04}"


def edges(*pairs):
    """Edges of "a>b" and "a>b>c"."""
    return [(source, target, "afterok") for text in pairs for source, target in pairwise(text.split(">"))]


@st.composite
def graphs(draw):
    """(names in any order, edges without a cycle)."""
    found = draw(st.lists(ONE, max_size=50))
    names = draw(st.permutations([name(number) for number in range(25)]))
    return names, [(name(min(a, b)), name(max(a, b)), kind) for a, b, kind in found if a != b]


def layered(jobs, links, seed=1):
    """Jobs in columns of 40, each link to one of the three columns before."""
    chance, found = Random(seed), set()
    while len(found) < links:
        target = chance.randrange(40, jobs)
        found.add((chance.randrange(max(0, (target // 40 - 3) * 40), target // 40 * 40), target))
    return [name(number) for number in range(jobs)], [
        (name(source), name(target), chance.choice(["afterok"] * 4 + KINDS)) for source, target in sorted(found)
    ]


def steps(path):
    """The points (x, y) that a path goes through, each with the letter that led there."""
    x, y, found = 0, 0, []
    for letter, text in re.findall(r"([MhcH])([-\d ]*)", path):
        numbers = [int(number) for number in re.findall(r"-?\d+", text)]
        x, y = {"M": (*numbers, 0)[:2], "h": (x + numbers[-1], y), "H": (numbers[-1], y),
                "c": (x + numbers[-2], y + numbers[-1]) if len(numbers) > 1 else ()}[letter]  # fmt: skip
        found.append((letter, x, y))
    return found


def crossings(drawn):
    """How often two edges cross: between the same two columns, one begins above the other and ends below it."""
    curves = {}
    for edge in drawn.edges:
        points = steps(edge.path)
        for (_, x, y), (_, right, low) in pairwise(points):
            curves.setdefault(x if right - x < WIDTH else None, []).append((y, low))
    return sum((a - c) * (b - d) < 0 for group in curves.values() for (a, b), (c, d) in combinations(group, 2))


def hidden(drawn):
    """Level parts of edges that run behind a node."""
    return [
        (edge.source, edge.target, node)
        for edge in drawn.edges
        for (_, x, y), (letter, right, _) in pairwise(steps(edge.path))
        if letter == "h"
        for node, (left, top) in drawn.places.items()
        if x < left + WIDTH and left < right and top <= y <= top + HEIGHT
    ]


@given(graphs())
def test_nodes_stand_apart_and_all_is_within_the_drawing(graph):
    drawn = layout(*graph)
    assert sorted(drawn.places) == sorted(graph[0])
    for (x, y), (left, top) in combinations(drawn.places.values(), 2):
        assert abs(x - left) >= WIDTH + 24 or abs(y - top) >= HEIGHT + 20
    points = [(x + WIDTH, y + HEIGHT) for x, y in drawn.places.values()]
    points += [(x, y) for edge in drawn.edges for _, x, y in steps(edge.path)]
    points += [(edge.label_x + 29, edge.label_y + 6) for edge in drawn.edges]
    assert all(x < drawn.width and y < drawn.height for x, y in points)
    assert all(x > 0 and y > 5 for x, y in [*points, *drawn.places.values()])


@given(graphs())
def test_edges_run_from_side_to_side_to_the_right_and_behind_no_node(graph):
    drawn = layout(*graph)
    assert [edge[:3] for edge in drawn.edges] == graph[1]
    for edge in drawn.edges:
        points = steps(edge.path)
        (left, top), (end, low) = drawn.places[edge.source], drawn.places[edge.target]
        assert points[0][1:] == (left + WIDTH, top + HEIGHT // 2)
        assert points[-1][1:] == (end, low + HEIGHT // 2)
        assert all(x < right for (_, x, _), (_, right, _) in pairwise(points))
    assert hidden(drawn) == []


@given(graphs())
def test_the_same_graph_is_drawn_the_same(graph):
    assert layout(*graph) == layout(*graph)


@pytest.mark.parametrize(
    ("pairs", "least"),
    [
        (["a1>a2>a3>a4", "b1>b2>b3>b4", "c1>c2>c3>c4", "a1>end", "a4>end", "c4>end", "b4>end"], 0),
        (["root>l", "root>r", "l>l1", "r>r1", "l>l2", "r>r2", "l1>x", "r2>y", "l2>z"], 0),
        (["in>a1", "in>b1", "in>c1", "c1>c2", "b1>b2", "a1>a2", "b2>out", "a2>out", "c2>out", "in>out"], 0),
        (["a>x", "b>y", "a>y", "b>x"], 1),
        ([f"{source}>{target}" for source in "abc" for target in "xyz"], 9),
    ],
)
def test_edges_cross_no_more_than_they_must(pairs, least):
    names = sorted({word for pair in pairs for word in pair.split(">")}, key=lambda word: word[::-1])
    assert crossings(layout(names, edges(*pairs))) == least


def test_a_chain_is_a_line_and_a_fan_is_even():
    chain = layout(list("abcd"), edges("a>b>c>d"))
    assert len({y for _, y in chain.places.values()}) == 1
    assert not [edge for edge in chain.edges if "c" in edge.path]
    fan = layout(list("abcde"), edges("a>b>e", "a>c>e", "a>d>e")).places
    assert fan["a"][1] == fan["c"][1] == fan["e"][1]
    assert fan["d"][1] - fan["c"][1] == fan["c"][1] - fan["b"][1]


def test_a_long_edge_is_straight_where_it_passes_others():
    drawn = layout(list("abcde"), edges("a>b>c>d>e", "a>e"))
    assert [letter for letter, _, _ in steps(drawn.edges[-1].path)] == ["M", "c", "h", "c"]


def test_labels_keep_apart():
    names = ["start", *[f"fit-{number}" for number in range(6)], "end"]
    links = [("start", one, "after") for one in names[1:-1]] + [(one, "end", "afterany") for one in names[1:-1]]
    labels = [(edge.label_x, edge.label_y) for edge in layout(names, links).edges]
    assert all(abs(x - left) > 50 or abs(y - top) > 10 for (x, y), (left, top) in combinations(labels, 2))


def test_jobs_without_edges_fill_a_page_not_a_column():
    alone = layout([name(number) for number in range(1000)], [])
    assert 1 < alone.width / alone.height < 2.5
    pairs = layout(
        [name(number) for number in range(1000)], [(name(n), name(n + 1), "after") for n in range(0, 1000, 2)]
    )
    assert 1 < pairs.width / pairs.height < 2.5


def test_a_cycle_is_refused_with_the_jobs_in_it():
    with pytest.raises(ValueError, match=r"^cycle: (b -> c -> d -> b|c -> d -> b -> c|d -> b -> c -> d)$"):
        layout(list("abcde"), edges("a>b>c>d>b", "d>e"))


def test_a_broken_draft_is_drawn_with_the_edge_that_runs_back():
    drawn = layout(list("abc"), [*edges("a>b>c>a", "b>b"), ("ghost", "a", "after")], broken=True)
    assert [edge[:2] for edge in drawn.edges] == [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")]
    columns = [drawn.places[job][0] for job in "abc"]
    assert columns == sorted(set(columns))
    lowest = max(y for edge in drawn.edges for _, _, y in steps(edge.path))
    assert drawn.places["a"][1] + HEIGHT < lowest < drawn.height


def test_nothing_gives_an_empty_drawing():
    assert layout([], [("a", "b", "after")]).places == {}


# ---- the markup


def node(job, **fields):
    plain = {"name": job, "state": "COMPLETED", "kind": "done", "note": "", "elapsed": "1:06:40"}
    return plain | {"start_time": 1000, "end_time": 5000, "url": None} | fields


def graph(nodes, drawn, **options):
    """The text of the macro."""
    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return str(env.get_template("workflows/_graph.html").module.graph(nodes, drawn, **options))


def test_a_thousand_jobs_are_a_page_of_less_than_300_kB():
    names, links = layered(1000, 1500)
    drawn = layout(names, links)
    assert len(graph([node(job) for job in names], drawn, url="?job=").encode()) < 300_000
    assert hidden(drawn) == []


def test_a_node_says_its_state_and_links():
    failed = node("a&b", url="/runs/1/jobs/a", state="OUT_OF_MEMORY", kind="failed")
    text = graph([failed], layout(["a&b"], []))
    assert '<a id="n-a&amp;b" class="job-node failed" href="/runs/1/jobs/a">a&amp;b<small>' in text
    assert "<small>out of memory · 1:06:40</small></a>" in text
    text = graph([node("a&b")], layout(["a&b"], []), url="?job=", selected="a&b")
    assert 'href="?job=a%26b" aria-current="true"' in text


def test_what_runs_ticks_only_where_it_is_live():
    running = node("a", state="RUNNING", kind="running", end_time=None, elapsed="23:54", note="2 of 4")
    drawn = layout(["a"], [])
    assert '<small data-start="1000">running · <b>23:54</b> · 2 of 4</small>' in graph([running], drawn, live=True)
    assert "<small>running · 23:54 · 2 of 4</small>" in graph([running], drawn)


def test_a_job_of_a_draft_is_a_name_and_edges_say_their_kind():
    nodes = [node(job, state="", kind="", elapsed="") for job in "ab"]
    text = graph(nodes, layout(["a", "b"], [("a", "b", "afternotok")]))
    assert '<div id="n-a" class="job-node ">a</div>' in text
    assert '<path class="edge afternotok"' in text
    assert ">afternotok</text>" in text
