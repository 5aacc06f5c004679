"""Commands that take logs: `investigate` and `send`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.kit.admin import ensure_topics
from pipeline.kit.failures import Invalid
from pipeline.kit.topics import PUBLIC
from pipeline.normalize.formats import FORMATS
from pipeline.run.investigate import Investigation, current_counts
from pipeline.run.investigate import Summary as Found
from pipeline.sources.detect import topic_of
from pipeline.sources.files import read, strands
from pipeline.sources.publish import Publisher
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
    _known(format_)
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


@app.command()
def send(
    files: Files,
    topic: Annotated[str | None, typer.Option(help="Public topic; default: by what each record is.")] = None,
    format_: FormatOf = None,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers, host:port[,host:port…].")] = None,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Send log files to the public topics of a running pipeline.

    Sending a file twice changes nothing downstream, so an interrupted send is simply repeated.

    Examples:
      whodid send cloudtrail/2026/01/ --bootstrap kafka:9092
      zcat audit.log.gz | whodid send - --format aws.cloudtrail
    """
    _known(format_)
    if topic is not None and topic not in PUBLIC:
        fail(f"--topic: expected one of {', '.join(PUBLIC)}, got {topic!r}", 2)
    settings = settings_from(bootstrap=bootstrap)
    ensure_topics(settings)
    publisher, faults, started, count = Publisher(settings), list[str](), time.monotonic(), 0
    total = size(find(files))
    try:
        with progress_bar(total) as bar:
            task = bar.add_task("sending", total=total)
            for record in read(files, format_ or "", "", faults, lambda done: bar.advance(task, done)):
                publisher.send(record, topic or topic_of(record.value))
                count += 1
    finally:
        # On Ctrl-C too: what was read is delivered, and the report says how far it got.
        # If the broker went away, flush says so, after the report.
        try:
            publisher.flush()
        finally:
            seconds = round(time.monotonic() - started, 3)
            report = {"records": count, "sent": publisher.sent, "rejected": publisher.rejected, "seconds": seconds}
            typer.echo(json.dumps(report) if summary else f"{count:,} records read, {publisher.sent:,} acknowledged, "
                       f"{publisher.rejected:,} too large (dead letters), {seconds:.1f} s")  # fmt: skip
    for fault in faults:
        typer.echo(f"whodid: {fault}", err=True)
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


def _known(name: str | None) -> None:
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
