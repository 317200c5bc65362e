"""A drawing of a graph of jobs, left to right: where the nodes stand, and the paths and labels of the edges."""

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from math import sqrt
from typing import NamedTuple

from .layers import GAP, LANE, Layers, walk

PAD = 16  # around the drawing
CHANNEL = 64  # between two layers, and up to WIDER more where an edge is steeper than STEEP
STEEP, WIDER = 190, 96
LOOP = 20  # of an edge that runs back
PAGE, ASPECT = 1140, 1.6  # how wide rows of unlinked parts may be in any case, and the shape of many rows
LIFT = 8  # of a label above a level line
SPOTS = (0.65, 0.5, 0.35)  # for a label on a curve, in parts of its height


class Edge(NamedTuple):
    """`path` is the d of an SVG path; (label_x, label_y) is the middle of its label."""

    source: str
    target: str
    kind: str
    path: str
    label_x: int
    label_y: int


class Layout(NamedTuple):
    """All in whole pixels; `places` has the top left corner of each node."""

    width: int
    height: int
    places: dict[str, tuple[int, int]]
    edges: list[Edge]


def layout(
    names: Sequence[str],
    edges: Sequence[tuple[str, str, str]],
    node_width: int = 176,
    node_height: int = 48,
    broken: bool = False,
) -> Layout:
    """Draw edges (source, target, kind); those of unknown names are left out.

    ValueError names the jobs of a cycle; with `broken`, the edges that close one run back and shape nothing.
    """
    words = list(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(words)}
    known = [edge for edge in edges if edge[0] in numbers and edge[1] in numbers]
    pairs = [(numbers[source], numbers[target]) for source, target, _ in known]
    order, back, cycle = walk(len(words), pairs)
    if cycle and not broken:
        raise ValueError(f"cycle: {' -> '.join(words[vertex] for vertex in [*cycle, cycle[0]])}")
    if cycle:
        back = _running_back(len(words), pairs)
        order, _, _ = walk(len(words), [pair for number, pair in enumerate(pairs) if number not in back])
    sheet = _Sheet(Layers(pairs, order, back, node_height), node_width)
    places = {name: sheet.corner(vertex) for vertex, name in enumerate(words)}
    return Layout(sheet.width, sheet.height, places, sheet.edges(known))


def _running_back(count: int, pairs: list[tuple[int, int]]) -> set[int]:
    """Numbers of the edges that close a cycle, walked the other way round: what is written first leads."""
    mirrored = [(count - 1 - source, count - 1 - target) for source, target in reversed(pairs)]
    return {len(pairs) - 1 - number for number in walk(count, mirrored)[1]}


