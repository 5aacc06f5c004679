"""Entries and dead letters become the JSON objects of the API and of the command line: one shape for both.

An entry has the shape that `pipeline.store.shapes` describes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipeline.console.access import reading
from pipeline.kit.failures import Invalid
from pipeline.store.queries import DeadLetter
from pipeline.store.shapes import EPOCH, NO_POLICY, iso
from pipeline.store.shapes import entry as stored_entry
from schemas.entry import Entry
from schemas.rejected import Rejected

__all__ = ["NO_POLICY", "Shape", "dead_letter", "entry", "iso", "moment"]

Shape = Mapping[str, Any]


def entry(item: Entry) -> dict[str, Any]:
    """The JSON object of one timeline row, as whoever asks may have it."""
    return reading.entry(stored_entry(item))


def dead_letter(item: DeadLetter | Rejected) -> dict[str, Any]:
    """The JSON object of one dead letter.

    In a list it has `size` (bytes). On its own it has the bytes too: `value`, and `encoding`, which is `utf-8` or
    `base64`.
    """
    shape = item._asdict() if isinstance(item, DeadLetter) else msgspec.structs.asdict(item)
    shape["time"] = iso(item.time)
    if isinstance(item, Rejected):
        shape["size"] = len(item.value)
        try:
            shape["value"], shape["encoding"] = item.value.decode(), "utf-8"
        except UnicodeDecodeError:
            shape["value"], shape["encoding"] = base64.b64encode(item.value).decode(), "base64"
        shape["value"] = reading.raw(item.rejected_id, shape["value"])
    shape["reason"] = reading.text(shape["reason"])
    return shape


def moment(text: str, parameter: str) -> int:
    """ISO 8601 as microseconds since 1970; without a zone it is UTC. Raises Invalid naming the parameter."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid(parameter, "a time such as 2026-01-31 or 2026-01-31T12:00:00Z", text) from error
    # A plus sign in a query string arrives as a blank, which fromisoformat has refused above.
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)
