"""The command that takes logs without a broker: `investigate`; and what it shares with `send`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.kit.failures import Invalid
from pipeline.normalize.formats import FORMATS
from pipeline.run.investigate import Investigation, current_counts
from pipeline.run.investigate import Summary as Found
from pipeline.sources.files import strands
from pipeline.sources.streams import Progress as Done
from pipeline.sources.streams import find, size
from pipeline.store import connect

Files = Annotated[list[str], typer.Argument(help="Files, directories, or - for standard input.", metavar="FILE…")]
FormatOf = Annotated[str | None, typer.Option("--format", help="Native format of all files; default: detected.")]


@app.command()
def investigate(
    files: Files,
    format_: FormatOf = None,
    store: Annotated[
        Path | None, typer.Option(help="Directory of the embedded store; default: DATA_DIR/clickhouse.")
    ] = None,
    clickhouse: Annotated[str | None, typer.Option(help="Or an address, e.g. http://user:secret@host:8123/db.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the store and the keys live.")] = None,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Take log files straight into a timeline, without a broker.

    The same stages as the stream, for whoever is handed a bucket of logs after a breach. Then ask `whodid timeline`.

    Examples:
      whodid investigate cloudtrail/ --summary json
      whodid investigate transcripts/*.jsonl.gz --format claude-code
    """
    known(format_)
    settings = settings_from(data_dir=data_dir)
    if store is not None or (clickhouse is None and settings.clickhouse == "chdb://memory"):
        clickhouse = f"chdb://{(store or settings.data_dir / 'clickhouse').resolve()}"
    settings = settings_from(data_dir=data_dir, clickhouse=clickhouse)
    faults: list[str] = []
    with connect(settings) as timeline, progress_bar(size(find(files))) as bar:
        task = bar.add_task("reading", total=size(find(files)))
        logs = strands(files, format_ or "", faults, lambda done: bar.advance(task, done))
        investigation = Investigation(settings, timeline)
        found = investigation.run(*logs)
        counts = current_counts(timeline)
    for fault in faults:
        typer.echo(f"whodid: {fault}", err=True)
    report = {
        "records": found.records, "events": found.events, "entries": found.entries, "duplicates": found.duplicates,
        "rejected": found.rejected, "ignored": found.ignored.total(), "bound": found.bound,
        "unbound": dict(found.unbound.most_common()), "findings": found.findings,
        "alerts": found.alerts, "seconds": found.seconds,
    }  # fmt: skip
    if summary is not None:
        typer.echo(json.dumps(report))
    else:
        _show(report, found, counts, settings.clickhouse)
    if faults:
        raise typer.Exit(1)


def _show(report: dict[str, Any], found: Found, counts: dict[str, int], address: str) -> None:
    typer.echo(f"{report['records']:>9,} records in {report['seconds']:.1f} s")
    typer.echo(f"{report['events']:>9,} events = {report['entries']:,} entries + {report['duplicates']:,} duplicates")
    typer.echo(f"{report['bound']:>9,} bound to a credential or session")
    for reason, count in report["unbound"].items():
        typer.echo(f"{count:>9,} not bound: {reason}")
    for reason, count in found.ignored.items():
        typer.echo(f"{count:>9,} records without an event: {reason}")
    for reason, count in sorted(found.reasons.items(), key=lambda item: -item[1])[:20]:
        typer.echo(f"{count:>9,} rejected: {reason}")
    typer.echo(f"{counts['entries']:>9,} entries now in {address}")
    if report["findings"]:
        typer.echo(f"{report['findings']:>9,} findings in {report['alerts']:,} alerts: see `whodid alerts list`")


def progress_bar(total: int | None) -> Progress:
    """A bar by bytes on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal or total == 0)


@contextmanager
def over_bytes(what: str, files: Sequence[Path]) -> Iterator[Done]:
    """A bar over the bytes of some files; gives what is told how many more were read."""
    total = size(find(files))
    with progress_bar(total) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def known(name: str | None) -> None:
    """End with status 2 if there is no such format."""
    if name and name not in FORMATS:
        fail(f"--format: expected one of {', '.join(FORMATS)}, got {name!r}", 2)


def range_of(text: str) -> list[int]:
    """Numbers of `1,2,3` or `1-10`."""
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError as error:
        raise Invalid("seeds", "numbers such as 1,2,3 or 1-10", text) from error
    if not found:
        raise Invalid("seeds", "a range from a smaller number to a larger one, e.g. 1-10", text)
    return found
