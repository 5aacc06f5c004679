"""Failures are of two kinds, and nothing else.

Failure
├── Permanent      this input can never be processed: dead letter, then go on
│   └── Invalid    a field of the input is at fault; the message names it
└── Transient      the world is at fault: retry in place with backoff, drop nothing
"""

from __future__ import annotations


class Failure(Exception):
    """Root of the failures that stages raise on purpose."""


class Permanent(Failure):
    """This input can never be processed; it becomes a dead letter."""


class Invalid(Permanent):
    """A field of the input is at fault.

    The message has the form ``field: expected …, got …`` so that whoever sent it can mend it.
    """

    def __init__(self, field: str, expected: str, got: object = None) -> None:
        shown = f", got {_shorten(repr(got))}" if got is not None else ""
        super().__init__(f"{field}: expected {expected}{shown}")
        self.field = field


class Transient(Failure):
    """The world is at fault (broker or store away); retry until it is back."""


def _shorten(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
