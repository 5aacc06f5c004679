"""The command `chaos`: is the timeline exact whatever happens to the processes that make it?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.cli.processes import stopping
from pipeline.run import chaos as runner
from pipeline.run.disturb import Kind
from pipeline.run.ordered import BROKERS, Order, Outcome

NONE = "none"


@app.command()
def chaos(
    events: Annotated[int, typer.Option(help="Events of the simulated organisation.", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same records, faults and moments.")] = 1,
    given: Annotated[
        Path | None, typer.Option("--input", help="Directory that `whodid simulate` wrote, instead.", metavar="DIR")
    ] = None,
    faults: Annotated[
        str, typer.Option(help=f"Some of {', '.join(Kind)}; {NONE} disturbs nothing. Default: all that apply.")
    ] = "",
    count: Annotated[int, typer.Option(help="How many disturbances.", min=0)] = 20,
    seconds: Annotated[float, typer.Option(help="Time over which the records are sent and disturbed.", min=1)] = 60.0,
    broker: Annotated[
        str, typer.Option(help="`embedded`; or Apache Kafka, started here: `kafka`, one node, or `cluster`, three.")
    ] = "embedded",
    bootstrap: Annotated[str | None, typer.Option(help="Or a Kafka that runs, host:port.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep stores and logs here; default: only if something does not hold.")
    ] = None,
    summary: Annotated[Summary | None, typer.Option(help="One JSON object instead of lines.")] = None,
) -> None:
    """Kill, stop and starve the processes of a pipeline while it works; its timeline must be exact nevertheless.

    Exit status 0: it is, row for row what investigating the same records gives, and nothing was lost, doubled or left
    behind. Otherwise 1, with the first rows that differ and where the logs are.

    Examples:
      whodid chaos
      whodid chaos --seed 7 --faults kill,stop --count 40 --seconds 120
      whodid chaos --broker kafka --events 100000 --summary json
      whodid chaos --broker cluster --events 200000 --seconds 90 --faults kill,broker
    """
    if broker not in BROKERS:
        fail(f"--broker: expected one of {', '.join(BROKERS)} (or --bootstrap host:port), got {broker!r}", 2)
    order = Order(seed, events, given, seconds, count, _kinds(faults), bootstrap or broker, _empty(keep))
    with stopping() as stopped, _bar() as bar:
        said = bar.console.print if summary is None else _quiet
        try:
            outcome = runner.Chaos(
                settings_from(), order, lambda line: said(line, highlight=False, soft_wrap=True), _Phases(bar).show,
                stopped.is_set,
            ).run()  # fmt: skip
        except runner.Interrupted:
            raise KeyboardInterrupt from None
    if summary is not None:
        typer.echo(json.dumps(outcome.shown()))
    else:
        _show(outcome)
    raise typer.Exit(0 if outcome.holds else 1)


class _Phases:
    """One bar for a phase, one phase after the other."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", visible=False)

    def show(self, phase: str, done: float, total: float | None) -> None:
        self._bar.update(self._task, description=phase, completed=done, total=total, visible=True)


@contextmanager
def _bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        yield bar


def _quiet(*_: object, **__: object) -> None:
    """The JSON object says what was done."""


def _kinds(faults: str) -> tuple[Kind, ...] | None:
    names = [name.strip() for name in faults.split(",") if name.strip()]
    if names == [NONE]:
        return ()
    unknown = [name for name in names if name not in list(Kind)]
    if unknown:
        fail(f"--faults: expected some of {', '.join(Kind)}, or {NONE}, got {', '.join(unknown)}", 2)
    return tuple(Kind(name) for name in names) or None


def _empty(keep: Path | None) -> Path | None:
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        fail(f"--keep: expected a directory that is empty or not there yet, got {keep}", 2)
    return keep


def _show(outcome: Outcome) -> None:
    typer.echo(
        f"{outcome.records:,} records of {outcome.events:,} events, {outcome.sent:,} sent; "
        f"{len(outcome.disturbances)} disturbances, seed {outcome.seed}"
    )
    for line in outcome.ended_by_themselves:
        typer.echo(f"        {line}")
    for check in outcome.checks:
        typer.echo(f"{'holds ' if check.holds else 'BROKEN'}  {check.name}: {check.seen}")
    for event_id, fields in outcome.differing.items():
        typer.echo(f"        {event_id}")
        for name, (undisturbed, got) in fields.items():
            typer.echo(f"          {name}: undisturbed {undisturbed!r}, got {got!r}")
    spent = ", ".join(f"{name.replace('_', ' ')} {value:.1f} s" for name, value in outcome.seconds.items())
    typer.echo(f"        {spent}")
    if outcome.home:
        typer.echo(f"        stores and logs: {outcome.home}")
