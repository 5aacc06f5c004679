"""The state of one partition, and its checkpoints: one message each, all or nothing.

Domain code reads and writes values by key. A checkpoint is a Segment: every value changed since the last one,
and the input offset that it covers. Recovery takes the segments in order, so several keys change together or not
at all, and the input goes on exactly one batch after the checkpoint. Segments whose values have mostly been
replaced are rewritten, oldest first, as a log-structured file system cleans its log; so the changelog stays within
a small factor of the live state.

See docs/decisions/0002-checkpoints-as-segments.md for what else was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import cramjam
import msgspec

from pipeline.kit.failures import Permanent

V = TypeVar("V", bound=msgspec.Struct)

#: Counted up when a value changes so that an earlier version would misread it: one that may be read otherwise (a field
#: added at the end) needs no new one. What a later version has written is refused.
FORMAT = 1

#: A segment is cut into parts of about this many bytes, so that no message grows without bound.
PART_BYTES = 4 * 1024 * 1024
#: Bytes of values that were replaced, tolerated beyond twice the live ones before the oldest segment is rewritten.
SLACK = 256 * 1024
#: A value's bytes as counted beside its key's.
_SIZE_BITS, _ENTRY = 32, 8
_SIZE = (1 << _SIZE_BITS) - 1
#: Zstandard's, the fastest.
LEVEL = 1


class Segment(msgspec.Struct, array_like=True, gc=False):
    """One checkpoint, or a part of one."""

    epoch: int
    number: int
    #: Offset at which this epoch (one owner's turn at the partition) began.
    base: int
    #: Last input offset applied; parts that are not the final one of their checkpoint carry `final=False`.
    offset: int
    final: bool
    changes: dict[str, bytes | None]
    #: Of this and of the values (FORMAT); fields are only ever added at the end.
    format: int = 0


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Segment).decode


def packed(segment: Segment) -> bytes:
    """A segment as the changelog has it. Zstandard takes 2 µs a kilobyte and leaves a tenth of it: what a worker keeps
    in memory of its changelog, and what it reads when it starts again."""
    return bytes(cramjam.zstd.compress(_encode(segment), LEVEL))


def unpacked(data: bytes) -> Segment:
    """A segment out of the changelog. Raises Permanent for one that a later version wrote."""
    segment = _decode(bytes(cramjam.zstd.decompress(data)))
    if segment.format > FORMAT:
        raise Permanent(
            f"state: this changelog has format {segment.format}, this whodid knows {FORMAT} at most: run the newer "
            "whodid (docs/operations/upgrade.md says how to go back)"
        )
    return segment


class PartitionState:
    """Values by key with coalesced, atomic checkpoints. `types` maps a key's prefix (up to `/`) to its type."""

    def __init__(self, types: dict[str, type[msgspec.Struct]]) -> None:
        self._decoders = {prefix: msgspec.msgpack.Decoder(kind) for prefix, kind in types.items()}
        self._encoder = msgspec.msgpack.Encoder()
        self._values: dict[str, Any] = {}
        self._dirty: set[str] = set()
        #: The segment that has each key's value, and the bytes of both there, in one number: there are many keys.
        self._home: dict[str, int] = {}
        #: Epoch, keys and bytes of each segment.
        self._segments: dict[int, tuple[int, list[str], int]] = {}
        self._written = self._live = 0
        self._number = 0
        self.epoch = 1
        self.base = -1
        #: Last input offset that the values reflect; -1 before any.
        self.offset = -1

    def get(self, key: str, kind: type[V]) -> V | None:
        """The value under a key, decoded on first use; None if there is none."""
        value = self._values.get(key)
        if type(value) is bytes:
            value = self._values[key] = self._decoders[key[: key.index("/")]].decode(value)
        return value

    def peek(self, key: str) -> msgspec.Struct | bytes | None:
        """The value under a key as it is: an object, or the bytes that `get` would decode; None if there is none."""
        return self._values.get(key)

    def put(self, key: str, value: msgspec.Struct) -> None:
        """Set a value, or say that the one under this key was changed in place."""
        self._values[key] = value
        self._dirty.add(key)

    def delete(self, key: str) -> None:
        """Forget a key."""
        if self._values.pop(key, None) is not None:
            self._dirty.add(key)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so (a scan: for recovery and tests)."""
        return [key for key in self._values if key.startswith(prefix)]

    def __len__(self) -> int:
        return len(self._values)

    @property
    def live(self) -> int:
        """Bytes of keys and values as of the last checkpoint."""
        return self._live

    def checkpoint(self) -> tuple[list[Segment], list[tuple[int, int]]]:
        """Segments to be written for the changes since the last call, and the (epoch, number) of those now needless."""
        dropped = self._clean()
        parts: list[dict[str, bytes | None]] = [{}]
        size = 0
        for key in self._dirty:
            value = self._values.get(key)
            data = value if value is None or type(value) is bytes else self._encoder.encode(value)
            if getattr(value, "sealed", False):
                # Rarely needed again: as bytes it takes a quarter of the memory.
                self._values[key] = data
            if size > PART_BYTES:
                parts.append({})
                size = 0
            parts[-1][key] = data
            size += len(key) + len(data or b"")
        self._dirty = set()
        segments = [self._append(changes, final=index == len(parts) - 1) for index, changes in enumerate(parts)]
        return segments, dropped

    def _append(self, changes: dict[str, bytes | None], *, final: bool) -> Segment:
        self._number += 1
        self._register(self.epoch, self._number, changes)
        return Segment(self.epoch, self._number, self.base, self.offset, final, changes, FORMAT)

    def _register(self, epoch: int, number: int, changes: dict[str, bytes | None]) -> None:
        written = 0
        for key, data in changes.items():
            size = len(key) + len(data or b"") + _ENTRY
            written += size
            self._live -= self._home.get(key, 0) & _SIZE
            if data is None:
                self._home.pop(key, None)
            else:
                self._live += size
                self._home[key] = number << _SIZE_BITS | size
        self._segments[number] = (epoch, list(changes), written)
        self._written += written

    def _clean(self) -> list[tuple[int, int]]:
        dropped = []
        while self._written > 2 * self._live + SLACK and self._segments:
            number = next(iter(self._segments))
            epoch, keys, written = self._segments.pop(number)
            self._written -= written
            # A deletion noted in the oldest segment has nothing older left to delete.
            self._dirty.update(key for key in keys if self._home.get(key, 0) >> _SIZE_BITS == number)
            dropped.append((epoch, number))
        return dropped

    def load(self, segments: Iterable[Segment]) -> list[tuple[int, int]]:
        """Take over a recovered state; returns the (epoch, number) of segments that are not part of it."""
        ordered = sorted(segments, key=lambda segment: (segment.epoch, segment.number))
        kept, ignored = _complete(ordered)
        for segment in kept:
            for key, data in segment.changes.items():
                if data is None:
                    self._values.pop(key, None)
                else:
                    self._values[key] = data
            self._register(segment.epoch, segment.number, segment.changes)
            self.offset = max(self.offset, segment.offset)
        self._number = max((segment.number for segment in ordered), default=0)
        self.epoch = max((segment.epoch for segment in ordered), default=0) + 1
        self.base = self.offset
        return [(segment.epoch, segment.number) for segment in ignored]

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every key with its encoded value, in key order: equal states give equal items."""
        for key in sorted(self._values):
            value = self._values[key]
            yield key, value if type(value) is bytes else self._encoder.encode(value)


def _complete(ordered: list[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Leave out unfinished checkpoints, and what a former owner wrote after its successor had begun."""
    limits: dict[int, int] = {}
    lowest = 2**63
    for segment in reversed(ordered):
        limits.setdefault(segment.epoch, lowest)
        lowest = min(lowest, segment.base)
    # `lowest` must only count later epochs, so it is taken per epoch before that epoch lowers it.
    kept: list[Segment] = []
    ignored: list[Segment] = []
    pending: list[Segment] = []
    for segment in ordered:
        if pending and pending[-1].epoch != segment.epoch:
            ignored += pending
            pending = []
        pending.append(segment)
        if segment.final:
            (kept if segment.offset <= limits[segment.epoch] else ignored).extend(pending)
            pending = []
    return kept, ignored + pending
