"""What does not verify becomes a Problem: what was done to which row, and since when, as far as that can be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

What = Literal[
    "altered",  # a row says something else than its leaf
    "deleted",  # a leaf has no row
    "inserted",  # a row has no leaf
    "back-dated",  # a row has no leaf, and its time is before the last signed head
    "rolled-back",  # a row is an older revision than the last that was logged
    "revision-altered",  # what had been found out in a superseded revision says something else than its leaf
    "reordered",  # a leaf is in another leaf's place
    "leaf-altered",  # leaves do not make the signed root
    "leaf-deleted",  # a leaf under a signed head is missing
    "head-forged",  # a head that nobody trusted has signed, or that does not follow from the one before
    "head-deleted",  # a head is missing in the store
    "head-unpublished",  # a head is missing where heads are published
    "removal-forged",  # a removal that nobody trusted has signed, or what was removed is not what was signed
    "key-forged",  # a key for which nobody trusted vouches
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Problem(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that does not verify. Times are microseconds since 1970; 0 = cannot be said."""

    what: What
    #: `entry`, `record`, `row` (one of both that cannot be read), `leaf`, `head` or `key`.
    of: str
    #: Event id, record id, fingerprint; empty when only the place is known.
    id: str = ""
    log: str = ""
    epoch: int = 0
    #: Position in the log, -1 if it has none; of a head its number. `last` is the end of a stretch (excluded).
    index: int = -1
    last: int = -1
    #: It was as it should be at this time, when a head was signed; and by this time it was not.
    after: int = 0
    until: int = 0
    says: str = ""

    @property
    def sentence(self) -> str:
        """For people."""
        place = ""
        if self.log:
            place = f" in {self.log}" + (f" epoch {self.epoch}" if self.epoch else "")
            if self.index >= 0:
                place += f" at {self.index}" + (f" to {self.last - 1}" if self.last > self.index + 1 else "")
        when = f", after {moment(self.after)}" if self.after else ""
        when += f", before {moment(self.until)}" if self.until else ""
        return f"{self.what}: {self.of} {self.id}".rstrip() + place + when + (f": {self.says}" if self.says else "")

    def shape(self) -> dict[str, object]:
        """As JSON."""
        found = msgspec.structs.asdict(self)
        found["after"] = moment(self.after) if self.after else None
        found["until"] = moment(self.until) if self.until else None
        found["sentence"] = self.sentence
        return found


class Interval(msgspec.Struct, frozen=True):
    """Leaves between two heads of a log that do not make the signed root."""

    log: str
    epoch: int
    first: int
    last: int
    #: When the head before and the head behind were signed.
    after: int
    until: int


def moment(time: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC."""
    try:
        return (_EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"1970-01-01T00:00:00Z{time:+d}us"
