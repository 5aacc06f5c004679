"""What both hops have in common: events that are kept, a watermark, and those that wait for it."""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.correlate.conflicts import conflict
from pipeline.correlate.held import Chunk, Chunks, Holding
from pipeline.correlate.parking import Parked, Parking
from pipeline.correlate.watermark import Watermarks
from pipeline.kit.state import PartitionState
from schemas.batch import Mark
from schemas.event import Head
from schemas.rejected import Rejected


class Marks(msgspec.Struct, array_like=True, gc=False):
    """Watermarks by sender."""

    marks: dict[str, Mark] = {}


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"h": Chunk, "c": Chunks, "p": Parked, "m": Marks}


class Station:
    """One partition of a hop."""

    def __init__(self, state: PartitionState, grace: int, late_window: int, late_limit: int) -> None:
        """Times in microseconds of event time; `late_limit`: events that one key keeps."""
        self.state = state
        self.holding = Holding(state, late_limit)
        marks = state.get("m/", Marks)
        self.watermarks = Watermarks(dict(marks.marks) if marks else {})
        self._late_window = late_window
        self._parking = Parking(state, grace)
        #: Counted and collected for the caller to take away: events that came again, events that can no longer be
        #: revised, and dead letters.
        self.duplicates = 0
        self.lost = 0
        self.conflicts: list[Rejected] = []

    @property
    def waiting(self) -> int:
        """Events whose grace is not over."""
        return len(self._parking)

    def _reach(self, marks: list[Mark]) -> None:
        """Take in how far the senders are."""
        if self.watermarks.update(marks):
            self.state.put("m/", Marks(self.watermarks.marks))

    def _park(self, key: str, event: Head) -> bool:
        """Let an event wait for the end of its grace; False if that is over."""
        return self._parking.park(event.time, key, event.event_id, self.watermarks.settled)

    def _again(self, known: msgspec.Raw, event: msgspec.Raw) -> None:
        """An event came whose id is known: it is the same, or it is another and a dead letter."""
        rejected = conflict(known, event)
        if rejected is None:
            self.duplicates += 1
        else:
            self.conflicts.append(rejected)


def hash_of(value: msgspec.Struct) -> int:
    """A fingerprint of 63 bits that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=8).digest(), "big") >> 1
