"""Record and Rejected: bytes as received, and what could not be processed."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, gc=False):
    """Bytes as received, the name of their native format ("" = detect), and where they came from."""

    value: bytes
    format: str = ""
    #: Topic, or the file's path.
    topic: str = ""
    #: Kafka partition, or 0 for files.
    partition: int = 0
    #: Kafka offset, or the record's number in the file.
    offset: int = 0
    #: Who vouches for it; empty if nobody does.
    producer: str = ""


class Rejected(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """What could not be processed: the original bytes, where it failed, and why."""

    #: Stable: hash of coordinates and bytes, so that a replayed rejection replaces itself.
    rejected_id: str
    stage: str
    #: Names the field at fault and what was expected of it.
    reason: str
    format: str
    topic: str
    partition: int
    offset: int
    #: Microseconds since 1970 UTC, when it was rejected.
    time: int
    value: bytes
