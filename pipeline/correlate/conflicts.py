"""Two records of different content claim one event id: the second becomes a dead letter, so that neither is lost.

A source does not do that; whoever forges events does. The same event delivered twice, in whatever JSON, is no conflict.
"""

from __future__ import annotations

import hashlib

import msgspec

from schemas.event import unpacked
from schemas.rejected import Rejected

STAGE = "correlate"


def conflict(one: msgspec.Raw, another: msgspec.Raw) -> Rejected | None:
    """The dead letter for `another` if it says something else than `one`, whose id it has; None for a duplicate."""
    if bytes(one) == bytes(another):
        return None
    known, other = unpacked(one), unpacked(another)
    if msgspec.structs.replace(other, record_id=known.record_id) == known:
        return None
    value = msgspec.json.encode(other)
    return Rejected(
        rejected_id=hashlib.blake2b(value, digest_size=16).hexdigest(),
        stage=STAGE,
        reason=f"event_id: expected an id of its own, got {other.event_id!r}, which record {known.record_id} has too",
        format=other.format,
        topic="",
        partition=0,
        offset=0,
        time=other.time,
        value=value,
    )
