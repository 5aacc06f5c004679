"""A clue becomes the incident that it belongs to: as JSON, as a page, as a bundle to take away.

`clue` is what somebody has: an event, a credential (an access key without `aws:` too), a session, an identity, an
address, a resource, a finding or an alert; `kind` says which of these where a name could be several. Without a clue,
`since` and `until` are a span. `cutoff` (0 to 1, default 0.5): what is less sure does not belong. `role` (of a page or
a bundle) says what of prompts, arguments, results and raw records is in it.

The JSON object has the fields of `schemas.incident`, none is ever absent; times are ISO 8601, null where there is none.
Keys may be added; none changes its meaning within `/v1`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from pipeline.console import asked
from pipeline.console.access import reading
from pipeline.console.page import STYLES, template
from pipeline.console.shapes import iso, moment
from pipeline.kit.failures import Invalid, Transient
from pipeline.reconstruct import CUTOFF, reconstruct
from pipeline.reconstruct.clue import KINDS, recognise
from pipeline.report import bundle, html
from pipeline.report.content import ROLES, Content, covered
from pipeline.report.graph import graph
from pipeline.store import queries
from pipeline.store import shapes as shaped
from pipeline.store.pivots import Rows
from schemas.batch import RawRecord
from schemas.entry import Entry
from schemas.incident import Incident

PARAMETERS = ("clue", "kind", "since", "until", "cutoff", "role")
#: What a reader is who does not say.
ROLE = "analyst"
_TIMES = {"time", "first", "last", "made", "issued", "expires", "revoked", "last_used", "since", "until"}
#: Writes evidence into a bundle: what it is of, and where to.
Proving = Callable[[list[Entry], Path, Content], None]


def found(store: Rows, given: Mapping[str, str]) -> tuple[Incident, list[Entry]]:
    """The incident of a clue and its entries. Raises Invalid for a wrong parameter, or a clue that nothing is of."""
    asked.only(given, PARAMETERS)
    text = given.get("clue", "").strip()
    if len(text) > asked.MAX_VALUE:
        raise Invalid("clue", f"at most {asked.MAX_VALUE} characters", f"{len(text)} characters")
    times = [moment(given[name], name) if given.get(name) else None for name in ("since", "until")]
    cutoff = _cutoff(given.get("cutoff", ""))
    content_of(given)
    return reconstruct(store, recognise(store, text, given.get("kind", ""), *times), cutoff)


def answer(store: Rows, given: Mapping[str, str], key: bytes = b"") -> dict[str, Any]:
    """The JSON object of an incident, as whoever asks may have it. Of the role in `given` it has no more."""
    incident, entries = found(store, given)
    if reading.now() is None:
        # A command that has the store itself.
        return shape(incident)
    content = content_of(given)
    stored = list(map(shaped.entry, entries))
    reading.notes(stored, content)
    return shape(covered(incident, stored, content, key))


def shape(incident: Incident) -> dict[str, Any]:
    """An incident with times that people read."""
    made: dict[str, Any] = _timed(msgspec.to_builtins(incident))
    return made


def _timed(value: Any) -> Any:  # noqa: ANN401  (what JSON may be)
    if isinstance(value, dict):
        return {
            name: (iso(one) if one else None) if name in _TIMES and isinstance(one, int) else _timed(one)
            for name, one in value.items()
        }
    return [_timed(one) for one in value] if isinstance(value, list) else value


def render(store: Rows, given: Mapping[str, str], key: bytes) -> tuple[int, Iterable[str], str]:
    """HTTP status, document and Content-Security-Policy (empty: that of the console) of the page of an incident."""
    roles = reading.allowed()
    usual = ROLE if ROLE in roles else roles[0]
    query = {**dict.fromkeys(PARAMETERS, ""), "cutoff": str(CUTOFF), "role": usual, **given}
    error, code = "", 200
    if query["clue"] or (query["since"] and query["until"]):
        try:
            return 200, _report(*found(store, given), given, key), html.own_policy()
        except Invalid as failure:
            error, code = str(failure), 404 if failure.field == "clue" else 400
        except Transient as failure:
            error, code = str(failure), 503
    page = template("incident.html")(styles=STYLES, query=query, kinds=KINDS, roles=roles, error=error)
    return code, [page], ""


def link(kind: str, clue: str) -> str:
    """Where the incident of a clue is shown."""
    return "/incident?" + urlencode({"clue": clue, "kind": kind})


def _report(incident: Incident, entries: list[Entry], given: Mapping[str, str], key: bytes) -> Iterator[str]:
    content = content_of(given)
    reading.notes(map(shaped.entry, entries), content)
    made = bundle.Bundle(incident, entries, content, key)
    asked_for = urlencode({name: value for name, value in given.items() if value})
    links = [("Console", "/"), ("Other clue", "/incident"), ("Take it away", f"/v1/reconstruct/bundle?{asked_for}")]
    drawn = graph(made.incident, made.shapes)
    yield from html.document(made.incident, made.shapes, drawn, content, proved=False, links=links)


def pack(
    store: Rows, given: Mapping[str, str], target: Path, *, key: bytes, prove: Proving | None = None,
    progress: bundle.Progress | None = None,
) -> Incident:  # fmt: skip
    """Write the bundle of a clue's incident; returns the incident. Raises as `found` does, and Invalid for a target."""
    bundle.check(target)
    incident, entries = found(store, given)
    content = content_of(given)
    reading.notes(map(shaped.entry, entries), content)
    bundle.write(
        incident, entries, _records(store, entries), target, content=content, key=key, progress=progress,
        prove=None if prove is None else lambda folder: prove(entries, folder, content),
    )  # fmt: skip
    return incident


def packed(store: Rows, given: Mapping[str, str], *, key: bytes, prove: Proving | None = None) -> tuple[str, bytes]:
    """Name and bytes of the bundle as a ZIP archive."""
    with tempfile.TemporaryDirectory(prefix="whodid-bundle-") as home:
        target = Path(home) / "bundle.zip"
        incident = pack(store, given, target, key=key, prove=prove)
        return f"whodid-incident-{incident.incident_id}.zip", target.read_bytes()


def content_of(given: Mapping[str, str]) -> Content:
    """What of contents a role may have, at most as much as whoever asks. Raises Invalid; HTTPException."""
    role = given.get("role", "") or ROLE
    if role not in ROLES:
        raise Invalid("role", "one of " + ", ".join(ROLES), role)
    return reading.lowered(role, asked=bool(given.get("role")))


def _records(store: Rows, entries: Iterable[Entry]) -> Iterator[RawRecord]:
    for name in sorted({entry.event.record_id for entry in entries if entry.event.record_id}):
        record = queries.record(store, name)
        if record is not None:
            yield record


def _cutoff(text: str) -> float:
    try:
        return float(text) if text.strip() else CUTOFF
    except ValueError as error:
        raise Invalid("cutoff", "a number above 0, at most 1", text) from error
