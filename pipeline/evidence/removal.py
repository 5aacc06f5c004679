"""What is taken out on purpose is stated and signed, so that it can be told from what somebody took out.

In:     who took what out, why, and which rows that were
Out:    Removal, signed with the evidence key; Tally, by which one can see that it was those and no others
Fails:  never; a statement that does not hold is left out, and told

An *erasure* empties the content of some rows: the tally is of kind, id and commitment of each. *Retention* drops whole
months: the tally is of the places of all leaves of a kind whose event time is in that month, as far as the logs had
come then. So neither can a row be added to what was removed, nor a leaf's time be changed so that it seems to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

import msgspec

from pipeline.evidence.keys import Key, Ring
from pipeline.evidence.leaf import Kind

Sort = Literal["erasure", "retention"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.msgpack.Encoder().encode


class Tally:
    """How many things, and a sum of their hashes: the same whatever their order, another for any other things."""

    def __init__(self) -> None:
        self.amount = 0
        self._sum = 0

    def add(self, *values: object) -> None:
        """One more."""
        self.amount += 1
        self._sum += int.from_bytes(sha256(_encode(values)).digest(), "big")

    @property
    def digest(self) -> str:
        """Hexadecimal, 64 digits."""
        return f"{self._sum % 2**256:064x}"


class Part(msgspec.Struct, kw_only=True, frozen=True):
    """Rows of one kind that were taken out."""

    kind: Kind
    amount: int
    digest: str
    #: Of retention: the month (202601), and how many leaves each log and epoch had: `[log, epoch, size]`.
    month: int = 0
    sizes: list[tuple[str, int, int]] = []

    def covers(self, log: str, epoch: int, index: int) -> bool:
        """Whether a leaf was there already."""
        return any((log, epoch) == (known, of) and index < size for known, of, size in self.sizes)


class Removal(msgspec.Struct, kw_only=True, frozen=True):
    """What is signed."""

    what: str = "removal"
    removal_id: str
    sort: Sort
    #: Microseconds since 1970 UTC.
    time: int
    by: str
    reason: str
    parts: list[Part]
    #: Fingerprint of the key that signs.
    key: str = ""


class Stated(msgspec.Struct, kw_only=True, frozen=True):
    """A Removal as it was signed."""

    statement: str
    signature: str

    @property
    def fields(self) -> Removal:
        """What it says. Raises msgspec.ValidationError."""
        return msgspec.json.decode(self.statement, type=Removal)


def signed(removal: Removal, key: Key) -> Stated:
    """A Removal, signed."""
    text = msgspec.json.encode(msgspec.structs.replace(removal, key=key.fingerprint))
    return Stated(statement=text.decode(), signature=key.sign(text).hex())


def held(statements: Iterable[Stated], ring: Ring) -> tuple[list[Removal], list[str]]:
    """Those that a key of the ring signed, each once, oldest first; and what those are called that none did."""
    found, refused = dict[str, Removal](), []
    for one in statements:
        try:
            removal, signature = one.fields, bytes.fromhex(one.signature)
        except (msgspec.MsgspecError, ValueError):
            refused.append(one.statement[:80])
            continue
        if removal.what == "removal" and ring.verified(removal.key, one.statement.encode(), signature):
            found[removal.removal_id] = removal
        else:
            refused.append(removal.removal_id)
    return sorted(found.values(), key=lambda one: one.time), refused


class Removed:
    """What was taken out on purpose, as far as it is signed and is what was signed."""

    def __init__(self, erased: Mapping[tuple[Kind, str], bytes] | None = None, months: Iterable[Part] = ()) -> None:
        """`erased`: commitments to content that is gone, by kind and id. `months` are parts of retention."""
        self.erased = erased or {}
        self._months: dict[tuple[Kind, int], list[Part]] = {}
        for part in months:
            self._months.setdefault((part.kind, part.month), []).append(part)

    def dropped(self, kind: Kind, time: int, log: str, epoch: int, index: int) -> bool:
        """Whether the row of a leaf went with its month."""
        parts = self._months.get((kind, month_of(time)), ()) if self._months else ()
        return any(part.covers(log, epoch, index) for part in parts)


def month_of(time: int) -> int:
    """The month of a time, as the store names it: 202601. Microseconds since 1970; 0 for a time that is no date."""
    try:
        at = _EPOCH + timedelta(microseconds=time)
    except OverflowError:
        return 0
    return at.year * 100 + at.month
