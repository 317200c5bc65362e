"""The layers of a graph, the order within them, and heights (Sugiyama, Tagawa and Toda 1981).

Layers by longest path, with a bend for each layer that an edge passes; order by barycentres and exchange of
neighbours; heights by least squares, then on one line where there is room.
"""

from bisect import bisect, bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import inf

GAP = 24  # between two nodes of a layer
LANE = 12  # between two edges that pass a layer
BENDS = 1500  # at most, so that a thousand jobs are drawn in a fifth of a second
FAINT = 0.001  # how much a job next to it pulls a bend, and another bend 1


def walk(count: int, pairs: list[tuple[int, int]]) -> tuple[list[int], set[int], list[int]]:
    """(an order with sources before targets, numbers of the edges that close a cycle, the vertices of one cycle).

    The reverse of a depth-first walk's ends keeps the branches of a tree together; last first, it keeps their order.
    """
    out: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, (source, target) in enumerate(pairs):
        out[source].append((target, number))
    ended, seen, back, cycle = [], [0] * count, set(), []
    for root in range(count - 1, -1, -1):
        path = [] if seen[root] else [root]
        seen[root] = seen[root] or 1
        while path:
            target, number = out[path[-1]].pop() if out[path[-1]] else (-1, -1)
            if target < 0:
                seen[path[-1]] = 2
                ended.append(path.pop())
            elif seen[target] == 1:
                back.add(number)
                cycle = cycle or path[path.index(target) :]
            elif not seen[target]:
                seen[target] = 1
                path.append(target)
    return ended[::-1], back, cycle


