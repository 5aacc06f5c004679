"""The names of identities become what a terminal, a program or a spreadsheet reads, as `pipeline.cli.views` does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column
from pipeline.cli.views import Format, Shape
from pipeline.console.inert import inert

ALIAS_COLUMNS = ("name", "identity", "reason", "by", "at", "removed")
RULE_COLUMNS = ("name", "holds", "source", "example")
#: Names that a line on standard error tells of.
_TOLD = 20


def aliases(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Aliases; returns how many there were."""
    return views.listing(rows, format, out, _ALIASES, ALIAS_COLUMNS)


def rules(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Rules; returns how many there were."""
    return views.listing(rows, format, out, _RULES, RULE_COLUMNS)


def told(names: list[Shape]) -> Iterator[str]:
    """A line for each other name of an identity."""
    for one in names[:_TOLD]:
        yield inert(f"also under the name {one['name']} (same as {one['of']}: {why(one)})")
    if len(names) > _TOLD:
        yield f"and under {len(names) - _TOLD:,} more names"


def why(one: Shape) -> str:
    """Why a name is one of an identity's."""
    return f"alias by {one['by']}: {one['reason']}" if one["because"] == "alias" else f"rule {one['because']}"


NAMES = (
    Column("Also known as", lambda row: row["name"], weight=4),
    Column("Same as", lambda row: row["of"], weight=4),
    Column("Why", why, weight=3),
    Column("Since (UTC)", lambda row: row["at"] or "", whole=True),
)
_ALIASES = (
    Column("Name", lambda row: row["name"], weight=4),
    Column("Is", lambda row: "itself alone" if row["identity"] == row["name"] else row["identity"], weight=4),
    Column("Why", lambda row: row["reason"], weight=3),
    Column("Said by", lambda row: row["by"], weight=2),
    Column("At (UTC)", lambda row: row["at"], whole=True),
    Column("", lambda row: "removed" if row["removed"] else "", whole=True),
)
_RULES = (
    Column("Rule", lambda row: row["name"], weight=2),
    Column("Holds", lambda row: row["holds"], weight=4),
    Column("Source", lambda row: row["source"], weight=4),
    Column("Example", lambda row: "\n".join(row["example"]), weight=4),
)
