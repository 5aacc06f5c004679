"""The commands `store backup` and `store restore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli.remote import open_store
from pipeline.cli.store import commands
from pipeline.cli.stored import Place, stored
from pipeline.console.inert import inert
from pipeline.kit.config import Settings
from pipeline.run import backups
from pipeline.run.backups import Manifest
from pipeline.store import Store, connect
from pipeline.store.backup import ENGINE, tables


@commands.command("backup")
@stored
def back_up(
    place: Place,
    destination: Annotated[str, typer.Argument(help="A folder (of a server: on its machine), or s3://bucket/prefix.")],
    full: Annotated[bool, typer.Option("--full", help="Not only what came since the last full one.")] = False,
) -> None:
    """Back the store up into a new folder there (docs/backup.md): what came since the last full backup, or everything.

    Roles may go on writing to a server. An embedded store is backed up while no desk has it open. One that broke off
    is no backup; do it again.

    Examples:
      whodid store backup /var/backups/whodid
      whodid store backup s3://backups/whodid --full
    """
    destination = _absolute(destination)
    with open_store(place.settings, migrated=False, engine=ENGINE) as store, _bar() as advance:
        total = sum(one.bytes for one in tables(store))
        made = backups.make(place.settings, store, destination, full=full, advance=advance("backing up", total))
    _tell(place.view, made, f"backed up to {destination}/{made.name}")


@commands.command()
@stored
def restore(
    place: Place,
    source: Annotated[str, typer.Argument(help="A backup, or where backups are: the last one is taken.")],
) -> None:
    """Make a store of a backup, where none is yet, and bring its tables up to date.

    Says which heads were published that the backup is too old to have, and what was erased or dropped since. Then run
    `whodid verify`. A restore that broke off is begun anew by the same command.

    Examples:
      whodid store restore /var/backups/whodid --store /var/lib/whodid/clickhouse
      whodid store restore s3://backups/whodid/20261128T212000Z --clickhouse https://admin@clickhouse:8443/whodid
    """
    source, made = backups.find(_absolute(source))
    with connect(place.settings, migrated=False, engine=ENGINE) as store:
        backups.check(source, made, store)
        with _bar() as advance:
            backups.restore(store, source, made, advance("restoring", sum(one.bytes for one in made.tables)))
        _tell(place.view, made, f"restored {made.name}, made on {made.made:%Y-%m-%d %H:%M:%S} UTC")
        if place.settings.evidence_place:
            _warn(place.settings, store)


def _warn(settings: Settings, store: Store) -> None:
    """Of what the backup is too old to have."""
    for one in backups.behind(settings, store):
        when = f"of {one.signed:%Y-%m-%d %H:%M:%S} UTC" if one.signed else "there is none"
        typer.echo(
            f"whodid: {inert(one.log)}: the backup is older than what was published: its last head ({when}) covers "
            f"{one.stored:,} leaves, the last published one {one.published:,}; `whodid verify` will miss the rest",
            err=True,
        )
    for line in backups.removed_since(settings, store):
        typer.echo(f"whodid: taken out after the backup, and here again: {inert(line)}. Do it again", err=True)


def _tell(view: str, made: Manifest, said: str) -> None:
    if view != "table":
        typer.echo(msgspec.json.encode(made).decode())
        return
    rows = sum(one.rows or 0 for one in made.tables)
    kind = f"what came since {made.base}" if made.base else "everything"
    typer.echo(f"{said}: {kind}; {rows:,} rows in {len(made.tables)} tables")


@contextmanager
def _bar() -> Iterator[Callable[[str, int], backups.Advance]]:
    """Bytes of the tables that are done, on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def begun(doing: str, total: int) -> backups.Advance:
            task = bar.add_task(doing, total=total)
            return lambda table, size: bar.update(task, advance=size, description=f"{doing} {table}")

        yield begun


def _absolute(place: str) -> str:
    return place.rstrip("/") if place.startswith("s3://") else str(Path(place).absolute())