class Layers:
    """Vertices by number, the jobs and then the bends; `parts` are the layers of all that hangs together.

    `y` are the heights of their middles in pixels; `near` their neighbours one layer before and one after.
    """

    def __init__(self, pairs: list[tuple[int, int]], order: list[int], back: set[int], height: int):
        self.pairs, self.back, self.height, self.count = pairs, back, height, len(order)
        self.layer = self._longest_paths(order)
        self.bends = self._add_bends()
        segments = [pair for number in range(len(pairs)) for pair in self._segments(number)]
        self.near: tuple[list[list[int]], list[list[int]]] = ([[] for _ in self.layer], [[] for _ in self.layer])
        for source, target in segments:
            self.near[0][target].append(source)
            self.near[1][source].append(target)
        self.room = [height + GAP] * self.count + [LANE] * (len(self.layer) - self.count)
        self.at, self.y = [0] * len(self.layer), [0.0] * len(self.layer)
        self.parts = self._parts(walk(len(self.layer), segments)[0])
        for layers in self.parts:
            self._sort(layers)
            self._place(layers)
        self._straighten()

    def _longest_paths(self, order: list[int]) -> list[int]:
        """The layer of each job: one after the last of its sources."""
        after: list[list[int]] = [[] for _ in order]
        for number, (source, target) in enumerate(self.pairs):
            if number not in self.back:
                after[source].append(target)
        layer = [0] * len(order)
        for source in order:
            for target in after[source]:
                layer[target] = max(layer[target], layer[source] + 1)
        return layer

    def _add_bends(self) -> dict[int, range]:
        """By number of edge, a vertex for each layer that it passes; beyond BENDS the longest edges have none."""
        bends, spans = {}, [self.layer[target] - self.layer[source] - 1 for source, target in self.pairs]
        for number in sorted(range(len(spans)), key=spans.__getitem__):
            first, past = len(self.layer), len(self.layer) + spans[number]
            if number not in self.back and past <= self.count + BENDS:
                layer = self.layer[self.pairs[number][0]] + 1
                self.layer += range(layer, layer + spans[number])
                bends[number] = range(first, past)
        return bends

    def _segments(self, number: int) -> Iterator[tuple[int, int]]:
        """The pairs of vertices in neighbouring layers that an edge runs through."""
        if number in self.bends:
            source, target = self.pairs[number]
            yield from pairwise([source, *self.bends[number], target])

    def _parts(self, order: list[int]) -> list[list[list[int]]]:
        """The layers of each part, in the order of its first job; within a layer as in `order`."""
        first = list(range(len(self.layer)))

        def root(vertex: int) -> int:
            while first[vertex] != vertex:
                first[vertex] = vertex = first[first[vertex]]
            return vertex

        ties = [(self.pairs[number][0], bend) for number, chain in self.bends.items() for bend in chain]
        for pair in [*self.pairs, *ties]:
            low, high = sorted(map(root, pair))
            first[high] = low
        parts: dict[int, list[list[int]]] = {vertex: [] for vertex in range(self.count) if first[vertex] == vertex}
        for vertex in sorted(order, key=self.layer.__getitem__):
            layers = parts[root(vertex)]
            layers += [[] for _ in range(self.layer[vertex] + 1 - len(layers))]
            layers[self.layer[vertex]].append(vertex)
        return list(parts.values())

    def _sort(self, layers: list[list[int]]) -> None:
        """Order each layer so that few edges cross: sweeps of barycentres to and fro, the best of them kept."""
        best, fewest, size = [], inf, sum(map(len, layers))
        self._number(layers)
        for sweep in range(max(4, min(24, 6000 // size))):
            crossings = sum(map(self._crossings, layers[:-1]))
            if crossings < fewest:
                best, fewest = [layer[:] for layer in layers], crossings
            if not fewest:
                break
            for layer in layers[1:] if sweep % 2 == 0 else layers[-2::-1]:
                if sweep % 8 > 3:
                    layer.reverse()  # those that tie change places
                layer.sort(key=self._barycentres(layer, self.near[sweep % 2]).__getitem__)
                self._number([layer])
        layers[:] = best
        self._number(layers)
        for _ in range(8 if fewest and size < 1000 else 0):
            for layer in layers:
                self._exchange(layer)

    def _number(self, layers: list[list[int]]) -> None:
        for layer in layers:
            for place, vertex in enumerate(layer):
                self.at[vertex] = place

    def _barycentres(self, layer: list[int], near: list[list[int]]) -> dict[int, float]:
        at = self.at
        return {
            vertex: sum([at[other] for other in near[vertex]]) / len(near[vertex]) if near[vertex] else at[vertex]
            for vertex in layer
        }

    def _crossings(self, layer: list[int]) -> int:
        """How often the edges from this layer to the next one cross."""
        passed: list[int] = []
        total = 0
        for vertex in layer:
            ends = [self.at[other] for other in self.near[1][vertex]]
            total += sum([len(passed) - bisect(passed, end) for end in ends])
            for end in ends:
                insort(passed, end)
        return total

    def _exchange(self, layer: list[int]) -> None:
        """Let two neighbours change places where fewer edges cross then."""
        for place in range(len(layer) - 1):
            high, low = layer[place : place + 2]
            saved = 0
            for near in self.near:
                ends = sorted([self.at[other] for other in near[low]])
                above = [self.at[other] for other in near[high]]
                saved += sum([bisect_left(ends, end) + bisect(ends, end) - len(ends) for end in above])
            if saved > 0:
                layer[place : place + 2] = low, high
                self.at[low], self.at[high] = place, place + 1

    def _place(self, layers: list[list[int]]) -> None:
        """Give the vertices heights, in sweeps to and fro."""
        for layer in layers:
            self._spread(layer, [(0, 1)] * len(layer))
        for sweep in range(8 if sum(map(len, layers)) < 500 else 5):
            near = self.near[sweep % 2]
            for layer in layers[1:] if sweep % 2 == 0 else layers[-2::-1]:
                self._spread(layer, [self._pull(vertex, near[vertex]) for vertex in layer])

    def _pull(self, vertex: int, near: list[int]) -> tuple[float, float]:
        """(the height that a vertex wants, how much): a bend on a line with the next one, a job amid others."""
        if not near:
            return self.y[vertex], 1
        if vertex < self.count:
            return sum(self._middles(near)) / 2, 1
        return self.y[near[0]], 1 if near[0] >= self.count else FAINT

    def _middles(self, near: list[int]) -> tuple[float, float]:
        """The two middle heights (the same, of an odd number) of the jobs among some vertices, or else of all."""
        heights = sorted([self.y[other] for other in near if other < self.count] or [self.y[other] for other in near])
        half = len(heights) // 2
        return heights[half], heights[~half]

    def _spread(self, layer: list[int], pulls: list[tuple[float, float]]) -> None:
        """Move a layer as near to what it wants as its order allows (least squares, by pooling adjacent violators)."""
        pools: list[tuple[float, float, int]] = []  # weight, height of the first, number of vertices
        offsets = [0.0]
        for above, below in pairwise(layer):
            offsets.append(offsets[-1] + (self.room[above] + self.room[below]) / 2)
        for (wanted, weight), offset in zip(pulls, offsets, strict=True):
            pool = (weight, wanted - offset, 1)
            while pools and pools[-1][1] >= pool[1]:
                more, other, others = pools.pop()
                mass = pool[0] + more
                pool = (mass, (pool[0] * pool[1] + more * other) / mass, pool[2] + others)
            pools.append(pool)
        heights = [height for _, height, size in pools for _ in range(size)]
        for vertex, height, offset in zip(layer, heights, offsets, strict=True):
            self.y[vertex] = height + offset

    def _straighten(self) -> None:
        """Lay bends on one line, and a job on that of the middle one of its neighbours, where there is room for it."""
        stacked = [pair for layers in self.parts for layer in layers for pair in pairwise(layer)]
        above, below = {low: high for high, low in stacked}, dict(stacked)
        for _ in range(3):
            for number, bends in self.bends.items():
                if bends:
                    high, low = self._room(bends, above, below)
                    ends = [min(max(self.y[end], high), low) for end in self.pairs[number]]
                    self._shift(bends, ends if high <= low else [])
            for vertex in range(self.count):
                high, low = self._room([vertex], above, below)
                self._shift([vertex], [height for height in self._lines(vertex) if high <= height <= low])

    def _room(self, vertices: Sequence[int], above: dict[int, int], below: dict[int, int]) -> tuple[float, float]:
        """Between which heights all these vertices may stand."""
        y, room = self.y, self.room
        highs = [y[above[vertex]] + (room[above[vertex]] + room[vertex]) / 2 for vertex in vertices if vertex in above]
        lows = [y[below[vertex]] - (room[below[vertex]] + room[vertex]) / 2 for vertex in vertices if vertex in below]
        return max(highs, default=-inf), min(lows, default=inf)

    def _lines(self, vertex: int) -> list[float]:
        """The heights of neighbours for which a job moves: close ones, and that of the middle one of a side."""
        middles = [self._middles(near[vertex]) for near in self.near if near[vertex]]
        close = [self.y[other] for near in self.near for other in near[vertex]]
        return [
            *[height for height in close if abs(height - self.y[vertex]) < LANE],
            *[one for one, other in middles if one == other],
        ]

    def _shift(self, vertices: Sequence[int], heights: Sequence[float]) -> None:
        """Move vertices to the height that is next to their present one, if there is any."""
        now = sum([self.y[vertex] for vertex in vertices]) / len(vertices)
        height = min(heights, key=lambda height: abs(height - now), default=None)
        for vertex in vertices if height is not None else []:
            self.y[vertex] = height

    def routes(self) -> list[list[float]]:
        """For each edge its height in each layer from its source to its target; only these two when it runs back."""
        y, count = self.y, self.count
        columns = [[[y[vertex] for vertex in layer if vertex < count] for layer in layers] for layers in self.parts]
        part = {vertex: columns[number] for number, layers in enumerate(self.parts) for vertex in chain(*layers)}
        routes = []
        for number, (source, target) in enumerate(self.pairs):
            passed = part[source][self.layer[source] + 1 : self.layer[target]]
            bends = [y[bend] for bend in self.bends[number]] if number in self.bends else self._gaps(y[source], passed)
            routes.append([y[source], *bends, y[target]])
        return routes

    def _gaps(self, height: float, columns: list[list[float]]) -> Iterator[float]:
        """Heights for an edge without bends: straight on where no node stands, else through the next gap."""
        aside = (self.height + GAP) / 2
        for nodes in columns:
            place = bisect(nodes, height)
            for node in nodes[max(0, place - 1) : place + 1]:
                if abs(height - node) < aside - LANE / 2:
                    height = node + aside if height > node else node - aside
                    break
            yield height
