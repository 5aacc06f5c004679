"""Rows become what a terminal, a program or a spreadsheet reads.

Every function takes the JSON objects of `pipeline.console.shapes`, whichever Reader they came from.

* `table` fits the width and is coloured only on a terminal.
* `json` is one array (or one object), `jsonl` one object a line: the shapes as they are.
* `csv` has the columns of `CSV_COLUMNS`. A cell that begins with = + - @, tab or carriage return gets a ' in front,
  because spreadsheets run such cells as formulas.

Characters that command a terminal (escapes, direction overrides, zero width) are written out in every format:
`\\x1b` in tables and CSV, `\\u001b` in JSON, where it reads back as the character.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal, TextIO

from pipeline.cli.tables import Column, grid, pairs
from pipeline.console.inert import inert, json_inert

Format = Literal["table", "json", "jsonl", "csv"]
Shape = Mapping[str, Any]

#: Who, for whom, did what, how we know, how sure, because of what; then where to look further.
CSV_COLUMNS = (
    "time", "actor", "actor_kind", "actor_name", "human", "on_behalf_of", "action", "outcome", "resources", "link",
    "confidence", "unbound", "tool_call", "prompt_event", "session", "credential", "credential_chain", "issued",
    "address", "policy", "kind", "format", "revision", "event_id", "record_id", "credential_expires",
    "credential_revoked", "producer",
)  # fmt: skip
DEAD_LETTER_COLUMNS = (
    "time", "stage", "reason", "format", "topic", "partition", "offset", "size", "rejected_id",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: A table is measured as a whole before it is drawn; a longer one is drawn in pieces of so many rows.
_PIECE = 500


def timeline(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Timeline rows with their attribution; returns how many there were. Written while they arrive."""
    return listing(rows, format, out, _TIMELINE, CSV_COLUMNS)


