"""The command that takes logs as they come: `watch`, of directories, buckets and queues."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.inputs import FormatOf, known_format
from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.run.watch import Watch
from pipeline.sources.bucket import Listed, Queue
from pipeline.sources.checkpoint import Checkpoint
from pipeline.sources.delivery import Followed
from pipeline.sources.follow import Follower
from pipeline.sources.objects import S3, S3Objects

_PLACE = "Directories and files, s3://bucket/prefix, or the https:// address of a queue that S3 tells of new objects."


@app.command()
def watch(
    places: Annotated[list[str], typer.Argument(help=_PLACE, metavar="PLACE…")],
    topic: Annotated[str | None, typer.Option(help="Public topic; default: by what each record is.")] = None,
    format_: FormatOf = None,
    checkpoint: Annotated[Path | None, typer.Option(help="What was sent already; default: DATA_DIR/sent.db.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Send what is there and was not sent yet, then end.")] = False,
    until_idle: Annotated[float | None, typer.Option(help="End when nothing has come for so many seconds.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the checkpoint lives.")] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers, host:port[,host:port…].")] = None,
    summary: Annotated[Summary | None, typer.Option(help="End with one JSON line on standard output.")] = None,
) -> None:
    """Send logs as they are written, and go on where it stopped.

    What was acknowledged is kept in the checkpoint. Ends with Ctrl-C or SIGTERM.

    Examples:
      whodid watch /var/log/vault /var/log/kubernetes/audit --bootstrap kafka:9092
      whodid watch s3://example-trail/AWSLogs/ --once
      whodid watch https://sqs.eu-central-1.amazonaws.com/123456789012/new-logs
    """
    known_format(format_)
    if topic is not None and topic not in PUBLIC:
        fail(f"--topic: expected one of {', '.join(PUBLIC)}, got {topic!r}", 2)
    settings = settings_from(bootstrap=bootstrap, data_dir=data_dir)
    source = source_of(places, settings, checkpoint, format_ or "")
    ensure_topics(settings)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watched = Watch(settings, source, topic or "", lambda told: typer.echo(f"whodid: {told}", err=True))
    try:
        if once:
            watched.once()
        else:
            watched.follow(until_idle)
    finally:
        source.close()
        seconds = round(time.monotonic() - started, 3)
        report = {"records": watched.records, "sent": watched.sent, "rejected": watched.rejected, "seconds": seconds}
        typer.echo(json.dumps(report) if summary else f"{watched.records:,} records read, {watched.sent:,} "
                   f"acknowledged, {watched.rejected:,} dead letters, {seconds:.1f} s")  # fmt: skip


def source_of(places: list[str], settings: Settings, checkpoint: Path | None, native: str) -> Followed:
    """What follows the places: files together, or one bucket, or one queue."""
    remote = [place for place in places if place.startswith((S3, "https://", "http://"))]
    if remote and len(places) > 1:
        fail(f"PLACE: expected one bucket or queue by itself, got {', '.join(places)}", 2)
    if remote and not remote[0].startswith(S3):
        return Queue(remote[0], S3Objects(), native)
    store = checkpoint or settings.data_dir / "sent.db"
    if remote:
        return Listed(remote[0], S3Objects(), Checkpoint(store, settings.prefix + remote[0]), native)
    return Follower(places, Checkpoint(store, f"{settings.prefix}files"), native)
