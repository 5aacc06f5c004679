"""Commands that go on until told to end say how they stand: one line on a terminal, a report at the end."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType, TracebackType
from typing import Self

import typer
from rich.console import Console
from rich.status import Status

from pipeline.cli.main import Summary
from pipeline.sources.deliver import Told

_WORDS = {
    "records": "records read",
    "sent": "acknowledged",
    "rejected": "too large (dead letters)",
    "unfinished": "bytes of last lines without an end",
    "objects": "objects",
    "before": "objects sent before",
    "messages": "messages done",
    "left": "messages given back",
}


@contextmanager
def stopped() -> Iterator[Event]:
    """A flag that Ctrl-C and SIGTERM raise. The second time they end the process as they are wont to."""
    stop = Event()
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def raised(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, former[signal.Signals(number)])

    for number in former:
        signal.signal(number, raised)
    try:
        yield stop
    finally:
        for number, before in former.items():
            signal.signal(number, before)


class Standing:
    """Shows a Told while it changes, and in the end."""

    def __init__(self, summary: Summary | None, *more: str) -> None:
        """`more`: fields of Told that are of interest besides records."""
        self._summary, self._fields = summary, ["records", "sent", "rejected", *more]
        self._started = time.monotonic()
        self._status = Status("looking", console=Console(stderr=True))
        self._terminal = self._status.console.is_terminal
        self.told = Told()
        #: Whether something could not be read; not whether something was away for a while.
        self.faulty = False

    def __enter__(self) -> Self:
        if self._terminal:
            self._status.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if self._terminal:
            self._status.stop()
        self._speak()
        seconds = round(time.monotonic() - self._started, 3)
        counts = {name: getattr(self.told, name) for name in self._fields}
        if self._summary:
            typer.echo(json.dumps({**counts, "seconds": seconds}))
        else:
            said = [f"{count:,} {_WORDS[name]}" for name, count in counts.items()]
            typer.echo(f"{', '.join(said)}, {seconds:.1f} s")

    def show(self, told: Told) -> None:
        """Say how it stands, and what went wrong since the last time."""
        self._speak()
        if self._terminal:
            now = time.strftime("%H:%M:%S")
            self._status.update(f"{told.records:,} records read, looked last at {now}; Ctrl-C ends it")

    def end(self) -> None:
        """End the command with status 1 if something could not be read."""
        if self.faulty:
            raise typer.Exit(1)

    def _speak(self) -> None:
        self.faulty |= bool(self.told.faults)
        for said in (self.told.troubles, self.told.faults):
            for sentence in said:
                typer.echo(f"whodid: {sentence}", err=True)
            said.clear()