def dead_letters(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Dead letters without their bytes; returns how many there were."""
    return listing(rows, format, out, _DEAD_LETTERS, DEAD_LETTER_COLUMNS)


def dead_letter(row: Shape, format: Format, out: TextIO) -> None:
    """One dead letter with its bytes (`value`, and `encoding`: utf-8 or base64)."""
    if format == "table":
        pairs([(name, row[name]) for name in row if name != "value"], out)
        out.write("\n" + "\n".join(map(inert, str(row["value"]).splitlines())) + "\n")
    else:
        listing([row], format, out, _DEAD_LETTERS, (*DEAD_LETTER_COLUMNS, "encoding", "value"))


def event(row: Shape, format: Format, out: TextIO) -> None:
    """One timeline row with every field that is not empty."""
    if format == "table":
        found = [(name, written(value)) for name, value in row.items() if value not in ("", [], {}, None)]
        pairs([(name, value + _after(row, name)) for name, value in found], out)
    else:
        listing([row], format, out, _TIMELINE, CSV_COLUMNS)


def _after(row: Shape, name: str) -> str:
    """What an event says of the time of its use: that its credential was no longer good, and since when."""
    words = {"credential_expires": "used {} after it expired", "credential_revoked": "revoked {} before"}.get(name)
    if words is None:
        return ""
    try:
        passed = datetime.fromisoformat(row["time"]) - datetime.fromisoformat(row[name])
    except ValueError:
        # A time that is out of any calendar.
        return ""
    return f" ({words.format(_lasting(passed))})" if passed > timedelta(0) else ""


def _lasting(passed: timedelta) -> str:
    """A duration in the largest unit that it has at least two of: 40 s, 12 min, 3 h, 2 days."""
    seconds = passed.total_seconds()
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "less than 1 s"


def status(report: Shape, format: Format, out: TextIO) -> None:
    """The report of `/v1/status`: as JSON it is one object as it came; a table or CSV has a line a figure."""
    if format in ("json", "jsonl"):
        whole(report, format, out)
        return
    figures = list(_figures("", report))
    if format == "csv":
        csv.writer(out, lineterminator="\n").writerows([("name", "value"), *((cell(n), cell(v)) for n, v in figures)])
    else:
        pairs(figures, out)


def whole(report: Shape, format: Format, out: TextIO) -> None:
    """One object as it came: indented as `json`, on one line as `jsonl`."""
    out.write(_json(report, indent=2 if format == "json" else None) + "\n")


def listing(rows: Iterable[Shape], format: Format, out: TextIO, columns: Sequence[Column], names: Sequence[str]) -> int:
    """Rows as a table of `columns` or a CSV of `names`; returns how many there were. Written while they arrive."""
    if format == "json":
        return _array(rows, out)
    amount = 0
    if format == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            amount += 1
            writer.writerow([cell(row.get(name)) for name in names])
    elif format == "jsonl":
        for row in rows:
            amount += 1
            out.write(_json(row) + "\n")
    else:
        remaining = iter(rows)
        while piece := list(islice(remaining, _PIECE)):
            amount += len(piece)
            grid(piece, columns, out)
    return amount


def _array(rows: Iterable[Shape], out: TextIO) -> int:
    amount = 0
    out.write("[")
    for amount, row in enumerate(rows, 1):
        out.write(("\n" if amount == 1 else ",\n") + _json(row))
    out.write("\n]\n" if amount else "]\n")
    return amount


def _json(value: object, indent: int | None = None) -> str:
    return json_inert(json.dumps(value, ensure_ascii=False, indent=indent))


def cell(value: object) -> str:
    """A value as a cell of a CSV, which no spreadsheet runs."""
    if isinstance(value, int | float):
        return str(value)
    text = written(value)
    return ("'" if text.startswith(_FORMULA) else "") + inert(text)


def written(value: object) -> str:
    """A value as one line: names apart by blanks, anything deeper as JSON."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _figures(prefix: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _figures(f"{prefix}.{name}" if prefix else str(name), item)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for item in value:
            yield f"{prefix}.{item.get('stage', '')}", f"{item.get('amount', '')} × {item.get('reason', '')}"
    else:
        yield prefix, written(value) or "none"


def _who(row: Shape) -> str:
    return str(row["actor"] or row["stated_actor"] or "unknown")


def _for_whom(row: Shape) -> str:
    others = [name for name in row["on_behalf_of"] if name not in (row["actor"], row["stated_actor"])]
    return str(row["human"] or "\n".join(others[-1:]))


def _what(row: Shape) -> str:
    outcome = row["outcome"] if row["outcome"] not in ("", "success") else ""
    # The sign of an agent that serves somebody else: what it passes on was told to it by a tool, not by its user.
    told = [f"{one['path']} was in a tool result" for one in row["arguments"] if one["origin"] == "result"]
    return "\n".join(filter(None, (row["action"], outcome, *row["resources"][:1], *told[:2])))


def _how(row: Shape) -> str:
    return "\n".join(filter(None, (row["link"], row["unbound"])))


def _because(row: Shape) -> str:
    call = f"call {short(row['tool_call'])}" if row["tool_call"] and row["kind"] != "tool_call" else ""
    prompt = f"prompt {short(row['prompt_event'])}" if row["prompt_event"] else ""
    return "\n".join(filter(None, (call, prompt)))


def short(name: str, ends: int = 7) -> str:
    """An identifier by its beginning and end; the other formats have it whole."""
    return name if len(name) <= 2 * ends + 1 else f"{name[:ends]}…{name[-ends:]}"


_TIMELINE = (
    Column("Time (UTC)", lambda row: row["time"].replace("T", " ").removesuffix("Z"), whole=True),
    Column("Who", _who, weight=3),
    Column("For whom", _for_whom, weight=3),
    Column("Did what", _what, weight=4),
    Column("How we know", _how, weight=2),
    Column("Sure", lambda row: f"{row['confidence']:.2f}", whole=True, surety=lambda row: float(row["confidence"])),
    Column("Because of", _because, weight=3),
)
_DEAD_LETTERS = (
    Column("Time (UTC)", lambda row: row["time"].replace("T", " ").removesuffix("Z"), whole=True),
    Column("Id", lambda row: row["rejected_id"], weight=2),
    Column("Stage", lambda row: row["stage"], whole=True),
    Column("Reason", lambda row: row["reason"], weight=5),
    Column("From", lambda row: f"{row['topic']}/{row['partition']}/{row['offset']}", weight=2),
    Column("Bytes", lambda row: str(row["size"]), whole=True),
)
