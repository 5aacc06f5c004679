"""The command `send`: files once, files as they grow, buckets and queues become messages of the public topics."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.inputs import FormatOf, known, progress_bar
from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.cli.standing import Standing, stopped
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.sources.checkpoint import Checkpoint, default_path
from pipeline.sources.deliver import Delivery
from pipeline.sources.detect import topic_of
from pipeline.sources.files import read
from pipeline.sources.follow import Follower
from pipeline.sources.publish import Publisher
from pipeline.sources.streams import STDIN, find, size


@app.command()
def send(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files, directories, or - for standard input.", metavar="FILE…", show_default=False),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Public topic; default: by what each record is.")] = None,
    format_: FormatOf = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written to the files.")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where it is noted what was sent; default: a file in DATA_DIR/sent.")
    ] = None,
    until_idle: Annotated[
        float | None, typer.Option(min=0, help="Seconds without anything new after which to end.", metavar="SECONDS")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers, host:port[,host:port…].")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where checkpoints are kept, unless told otherwise.")] = None,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Send log files to the public topics of a running pipeline.

    Sending a file twice changes nothing downstream, so an interrupted send is simply repeated. With --follow, files are
    read on as they grow, are rotated and appear, until Ctrl-C; started again, it goes on where it was.

    Examples:
      whodid send cloudtrail/2026/01/ --bootstrap kafka:9092
      zcat audit.log.gz | whodid send - --format aws.cloudtrail
      whodid send --follow /var/log/kubernetes/audit/
    """
    known(format_)
    if topic is not None and topic not in PUBLIC:
        fail(f"--topic: expected one of {', '.join(PUBLIC)}, got {topic!r}", 2)
    settings = settings_from(bootstrap=bootstrap, data_dir=data_dir)
    named = files or []
    if not named:
        fail("FILE…: expected at least one", 2)
    if follow:
        if STDIN in named:
            fail("--follow: expected files and directories, got -: standard input is read as it comes without it", 2)
        _follow(settings, named, topic or "", format_ or "", checkpoint, until_idle, summary)
        return
    for name, given in (("--checkpoint", checkpoint), ("--until-idle", until_idle)):
        if given is not None:
            fail(f"{name}: goes with --follow", 2)
    ensure_topics(settings)
    _send_once(settings, named, topic or "", format_ or "", summary)


def _send_once(settings: Settings, files: list[str], topic: str, native: str, summary: Summary | None) -> None:
    publisher, faults, total = Publisher(settings), list[str](), size(find(files))
    with _told(publisher, summary) as counted, progress_bar(total) as bar:
        task = bar.add_task("sending", total=total)
        for record in read(files, native, "", faults, lambda done: bar.advance(task, done)):
            publisher.send(record, topic or topic_of(record.value))
            counted[0] += 1
    for fault in faults:
        typer.echo(f"whodid: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


@contextmanager
def _told(publisher: Publisher, summary: Summary | None) -> Iterator[list[int]]:
    """On Ctrl-C too: what was read is delivered, and the report says how far it got."""
    started, counted = time.monotonic(), [0]
    try:
        yield counted
    finally:
        # If the broker went away, flush says so, after the report.
        try:
            publisher.flush()
        finally:
            seconds = round(time.monotonic() - started, 3)
            report = {"records": counted[0], "sent": publisher.sent, "rejected": publisher.rejected, "seconds": seconds}
            typer.echo(json.dumps(report) if summary else f"{counted[0]:,} records read, {publisher.sent:,} "
                       f"acknowledged, {publisher.rejected:,} too large (dead letters), {seconds:.1f} s")  # fmt: skip


def _follow(
    settings: Settings, paths: list[str], topic: str, native: str,
    checkpoint: Path | None, until_idle: float | None, summary: Summary | None,
) -> None:  # fmt: skip
    absolute = [str(Path(path).absolute()) for path in paths]
    kept = Checkpoint(checkpoint or default_path(settings, absolute, ".json"))
    standing = Standing(summary)

    def publisher() -> Publisher:
        ensure_topics(settings)
        return Publisher(settings)

    with stopped() as stop, standing:
        delivery = Delivery(
            lambda state: Follower(absolute, state, native), kept, publisher, stop, topic, standing.show
        )  # fmt: skip
        standing.told = delivery.told
        delivery.run(until_idle)
    if standing.faulty:
        raise typer.Exit(1)
