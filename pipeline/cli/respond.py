"""Commands about responses: what hooks propose to do about alerts, and the people who let them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import alerts_views
from pipeline.cli.alerts import AlertId, By, Reason, decide
from pipeline.cli.main import app
from pipeline.cli.stored import Place, stored

commands = typer.Typer(
    help="Responses: requests that revoke a credential or stop an agent, once people approve.", no_args_is_help=True
)
app.add_typer(commands, name="respond")

ResponseId = Annotated[str, typer.Argument(help="Response id, as `respond list` shows it.", show_default=False)]


@commands.command("list")
@stored
def list_responses(
    place: Place,
    alert: Annotated[str, typer.Option(help="Only of this alert.")] = "",
    state: Annotated[str, typer.Option(help="Only proposed, approved, rejected, done or failed ones.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
) -> None:
    """Print responses, latest first.

    Example: whodid respond list --state proposed
    """
    given = {"alert": alert, "state": state, "limit": str(limit)}
    with place.reader() as source:
        rows = source.responses({name: value for name, value in given.items() if value})
    if not alerts_views.responses(rows, place.view, sys.stdout):
        typer.echo("whodid: responses: nothing found", err=True)
        raise typer.Exit(4)


@commands.command()
@stored
def show(place: Place, response_id: ResponseId) -> None:
    """Print the exact request of a response (secrets by name), and who said what about it.

    Example: whodid respond show 5b1f0c62a9f84b6b8a4f0b0c8ff0a1d2
    """
    with place.reader() as source:
        rows = [row for row in source.responses({"limit": "1000"}) if row["response_id"] == response_id]
    if not rows:
        typer.echo(f"whodid: no response {response_id}", err=True)
        raise typer.Exit(4)
    alerts_views.response(rows[0], place.view, sys.stdout)


@commands.command()
@stored
def request(
    place: Place,
    alert_id: AlertId,
    hook: Annotated[str, typer.Argument(help="Name of the hook in the file of alerts.", show_default=False)],
    reason: Reason = "",
    by: By = "",
) -> None:
    """Ask for a response to an alert. Somebody else has to approve it.

    Example: whodid respond request 0f4c9be1d2a34c5f8e7d6b5a49382716 revoke-key --reason "seen in a paste"
    """
    decide(place, alert_id, "request", by, reason=reason, hook=hook)


@commands.command()
@stored
def approve(place: Place, response_id: ResponseId, reason: Reason = "", by: By = "") -> None:
    """Approve a response: when enough people have, its request is sent. Whoever asked for it is not one of them.

    Example: whodid respond approve 5b1f0c62a9f84b6b8a4f0b0c8ff0a1d2
    """
    decide(place, response_id, "approve", by, reason=reason)


@commands.command()
@stored
def reject(
    place: Place,
    response_id: ResponseId,
    reason: Annotated[str, typer.Option(help="Why.", show_default=False)],
    by: By = "",
) -> None:
    """Reject a response: it is not sent.

    Example: whodid respond reject 5b1f0c62a9f84b6b8a4f0b0c8ff0a1d2 --reason "the key is needed until tomorrow"
    """
    decide(place, response_id, "reject", by, reason=reason)
