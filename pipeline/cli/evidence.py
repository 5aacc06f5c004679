"""Commands that prove: `verify`, `evidence heads|proof|keys|rotate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app, fail
from pipeline.cli.remote import StoreReader, open_reader
from pipeline.cli.stored import Place, stored
from pipeline.cli.tables import Column, grid, paragraph
from pipeline.console.inert import inert
from pipeline.evidence.keys import KeyFile
from pipeline.evidence.problem import moment
from pipeline.evidence.publish import Published, place_of
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.run import evidence_api
from pipeline.run.adopt import adopt as taken_in
from pipeline.run.inclusions import heads_of, proof_of
from pipeline.run.verify import Checkpoint, Verification, trusted_keys
from pipeline.store import Store
from pipeline.store.evidence import amounts

commands = typer.Typer(help="What proves that nothing was changed: heads, proofs, keys.", no_args_is_help=True)
app.add_typer(commands, name="evidence")
#: Problems that a terminal is shown.
_SHOWN = 50
_HEADS = [
    Column("log", lambda row: row["log"], whole=True),
    Column("epoch", lambda row: str(row["epoch"]), whole=True),
    Column("leaves", lambda row: f"{row['leaves']:,}", whole=True),
    Column("covered", lambda row: f"{row['covered']:,}", whole=True),
    Column("signed", lambda row: row["time"] or "never", whole=True),
    Column("root", lambda row: row["root"] or ""),
]


@app.command()
@stored
def verify(
    place: Place,
    heads: Annotated[str, typer.Option(help="Where heads were published, if not where settings say.")] = "",
    keys: Annotated[Path | None, typer.Option(help="File with fingerprints of trusted keys, one a line.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Check what came since, then go on from here.")] = None,
) -> None:
    """Check that no row was altered, deleted, inserted, moved or back-dated since it was written (docs/evidence.md).

    Says which row, and since when, as far as signed heads can tell. Ends with 0 if everything verifies, with 1 if not.

    With --checkpoint FILE only what came since the last good run is checked, and FILE is written anew if it is good.

    Examples:
      whodid verify
      whodid verify --heads s3://audit-heads/whodid --keys trusted-keys.txt
      whodid verify --checkpoint last.json --format json
    """
    trusted = _trusted(keys) if keys else []
    since = _checkpoint(checkpoint) if checkpoint and checkpoint.exists() else None
    settings = place.settings.model_copy(update={"evidence": heads} if heads else {})
    with _asked(settings) as source:
        if isinstance(source, DeskReader):
            if heads:
                fail("--heads: the running desk reads the heads that its own settings name; end it first", 2)
            question = msgspec.to_builtins(evidence_api.Question(keys=trusted, since=since))
            report = source.ask("/v1/evidence/verify", json.dumps(question).encode())
        else:
            report = _verified(settings, source, trusted, since)
    if checkpoint and report["checkpoint"]:
        draft = checkpoint.with_name(checkpoint.name + ".new")
        draft.write_text(json.dumps(report["checkpoint"]), encoding="utf-8")
        draft.replace(checkpoint)
    _show(report, place.view)
    if not report["verified"]:
        raise typer.Exit(1)


@commands.command("heads")
@stored
def list_heads(place: Place) -> None:
    """Print the last signed head of each log, and how many leaves it covers.

    Examples:
      whodid evidence heads
      whodid evidence heads --format json
    """
    with _asked(place.settings) as source:
        rows = heads_of(source) if isinstance(source, Store) else source.ask("/v1/evidence/heads")["heads"]
    if place.view == "table":
        grid(rows, _HEADS, sys.stdout)
    else:
        typer.echo(json.dumps(rows))


@commands.command()
@stored
def proof(place: Place, event_id: Annotated[str, typer.Argument(help="Event id, as the timeline shows it.")]) -> None:
    """Print, as JSON, the leaves of an event with their inclusion proofs under signed heads.

    Example: whodid evidence proof 9a5aa9ccd6e5b773b54629e5c5c65d22
    """
    with _asked(place.settings) as source:
        if isinstance(source, Store):
            found = proof_of(source, event_id)
        else:
            found = source.ask("/v1/evidence/proof/" + quote(event_id, safe=""))
    if found is None or "error" in found:
        typer.echo(f"whodid: no leaf is of the event {event_id}", err=True)
        raise typer.Exit(4)
    typer.echo(json.dumps(found, indent=2))


@commands.command("keys")
@stored
def list_keys(place: Place) -> None:
    """Print the fingerprints of the keys that have signed, the oldest first. Keep them where no one can change them.

    Example: whodid evidence keys --format json
    """
    known = KeyFile(place.settings.evidence_key_file).statements()
    if place.view != "table":
        typer.echo(json.dumps([msgspec.to_builtins(one.fields) for one in known]))
        return
    for one in known:
        stated = one.fields
        vouched = "first" if stated.by == stated.key else f"vouched for by {stated.by[:16]}…"
        paragraph(f"{stated.key}  since {moment(stated.time)}  {vouched}", sys.stdout)
    if not known:
        typer.echo("whodid: no key was made yet: the role store makes it", err=True)
        raise typer.Exit(4)


@commands.command()
@stored
def rotate(place: Place) -> None:
    """Replace the key that signs heads. The old key vouches for the new one, and is gone afterwards.

    A running store role goes on with the new key at its next head.

    Example: whodid evidence rotate
    """
    file = KeyFile(place.settings.evidence_key_file)
    new = file.rotate()
    if place.settings.evidence_place:
        published = Published(place_of(place.settings.evidence_place))
        for one in file.statements():
            published.statement(one)
    typer.echo(new.fingerprint)


@commands.command()
@stored
def adopt(place: Place) -> None:
    """Take in rows that were stored before evidence was kept, so that they can be verified from now on.

    Once, while nothing writes. It says nothing of what was done to them before.

    Example: whodid evidence adopt --store ./case-17
    """
    with place.store() as store:
        typer.echo(f"{taken_in(place.settings, store):,} rows taken in")


@contextmanager
def _asked(settings: Settings) -> Iterator[Store | DeskReader]:
    """The store, or the desk that owns it."""
    source = open_reader(settings)
    try:
        if isinstance(source, StoreReader):
            yield source.store
        elif isinstance(source, DeskReader):
            yield source
    finally:
        source.close()


def _verified(settings: Settings, store: Store, trusted: list[str], since: Checkpoint | None) -> dict[str, Any]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        total = None if since else sum(amounts(store))
        task = bar.add_task("verifying", total=total)
        run = Verification(settings, store, lambda done: bar.advance(task, done))
        report = run.run(trusted or None, since)
    checkpoint = msgspec.to_builtins(run.checkpoint()) if report.holds else None
    return {**report.shape(), "checkpoint": checkpoint}


def _trusted(path: Path) -> list[str]:
    try:
        return trusted_keys(path)
    except OSError as error:
        raise Invalid("keys", "a file with a fingerprint a line", str(path)) from error


def _checkpoint(path: Path) -> Checkpoint:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except msgspec.MsgspecError as error:
        raise Invalid("checkpoint", f"a file that whodid verify has written ({error})", str(path)) from error


def _show(report: Mapping[str, Any], view: str) -> None:
    if view != "table":
        typer.echo(json.dumps({name: value for name, value in report.items() if name != "checkpoint"}))
        return
    for problem in report["problems"][:_SHOWN]:
        typer.echo(inert(problem["sentence"]))
    if report["amount"] > _SHOWN:
        typer.echo(f"… and {report['amount'] - _SHOWN:,} more: --format json shows {len(report['problems']):,}")
    typer.echo(
        f"{report['rows']:,} rows, {report['leaves']:,} leaves, {report['revisions']:,} superseded revisions, "
        f"{report['heads']:,} heads of {report['logs']} logs ({report['published']:,} published) in "
        f"{report['seconds']:.1f} s; {report['pending']:,} leaves not yet covered, "
        f"{report['erased']:,} rows erased, {report['dropped']:,} dropped"
    )
    for one in report["removals"]:
        typer.echo(inert(f"{one['sort']} of {one['rows']:,} rows on {one['time']} by {one['by']}: {one['reason']}"))
    if report["keys"]:
        typer.echo(f"trusted key: {report['keys'][0]} ({report['trust']})")
    typer.echo("Everything verifies." if report["verified"] else f"{report['amount']:,} things do NOT verify.")
