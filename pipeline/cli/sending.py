"""The command `send`: files once, files as they grow, buckets and queues become messages of the public topics."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated, NamedTuple

import typer

from pipeline.cli.inputs import FormatOf, known, progress_bar
from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.cli.standing import Standing, stopped
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.sources.checkpoint import Checkpoint, default_path
from pipeline.sources.deliver import Delivery, Order
from pipeline.sources.detect import topic_of
from pipeline.sources.files import read
from pipeline.sources.follow import Follower
from pipeline.sources.listed import Listing
from pipeline.sources.objects import of_bucket, of_queue
from pipeline.sources.publish import Publisher
from pipeline.sources.received import Receiver
from pipeline.sources.sent import Sent
from pipeline.sources.streams import STDIN, find, size

S3 = "s3://"


@app.command()
def send(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, directories, - for standard input, or s3://BUCKET/PREFIX.", metavar="FILE…", show_default=False
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Public topic; default: by what each record is.")] = None,
    format_: FormatOf = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written to the files.")] = False,
    queue: Annotated[
        str | None, typer.Option(help="SQS queue that tells of new objects; they are sent as it does.", metavar="URL")
    ] = None,
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

    Sending a file twice changes nothing downstream, so an interrupted send is simply repeated.

    With --follow, files are read on as they grow, are rotated and appear, until Ctrl-C; with --queue, objects are read
    that a queue tells of. Started again, both go on where they were. Of s3://…, what was sent before is left out.

    Examples:
      whodid send cloudtrail/2026/01/ --bootstrap kafka:9092
      zcat audit.log.gz | whodid send - --format aws.cloudtrail
      whodid send --follow /var/log/kubernetes/audit/
      whodid send s3://example-trail/AWSLogs/123456789012/CloudTrail/
      whodid send --queue https://sqs.eu-west-1.amazonaws.com/123456789012/trail
    """
    known(format_)
    if topic is not None and topic not in PUBLIC:
        fail(f"--topic: expected one of {', '.join(PUBLIC)}, got {topic!r}", 2)
    settings, named = settings_from(bootstrap=bootstrap, data_dir=data_dir), files or []
    bucket = any(name.startswith(S3) for name in named)
    _fitting(named, queue, follow, bucket)
    _only_with("--checkpoint", checkpoint, "--follow and s3://…", follow or bucket)
    _only_with("--until-idle", until_idle, "--follow and --queue", follow or queue is not None)
    asked = Asked(settings, format_ or "", topic or "", summary)
    if queue is not None:
        _receive(asked, queue, until_idle)
    elif bucket:
        _list(asked, named, checkpoint)
    elif follow:
        _follow(asked, named, checkpoint, until_idle)
    else:
        _once(asked, named)


def _fitting(named: list[str], queue: str | None, follow: bool, bucket: bool) -> None:
    """End with status 2 if it is not one of: files, files to be followed, buckets, a queue."""
    if bool(named) == (queue is not None):
        fail("FILE…: expected at least one, or --queue" if not named else "--queue: goes without FILE…", 2)
    if bucket and not all(name.startswith(S3) for name in named):
        fail("FILE…: expected either files or s3://…, got both: send them one after the other", 2)
    if follow and (bucket or queue is not None):
        fail("--follow: goes with files and directories; of a bucket, --queue tells what is new", 2)
    if follow and STDIN in named:
        fail("--follow: expected files and directories, got -: standard input is read as it comes without it", 2)


def _only_with(name: str, given: object, other: str, fits: bool) -> None:
    if given is not None and not fits:
        fail(f"{name}: goes with {other}", 2)


class Asked(NamedTuple):
    """What all ways of sending share."""

    settings: Settings
    native: str
    topic: str
    summary: Summary | None

    def publisher(self) -> Publisher:
        """Raises Transient when the broker is away."""
        ensure_topics(self.settings)
        return Publisher(self.settings)

    def order(self, stop: Event, standing: Standing) -> Order:
        """How it is to be sent."""
        return Order(stop, self.native, self.topic, standing.show)


def _once(asked: Asked, files: list[str]) -> None:
    publisher, faults, total = asked.publisher(), list[str](), size(find(files))
    with _told(publisher, asked.summary) as counted, progress_bar(total) as bar:
        task = bar.add_task("sending", total=total)
        for record in read(files, asked.native, "", faults, lambda done: bar.advance(task, done)):
            publisher.send(record, asked.topic or topic_of(record.value))
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


def _follow(asked: Asked, paths: list[str], checkpoint: Path | None, until_idle: float | None) -> None:
    absolute = [str(Path(path).absolute()) for path in paths]
    for path in absolute:
        if not Path(path).exists():
            typer.echo(f"whodid: {path}: is not there yet, and is waited for", err=True)
    kept = Checkpoint(checkpoint or default_path(asked.settings, absolute, ".json"))
    with stopped() as stop, Standing(asked.summary, "unfinished") as standing:
        delivery = Delivery(
            lambda state: Follower(absolute, state, asked.native, str(kept.path)), kept, asked.publisher,
            asked.order(stop, standing),
        )  # fmt: skip
        standing.told = delivery.told
        delivery.run(until_idle)
    standing.end()


def _list(asked: Asked, addresses: list[str], checkpoint: Path | None) -> None:
    objects = of_bucket(addresses[0])
    path = checkpoint or default_path(asked.settings, addresses, ".sqlite")
    with closing(Sent(path)) as sent, stopped() as stop, Standing(asked.summary, "objects", "before") as standing:
        listing = Listing(objects, sent, asked.publisher(), asked.order(stop, standing))
        standing.told = listing.told
        listing.run(addresses)
    if listing.told.before:
        typer.echo(f"whodid: objects that {path} lists were left out; without that file they are sent again", err=True)
    if stop.is_set():
        raise typer.Exit(130)
    standing.end()


def _receive(asked: Asked, queue: str, until_idle: float | None) -> None:
    objects, notices = of_queue(queue)
    with stopped() as stop, Standing(asked.summary, "objects", "messages", "left") as standing:
        receiver = Receiver(objects, notices, asked.publisher, asked.order(stop, standing))
        standing.told = receiver.told
        receiver.run(until_idle)
    standing.end()
