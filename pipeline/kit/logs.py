"""What a process says of itself becomes lines of a log: text, or an object of JSON each. Never content.

In:     records of `logging`; ids of what they are about as `extra=about(…)`
Out:    one line each on standard error; what would end a line or command a terminal is written out
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TextIO

Format = Literal["text", "json"]
#: Under which a record has its ids.
_ABOUT = "whodid_about"
#: What ends a line, commands a terminal, or turns the direction of what is read.
_HOSTILE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Placed(Protocol):
    """A message that says where it is from."""

    def topic(self) -> str | None:
        """Its topic."""

    def partition(self) -> int | None:
        """Its partition."""

    def offset(self) -> int | None:
        """Its offset."""


def about(**ids: str | int | None) -> dict[str, Any]:
    """Ids of what a record is about, for `extra`: `topic`, `partition`, `offset`, `event_id`, `alert_id`, …"""
    return {_ABOUT: {name: value for name, value in ids.items() if value is not None}}


def place_of(message: Placed) -> dict[str, str | int | None]:
    """Ids of a message of Kafka."""
    return {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}


def begin(form: Format, level: int, out: TextIO | None = None) -> None:
    """All that is logged, and what ends a thread unexpectedly, goes to standard error from here on."""
    if logging.getLogger().handlers:
        # Whoever runs commands inside a program of their own has set up their own logs.
        return
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    threading.excepthook = _ended


def inert(text: str) -> str:
    """A text of which no character does anything."""
    return _HOSTILE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def trace(error: BaseException) -> str:
    """Where something went wrong, and of which kind it is. Not its message: that may hold content."""
    frames = traceback.extract_tb(error.__traceback__)
    told = " < ".join(f"{frame.name} ({os.path.basename(frame.filename)}:{frame.lineno})" for frame in reversed(frames))
    before = f"; after {trace(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{type(error).__name__} in {told}{before}"


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in getattr(record, _ABOUT, {}).items())
        return inert(super().format(record) + ids)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401  (logging's)
        return trace(ei[1])


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": inert(record.getMessage()),
            "role": record.threadName, "process": record.process,
        }  # fmt: skip
        said |= getattr(record, _ABOUT, {})
        if record.exc_info and record.exc_info[1] is not None:
            said["trace"] = trace(record.exc_info[1])
        # Escapes of JSON would do for a line; what reads it may show it on a terminal.
        return json.dumps({name: inert(one) if isinstance(one, str) else one for name, one in said.items()})


def _ended(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
        name = given.thread.name if given.thread is not None else ""
        log = logging.getLogger("whodid")
        log.critical("thread %s: stopped by a bug", name, exc_info=given.exc_value)
