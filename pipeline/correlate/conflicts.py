"""Two records of different content claim one event id: the second becomes a dead letter, so that neither is lost.

A source does not do that; whoever forges events does. The same event delivered twice, in whatever JSON, is no conflict.
"""

from __future__ import annotations

import hashlib

import msgspec

from schemas.event import content_of, unpacked
from schemas.rejected import Rejected

STAGE = "correlate"


def conflict(one: msgspec.Raw, another: msgspec.Raw) -> Rejected | None:
    """The dead letter for `another` if it says something else than `one`, whose id it has; None for a duplicate."""
    if bytes(one) == bytes(another):
        return None
    return None if content_of(one) == content_of(another) else rejection(another)


def rejection(another: msgspec.Raw) -> Rejected:
    """The dead letter for an event that says something else than the one that had its id first."""
    other = unpacked(another)
    value = msgspec.json.encode(other)
    return Rejected(
        rejected_id=hashlib.blake2b(value, digest_size=16).hexdigest(),
        stage=STAGE,
        reason=f"event_id: expected an id of its own, got {other.event_id!r}, which another record has too",
        format=other.format,
        topic="",
        partition=0,
        offset=0,
        time=other.time,
        value=value,
    )
