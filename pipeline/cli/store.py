"""The commands `store`: how the tables of the store stand, and bringing them up to date."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import views
from pipeline.cli.main import app, settings_from
from pipeline.cli.tables import Column
from pipeline.cli.views import Format
from pipeline.store import connect
from pipeline.store.migrations import migrate as apply
from pipeline.store.migrations import missing, standing

commands = typer.Typer(help="The store: its tables, and whether this program fits them.", no_args_is_help=True)
app.add_typer(commands, name="store")

ClickHouse = Annotated[str | None, typer.Option(help="chdb:///path or http://user:password@host:port/db.")]
View = Annotated[Format, typer.Option("--format", help="table, json, jsonl or csv.")]
#: Seconds that one statement may take: some go through all rows that there are.
PATIENCE = 3600
_FIELDS = ("version", "name", "state", "applied_at")
_COLUMNS = (
    Column("Migration", lambda row: row["name"], whole=True),
    Column("State", lambda row: row["state"], whole=True),
    Column("Applied (UTC)", lambda row: row["applied_at"], whole=True),
)


@commands.command()
def migrate(clickhouse: ClickHouse = None) -> None:
    """Bring the tables up to date, and print how many migrations that took. It needs the right to change tables.

    Whoever else does so at the moment is waited for. What was applied is not applied again.

    Example: whodid store migrate --clickhouse https://admin@clickhouse:8443/whodid
    """
    settings = settings_from(clickhouse=clickhouse).model_copy(update={"clickhouse_migrate": "auto"})
    with connect(settings, migrated=False, patience=PATIENCE) as store:
        done = apply(store, shared=not store.embedded)
    typer.echo(f"{len(done)} migrations applied")


@commands.command()
def status(clickhouse: ClickHouse = None, view: View = "table") -> None:
    """Print how each migration stands; exit status 1 if any is missing or does not fit this program.

    Example: whodid store status --format json
    """
    settings = settings_from(clickhouse=clickhouse)
    with connect(settings, migrated=False) as store:
        views.listing([one._asdict() for one in standing(store)], view, sys.stdout, _COLUMNS, _FIELDS)
        amount = len(missing(store))
    if amount:
        typer.echo(f"{amount} migrations are missing: `whodid store migrate` applies them", err=True)
        raise typer.Exit(1)
