"""An incident becomes what a terminal, a program or a spreadsheet reads: the story first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column, grid, pairs, paragraph
from pipeline.cli.views import Format, Shape
from pipeline.console.inert import inert

PART_COLUMNS = ("time", "role", "confidence", "tactic", "detections", "strand", "event_id")
#: Resources and strands held apart that a terminal is shown.
_SHOWN = 15


def incident(row: Shape, format: Format, out: TextIO) -> None:
    """A whole incident; as lines and as CSV its parts, an entry each."""
    if format == "json":
        views.listing([row], format, out, _PARTS, PART_COLUMNS)
    elif format != "table":
        views.listing(row["parts"], format, out, _PARTS, PART_COLUMNS)
    else:
        _told(row, out)


def _told(row: Shape, out: TextIO) -> None:
    paragraph(row["title"], out)
    out.write("\n")
    for line in row["summary"]:
        paragraph(line, out)
    _section("What happened", row["story"], _STORY, out)
    _section("Who and what took part", [one for one in row["strands"] if one["belongs"]], _STRANDS, out)
    _section("Credentials", row["reach"]["credentials"], _CREDENTIALS, out)
    _commands(row["reach"]["credentials"], out)
    _section("Resources", row["reach"]["resources"][:_SHOWN], _RESOURCES, out)
    _more(len(row["reach"]["resources"]), out)
    _section("Held apart", [one for one in row["strands"] if not one["belongs"]][:_SHOWN], _STRANDS, out)
    _lines("Cannot be known", [(one["what"], f"{one['why']}: {one['log']}") for one in row["gaps"]], out)
    _lines("Should have been detected", [(one["detection"], one["why"]) for one in row["missed"]], out)
    _lines("Not looked at", [("", text) for text in row["limits"]], out)
    out.write(f"\nincident {row['incident_id']}, cut-off {row['cutoff']}: --out DIR|ZIP writes all of it\n")


def _section(title: str, rows: Iterable[Shape], columns: tuple[Column, ...], out: TextIO) -> None:
    found = list(rows)
    if found:
        out.write(f"\n{title}:\n")
        grid(found, columns, out)


def _lines(title: str, lines: list[tuple[str, str]], out: TextIO) -> None:
    if lines:
        out.write(f"\n{title}:\n")
        pairs([(f"{name};" if name else "-", text) for name, text in lines], out)


def _commands(rows: Iterable[Shape], out: TextIO) -> None:
    """Commands stand alone on their lines, so that they can be copied."""
    for one in rows:
        if one["state"] not in ("expired", "revoked"):
            out.write("\n")
            paragraph(f"To end {one['name']}{': ' + one['caveat'] if one['caveat'] else ''}", out)
            for command in one["commands"]:
                out.write(f"  {inert(command)}\n")


def _more(amount: int, out: TextIO) -> None:
    if amount > _SHOWN:
        out.write(f"and {amount - _SHOWN:,} more: --format json\n")


def _sure(row: Shape) -> float:
    return float(row["confidence"])


_STORY = (
    Column("time", lambda row: row["time"] or "", whole=True), Column("", lambda row: row["stage"], whole=True),
    Column("what", lambda row: row["sentence"], weight=4),
)  # fmt: skip
_STRANDS = (
    Column("sure", lambda row: f"{row['confidence']:.2f}", whole=True, surety=_sure),
    Column("entries", lambda row: f"{row['events']:,}", whole=True),
    Column("who", lambda row: row["actor"] or "(unknown)", weight=2),
    Column("with", lambda row: row["credential"] or row["session"], weight=2),
    Column("from", lambda row: ", ".join(row["addresses"][:2])), Column("because", lambda row: row["why"], weight=3),
)  # fmt: skip
_CREDENTIALS = (
    Column("state", lambda row: row["state"], whole=True), Column("credential", lambda row: row["name"], weight=2),
    Column("minted", lambda row: "yes" if row["minted"] else "no", whole=True),
    Column("expires", lambda row: row["expires"] or "not stated", whole=True),
    Column("uses", lambda row: f"{row['uses']:,}", whole=True), Column("of", lambda row: row["subject"], weight=2),
)  # fmt: skip
_RESOURCES = (
    Column("how", lambda row: row["how"], whole=True), Column("resource", lambda row: row["name"], weight=3),
    Column("entries", lambda row: f"{row['events']:,}", whole=True),
    Column("first", lambda row: row["first"] or "", whole=True),
)  # fmt: skip
_PARTS = (
    Column("time", lambda row: row["time"] or "", whole=True), Column("event", lambda row: row["event_id"]),
)  # fmt: skip
