"""Commands that read: `timeline`, `event`, `status`, `dead-letters`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import completing, names_views, views
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.queries import QueryOption, narrowed
from pipeline.cli.stored import Place, stored
from pipeline.run.resend import resend
from pipeline.store.pivots import NAMING

letters = typer.Typer(help="What could not be processed: list it, look at it, send it again.", no_args_is_help=True)
app.add_typer(letters, name="dead-letters")


@app.command()
@stored
def timeline(
    place: Place,
    actor: Annotated[str | None, typer.Option(help="Who acted.", autocompletion=completing.identities)] = None,
    session: Annotated[
        str | None, typer.Option(help="Agent conversation or login session.", autocompletion=completing.sessions)
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(help="Credential used or issued, e.g. aws:ASIA….", autocompletion=completing.credentials),
    ] = None,
    human: Annotated[str | None, typer.Option(help="For whom.", autocompletion=completing.identities)] = None,
    address: Annotated[str | None, typer.Option(help="Network address.")] = None,
    since: Annotated[str, typer.Option(help="ISO 8601 time, UTC unless it says otherwise.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
    exact: Annotated[bool, typer.Option("--exact", help="Under this very name only, not all of the identity.")] = False,
    query: QueryOption = "",
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
    with place.reader() as source:
        if query:
            asked = narrowed(query, {pivot: value, "since": since, "until": until})
            rows = source.search(asked, limit, earliest=True, exact=exact)
        else:
            rows = source.timeline(pivot, value, since=since, until=until, limit=limit, exact=exact)
        count = views.timeline(rows, place.view, sys.stdout)
        also = source.aliases(value)["names"] if pivot in NAMING and not exact else []
    for line in names_views.told(also):
        typer.echo(f"whodid: {line}", err=True)
    if not count:
        typer.echo(f"whodid: nothing found for {pivot} {value}", err=True)
        raise typer.Exit(4)


@app.command()
@stored
def event(
    place: Place,
    event_id: Annotated[str, typer.Argument(help="Event id, as the timeline shows it.")],
) -> None:
    """Print everything known of one event: every link, how it was made and how sure it is.

    Examples:
      whodid event 9a5aa9ccd6e5b773b54629e5c5c65d22
      whodid event 9a5aa9ccd6e5b773b54629e5c5c65d22 --format json
    """
    with place.reader() as source:
        row = source.event(event_id)
    if row is None:
        typer.echo(f"whodid: no event {event_id}", err=True)
        raise typer.Exit(4)
    views.event(row, place.view, sys.stdout)


@app.command()
@stored
def status(
    place: Place,
) -> None:
    """Print lag per stage, counts, dead letters by reason, and what is wrong.

    Examples:
      whodid status
      whodid status --format json | jq .store.entries
    """
    with place.reader() as source:
        views.status(source.status(), place.view, sys.stdout)


@letters.command("list")
@stored
def list_letters(
    place: Place,
    stage: Annotated[str, typer.Option(help="Only of this stage, e.g. normalize.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
) -> None:
    """Print dead letters, latest first, with stage, reason and coordinates.

    Examples:
      whodid dead-letters list --stage normalize
      whodid dead-letters list --limit 1000 --format jsonl
    """
    with place.reader() as source:
        views.dead_letters(source.dead_letters(stage=stage, limit=limit), place.view, sys.stdout)


@letters.command()
@stored
def show(
    place: Place,
    rejected_id: Annotated[str, typer.Argument(help="Its id, as `dead-letters list` shows it.")],
) -> None:
    """Print one dead letter with its original bytes.

    Example: whodid dead-letters show 3f0c3be2a7d94be6
    """
    with place.reader() as source:
        row = source.dead_letter(rejected_id)
    if row is None:
        typer.echo(f"whodid: no dead letter {rejected_id}", err=True)
        raise typer.Exit(4)
    views.dead_letter(row, place.view, sys.stdout)


@letters.command("replay")
@stored
def replay_letters(
    place: Place,
    rejected_ids: Annotated[list[str] | None, typer.Argument(help="Which; default: all.", metavar="ID…")] = None,
    topic: Annotated[str, typer.Option(help="Public topic for letters that came from a file.")] = "cloud-audit",
    native: Annotated[str | None, typer.Option("--as", help="Native format to send them as, if it was wrong.")] = None,
    limit: Annotated[int, typer.Option(help="Letters at most.", min=1)] = 1000,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
) -> None:
    """Send dead letters again to the topic they came from, after the fault is mended.

    Those that fail again are dead letters again, under a new id; nothing is deleted.

    Examples:
      whodid dead-letters replay 3f0c3be2a7d94be6 --bootstrap kafka:9092
      whodid dead-letters replay --as aws.cloudtrail --limit 100
    """
    settings = settings_from(bootstrap=bootstrap, data_dir=place.settings.data_dir)
    with place.reader() as source:
        wanted = rejected_ids or [row["rejected_id"] for row in source.dead_letters(limit=limit)]
        rows = [row for name in wanted if (row := source.dead_letter(name)) is not None]
    sent = resend(settings, rows, topic, native)
    typer.echo(f"{sent} of {len(wanted)} dead letters sent again")
    if sent < len(wanted):
        raise typer.Exit(1)
