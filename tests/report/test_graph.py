"""The graph: as GraphML, and as it is drawn."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from pipeline.report.bundle import Bundle
from pipeline.report.graph import Graph, Node, graph
from pipeline.report.graphml import SPACE, document
from pipeline.report.layout import HIGH, MOST, WIDE, drawing
from schemas.incident import Edge
from tests.report import hostile
from tests.report.incidents import STOLEN, case


def of(made):
    bundle = Bundle(made.incident, made.entries, "full", b"")
    return graph(bundle.incident, bundle.shapes)


def line(*names, kind="used"):
    return [Edge(one, other, kind, 1, "") for one, other in pairwise(names)]


def drawn(*edges):
    names = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target))
    return drawing(Graph([Node(name, "strand", name, name, "", 1) for name in names], list(edges)))


@pytest.mark.parametrize("made", [case, hostile.case])
def test_graphml_reads_back_with_every_node_and_edge(made):
    found = of(made())
    root = ElementTree.fromstring(document(found))
    keys = {one.get("id"): (one.get("for"), one.get("attr.name")) for one in root.iter(f"{{{SPACE}}}key")}
    nodes = {one.get("id"): one for one in root.iter(f"{{{SPACE}}}node")}
    edges = list(root.iter(f"{{{SPACE}}}edge"))
    assert (len(nodes), len(edges)) == (len(found.nodes), len(found.edges))
    assert {end for one in edges for end in (one.get("source"), one.get("target"))} <= nodes.keys()
    for one in [*nodes.values(), *edges]:
        for data in one:
            assert keys[data.get("key")][0] == one.tag.removeprefix(f"{{{SPACE}}}")


def test_nodes_have_names_and_come_in_the_order_of_time():
    found = of(case())
    by = {node.id: node for node in found.nodes}
    assert [node.time for node in found.nodes] == sorted(node.time for node in found.nodes)
    assert by[f"credential:{STOLEN}"].note == "key · alive"
    assert by["strand:s-0"].label.endswith("user/backup")
    assert next(node for node in found.nodes if node.kind == "call").note == "tool call · invoice-bot"
    assert "strand:s-ci" not in by, "what was held apart led to nothing"


def test_a_strand_whose_id_is_an_end_already_is_one_node():
    made = case()
    for one in made.incident.strands:
        one.strand_id = f"strand:{one.strand_id}"
    assert {node.id for node in of(made).nodes} == {node.id for node in of(case()).nodes}
    assert next(node.name for node in of(made).nodes if node.kind == "strand").startswith("strand:s-")


def test_causes_stand_left_of_what_they_caused_and_no_box_lies_on_another():
    found = of(case())
    picture = drawing(found)
    place = {box.node.id: (box.x, box.y) for box in picture.boxes}
    assert len(place) == len(found.nodes)
    assert all(place[edge.source][0] < place[edge.target][0] for edge in found.edges)
    for one, (x, y) in place.items():
        assert 0 <= x <= picture.width - WIDE
        assert 0 <= y <= picture.height - HIGH
        near = [other for other, (ox, oy) in place.items() if abs(ox - x) < WIDE and abs(oy - y) < HIGH]
        assert near == [one]


def test_circles_loops_doubles_and_nothing_are_drawn_too():
    circle = drawn(*line("a", "b", "c", "a"), *line("a", "b"), *line("c", "c"))
    assert (len(circle.boxes), len(circle.lines)) == (3, 4)
    assert len({box.x for box in circle.boxes}) == 3
    assert drawn().boxes == []
    alone = drawing(Graph([Node("a", "strand", "a", "a", "", 0)], []))
    assert [box.node.id for box in alone.boxes] == ["a"]
    assert len(drawing(of(hostile.case())).boxes) == 7


def test_a_chain_of_thousands_neither_overflows_nor_is_drawn_whole():
    picture = drawn(*line(*(f"n{number}" for number in range(5000))))
    assert (len(picture.boxes), picture.more) == (MOST, 5000 - MOST)
