"""The command that says what was heard, how well it is linked, and which logs are missing: `coverage`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, TextIO

import typer

from pipeline.cli import views
from pipeline.cli.main import app
from pipeline.cli.stored import Place, stored
from pipeline.cli.tables import Column
from pipeline.cli.views import Format, Shape
from pipeline.store.coverage import DAYS, MOST_DAYS

CSV_COLUMNS = (
    "format", "events", "unbound", "unbound_share", "first", "last", "kinds", "links", "reasons", "agent_calls",
    "unexplained_calls", "stated", "unknown_fields",
)  # fmt: skip


@app.command()
@stored
def coverage(
    place: Place,
    days: Annotated[int, typer.Option(help="Of so many days before the latest event.", min=1, max=MOST_DAYS)] = DAYS,
) -> None:
    """Print which sources were heard, when, how much of what, how well it is linked, and which logs are missing.

    Of each source it says which links its events state, which they could and do not, and which they cannot, and why.
    CSV has the sources only.

    Examples:
      whodid coverage
      whodid coverage --days 30 --format json
    """
    with place.reader() as source:
        found = source.coverage({"days": str(days)})
    show(found, place.view, sys.stdout)
    if not found["sources"]:
        typer.echo("whodid: coverage: the store has no events", err=True)
        raise typer.Exit(4)


def show(found: Shape, format: Format, out: TextIO) -> None:
    """The whole as one object, or as tables; as CSV the sources."""
    if format in ("json", "jsonl"):
        views.whole(found, format, out)
        return
    views.listing(found["sources"], format, out, _SOURCES, CSV_COLUMNS)
    if format == "table" and found["sources"]:
        out.write("What ties events to others, and what is blind:\n")
        views.listing(found["sources"], format, out, _LINKING, ())
    if format == "table" and found["gaps"]:
        out.write("Logs that seem to be missing:\n")
        views.listing(found["gaps"], format, out, _GAPS, ())


def _amounts(counted: Mapping[str, int]) -> str:
    return "\n".join(f"{amount:,} {name}" for name, amount in counted.items())


def _stated(row: Shape) -> str:
    return "\n".join(f"{one['share']:.0%} {one['link']}" for one in row["linking"] if one["state"] == "stated")


def _blind(row: Shape, state: str) -> str:
    return "\n".join(f"{one['link']}: {one['why']}" for one in row["linking"] if one["state"] == state)


def _moment(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").partition(".")[0]


_SOURCES = (
    Column("Source", lambda row: row["format"], weight=2),
    Column("Last heard (UTC)", lambda row: _moment(row["last"]), weight=2),
    Column("Events", lambda row: _amounts(row["kinds"]) or "none in these days", weight=2),
    Column("Linked by", lambda row: _amounts(row["links"]), weight=2),
    Column("Not bound", lambda row: f"{row['unbound_share']:.1%}", whole=True),
    Column("Why", lambda row: _amounts(row["reasons"]), weight=3),
)
_LINKING = (
    Column("Source", lambda row: row["format"], weight=2),
    Column("States, of its events", _stated, weight=2),
    Column("Could state, and does not", lambda row: _blind(row, "missing"), weight=4),
    Column("Cannot state", lambda row: _blind(row, "never"), weight=4),
)
_GAPS = (
    Column("What is missing", lambda row: row["sentence"], weight=3),
    Column("Share", lambda row: f"{row['share']:.1%}", whole=True),
    Column("What to do", lambda row: row["fix"], weight=3),
)
