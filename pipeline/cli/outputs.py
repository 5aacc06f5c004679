"""Commands that read: `timeline`, `event`, `status`, `dead-letters`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli import names_views, views
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.remote import Reader, open_reader
from pipeline.kit.config import Settings
from pipeline.run.replay import replay
from pipeline.store.pivots import NAMING

letters = typer.Typer(help="What could not be processed: list it, look at it, send it again.", no_args_is_help=True)
app.add_typer(letters, name="dead-letters")


class Shown(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"

    @property
    def view(self) -> Literal["table", "json", "jsonl", "csv"]:
        """As the views name it."""
        return self.value


Format = Annotated[Shown, typer.Option("--format", help="table, json, jsonl or csv.")]
ClickHouse = Annotated[str | None, typer.Option(help="chdb:///path or http://user:secret@host:port/db.")]
StoreDir = Annotated[Path | None, typer.Option("--store", help="Directory of an embedded store.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the embedded store lives.")]
Port = Annotated[int | None, typer.Option(help="Port of the running desk that owns the embedded store.")]


@app.command()
def timeline(
    actor: Annotated[str | None, typer.Option(help="Who acted.")] = None,
    session: Annotated[str | None, typer.Option(help="Agent conversation or login session.")] = None,
    credential: Annotated[str | None, typer.Option(help="Credential used or issued, e.g. aws:ASIA….")] = None,
    human: Annotated[str | None, typer.Option(help="For whom.")] = None,
    address: Annotated[str | None, typer.Option(help="Network address.")] = None,
    since: Annotated[str, typer.Option(help="ISO 8601 time, UTC unless it says otherwise.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
    exact: Annotated[bool, typer.Option("--exact", help="Under this very name only, not all of the identity.")] = False,
    format_: Format = Shown.TABLE,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Print what an actor, a session, a credential, a person or an address did, oldest first, with how we know.

    Of an actor or a person it is what they did under all of their names, and standard error says which and why.

    Examples:
      whodid timeline --credential aws:ASIAEXAMPLE
      whodid timeline --actor invoice-bot --since 2026-01-31T08:00:00Z --format jsonl
      whodid timeline --actor ana@example.com --exact
    """
    given = {"actor": actor, "session": session, "credential": credential, "human": human, "address": address}
    named = [(pivot, value) for pivot, value in given.items() if value is not None]
    if len(named) != 1:
        fail("give exactly one of --actor, --session, --credential, --human, --address", 2)
    pivot, value = named[0]
    with reader(clickhouse, store, data_dir, port) as source:
        rows = source.timeline(pivot, value, since=since, until=until, limit=limit, exact=exact)
        count = views.timeline(rows, format_.view, sys.stdout)
        also = source.aliases(value)["names"] if pivot in NAMING and not exact else []
    for line in names_views.told(also):
        typer.echo(f"whodid: {line}", err=True)
    if not count:
        typer.echo(f"whodid: nothing found for {pivot} {value}", err=True)
        raise typer.Exit(4)


@app.command()
def event(
    event_id: Annotated[str, typer.Argument(help="Event id, as the timeline shows it.")],
    format_: Format = Shown.TABLE,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Print everything known of one event: every link, how it was made and how sure it is."""
    with reader(clickhouse, store, data_dir, port) as source:
        row = source.event(event_id)
    if row is None:
        typer.echo(f"whodid: no event {event_id}", err=True)
        raise typer.Exit(4)
    views.event(row, format_.view, sys.stdout)


@app.command()
def status(
    format_: Format = Shown.TABLE,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Print lag per stage, counts, dead letters by reason, and what is wrong."""
    with reader(clickhouse, store, data_dir, port) as source:
        views.status(source.status(), format_.view, sys.stdout)


@letters.command("list")
def list_letters(
    stage: Annotated[str, typer.Option(help="Only of this stage, e.g. normalize.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    format_: Format = Shown.TABLE,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Print dead letters, latest first, with stage, reason and coordinates."""
    with reader(clickhouse, store, data_dir, port) as source:
        views.dead_letters(source.dead_letters(stage=stage, limit=limit), format_.view, sys.stdout)


@letters.command()
def show(
    rejected_id: str,
    format_: Format = Shown.TABLE,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Print one dead letter with its original bytes."""
    with reader(clickhouse, store, data_dir, port) as source:
        row = source.dead_letter(rejected_id)
    if row is None:
        typer.echo(f"whodid: no dead letter {rejected_id}", err=True)
        raise typer.Exit(4)
    views.dead_letter(row, format_.view, sys.stdout)


@letters.command("replay")
def replay_letters(
    rejected_ids: Annotated[list[str] | None, typer.Argument(help="Which; default: all.", metavar="ID…")] = None,
    topic: Annotated[str, typer.Option(help="Public topic for letters that came from a file.")] = "cloud-audit",
    native: Annotated[str | None, typer.Option("--as", help="Native format to send them as, if it was wrong.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
    clickhouse: ClickHouse = None,
    store: StoreDir = None,
    data_dir: DataDir = None,
    port: Port = None,
) -> None:
    """Send dead letters again to the topic they came from, after the fault is mended.

    Those that fail again are dead letters again, under a new id; nothing is deleted.
    """
    settings = settings_from(bootstrap=bootstrap, data_dir=data_dir)
    with reader(clickhouse, store, data_dir, port) as source:
        wanted = rejected_ids or [row["rejected_id"] for row in source.dead_letters(limit=limit)]
        rows = [row for name in wanted if (row := source.dead_letter(name)) is not None]
    sent = replay(settings, rows, topic, native)
    typer.echo(f"{sent} of {len(wanted)} dead letters sent again")
    if sent < len(wanted):
        raise typer.Exit(1)


@contextmanager
def reader(clickhouse: str | None, store: Path | None, data_dir: Path | None, port: int | None) -> Iterator[Reader]:
    """A Reader of the store that options and environment name; by default the embedded one in the data directory."""
    source = open_reader(place(clickhouse, store, data_dir, port))
    try:
        yield source
    finally:
        source.close()


def place(clickhouse: str | None, store: Path | None, data_dir: Path | None, port: int | None) -> Settings:
    """Settings of the store that options and environment name; by default the embedded one in the data directory."""
    settings = settings_from(data_dir=data_dir, port=port)
    if store is not None or (clickhouse is None and settings.clickhouse == "chdb://memory"):
        clickhouse = f"chdb://{(store or settings.data_dir / 'clickhouse').resolve()}"
    return settings_from(data_dir=data_dir, port=port, clickhouse=clickhouse)
