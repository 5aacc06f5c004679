"""A Graph becomes a drawing: boxes in layers from left to right, causes before what they caused, lines between.

In:     Graph
Out:    Drawing, in units of one pixel
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.report.graph import Graph, Node
from schemas.incident import Edge

#: Size of a box, and from one to the next; height of a line that passes between boxes.
WIDE, HIGH, ACROSS, DOWN, PASSING = 172, 46, 236, 62, 26
MARGIN, SWEEPS = 14, 6
#: Boxes of a drawing: more than that nobody can read.
MOST = 150


class Box(NamedTuple):
    """A node, and where its upper left corner is."""

    node: Node
    x: float
    y: float


class Line(NamedTuple):
    """An edge, the path that draws it, and where its name stands."""

    edge: Edge
    path: str
    x: float
    y: float


class Drawing(NamedTuple):
    """What is drawn."""

    width: float
    height: float
    boxes: list[Box]
    lines: list[Line]
    #: Nodes that are left out.
    more: int


Ends = dict[str, list[str]]


def drawing(graph: Graph) -> Drawing:
    """Lay a graph out. Of more than MOST nodes, those with most edges are drawn."""
    weight: dict[str, int] = {}
    for edge in graph.edges:
        weight[edge.source] = weight.get(edge.source, 0) + 1
        weight[edge.target] = weight.get(edge.target, 0) + 1
    kept = {node.id for node in sorted(graph.nodes, key=lambda one: -weight.get(one.id, 0))[:MOST]}
    nodes = {node.id: node for node in graph.nodes if node.id in kept}
    edges = [edge for edge in graph.edges if edge.source in kept and edge.target in kept and edge.source != edge.target]
    forward = _acyclic(list(nodes), edges)
    ranks = _ranks(list(nodes), forward)
    layers, ways = _layers(nodes, forward, ranks)
    _order(layers, ways)
    places = _places(layers, nodes)
    width = MARGIN * 2 + WIDE + ACROSS * max(len(layers) - 1, 0)
    height = 2 * MARGIN + max((_height(layer, nodes) for layer in layers), default=0)
    boxes = [Box(node, *places[name]) for name, node in nodes.items()]
    lines = [_line(edge, ways[number], places) for number, edge in enumerate(forward)]
    return Drawing(width, height, boxes, lines, len(graph.nodes) - len(nodes))


class _Forward(NamedTuple):
    edge: Edge
    back: bool

    @property
    def ends(self) -> tuple[str, str]:
        """From left to right."""
        return (self.edge.target, self.edge.source) if self.back else (self.edge.source, self.edge.target)


def _acyclic(nodes: Sequence[str], edges: Sequence[Edge]) -> list[_Forward]:
    """Edges with those turned around that close a cycle, beginning with what is earliest."""
    out: Ends = {name: [] for name in nodes}
    for edge in edges:
        out[edge.source].append(edge.target)
    open_, done, back = set[str](), set[str](), set[tuple[str, str]]()
    for root in nodes:
        stack = [(root, iter(out[root]))] if root not in done else []
        open_.update(name for name, _ in stack)
        while stack:
            name, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                stack.pop()
                open_.discard(name)
                done.add(name)
            elif target in open_:
                back.add((name, target))
            elif target not in done:
                open_.add(target)
                stack.append((target, iter(out[target])))
    return [_Forward(edge, (edge.source, edge.target) in back) for edge in edges]


def _ranks(nodes: Sequence[str], edges: Iterable[_Forward]) -> dict[str, int]:
    """The layer of each node: behind all that lead to it, and what nothing leads to just before what it leads to."""
    into: Ends = {name: [] for name in nodes}
    out: Ends = {name: [] for name in nodes}
    for one in edges:
        source, target = one.ends
        into[target].append(source)
        out[source].append(target)
    ranks: dict[str, int] = {}
    waiting = {name: len(sources) for name, sources in into.items()}
    ready = [name for name in nodes if not waiting[name]]
    for name in ready:
        ranks[name] = max((ranks[source] + 1 for source in into[name]), default=0)
        for target in out[name]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for name in nodes:
        if not into[name] and out[name]:
            ranks[name] = min(ranks[target] for target in out[name]) - 1
    return ranks


def _layers(
    nodes: Mapping[str, Node], edges: Sequence[_Forward], ranks: Mapping[str, int]
) -> tuple[list[list[str]], list[list[str]]]:
    """Names of each layer, and the stops of each edge: where it crosses a layer it has a place there too."""
    least = min(ranks.values(), default=0)
    layers: list[list[str]] = [[] for _ in range(max(ranks.values(), default=0) - least + 1)]
    for name in nodes:
        layers[ranks[name] - least].append(name)
    ways = []
    for number, one in enumerate(edges):
        source, target = one.ends
        passed = [f"\0{number}.{rank}" for rank in range(ranks[source] + 1, ranks[target])]
        for rank, name in enumerate(passed, ranks[source] + 1):
            layers[rank - least].append(name)
        ways.append([source, *passed, target])
    return layers, ways


def _order(layers: list[list[str]], ways: Iterable[Sequence[str]]) -> None:
    """Put what hangs together beside each other: each is where its neighbours are on average."""
    left: Ends = {}
    right: Ends = {}
    for way in ways:
        for one, other in pairwise(way):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    for sweep in range(SWEEPS):
        beside, pairs = (left, layers[1:]) if sweep % 2 == 0 else (right, layers[-2::-1])
        place = {name: at / max(len(layer), 1) for layer in layers for at, name in enumerate(layer)}
        for layer in pairs:
            wanted = {
                name: sum(place[one] for one in near) / len(near) if (near := beside.get(name)) else place[name]
                for name in layer
            }
            layer.sort(key=lambda name: wanted[name])
            place.update({name: at / max(len(layer), 1) for at, name in enumerate(layer)})


def _step(name: str, nodes: Mapping[str, Node]) -> float:
    return DOWN if name in nodes else PASSING


def _height(layer: Iterable[str], nodes: Mapping[str, Node]) -> float:
    return sum(_step(name, nodes) for name in layer)


def _places(layers: Sequence[Sequence[str]], nodes: Mapping[str, Node]) -> dict[str, tuple[float, float]]:
    """Upper left corners; each layer stands in the middle."""
    tallest = max((_height(layer, nodes) for layer in layers), default=0)
    found = {}
    for rank, layer in enumerate(layers):
        y = MARGIN + (tallest - _height(layer, nodes)) / 2
        for name in layer:
            offset = (DOWN - HIGH) / 2 if name in nodes else PASSING / 2
            found[name] = (float(MARGIN + rank * ACROSS), y + offset)
            y += _step(name, nodes)
    return found


def _line(one: _Forward, way: Sequence[str], places: Mapping[str, tuple[float, float]]) -> Line:
    points: list[tuple[float, float]] = []
    for at, name in enumerate(way):
        x, y = places[name]
        middle = y + HIGH / 2 if at in (0, len(way) - 1) else y
        points += [(x, middle)] if at == len(way) - 1 else [(x + WIDE, middle)] if at == 0 else [(x, y), (x + WIDE, y)]
    (x, y), (to_x, to_y) = points[0], points[1]
    label = ((x + to_x) / 2, (y + to_y) / 2 - 4)
    if one.back:
        points.reverse()
    return Line(one.edge, _path(points), *label)


def _path(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    made = [f"M{x:g} {y:g}"]
    for to_x, to_y in rest:
        middle = (x + to_x) / 2
        made.append(f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
    return "".join(made)