class _Sheet:
    """A graph in whole pixels: where the layers of each part begin, and where the part stands."""

    def __init__(self, graph: Layers, node_width: int):
        self.graph, self.node_width, self.half = graph, node_width, graph.height // 2
        self.y = [round(height) for height in graph.y]
        self.routes = [[round(height) for height in route] for route in graph.routes()]
        self.part = {vertex: part for part, layers in enumerate(graph.parts) for vertex in chain(*layers)}
        self.lefts = self._lefts()
        self.tops, sizes = self._sizes()
        self.corners, self.width, self.height = _pack(sizes, node_width)

    def _lefts(self) -> list[list[int]]:
        """The left side of each layer, by part; the channels between them are wider where edges are steep."""
        steep = [[0] * len(layers) for layers in self.graph.parts]
        for (source, _), route in zip(self.graph.pairs, self.routes, strict=True):
            channels = steep[self.part[source]]
            for layer, (here, there) in enumerate(pairwise(route), self.graph.layer[source]):
                channels[layer] = max(channels[layer], abs(there - here))
        step = self.node_width + CHANNEL
        return [
            list(accumulate((step + min(WIDER, max(0, high - STEEP) // 6) for high in part[:-1]), initial=0))
            for part in steep
        ]

    def _sizes(self) -> tuple[list[int], list[tuple[int, int]]]:
        """The highest point of each part, and its width and height."""
        half = [self.half] * self.graph.count + [LANE] * len(self.y)
        tops = [min(self.y[layer[0]] - half[layer[0]] for layer in layers) for layers in self.graph.parts]
        bottoms = [max(self.y[layer[-1]] + half[layer[-1]] for layer in layers) for layers in self.graph.parts]
        for number, route in enumerate(self.routes):
            part, below = self.part[self.graph.pairs[number][0]], self.half + LANE if number in self.graph.back else 0
            tops[part], bottoms[part] = min(tops[part], *route), max(bottoms[part], max(route) + below)
        widths = [lefts[-1] + self.node_width for lefts in self.lefts]
        return tops, [(width, bottom - top) for width, top, bottom in zip(widths, tops, bottoms, strict=True)]

    def corner(self, vertex: int) -> tuple[int, int]:
        """The top left corner of a node."""
        part = self.part[vertex]
        left, top = self.corners[part]
        return left + self.lefts[part][self.graph.layer[vertex]], top + self.y[vertex] - self.half - self.tops[part]

    def edges(self, known: Sequence[tuple[str, str, str]]) -> list[Edge]:
        """The edges with paths and labels; a label gives way to those before it. Those of afterok are not shown."""
        taken: set[tuple[int, int]] = set()
        edges = []
        for number, edge in enumerate(known):
            path, spots = self._back(number) if number in self.graph.back else self._forth(number)
            spot = spots[0]
            if edge[2] != "afterok":
                spot = next((spot for spot in spots if taken.isdisjoint(_cells(*spot))), spot)
                taken.update(_cells(*spot))
            edges.append(Edge(*edge, path, *spot))
        return edges

    def _forth(self, number: int) -> tuple[str, list[tuple[int, int]]]:
        """The path of an edge to the right, and the places for its label, the best one first."""
        source, target = self.graph.pairs[number]
        x, y = self.corner(source)
        x, y = x + self.node_width, y + self.half
        path, run, level, steep = [f"M{x} {y}"], 0, [], []
        crowded = len(self.graph.near[1][source]) - len(self.graph.near[0][target])
        spots = SPOTS if crowded > 0 else SPOTS[::-1]  # away from where the other edges are
        lefts = self.lefts[self.part[source]][self.graph.layer[source] : self.graph.layer[target] + 1]
        for (here, there), (left, right) in zip(pairwise(self.routes[number]), pairwise(lefts), strict=True):
            width, step = right - left - self.node_width, there - here
            steep += [(x + width // 2, y + (round(step * part) if step else -LIFT)) for part in spots]
            if step:
                path.append((f"h{run}" if run else "") + f"c{width // 2} 0 {width // 2} {step} {width} {step}")
            run = self.node_width + (0 if step else run + width)
            x, y = x + width + self.node_width, y + step
            level.append((x - self.node_width // 2, y - LIFT))
        path.append(f"h{run - self.node_width}" if run > self.node_width else "")
        middle = (len(level) - 1) // 2
        return "".join(path).replace(" -", "-"), [*level[middle:-1], *level[:middle], *steep]

    def _back(self, number: int) -> tuple[str, list[tuple[int, int]]]:
        """The same for an edge that runs back, below both of its ends."""
        source, target = self.graph.pairs[number]
        (x, y), (end, high) = self.corner(source), self.corner(target)
        y, high = y + self.half, high + self.half
        low = max(y, high) + self.half + LANE
        down, up = f"c{LOOP} 0 {LOOP} {low - y} 0 {low - y}", f"c-{LOOP} 0 -{LOOP} {high - low} 0 {high - low}"
        return f"M{x + self.node_width} {y}{down}H{end}{up}", [((x + end + self.node_width) // 2, low)]


def _cells(x: int, y: int) -> list[tuple[int, int]]:
    """The parts of a grid that a label of 60 by 12 pixels around a point covers."""
    return [
        (column, row) for column in range((x - 30) // 20, (x + 50) // 20) for row in range((y - 6) // 6, y // 6 + 2)
    ]


def _pack(sizes: list[tuple[int, int]], single: int) -> tuple[list[tuple[int, int]], int, int]:
    """The corners of boxes in rows of a sensible width, single nodes last; then the width and height of the whole."""
    area = sum((width + CHANNEL) * (height + GAP) for width, height in sizes if width < PAGE)
    widest = max([int(sqrt(ASPECT * area)), *[min(width, PAGE) for width, _ in sizes]])
    corners, right, x, y, row, alone = [(PAD, PAD)] * len(sizes), 0, 0, 0, 0, False
    for box in sorted(range(len(sizes)), key=lambda box: sizes[box][0] == single):
        width, height = sizes[box]
        if x and (x + width > widest or (width == single) != alone):
            x, y, row = 0, y + row + GAP, 0
        corners[box], alone = (PAD + x, PAD + y), width == single
        x, row, right = x + width + CHANNEL, max(row, height), max(right, x + width)
    return corners, right + 2 * PAD, y + row + 2 * PAD
