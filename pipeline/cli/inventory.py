"""Commands that read the inventory: `identities`, `credentials`, `sessions`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import completing, inventory_views
from pipeline.cli.main import app
from pipeline.cli.stored import Place, stored
from pipeline.store.inventory import LEDGERS, Of

Identity = Annotated[
    str,
    typer.Argument(
        help="One of them, in detail.", metavar="[NAME]", show_default=False, autocompletion=completing.identities
    ),
]
Credential = Annotated[
    str,
    typer.Argument(
        help="One of them, in detail.", metavar="[NAME]", show_default=False, autocompletion=completing.credentials
    ),
]
Session = Annotated[
    str,
    typer.Argument(
        help="One of them, in detail.", metavar="[NAME]", show_default=False, autocompletion=completing.sessions
    ),
]
Since = Annotated[str, typer.Option(help="Last seen at or after this ISO 8601 time, UTC unless it says otherwise.")]
Limit = Annotated[int, typer.Option(help="Rows at most.", min=1)]
Superseded = Annotated[bool, typer.Option(help="Also those whose every row a revision has moved elsewhere.")]


def _kinds(of: Of) -> str:
    return "Only of this kind: " + ", ".join(LEDGERS[of].kinds) + "."


@app.command()
@stored
def identities(
    place: Place,
    name: Identity = "",
    kind: Annotated[str, typer.Option(help=_kinds("identities"))] = "",
    since: Since = "",
    superseded: Superseded = False,
    limit: Limit = 100,
) -> None:
    """Print who and what acts, latest first, of which kind that is and how we know; or one by name.

    Of one name: what sources call it, its credentials, sessions, addresses, tools, and whom it acts for.

    Examples:
      whodid identities --kind agent
      whodid identities --since 2026-01-31 --format csv
      whodid identities invoice-bot
    """
    given = {"kind": kind, "since": since, "superseded": "true" if superseded else ""}
    _print("identities", name, given, limit, place)


@app.command()
@stored
def credentials(
    place: Place,
    name: Credential = "",
    kind: Annotated[str, typer.Option(help=_kinds("credentials"))] = "",
    since: Since = "",
    limit: Limit = 100,
) -> None:
    """Print credentials, latest first: issued by whom, used by whom, standing, expired, revoked; or one by name.

    Of one name: the chain of issuances that it came from, what was issued with it, and every use.

    Examples:
      whodid credentials --kind standing
      whodid credentials --since 2026-01-31T08:00:00Z --format jsonl
      whodid credentials aws:ASIAEXAMPLE
    """
    _print("credentials", name, {"kind": kind, "since": since}, limit, place)


@app.command()
@stored
def sessions(
    place: Place,
    name: Session = "",
    kind: Annotated[str, typer.Option(help=_kinds("sessions"))] = "",
    since: Since = "",
    superseded: Superseded = False,
    limit: Limit = 100,
) -> None:
    """Print agent conversations and login sessions, latest first; or one by name. Kinds are those of their actors.

    Of one name: its people, actors, credentials, tools, resources, and the sessions that it opened.

    Examples:
      whodid sessions --kind agent --limit 20
      whodid sessions --since 2026-01-31 --format jsonl
      whodid sessions conv-7f3a
    """
    given = {"kind": kind, "since": since, "superseded": "true" if superseded else ""}
    _print("sessions", name, given, limit, place)


def _print(of: Of, name: str, given: dict[str, str], limit: int, place: Place) -> None:
    with place.reader() as source:
        if name:
            row = source.inventoried(of, name, given["kind"])
            if row is not None:
                inventory_views.single(row, place.view, sys.stdout)
                return
            typer.echo(f"whodid: {of}: none of the name {name}", err=True)
            raise typer.Exit(4)
        asked = {name: value for name, value in given.items() if value}
        if not inventory_views.listing(of, source.inventory(of, asked, limit), place.view, sys.stdout):
            typer.echo(f"whodid: {of}: nothing found", err=True)
            raise typer.Exit(4)
