"""Commands that read what detections found: `findings` and `finding`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import completing, findings_views, names_views
from pipeline.cli.main import app
from pipeline.cli.queries import QueryOption, held
from pipeline.cli.stored import Place, stored
from pipeline.query.facts import FINDING
from pipeline.store.findings import SEVERITIES
from pipeline.store.pivots import NAMING


@app.command()
@stored
def findings(
    place: Place,
    actor: Annotated[str, typer.Option(help="Only of what this actor did.", autocompletion=completing.identities)] = "",
    session: Annotated[
        str, typer.Option(help="Only of this agent conversation or login session.", autocompletion=completing.sessions)
    ] = "",
    human: Annotated[
        str, typer.Option(help="Only of what was done for this person.", autocompletion=completing.identities)
    ] = "",
    detection: Annotated[
        str, typer.Option(help="Only of this detection, e.g. tool-chain-drift.", autocompletion=completing.detections)
    ] = "",
    severity: Annotated[str, typer.Option(help="Only of this severity: " + ", ".join(SEVERITIES) + ".")] = "",
    since: Annotated[str, typer.Option(help="ISO 8601 time, UTC unless it says otherwise.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
    exact: Annotated[bool, typer.Option("--exact", help="Under this very name only, not all of the identity.")] = False,
    suppressed: Annotated[bool, typer.Option("--suppressed", help="Also those that an exception suppresses.")] = False,
    query: QueryOption = "",
) -> None:
    """Print what detections found, latest first: how severe, about whom, in which session, and what an analyst reads.

    Of an actor or a person it is what was found under all of their names, and standard error says which and why.

    Examples:
      whodid findings --severity high
      whodid findings --session conv-7f3a --format jsonl
      whodid findings --actor invoice-bot --since 2026-01-31T08:00:00Z --format csv
    """
    given = {
        "actor": actor, "session": session, "human": human, "detection": detection, "severity": severity,
        "since": since, "until": until, "exact": "true" if exact else "", "suppressed": "true" if suppressed else "",
    }  # fmt: skip
    with place.reader() as source:
        wanted = {name: value for name, value in given.items() if value}
        rows = held(query, FINDING, limit, lambda most: source.findings(wanted, most))
        count = findings_views.listing(rows, place.view, sys.stdout)
        named = [] if exact else [given[name] for name in NAMING if given[name]]
        also = [one for name in named for one in source.aliases(name)["names"]]
    for line in names_views.told(also):
        typer.echo(f"whodid: {line}", err=True)
    if not count:
        typer.echo("whodid: findings: nothing found", err=True)
        raise typer.Exit(4)


@app.command()
@stored
def finding(
    place: Place,
    finding_id: Annotated[str, typer.Argument(help="Finding id, as `findings` shows it.")],
) -> None:
    """Print everything known of one finding: its sentence, how unusual it is, and its evidence as a timeline.

    Examples:
      whodid finding 0f4c9be1d2a34c5f8e7d6b5a49382716
      whodid finding 0f4c9be1d2a34c5f8e7d6b5a49382716 --format json
    """
    with place.reader() as source:
        row = source.finding(finding_id)
    if row is None:
        typer.echo(f"whodid: no finding {finding_id}", err=True)
        raise typer.Exit(4)
    findings_views.single(row, place.view, sys.stdout)
