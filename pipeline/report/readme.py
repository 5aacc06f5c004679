"""A bundle becomes a page of plain text: what each file is, and how to check them."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.alert.plain import clean
from pipeline.report.content import Content
from pipeline.report.integrity import integrity
from pipeline.store.shapes import iso
from schemas.incident import Incident

_FILES = (
    ("report.html", "the report; open it in a browser, it loads nothing; print it to PDF"),
    ("report.md", "the same for wikis and tickets"),
    ("incident.json", "all that is known of the incident, for programs"),
    ("timeline.jsonl", "one entry a line, as the API shows it"),
    ("parts.jsonl", "what the incident says of each entry: role, strand, confidence, tactic, detections"),
    ("timesketch.csv", "the timeline for Timesketch"),
    ("timesketch.jsonl", "the same as JSON lines: better, as no reader guesses types"),
    ("ocsf.jsonl", "OCSF 1.5.0: one Incident Finding, then one event an entry"),
    ("graph.graphml", "what led to what, for Gephi, yEd, Cytoscape, networkx"),
)
_RECORDS = ("records/", "raw records as stored, named by record_id")
_PROOFS = (("evidence/", "proofs"), ("verify.py", "checks everything; needs Python and the package cryptography"))
_MANIFEST = ("manifest.json", "SHA-256 and size of every other file")


def readme(incident: Incident, content: Content, *, proved: bool) -> str:
    """The page."""
    return "\n".join(_lines(incident, content, proved=proved)) + "\n"


def _lines(incident: Incident, content: Content, *, proved: bool) -> Iterator[str]:
    yield f"Incident {clean(incident.incident_id, 200)}"
    yield clean(incident.title, 300)
    yield f"Put together {iso(incident.made)}. Content: {content}. Times are UTC."
    yield ""
    files = [*_FILES, *([_RECORDS] if content == "full" else []), *(_PROOFS if proved else ()), _MANIFEST]
    yield from (f"{name:18}{what}" for name, what in files)
    yield ""
    yield from integrity(content, proved=proved)
