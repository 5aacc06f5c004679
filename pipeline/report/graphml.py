"""A Graph becomes GraphML, as Gephi, yEd, Cytoscape and networkx read it.

In:     Graph
Out:    the document, in ASCII: what XML cannot hold is written out
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from pipeline.alert.plain import clean
from pipeline.report.graph import Graph
from pipeline.store.shapes import iso

SPACE = "http://graphml.graphdrawing.org/xmlns"
#: Keys: (for what, name, type).
_KEYS = (
    ("node", "name", "string"), ("node", "label", "string"), ("node", "kind", "string"), ("node", "note", "string"),
    ("node", "time", "string"),
    ("node", "belongs", "boolean"), ("edge", "kind", "string"), ("edge", "confidence", "double"),
    ("edge", "sentence", "string"), ("edge", "evidence", "string"),
)  # fmt: skip
MOST = 8000


def document(graph: Graph) -> bytes:
    """The document."""
    Xml.register_namespace("", SPACE)
    root = Xml.Element(f"{{{SPACE}}}graphml")
    for of, name, kind in _KEYS:
        Xml.SubElement(root, f"{{{SPACE}}}key", {
            "id": f"{of}_{name}", "for": of, "attr.name": name, "attr.type": kind,
        })  # fmt: skip
    within = Xml.SubElement(root, f"{{{SPACE}}}graph", {"id": "incident", "edgedefault": "directed"})
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        made = Xml.SubElement(within, f"{{{SPACE}}}node", {"id": names[node.id]})
        _data(made, "node", {
            "name": node.id, "label": node.label, "kind": node.kind, "note": node.note,
            "time": iso(node.time) if node.time else "",
            "belongs": "true" if node.belongs else "false",
        })  # fmt: skip
    for number, edge in enumerate(graph.edges):
        made = Xml.SubElement(within, f"{{{SPACE}}}edge", {
            "id": f"e{number}", "source": names[edge.source], "target": names[edge.target],
        })  # fmt: skip
        _data(made, "edge", {
            "kind": edge.kind, "confidence": f"{edge.confidence:.4f}", "sentence": edge.sentence,
            "evidence": " ".join(edge.evidence),
        })  # fmt: skip
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="us-ascii", xml_declaration=True)) + b"\n"


def _data(parent: Xml.Element, of: str, values: dict[str, str]) -> None:
    for name, value in values.items():
        Xml.SubElement(parent, f"{{{SPACE}}}data", {"key": f"{of}_{name}"}).text = clean(value, MOST)
