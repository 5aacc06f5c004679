"""An incident becomes a report in one HTML file that loads nothing and sends nothing.

In:     Incident, shapes of its entries, its Graph
Out:    the document

What others wrote is inert and escaped where the document is made, and set as text where its script shows it. The
Content-Security-Policy allows the one stylesheet and the one script by their hashes, and nothing else. Without the
script everything can be read but the timeline beyond STILL entries.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from pipeline.alert.plain import clean
from pipeline.report.ascii import line
from pipeline.report.content import Content
from pipeline.report.frameworks import grouped
from pipeline.report.graph import Graph
from pipeline.report.integrity import integrity
from pipeline.report.layout import drawing
from pipeline.report.rows import rows
from pipeline.report.words import counted, lasting
from pipeline.store.shapes import iso
from schemas.incident import Incident

#: Entries of the timeline that stand in the document itself: those that sentences speak of come first.
STILL = 250
#: Rows of a table, and characters of a text in it; all of them are in `incident.json`.
MOST, TEXT = 500, 1200
_ENDED = ("expired", "revoked")


def document(
    incident: Incident, shapes: Sequence[dict[str, Any]], graph: Graph, content: Content, *, proved: bool,
    links: Sequence[tuple[str, str]] = (),
) -> Iterator[str]:  # fmt: skip
    """The document. `links` (text, address) stand before its sections where somebody serves it."""
    styles, script = _file("report.css"), _file("report.js")
    found = rows(shapes, {part.event_id: part for part in incident.parts})
    numbers = {shape["event_id"]: number for number, shape in enumerate(shapes)}
    yield _template()(
        policy=policy(styles, script), styles=styles, script=script, incident=incident, content=content,
        still=[(number, found[number]) for number in _still(incident, numbers, len(found))], rows=found,
        numbers=numbers, drawn=drawing(graph), ends={node.id: node for node in graph.nodes},
        data=_data({"rows": found}), most=MOST, facts=_facts(incident), frameworks=grouped(incident.frameworks),
        integrity=integrity(content, proved=proved), nodes=_filters(graph), after=_after(incident),
        alive=[one for one in incident.reach.credentials if one.state not in _ENDED],
        own=[one for one in incident.strands if one.belongs],
        apart=[one for one in incident.strands if not one.belongs], links=links,
    )  # fmt: skip


def own_policy() -> str:
    """The Content-Security-Policy of the documents, for whoever serves one."""
    return policy(_file("report.css"), _file("report.js"))


def policy(styles: str, script: str) -> str:
    """A Content-Security-Policy for a document with this stylesheet and this script."""
    return (
        f"default-src 'none'; style-src {_hashed(styles)}; script-src {_hashed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(value: Any) -> str:  # noqa: ANN401  (what JSON may be)
    """JSON in which nothing ends a script element or begins a comment."""
    return line(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _still(incident: Incident, numbers: dict[str, int], amount: int) -> list[int]:
    told = [name for step in incident.story for name in step.entries]
    told += [name for root in incident.roots for name in root.entries]
    told += [name for edge in incident.edges for name in edge.evidence]
    told += [part.event_id for part in incident.parts if part.detections]
    cited = [numbers[name] for name in dict.fromkeys(told) if name in numbers][:STILL]
    told_of = set(cited)
    rest = [number for number in range(amount) if number not in told_of]
    return sorted(cited + rest[: STILL - len(cited)])


def _filters(graph: Graph) -> dict[str, tuple[str, str]]:
    """What of the timeline a node stands for: key of a row, and its value."""
    keys = {"strand": "s", "credential": "c", "identity": "w", "prompt": "id", "call": "id"}
    return {node.id: (keys.get(node.kind, "*"), clean(node.name, 300)) for node in graph.nodes}


def _after(incident: Incident) -> str:
    after = incident.detected_after
    return "not detected" if after is None else f"{lasting(after)} after the first act"


def _facts(incident: Incident) -> list[tuple[str, str]]:
    reach = incident.reach
    own = sum(one.belongs for one in incident.strands)
    return [
        ("First act (UTC)", iso(incident.first)), ("Lasted", lasting(incident.dwell)), ("Detected", _after(incident)),
        ("Entries", f"{len(incident.parts):,}"), ("Strands", f"{own:,} of {len(incident.strands):,}"),
        ("Resources", f"{len({one.name for one in reach.resources}):,}"),
        ("Credentials", f"{len(reach.credentials):,}"), ("Accounts", f"{len(reach.accounts):,}"),
    ]  # fmt: skip


@cache
def _file(name: str) -> str:
    return files("pipeline.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Any:  # noqa: ANN401
    environment = Environment(
        loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        t=lambda text, most=TEXT: clean(str(text), most), iso=lambda time: iso(time) if time else "not known",
        percent=lambda value: f"{value:.0%}", number=lambda value: f"{value:,}", counted=counted, sure=_sure,
        middle=_middle,
    )  # fmt: skip
    return environment.get_template("report.html").render


def _middle(text: str, most: int) -> str:
    """At most so many characters of a name: its end tells more than what is before that."""
    shown = clean(text, TEXT)
    return shown if len(shown) <= most else f"{shown[: most // 3]}…{shown[1 + most // 3 - most :]}"


def _sure(confidence: float) -> str:
    """The CSS class of a confidence."""
    return "sure" if confidence >= 0.9 else "likely" if confidence >= 0.7 else "doubtful"
