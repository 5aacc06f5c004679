"""The command `replay`: what today's rules, models and correlation would have said of history."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from pipeline.cli import replay_views
from pipeline.cli.main import app, fail
from pipeline.cli.stored import Place, stored, user
from pipeline.console.shapes import moment
from pipeline.kit.failures import Invalid
from pipeline.run import chosen
from pipeline.run.replay import Asked, Nothing, Replaying
from pipeline.store import Store, replays
from schemas.replay import Replay

commands = typer.Typer(invoke_without_command=True)
app.add_typer(commands, name="replay")

Id = Annotated[str, typer.Argument(help="Id of a replay, as `replay list` shows it.", show_default=False)]
Limit = Annotated[int, typer.Option(help="Differences of each sort at most.", min=1)]
History = Annotated[bool, typer.Option("--history", help="Also what differs from what was stored without the options.")]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECONDS = 1_000_000


@commands.callback()
@stored
def replay(
    place: Place,
    context: typer.Context,
    since: Annotated[str, typer.Option(help="ISO 8601 time, UTC unless it says otherwise.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601 time.")] = "",
    rules: Annotated[Path | None, typer.Option(help="Folder of rules instead of WHODID_RULES.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model file, or a version: of drift, baselines, or one of each.")
    ] = None,
    exceptions: Annotated[Path | None, typer.Option(help="File instead of WHODID_EXCEPTIONS.")] = None,
    tool_chains: Annotated[Path | None, typer.Option(help="File instead of WHODID_TOOL_CHAINS.")] = None,
    alerts: Annotated[Path | None, typer.Option(help="File instead of WHODID_ALERTS; nobody is told anything.")] = None,
    lead_in: Annotated[str, typer.Option(help="History before it, so that there is a past: 30d, 12h.")] = "14d",
    lead_out: Annotated[str, typer.Option(help="History after it, for truth that came late.")] = "1h",
    limit: Limit = 100,
    history: History = False,
) -> None:
    """Replay history through today's stages into side tables; print what would have been different.

    The live timeline is not touched, and nobody is told anything. What the options change is told apart from what
    differs all the same (docs/replay.md).

    Examples:
      whodid replay --since 2026-03-01 --until 2026-03-08 --rules ./new-rules
      whodid replay --since 2026-03-01 --until 2026-03-08 --model drift.json.gz --model identity-baselines@1a2b3c4d5e6f
      whodid replay --since 2026-03-01 --until 2026-03-08 --format jsonl
    """
    if context.invoked_subcommand is not None:
        return
    if not since or not until:
        fail("replay: expected --since and --until, or one of list, show, drop (see --help)", 2)
    given = {"rules": rules, "exceptions": exceptions, "tool_chains": tool_chains, "alerts": alerts}
    options: dict[str, Any] = {name: path for name, path in given.items() if path is not None}
    told = {name: str(path.resolve()) for name, path in options.items()}
    try:
        asked = Asked(moment(since, "since"), moment(until, "until"), duration(lead_in, "lead-in"),
                      duration(lead_out, "lead-out"), options, told, user())  # fmt: skip
        for one in chosen.models(model or [], place.settings):
            options[one.setting], told[one.setting] = one.file, one.version
        with place.store() as store:
            made = _made(place, store, asked)
            _show(place, store, made, limit, history)
    except Nothing as nothing:
        fail(str(nothing), 4)
    except Invalid as error:
        fail(str(error), 2)


def _made(place: Place, store: Store, asked: Asked) -> Replay:
    with _bar() as advance:
        return Replaying(place.settings, store, asked, advance).run()


@commands.command("list")
@stored
def list_replays(
    place: Place,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
) -> None:
    """Print replays, the latest first: what they compared, and how far they came.

    Example: whodid replay list --format json
    """
    with place.store() as store:
        count = replay_views.listing(replays.replays(store, limit), place.view, sys.stdout, time.time())
    if not count:
        typer.echo("whodid: no replays", err=True)
        raise typer.Exit(4)


@commands.command()
@stored
def show(place: Place, replay_id: Id, limit: Limit = 100, history: History = False) -> None:
    """Print again what a replay has found.

    Example: whodid replay show 0f4c9be1d2a3 --format json
    """
    with place.store() as store:
        _show(place, store, _known(store, replay_id), limit, history)


@commands.command()
@stored
def drop(place: Place, replay_id: Id) -> None:
    """Delete a replay and its side tables' rows.

    Example: whodid replay drop 0f4c9be1d2a3
    """
    with place.store() as store:
        replays.drop(store, _known(store, replay_id))
    typer.echo(f"whodid: replay {replay_id} is dropped", err=True)


def _known(store: Store, replay_id: str) -> Replay:
    found = replays.replay(store, replay_id)
    if found is None:
        fail(f"no replay {replay_id}", 4)
        raise typer.Exit(4)
    return found


def _show(place: Place, store: Store, found: Replay, limit: int, history: bool) -> None:
    told = replay_views.Told.of(store, found, limit, history=history)
    replay_views.single(told, place.view, sys.stdout, time.time())
    typer.echo(f"whodid: {replay_views.summary(told)}", err=True)


def duration(text: str, option: str) -> int:
    """Microseconds of `90s`, `30m`, `12h` or `14d`. Raises Invalid."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None:
        raise Invalid(option, "a number and s, m, h or d, e.g. 14d", text)
    return int(found[1]) * _UNITS[found[2]] * _SECONDS


@contextmanager
def _bar() -> Iterator[Callable[[str, float], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("replaying", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)
