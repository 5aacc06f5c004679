"""Messages of one topic's partition become a log that only grows, and now and then a head to be signed.

In:     the last signed head, hashes of leaves by Kafka offset
Out:    positions and hashes of leaves, nodes of the tree, the next head
Fails:  never
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from pipeline.evidence.head import Head, Signed, signed
from pipeline.evidence.keys import Key
from pipeline.evidence.leaf import ENTRY, RECORD, Kind, hashed, opening, own_of
from pipeline.evidence.tree import Frontier

_encode = msgspec.msgpack.Encoder().encode
Salt = Callable[[bytes], bytes]


class Log:
    """One log. What it appends is a function of its topic, so that whoever reads the topic again appends the same."""

    def __init__(self, name: str, last: Signed | None = None) -> None:
        """Go on after the last head. Raises Invalid when its peaks are not those of its root."""
        self.name = name
        self.epoch, self.offset, self.number, self.previous = 0, -1, 0, ""
        self.frontier = Frontier()
        if last is not None:
            head = last.fields
            self.epoch, self.offset = head.epoch, head.offset
            self.frontier = last.frontier()
            self.follow(last)
        #: Size of the last head: there is none to sign until the log has grown.
        self._signed = self.frontier.size
        #: Whether it is somebody else's by now: what still comes is not appended.
        self.closed = False
        #: Whether what comes again is known to be what was appended.
        self.known_again = False

    @property
    def grown(self) -> bool:
        """Whether there is something that no head covers."""
        return self.frontier.size > self._signed

    def begin_again(self) -> None:
        """The topic was made anew: its offsets begin again, the heads go on."""
        self.epoch, self.offset, self.frontier, self._signed = self.epoch + 1, -1, Frontier(), 0

    def follow(self, last: Signed) -> None:
        """The next head comes after this one, whoever signed it."""
        head = last.fields
        self.number, self.previous = head.number + 1, last.hash
        if head.epoch == self.epoch:
            self._signed = max(getattr(self, "_signed", 0), head.size)

    def append(self, hashes: Sequence[bytes], offset: int) -> list[tuple[str, int, int, int, bytes]]:
        """Take in the leaves of one message; returns nodes to be kept: log, epoch, level, position, hash."""
        self.offset = max(self.offset, offset)
        return [(self.name, self.epoch, *node) for node in self.frontier.extend(hashes)]

    def head(self, key: Key, now: int, salts: str) -> Signed:
        """Of the log as it is, signed; `now` in microseconds. It counts after `follow`."""
        head = Head(
            log=self.name, epoch=self.epoch, number=self.number, size=self.frontier.size,
            root=self.frontier.root().hex(), time=now, offset=self.offset, previous=self.previous,
            key=key.fingerprint, salts=salts,
        )  # fmt: skip
        return signed(head, self.frontier.peaks, key)


class Hasher:
    """Makes leaves out of the parts of rows."""

    def __init__(self, salt: Salt, values: dict[Kind, int]) -> None:
        """`values`: how many values of a row were found out."""
        self._salt = salt
        self._openings = {kind: opening(kind, found) for kind, found in values.items()}

    def begins(self, kind: Kind, log: str, epoch: int) -> bytes:
        """What all leaf inputs of a log and kind begin with."""
        return self._openings[kind] + _encode(log) + _encode(epoch)

    def own(self, stated: bytes, name: bytes, content: bytes) -> bytes:
        """The own part of a row; `name` is the id, packed."""
        return own_of(stated, self._salt(name), content)

    def leaf(self, begins: bytes, place: tuple[int, int], own: bytes, found: bytes) -> bytes:
        """The hash of the leaf at `place` (position, offset)."""
        return hashed(begins + _encode(place)[1:], own, found)

    def salt(self, name: str) -> bytes:
        """That of an id."""
        return self._salt(_encode(name))


__all__ = ["ENTRY", "RECORD", "Hasher", "Log"]
