"""The command `aliases`: under which names an identity is known, who said so, and by which rules."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import names_views
from pipeline.cli.main import app
from pipeline.cli.stored import Place, View, stored, user
from pipeline.console import names
from pipeline.store.aliases import Alias, alias, split

commands = typer.Typer(
    help="Names of one identity: what analysts have said, and the rules. Nothing in the timeline is rewritten.",
    no_args_is_help=True,
)
app.add_typer(commands, name="aliases")

Name = Annotated[str, typer.Argument(help="A name, as the timeline shows it.", show_default=False)]
By = Annotated[str, typer.Option(help="Who says so; default: the user of this terminal.", show_default=False)]


@commands.command("list")
@stored
def list_aliases(
    place: Place,
    of: Annotated[str, typer.Option(help="Only those of the identity of this name.")] = "",
    history: Annotated[bool, typer.Option("--history", help="Also those that were replaced or removed.")] = False,
) -> None:
    """Print aliases: which name is whose, why, who said so and when.

    Examples:
      whodid aliases list
      whodid aliases list --of ana@example.com --history --format json
    """
    with place.reader() as source:
        found = source.aliases(of, history)
    count = names_views.aliases(found["aliases"], place.view, sys.stdout)
    for line in names_views.told(found["names"] or []):
        typer.echo(f"whodid: {line}", err=True)
    if not count and not found["names"]:
        typer.echo("whodid: aliases: nothing found", err=True)
        raise typer.Exit(4)


@commands.command()
@stored
def rules(
    place: Place,
) -> None:
    """Print the rules that join names by themselves, where they come from, and two names that each joins.

    Examples:
      whodid aliases rules
      whodid aliases rules --format json
    """
    with place.reader() as source:
        names_views.rules(source.aliases()["rules"], place.view, sys.stdout)


@commands.command()
@stored
def add(
    place: Place,
    name: Name,
    identity: Annotated[str, typer.Argument(help="Whose name it is: any other name of the same one.")],
    reason: Annotated[str, typer.Option(help="How that is known.", show_default=False)],
    by: By = "",
) -> None:
    """Say that NAME is a name of IDENTITY; of itself, that no rule may join it with others.

    It writes to the store: to one that a running desk owns it cannot, since the desk's API only reads.

    Examples:
      whodid aliases add octo-ana ana@example.com --reason "GitHub login, HR record 4711"
      whodid aliases add old-bot old-bot --reason "made anew in March: another bot"
    """
    with place.store() as store:
        _show(alias(store, name, identity, reason, by or user()), place.view)


@commands.command()
@stored
def remove(
    place: Place,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why it is taken back.")] = "",
    by: By = "",
) -> None:
    """Take back the alias of NAME. `aliases list --history` goes on telling of it.

    It writes to the store, as `add` does.

    Examples:
      whodid aliases remove octo-ana --reason "the login was taken over by somebody else"
    """
    with place.store() as store:
        _show(split(store, name, reason, by or user()), place.view)


def _show(one: Alias, view: View) -> None:
    names_views.aliases([names.alias(one)], view, sys.stdout)
