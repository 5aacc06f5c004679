"""By its beginning a file is known again, under another name, copied or compressed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.sources.checkpoint import Place
from pipeline.sources.streams import CHUNK, Stream

#: Bytes at the beginning of a file by which it is known.
HEAD = 1024


def digest(head: bytes) -> str:
    """What is kept of a file's beginning; not the bytes, which may be anything."""
    return hashlib.blake2b(head, digest_size=16).hexdigest()


class Resumed(NamedTuple):
    """Up to where a file's bytes are those of a file that was sent."""

    offset: int
    crc: int
    #: It began like a file that was sent further than this one goes: a copy that is not complete yet, maybe.
    short: bool


class Known:
    """Beginnings of the files that were sent."""

    def __init__(self, places: Iterable[Place]) -> None:
        #: Length of the head, its hash, how far such files were sent, CRC-32 up to there.
        self._sent: dict[int, dict[str, dict[int, set[int]]]] = {}
        for place in places:
            if place.head_size:
                heads = self._sent.setdefault(place.head_size, {})
                heads.setdefault(place.head, {}).setdefault(place.offset, set()).add(place.crc)

    def like(self, head: bytes) -> dict[int, set[int]]:
        """How far files that begin so were sent: offsets, and CRC-32 up to there."""
        found: dict[int, set[int]] = {}
        for size, heads in self._sent.items():
            for offset, crcs in (heads.get(digest(head[:size]), {}) if size <= len(head) else {}).items():
                found.setdefault(offset, set()).update(crcs)
        return found


def resume(stream: Stream, known: Known) -> Resumed:
    """Find the longest beginning of a file that was sent as part of another. It is read up to there, decompressed.

    Every byte of it is compared, by CRC-32: so what is left out was sent, whether the file is a copy or not.
    Raises Unreadable.
    """
    taken = _Taken(stream)
    head = taken.until(HEAD)
    sent = known.like(head)
    offset = crc = 0
    for end in sorted(sent):
        if end > len(head):
            taken.until(end)
        if taken.count < end:
            return Resumed(offset, crc, short=True)
        reached = zlib.crc32(head[:end]) if end <= len(head) else taken.crc
        if reached in sent[end]:
            offset, crc = end, reached
    return Resumed(offset, crc, short=False)


class _Taken:
    """How many bytes were taken from a stream, and their CRC-32."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.count = self.crc = 0

    def until(self, end: int) -> bytes:
        """Take bytes up to an offset, or the end; gives what was read last."""
        data = b""
        while self.count < end and (got := self._stream.read(min(CHUNK, end - self.count))):
            # Only the head is wanted whole.
            data = data + got if end <= HEAD else b""
            self.count += len(got)
            self.crc = zlib.crc32(got, self.crc)
        return data


class Print:
    """Reads on, and takes the print of what passes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._head = b""
        self.offset = self.crc = 0

    def read(self, amount: int) -> bytes:
        """The next bytes, as of the stream."""
        data = self._stream.read(amount)
        self._head += data[: HEAD - len(self._head)]
        self.offset += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return data

    def skip(self, offset: int) -> None:
        """Read up to an offset."""
        while self.offset < offset and self.read(min(CHUNK, offset - self.offset)):
            pass

    def write(self, place: Place) -> None:
        """Note in a Place what was read."""
        place.offset, place.crc = self.offset, self.crc
        place.head, place.head_size = digest(self._head), len(self._head)
