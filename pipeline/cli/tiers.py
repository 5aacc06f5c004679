"""The command `store tiers`: old months go to slower disks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import views
from pipeline.cli.store import commands
from pipeline.cli.stored import Place, stored
from pipeline.cli.tables import Column
from pipeline.kit.failures import Invalid
from pipeline.store import tiers as tier

_FIELDS = ("table", "disk", "rows", "bytes")
_COLUMNS = (
    Column("Table", lambda row: row["table"], whole=True),
    Column("Disk", lambda row: row["disk"], whole=True),
    Column("Rows", lambda row: f"{row['rows']:,}", whole=True),
    Column("MB", lambda row: f"{row['bytes'] / 1e6:,.1f}", whole=True),
)


@commands.command()
@stored
def tiers(
    place: Place,
    policy: Annotated[str, typer.Option(help="The server's storage policy that has both volumes.")] = "",
    volume: Annotated[str, typer.Option(help="Its volume for what is old.")] = "cold",
    after: Annotated[int, typer.Option(help="Days, by event time, after which rows are moved there.")] = 0,
    off: Annotated[bool, typer.Option("--off", help="Move nothing from now on.")] = False,
) -> None:
    """Print what lies on which disk; with --policy and --after, move what is older than so many days to a slower one.

    Nothing is deleted, and what comes late is kept (docs/tiers.md). It needs the right to change tables.

    Examples:
      whodid store tiers
      whodid store tiers --policy tiered --volume cold --after 90
      whodid store tiers --off
    """
    if bool(policy) != bool(after) or (off and policy):
        raise Invalid("policy", "both --policy and --after, or --off, or none of them")
    with place.store() as store:
        if policy:
            tier.move(store, policy, volume, after)
        elif off:
            tier.stay(store)
        rows = [dict(zip(_FIELDS, row, strict=True)) for row in tier.where(store)]
    views.listing(rows, place.view, sys.stdout, _COLUMNS, _FIELDS)
