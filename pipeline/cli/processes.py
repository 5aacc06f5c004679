"""Commands that run something: `up`, `demo`, `run`."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.main import Summary, app, fail, settings_from
from pipeline.kit.config import Settings
from pipeline.kit.connection import OWN
from pipeline.kit.metrics import Metrics
from pipeline.run.roles import ROLES, run_roles

Port = Annotated[int | None, typer.Option(help="HTTP port of console and collector; 0 takes a free one.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the embedded store, keys and logs live.")]
Bootstrap = Annotated[str | None, typer.Option(help="Kafka bootstrap servers, host:port[,host:port…].")]


@app.command()
def up(port: Port = None, data_dir: DataDir = None) -> None:
    """Run everything on this machine: broker, worker and desk, until Ctrl-C.

    The embedded broker keeps its topics in memory: what is in the store stays, what is still on its way is lost when it
    ends. Production means Kafka (see `whodid run`).

    Example: whodid up --port 8470
    """
    from pipeline.run.up import Up  # noqa: PLC0415  (a worker needs neither)

    settings = _embedded(settings_from(port=port, data_dir=data_dir))
    with stopping() as stopped, Up(settings, typer.echo) as running:
        typer.echo(f"Kafka     {running.settings.bootstrap}")
        typer.echo(f"Console   {running.address}/")
        typer.echo(f"Collector {running.address}/v1/events/TOPIC, /v1/traces, /v1/logs")
        typer.echo("Ctrl-C ends it.")
        running.watch(stopped.is_set)


@app.command()
def demo(
    port: Port = None,
    data_dir: DataDir = None,
    exit_: Annotated[bool, typer.Option("--exit", help="End after the timeline is printed.")] = False,
) -> None:
    """Run everything, stream a bundled incident through all four topics, and print what happened.

    Example: whodid demo --exit
    """
    from pipeline.cli.demo import Demo  # noqa: PLC0415

    settings = _embedded(settings_from(port=port, data_dir=data_dir))
    with stopping() as stopped:
        demonstration = Demo(settings, typer.echo)
        if not demonstration.run(stopped, stay=not exit_):
            fail("the timeline is not what the incident's truth says, see above")


@app.command()
def run(
    roles: Annotated[list[str], typer.Argument(help="Any of: " + ", ".join(ROLES) + ".", metavar="ROLE…")],
    bootstrap: Bootstrap = None,
    clickhouse: Annotated[str | None, typer.Option(help="chdb:///path or http://user:password@host:port/db.")] = None,
    port: Port = None,
    data_dir: DataDir = None,
    until_idle: Annotated[
        float | None, typer.Option(help="End when nothing has arrived for so many seconds (backfills).", min=0.5)
    ] = None,
    summary: Annotated[Summary | None, typer.Option(help="Print counters and times at the end.")] = None,
) -> None:
    """Run some roles of the pipeline in this process, against Kafka and ClickHouse.

    Examples:
      whodid run normalize correlate --bootstrap kafka:9092
      whodid run store console collect --clickhouse http://clickhouse:8123/whodid
      whodid run normalize correlate store --until-idle 10
    """
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        fail(f"no such role: {', '.join(unknown)}. There are: {', '.join(ROLES)}", 2)
    settings = settings_from(bootstrap=bootstrap, clickhouse=clickhouse, port=port, data_dir=data_dir)
    metrics = Metrics()
    status = run_roles(settings, roles, metrics, until_idle)
    if summary is not None:
        typer.echo(
            json.dumps({
                "counts": metrics.counts, "times": metrics.times, "troubles": metrics.troubles,
                # Events that wait for their grace come last; this is when nearly all was done.
                "settled": {"entries": metrics.reached("entries"), "rows": metrics.reached("rows")},
            })
        )  # fmt: skip
    raise typer.Exit(status)


def _embedded(settings: Settings) -> Settings:
    """Settings of the embedded shape: a store on disk, and a group that starts quickly."""
    values = settings.model_dump() | OWN
    if "clickhouse" not in settings.model_fields_set:
        values["clickhouse"] = f"chdb://{settings.data_dir.resolve()}/clickhouse"
    if "session_timeout" not in settings.model_fields_set:
        values["session_timeout"] = 2.0
    return Settings(**values)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event, once; a second Ctrl-C ends at once."""
    stopped = threading.Event()

    def stop(number: int, _frame: object) -> None:
        if stopped.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped.set()

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
