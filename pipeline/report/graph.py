"""The edges of an Incident become a graph whose nodes have names, kinds and times.

In:     Incident, shapes of its entries
Out:    Graph; ends that nothing is known of are nodes all the same

Ends of edges are `strand:…`, `credential:…`, `identity:…`, `prompt:<event id>`, `call:<event id>`; whatever else is
named `clue:…` and the like is a node of that kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from schemas.incident import Edge, Incident, Strand

Shape = Mapping[str, Any]


class Node(NamedTuple):
    """One thing that leads to another, or is led to."""

    id: str
    #: strand, credential, identity, prompt, call, …
    kind: str
    #: What it is called elsewhere: the id of a strand or an event, a credential, an identity.
    name: str
    label: str
    #: A second line: what it did, how often.
    note: str
    #: Microseconds since 1970; 0 where nobody knows.
    time: int
    belongs: bool = True


class Graph(NamedTuple):
    """Nodes in the order of time, edges as they are."""

    nodes: list[Node]
    edges: list[Edge]


def graph(incident: Incident, shapes: Iterable[Shape]) -> Graph:
    """The graph of an incident."""
    events = {shape["event_id"]: shape for shape in shapes}
    times = {part.event_id: part.time for part in incident.parts}
    strands = {_of(one): one for one in incident.strands}
    issued = {one.name: (one.issued or one.last_used, one.kind, one.state) for one in incident.reach.credentials}
    ends = [_of(one) for one in incident.strands if one.belongs]
    ends += [end for edge in incident.edges for end in (edge.source, edge.target)]
    found: dict[str, Node] = {}
    for end in dict.fromkeys(ends):
        kind, _, name = end.partition(":")
        if end in strands:
            found[end] = _strand(end, strands[end])
        elif kind in ("prompt", "call"):
            found[end] = _event(end, kind, events.get(name), times.get(name, 0))
        elif kind == "credential":
            time, what, state = issued.get(name, (0, "", ""))
            found[end] = Node(end, kind, name, name, " · ".join(filter(None, [what or "credential", state])), time)
        else:
            found[end] = Node(end, kind, name, name, kind, 0)
    nodes = _timed(found, incident.edges)
    return Graph(sorted(nodes.values(), key=lambda node: (node.time, node.id)), list(incident.edges))


def _of(strand: Strand) -> str:
    """The end of an edge that a strand is; its id may be one already."""
    return strand.strand_id if strand.strand_id.startswith("strand:") else f"strand:{strand.strand_id}"


def _strand(end: str, strand: Strand) -> Node:
    acts = f"{strand.events:,} of {strand.of:,} acts" if strand.belongs else f"held apart, {strand.of:,} acts"
    note = " · ".join(filter(None, [strand.actor_kind, acts]))
    return Node(end, "strand", strand.strand_id, strand.actor or strand.strand_id, note, strand.first, strand.belongs)


def _event(end: str, kind: str, shape: Shape | None, time: int) -> Node:
    name = end.partition(":")[2]
    if shape is None:
        return Node(end, kind, name, name, f"{kind}, not among the entries", time)
    who = shape["human"] if kind == "prompt" else shape["actor"]
    label = shape["action"] if kind == "call" else "prompt"
    return Node(end, kind, name, label, " · ".join(filter(None, ["tool call" if kind == "call" else "", who])), time)


def _timed(found: dict[str, Node], edges: Iterable[Edge]) -> dict[str, Node]:
    """A node without a time has that of the earliest one beside it."""
    beside: dict[str, list[int]] = {}
    for edge in edges:
        for one, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if found[other].time:
                beside.setdefault(one, []).append(found[other].time)
    return {name: node if node.time else node._replace(time=min(beside.get(name, [0]))) for name, node in found.items()}
