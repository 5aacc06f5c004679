"""How far a file was read, told by what is in it, so that it is known again under any name, also compressed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from pipeline.sources.streams import CHUNK, WINDOW, Stream, Unreadable


@dataclass
class Window:
    """A place, with the file's first bytes and those before the place."""

    position: int
    head: bytes
    tail: bytes

    def over(self, data: bytes) -> Window:
        """The place behind data that follows."""
        head = self.head if len(self.head) >= WINDOW else (self.head[: self.position] + data)[:WINDOW]
        return Window(self.position + len(data), head, (self.tail + data)[-WINDOW:])


class Mark(msgspec.Struct):
    """A place in a file.

    Attributes:
        offset: decompressed bytes that were sent and acknowledged.
        head: hash of the first bytes, at most `WINDOW` and not beyond `offset`.
        tail: hash of as many before `offset`.
        size, changed: what the file was like when it was read to its end (bytes, ns); -1 = more is to be read.
        seen: when it was read (seconds).
    """

    offset: int
    head: str
    tail: str
    size: int
    changed: int
    seen: float

    def unchanged(self, found: os.stat_result) -> bool:
        """Whether there is nothing to read."""
        return self.size == found.st_size and self.changed == found.st_mtime_ns


def mark_of(at: Window, found: os.stat_result | None, now: float) -> Mark:
    """The mark of a place; `found` = the file was read to its end."""
    size, changed = (found.st_size, found.st_mtime_ns) if found else (-1, 0)
    return Mark(at.position, _hash(at.head[: at.position]), _hash(at.tail), size, changed, now)


def resume(name: str, file: BinaryIO, marks: Iterable[Mark]) -> tuple[Stream, Window]:
    """A file's stream, of which the beginning was read, and where to go on: behind what some mark says was sent."""
    stream = again(name, file)
    skip(stream, WINDOW)
    best, hashes = Window(0, stream.head, b""), dict[int, str]()
    for mark in marks:
        length = min(WINDOW, mark.offset)
        if length > len(stream.head) or mark.offset <= best.position:
            continue
        if mark.head == hashes.setdefault(length, _hash(stream.head[:length])):
            tail = _before(name, file, mark.offset, stream.packed)
            if _hash(tail) == mark.tail:
                best = Window(mark.offset, stream.head, tail)
    return stream, best


def again(name: str, file: BinaryIO) -> Stream:
    """The stream of an open file from its beginning; the file stays open when the stream is closed."""
    file.seek(0)
    return Stream(name, lambda _: None, os.fdopen(os.dup(file.fileno()), "rb", buffering=0))


def skip(stream: Stream, offset: int) -> None:
    """Read to an offset, or the end. Raises Unreadable, with the stream closed."""
    try:
        while stream.position < offset and stream.read(min(CHUNK, offset - stream.position)):
            pass
    except Unreadable:
        stream.close()
        raise


def _before(name: str, file: BinaryIO, offset: int, packed: bool) -> bytes:
    """The bytes before a place."""
    if not packed:
        begin = max(0, offset - WINDOW)
        return os.pread(file.fileno(), offset - begin, begin)
    stream = again(name, file)
    try:
        skip(stream, offset)
        return stream.tail if stream.position == offset else b""
    finally:
        stream.close()


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
