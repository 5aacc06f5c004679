"""Entries become timelines that Timesketch imports as they are: CSV and JSON lines of the same columns.

In:     shapes of entries, the incident's Parts by event id
Out:    rows of flat texts; `message`, `datetime`, `timestamp_desc` are what Timesketch requires

What its importer does, and how it is met here:

* `datetime` was read with the format of the first row, and rows that differ were dropped: all have six digits of a
  second and a zone. Times that it cannot hold are moved to the next one that it can, and `message` says so.
* pandas guesses types in a CSV: numbers lose their zeros, `NA` and `null` become nothing. Such texts get a ' in front
  in the CSV, like those that a spreadsheet would run as a formula. JSON lines have every text as it is.
* `tag` becomes a list: it is never empty, else it would be the tag `nan`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.alert.plain import clean
from pipeline.report.ascii import line
from pipeline.store.shapes import EPOCH, iso
from schemas.incident import Part

#: Characters of a cell: what OpenSearch can index as one term is 32,766 bytes.
MOST = 8000
COLUMNS = (
    "message", "datetime", "timestamp_desc", "timestamp", "tag", "actor", "actor_kind", "human", "action", "outcome",
    "resources", "session", "credential", "credential_chain", "issued", "policy", "address", "user_agent", "region",
    "account", "tool_call", "tool_call_event", "prompt_event", "link", "confidence", "unbound", "text", "arguments",
    "error", "incident", "role", "strand", "part_confidence", "tactic", "detections", "kind", "data_type", "event_id",
    "record_id",
)  # fmt: skip
#: Timesketch drops what is before 1700, pandas what nanoseconds since 1970 cannot hold (2262). Microseconds.
EARLIEST, LATEST = -8_520_336_000_000_000, 9_223_372_036_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Texts that pandas takes for a number, for true or false, or for nothing.
_GUESSED = re.compile(
    r"\s*(?:[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|infinity|nan)|true|false"
    r"|#?n/?a|<na>|null|none|nat|-nan|1\.#(?:ind|qnan)|#n/a n/a)\s*",
    re.IGNORECASE,
)
_DESC = {
    "prompt": "Prompt Time", "tool_call": "Tool Call Time", "token_issuance": "Token Issuance Time",
    "cloud_audit": "Cloud Audit Time",
}  # fmt: skip


def rows(shapes: Iterable[Mapping[str, Any]], parts: Mapping[str, Part], incident: str) -> Iterator[dict[str, Any]]:
    """One row an entry; every value is a text but `timestamp` (microseconds) and `tag` (a list)."""
    for shape in shapes:
        yield _row(shape, parts.get(shape["event_id"]), incident)


def csv_lines(given: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the CSV, with their ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in given:
        yield _taken(buffer)
        writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    yield _taken(buffer)


def json_lines(given: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the JSON lines, with their ends; an empty text is left out, as Timesketch does with empty cells."""
    for row in given:
        yield line({name: value for name, value in row.items() if value != ""}) + "\n"


def _row(shape: Mapping[str, Any], part: Part | None, incident: str) -> dict[str, Any]:
    stated = microseconds(shape["time"])
    time = min(max(stated, EARLIEST), LATEST)
    made = {name: _text(shape.get(name)) for name in COLUMNS}
    made["message"] = _message(shape, "" if time == stated else f" (stated for {iso(stated)})")
    made["datetime"] = (EPOCH + timedelta(microseconds=time)).isoformat(timespec="microseconds")
    made["timestamp_desc"] = _DESC.get(shape["kind"], "Event Time")
    made["data_type"] = f"whodid:{_text(shape['kind'])}"
    made["arguments"] = _text("\n".join(f"{one['path']}={one['value']}" for one in shape["arguments"]))
    made["incident"] = _text(incident)
    tags = ["incident"]
    if part is not None:
        made |= {"role": _text(part.role), "strand": _text(part.strand), "part_confidence": f"{part.confidence:.2f}"}
        made |= {"tactic": _text(part.tactic), "detections": _text(part.detections)}
        tags += filter(None, [part.role, part.tactic, *part.detections])
    return made | {"timestamp": time, "tag": [_tag(one) for one in tags]}


def _message(shape: Mapping[str, Any], note: str) -> str:
    who = shape["actor"] or shape["stated_actor"] or "somebody unknown"
    whom = f" for {shape['human']}" if shape["human"] and shape["human"] != who else ""
    outcome = f" ({shape['outcome']})" if shape["outcome"] not in ("", "success") else ""
    what = f" on {', '.join(shape['resources'][:3])}" if shape["resources"] else ""
    return clean(f"{who}{whom}: {shape['action']}{outcome}{what}{note}", MOST) or "an event"


def _text(value: Any) -> str:  # noqa: ANN401  (what JSON may be)
    if isinstance(value, list):
        return clean(", ".join(map(str, value)), MOST)
    return clean("" if value is None else str(value), MOST)


def _tag(text: str) -> str:
    """Without what Timesketch splits at."""
    return re.sub(r"[,\[\]]", " ", clean(text, 100))


def _cell(name: str, value: Any) -> str:  # noqa: ANN401
    if name in ("timestamp", "datetime"):
        return str(value)
    if name == "tag":
        return ",".join(value)
    if name in ("confidence", "part_confidence"):
        return str(value)
    return "'" + value if value.startswith(_FORMULA) or _GUESSED.fullmatch(value) else str(value)


def microseconds(text: str) -> int:
    """The time of a shape, back from what `iso` made of it."""
    if text.endswith("us"):
        return int(text.removeprefix("1970-01-01T00:00:00Z").removesuffix("us"))
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
