"""Cases, notes and views become what terminals, programs and spreadsheets read, as in `pipeline.cli.views`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column, pairs
from pipeline.cli.views import Format, Shape

CASE_COLUMNS = ("case_id", "title", "state", "owner", "clue", "kind", "opened", "at", "by", "revision")
NOTE_COLUMNS = ("at", "by", "text", "event_id", "note_id", "about", "name", "revision")
VIEW_COLUMNS = ("name", "query", "by", "at")


def cases(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Cases; returns how many there were."""
    return views.listing(rows, format, out, _CASES, CASE_COLUMNS)


def notes(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Notes and pins; returns how many there were."""
    return views.listing(rows, format, out, _NOTES, NOTE_COLUMNS)


def queries(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Views; returns how many there were."""
    return views.listing(rows, format, out, _VIEWS, VIEW_COLUMNS)


def case(row: Shape, format: Format, out: TextIO) -> None:
    """One case: what is known of it, what is pinned to it, what is said of it."""
    if format != "table":
        cases([row], format, out)
        return
    pairs([(name, row[name]) for name in CASE_COLUMNS if row[name] != ""], out)
    for title, pinned in (("Pinned entries", True), ("Notes", False)):
        found = [one for one in row["notes"] if bool(one["event_id"]) == pinned]
        if found:
            out.write(f"\n{title}:\n")
            notes(found, "table", out)


def _when(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").partition(".")[0]


_CASES = (
    Column("Case", lambda row: row["case_id"], whole=True),
    Column("State", lambda row: row["state"], whole=True),
    Column("Title", lambda row: row["title"], weight=4),
    Column("Owner", lambda row: row["owner"], weight=2),
    Column("Clue", lambda row: f"{row['kind']} {row['clue']}".strip(), weight=3),
    Column("Changed (UTC)", lambda row: _when(row["at"]), whole=True),
)
_NOTES = (
    Column("When (UTC)", lambda row: _when(row["at"]), whole=True),
    Column("Who", lambda row: row["by"], weight=2),
    Column("Entry", lambda row: row["event_id"], weight=3),
    Column("What", lambda row: row["text"], weight=6),
)
_VIEWS = (
    Column("Name", lambda row: row["name"], weight=2),
    Column("Query", lambda row: row["query"], weight=5),
    Column("Kept by", lambda row: row["by"], weight=2),
    Column("At (UTC)", lambda row: _when(row["at"]), whole=True),
)
