"""Commands about alerts: who is told, what was told, what analysts say of them, and what is to be done."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.alert.destination import Destination
from pipeline.alert.example import example
from pipeline.alert.file import Alerts
from pipeline.alert.life import VERDICTS
from pipeline.alert.notice import notice
from pipeline.alert.respond import Hook
from pipeline.cli import alerts_views, completing
from pipeline.cli.main import app, fail, settings_from
from pipeline.cli.queries import QueryOption, held
from pipeline.cli.stored import Place, stored, user
from pipeline.cli.views import Shape
from pipeline.kit.failures import Failure, Invalid
from pipeline.query.facts import ALERT
from pipeline.run.resend import ALERTS_FORMAT, resend
from pipeline.store.findings import SEVERITIES

commands = typer.Typer(
    help="Alerts: what somebody has to look at, who was told of it, and what analysts say.", no_args_is_help=True
)
app.add_typer(commands, name="alerts")

AlertId = Annotated[str, typer.Argument(help="Alert id, as `alerts list` shows it.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why.")]
By = Annotated[str, typer.Option(help="Who decides; default: the user of this terminal.", show_default=False)]
File = Annotated[Path | None, typer.Option("--file", help="The file of alerts; default: WHODID_ALERTS.")]
#: Seconds between two looks of `tail`.
LOOK_EVERY = 1.0


@commands.command("list")
@stored
def list_alerts(
    place: Place,
    state: Annotated[str, typer.Option(help="Only open, acknowledged or closed ones.")] = "",
    severity: Annotated[str, typer.Option(help="Only of this severity: " + ", ".join(SEVERITIES) + ".")] = "",
    verdict: Annotated[str, typer.Option(help="Only closed as: " + ", ".join(VERDICTS) + ".")] = "",
    actor: Annotated[str, typer.Option(help="Only of what this actor did.", autocompletion=completing.identities)] = "",
    session: Annotated[str, typer.Option(help="Only of this session.", autocompletion=completing.sessions)] = "",
    human: Annotated[
        str, typer.Option(help="Only of what was done for this person.", autocompletion=completing.identities)
    ] = "",
    detection: Annotated[
        str, typer.Option(help="Only with findings of this detection.", autocompletion=completing.detections)
    ] = "",
    part_of: Annotated[str, typer.Option(help="Those that this alert (of a storm) stands for.")] = "",
    since: Annotated[str, typer.Option(help="ISO 8601 time, UTC unless it says otherwise.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="Also those that nobody was told of.")] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
    query: QueryOption = "",
) -> None:
    """Print alerts, the one with the latest event first.

    Examples:
      whodid alerts list --state open --severity critical
      whodid alerts list --actor invoice-bot --since 2026-01-31 --format jsonl
    """
    given = {
        "state": state, "severity": severity, "verdict": verdict, "actor": actor, "session": session, "human": human,
        "detection": detection, "part_of": part_of, "since": since, "until": until,
        "everything": "true" if everything else "",
    }  # fmt: skip
    with place.reader() as source:
        wanted = {name: value for name, value in given.items() if value}
        rows = held(query, ALERT, limit, lambda most: source.alerts(wanted, most))
        count = alerts_views.alerts(rows, place.view, sys.stdout)
    _nothing(count, "alerts")


@commands.command()
@stored
def show(place: Place, alert_id: AlertId) -> None:
    """Print one alert: what happened, what was unusual, what to do, who was told, what is proposed, the evidence.

    Example: whodid alerts show 0f4c9be1d2a34c5f8e7d6b5a49382716
    """
    with place.reader() as source:
        row = source.alert(alert_id)
    if row is None:
        typer.echo(f"whodid: no alert {alert_id}", err=True)
        raise typer.Exit(4)
    alerts_views.alert(row, place.view, sys.stdout)


@commands.command()
@stored
def acknowledge(place: Place, alert_id: AlertId, reason: Reason = "", by: By = "") -> None:
    """Say that somebody is looking at an alert. Destinations are told.

    Example: whodid alerts acknowledge 0f4c9be1d2a34c5f8e7d6b5a49382716
    """
    decide(place, alert_id, "acknowledge", by, reason=reason)


@commands.command()
@stored
def close(
    place: Place,
    alert_id: AlertId,
    verdict: Annotated[
        str,
        typer.Option(help="true: an attack; false: nothing of the kind; benign: it was allowed.", show_default=False),
    ],
    reason: Reason = "",
    by: By = "",
) -> None:
    """Close an alert with a verdict. Destinations are told, and the baselines that found it are corrected.

    What was an attack does not become usual; what was harmless is usual for that identity from now on.

    Example: whodid alerts close 0f4c9be1d2a34c5f8e7d6b5a49382716 --verdict benign --reason "quarterly report"
    """
    decide(place, alert_id, "close", by, reason=reason, verdict=verdict)


@commands.command()
@stored
def reopen(place: Place, alert_id: AlertId, reason: Reason = "", by: By = "") -> None:
    """Open a closed or acknowledged alert again.

    Example: whodid alerts reopen 0f4c9be1d2a34c5f8e7d6b5a49382716 --reason "it came back"
    """
    decide(place, alert_id, "reopen", by, reason=reason)


@commands.command()
@stored
def note(
    place: Place,
    alert_id: AlertId,
    text: Annotated[str, typer.Argument(help="What to note.", show_default=False)],
    by: By = "",
) -> None:
    """Add a note to an alert. Nobody is told.

    Example: whodid alerts note 0f4c9be1d2a34c5f8e7d6b5a49382716 "asked the owner of the key"
    """
    decide(place, alert_id, "note", by, reason=text)


@commands.command()
@stored
def deliveries(
    place: Place,
    alert_id: Annotated[str, typer.Argument(help="Only of this alert.")] = "",
    destination: Annotated[str, typer.Option(help="Only to this destination.")] = "",
    outcome: Annotated[str, typer.Option(help="Only delivered, retry, refused or expired ones.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
) -> None:
    """Print the attempts to tell somebody of alerts, latest first: when, whom, what came of it, how long it took.

    Examples:
      whodid alerts deliveries --destination siem --outcome retry
      whodid alerts deliveries 0f4c9be1d2a34c5f8e7d6b5a49382716 --format json
    """
    given = {"alert": alert_id, "destination": destination, "outcome": outcome, "limit": str(limit)}
    with place.reader() as source:
        rows = source.deliveries({name: value for name, value in given.items() if value})
    _nothing(alerts_views.deliveries(rows, place.view, sys.stdout), "attempts")


@commands.command()
@stored
def tail(
    place: Place,
    severity: Annotated[str, typer.Option(help="Only of this severity.")] = "",
    recent: Annotated[int, typer.Option(help="Begin with so many of the latest.", min=0)] = 10,
) -> None:
    """Print alerts as they come, and their revisions, one JSON object a line, until Ctrl-C.

    Example: whodid alerts tail --severity critical | jq -r .sentence
    """
    given = {"severity": severity} if severity else {}
    seen: dict[str, int] = {}
    with place.reader() as source:
        first = True
        while True:
            rows = list(source.alerts(given, 200))
            news = [row for row in rows if seen.get(row["alert_id"], -1) < row["revision"]]
            seen |= {row["alert_id"]: row["revision"] for row in rows}
            shown = news[:recent] if first else news
            alerts_views.alerts(reversed(shown), "jsonl", sys.stdout)
            sys.stdout.flush()
            first = False
            time.sleep(LOOK_EVERY)


@commands.command()
def check(file: File = None) -> None:
    """Read the file of alerts and say what is in it, or what is wrong with it.

    Example: whodid alerts check --file alerts.yml
    """
    said = _file(file).said
    for one in said.destinations:
        typer.echo(f"{one.name}: {getattr(one, 'kind', '')}, from {one.severity} on, mask {one.mask}")
    for hook in said.hooks:
        typer.echo(f"{hook.name}: hook, from {hook.severity} on, {hook.do}, {hook.approvals} to approve")
    typer.echo(f"{len(said.destinations)} destinations, {len(said.hooks)} hooks, {len(said.assets)} assets")


@commands.command("test")
def try_out(
    destination: Annotated[str, typer.Argument(help="Name of a destination in the file.", show_default=False)],
    file: File = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a hook: print the exact request, send nothing.")
    ] = False,
) -> None:
    """Send a marked example to a destination and print what it answered.

    A hook is never called by this: its request is printed, as it would be for the example.

    Examples:
      whodid alerts test siem --file alerts.yml
      whodid alerts test revoke-key --dry-run
    """
    said = _file(file).said
    one = said.named(destination)
    if isinstance(one, Hook):
        request = one.proposed(example(), int(time.time() * 1e6)).request
        typer.echo(f"{request.method} {request.url}")
        for name, value in request.headers.items():
            typer.echo(f"{name}: {value}")
        typer.echo(f"\n{request.body}")
        return
    if dry_run:
        fail("--dry-run is for hooks; what a destination gets is in docs/siem/", 2)
    started = time.monotonic()
    try:
        status, body = asyncio.run(_sent(one, said.console or ""))
    except Failure as failure:
        fail(f"{destination}: {failure}", 3)
    typer.echo(
        f"{destination}: took it in {1000 * (time.monotonic() - started):.0f} ms{f', HTTP {status}' if status else ''}"
    )
    if body:
        typer.echo(body)


@commands.command("replay")
@stored
def replay_alerts(
    place: Place,
    destination: Annotated[str, typer.Option(help="Only what this destination did not take.")] = "",
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
) -> None:
    """Tell destinations again what they did not take: the dead letters of alerts, each to its destination alone.

    It has the idempotency key that it had before, so what was taken after all is known by it.

    Example: whodid alerts replay --destination siem --bootstrap kafka:9092
    """
    settings = settings_from(bootstrap=bootstrap, data_dir=place.settings.data_dir)
    with place.reader() as source:
        letters = [row for row in source.dead_letters(stage="alert", limit=limit) if untaken(row, destination)]
        rows = [row for one in letters if (row := source.dead_letter(one["rejected_id"])) is not None]
    sent = resend(settings, rows, "alerts", None)
    typer.echo(f"{sent} of {len(rows)} alerts are told again")
    _nothing(len(rows), "dead letters of alerts")


def untaken(letter: Shape, destination: str) -> bool:
    """Whether a dead letter is of what this destination did not take; empty = any."""
    told = f"destination {destination} " if destination else ""
    return bool(letter["format"] == ALERTS_FORMAT and letter["reason"].startswith(told))


def decide(place: Place, about: str, what: str, by: str, **said: str) -> None:
    """Send a decision, and say so."""
    with place.reader() as source:
        source.decide(about, {"what": what, "by": by or user(), **{name: text for name, text in said.items() if text}})
    typer.echo(f"{what}: {about}")


async def _sent(one: Destination, console: str) -> tuple[int, str]:
    wire = one.wire()
    try:
        reply = await one.send(notice(example(), one.mask, console, example=True), wire)
        return reply.status, reply.body.decode("utf-8", "replace").strip()
    finally:
        await wire.close()


def _file(file: Path | None) -> Alerts:
    path = file or settings_from().alerts
    if path is None:
        raise Invalid("WHODID_ALERTS", "the file of alerts, there or with --file; docs/alerts.md has one to begin with")
    return Alerts.load(path)


def _nothing(count: int, what: str) -> None:
    if not count:
        typer.echo(f"whodid: {what}: nothing found", err=True)
        raise typer.Exit(4)
