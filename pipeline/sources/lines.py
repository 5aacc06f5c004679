"""A file that grows becomes its complete lines."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from enum import Enum

from pipeline.sources.checkpoint import Place
from pipeline.sources.prints import HEAD, digest
from pipeline.sources.split import BOM, LONGEST, is_json, of_line
from pipeline.sources.streams import CHUNK, GZIP_MAGIC
from schemas.rejected import Record

#: A first line longer than this tells nothing.
FIRST = 1024 * 1024


class Manner(Enum):
    """How a file is to be read."""

    LINES = "lines"
    #: gzip, and documents over several lines: when it is complete.
    WHOLE = "whole"
    #: There is no line yet.
    UNKNOWN = "unknown"


def manner(handle: int) -> Manner:
    """How a file is to be read, by its first line."""
    data = os.pread(handle, 4096, 0)
    if data.startswith(GZIP_MAGIC):
        return Manner.WHOLE
    if b"\n" not in data.lstrip():
        data = os.pread(handle, FIRST, 0)
    data = data.removeprefix(BOM).lstrip()
    if not data:
        return Manner.UNKNOWN
    line, ended, _ = data.partition(b"\n")
    line = line.strip()
    if is_json(line) or line[:1] not in (b"{", b"["):
        return Manner.LINES
    if not ended and len(data) < FIRST // 2:
        return Manner.UNKNOWN
    return Manner.LINES if ended and line[:1] == b"{" and line[-1:] == b"}" else Manner.WHOLE


def head(handle: int, size: int) -> bytes:
    """The first bytes."""
    return os.pread(handle, size, 0)


def parts(handle: int, offset: int, settled: bool, last: bool) -> Iterator[bytes]:
    """What is new from an offset on, in parts of whole lines.

    Args:
        settled: nobody has written for a while: a last line without its end is taken, if it is a JSON value.
        last: nobody will write again: it is taken as it is.
    """
    amount = CHUNK
    while data := os.pread(handle, amount, offset):
        end = data.rfind(b"\n") + 1
        if not end and len(data) == amount and amount < LONGEST:
            amount *= 4
            continue
        if not end and (len(data) == amount or last or (settled and is_json(data.strip()))):
            end = len(data)
        if not end:
            return
        amount = CHUNK
        offset += end
        yield data[:end]


def records(part: bytes, place: Place, native: str) -> list[Record]:
    """The records of whole lines, numbered by the offset of their line."""
    found, offset = [], place.offset
    for line in part.split(b"\n"):
        bare = line.removeprefix(BOM) if offset == 0 else line
        found += [Record(value, native, place.path, 0, offset) for value in of_line(bare)]
        offset += len(line) + 1
    return found


def passed(handle: int, place: Place, part: bytes) -> None:
    """Note in a Place that these bytes were handed on."""
    place.offset += len(part)
    place.crc = zlib.crc32(part, place.crc)
    known_by(handle, place)


def known_by(handle: int, place: Place) -> None:
    """Note in a Place how the file begins, as far as it was handed on."""
    if place.head_size < HEAD:
        first = head(handle, min(HEAD, place.offset))
        place.head, place.head_size = digest(first), len(first)
