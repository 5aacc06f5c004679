"""Log files become Records: JSON lines, JSON arrays, CloudTrail and OTLP envelopes, plain or gzip."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.kit.failures import Permanent
from pipeline.sources import otlp
from pipeline.sources.split import Read, split
from pipeline.sources.streams import Progress, Stream, Unreadable, find
from schemas.rejected import Record

#: An OTLP envelope longer than this becomes one record a span, so that a file of any size fits into messages.
WHOLE = 1024 * 1024
#: Files that are open at once.
SIDE_BY_SIDE = 200


def read(
    paths: Sequence[str | Path],
    format: str = "",
    topic: str = "",
    faults: list[str] | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[Record]:
    """Records of files, directories (recursively, sorted) and `-`, standard input, in order and in constant memory.

    A line that is no JSON is a Record too: the normalizer rejects it, with its bytes. Each file numbers its records.

    Args:
        paths: files and directories.
        format: native format of all of them; empty = to be detected.
        topic: becomes `Record.topic`; empty = the file's path.
        faults: takes one sentence per file that broke off (truncated gzip, no permission). Without it, they are
            raised as one Permanent after the last file, so that a broken file never goes unnoticed.
        progress: called with the number of bytes just read from disk.

    Raises Permanent, before the first record, when a path does not exist.
    """
    broken: list[str] = []
    for name in find(paths):
        try:
            yield from _read_one(name, format, topic, progress)
        except Unreadable as fault:
            broken.append(f"{name}: {fault}")
    if faults is not None:
        faults += broken
    elif broken:
        raise Permanent("; ".join(broken))


def strands(
    paths: Sequence[str | Path], format: str, faults: list[str], progress: Progress = lambda _: None
) -> list[Iterator[Record]]:
    """The records of each file by themselves, as `read` gives them; of each directory, where there are many files.

    Files lie side by side in time more often than one after the other: whoever joins them wants to read them so.
    """
    names = find(paths)
    if len(names) <= SIDE_BY_SIDE:
        groups = [[name] for name in names]
    else:
        groups = [list(group) for _, group in itertools.groupby(names, os.path.dirname)]
    return [read(group, format, "", faults, progress) for group in groups]


def _read_one(name: str, native: str, topic: str, progress: Progress) -> Iterator[Record]:
    yield from records(Stream(name, progress), native, topic)


def records(stream: Stream, native: str = "", topic: str = "", reading: Read | None = None) -> Iterator[Record]:
    """The records of a stream, which is closed in the end. Raises Unreadable after what could be read.

    `reading`: reads the stream for us, where somebody wants to see what passes.
    """
    pending = _Pending(reading or stream.read)
    try:
        for number, value in enumerate(_fitting(pending.read)):
            yield Record(value=value, format=native, topic=topic or stream.name, partition=0, offset=number)
    except Unreadable as fault:
        raise pending.fault or fault from None
    finally:
        stream.close()
    if pending.fault:
        raise pending.fault


class _Pending:
    """Lets what was read before a fault come out first: the stream ends there, the fault is kept."""

    def __init__(self, source: Read) -> None:
        self._source = source
        self.fault: Unreadable | None = None

    def read(self, amount: int) -> bytes:
        try:
            return self._source(amount)
        except Unreadable as fault:
            self.fault = fault
            return b""


def _fitting(source: Read) -> Iterator[bytes]:
    for value in split(source):
        if len(value) > WHOLE and otlp.looks_like(value):
            yield from _spans(value)
        else:
            yield value


def _spans(value: bytes) -> Iterator[bytes]:
    try:
        document = msgspec.json.decode(value)
        parts = [msgspec.json.encode(part) for part in otlp.split(document)]
    except (msgspec.MsgspecError, Permanent):
        yield value
        return
    yield from parts
