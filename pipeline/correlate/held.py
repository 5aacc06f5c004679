"""Events kept for revision: what was emitted, and what it must be emitted as once more is known.

Items live in chunks, each one state value, so that a checkpoint writes the last chunks and not a key's whole past.
Both a key and a partition keep a bounded number; the oldest go first and are counted, for then a truth that comes
late can no longer revise them here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from pipeline.kit.state import PartitionState
from schemas.batch import Attribution

CHUNK = 64
#: Events a partition keeps at most, over all keys.
PARTITION_LIMIT = 50_000


class Held(msgspec.Struct, array_like=True, gc=False):
    """One event, as it came in and as it last went out."""

    event: msgspec.Raw
    #: Event time, microseconds.
    time: int
    #: What earlier link keys had found.
    attribution: Attribution
    #: Revision as it came in, and how often this key has changed its mind since.
    incoming: int
    changed: int = 0
    emitted: bool = False
    #: Fingerprint of what was last emitted, where a key decides by comparing.
    shown: int = 0
    #: Where the first hop sent it last (`Own.key`), if that was a session.
    owner: str = ""


class Label(msgspec.Struct, array_like=True, gc=False):
    """What can be read of a chunk without decoding its events."""

    key: str
    #: Latest event time in it, microseconds.
    until: int
    count: int


class Chunk(Label, array_like=True, gc=False):
    """Up to CHUNK events of one key, by event id."""

    items: dict[str, Held]

    @property
    def sealed(self) -> bool:
        """Nothing more is added to it."""
        return len(self.items) >= CHUNK


class Chunks(msgspec.Struct, array_like=True, gc=False):
    """Numbers of a key's chunks, oldest first."""

    numbers: list[int] = []


_label = msgspec.msgpack.Decoder(Label).decode


class Kept:
    """Where the events of one key are, in memory: found again from the state after a restart."""

    __slots__ = ("chunk", "ids", "name", "number")

    def __init__(self) -> None:
        #: Chunk number by event id.
        self.ids: dict[str, int] = {}
        #: The chunk that is being filled, its number and its name in the state. (A sealed one may become bytes there.)
        self.chunk: Chunk | None = None
        self.number = -1
        self.name = ""

    def close(self) -> None:
        """The next event begins a new chunk."""
        self.chunk, self.number = None, -1


class Holding:
    """The held events of one partition, by key and event id."""

    def __init__(self, state: PartitionState, limit: int) -> None:
        self._state = state
        self._limit = limit
        numbers = sorted(int(key[2:]) for key in state.keys("h/"))
        #: Chunks, oldest first, and how many events there are in all of them.
        self._order: OrderedDict[int, None] = OrderedDict.fromkeys(numbers)
        self._count = sum(label.count for label in map(self._label, numbers) if label)
        self._next = numbers[-1] + 1 if numbers else 0
        self._index: dict[str, Kept] = {}

    def find(self, key: str, event_id: str) -> Held | None:
        """The held event, or None if it never came or is no longer kept."""
        kept = self._index.get(key)
        if kept is None:
            if not self.holds(key):
                return None
            kept = self._kept(key)
        number = kept.ids.get(event_id)
        if number is None:
            return None
        chunk = kept.chunk if number == kept.number else self._state.get(f"h/{number}", Chunk)
        return chunk.items.get(event_id) if chunk else None

    def touch(self, key: str, event_id: str) -> None:
        """Say that a held event was changed in place."""
        kept = self._kept(key)
        number = kept.ids.get(event_id)
        if number is None:
            return
        if number == kept.number and kept.chunk is not None:
            self._state.put(kept.name, kept.chunk)
            return
        chunk = self._state.get(f"h/{number}", Chunk)
        if chunk is not None:
            self._state.put(f"h/{number}", chunk)

    def holds(self, key: str) -> bool:
        """Whether any event of this key is kept."""
        return self._state.get(f"c/{key}", Chunks) is not None

    def add(self, key: str, event_id: str, held: Held) -> list[tuple[str, str, Held]]:
        """Keep one more event under a key; returns those that had to go for it: (key, event id, event)."""
        kept = self._kept(key)
        dropped: list[tuple[str, str, Held]] = []
        chunk = kept.chunk
        if chunk is None:
            chunk, dropped = self._begin(key, kept, held.time)
        chunk.items[event_id] = held
        chunk.count += 1
        self._count += 1
        chunk.until = max(chunk.until, held.time)
        kept.ids[event_id] = kept.number
        self._state.put(kept.name, chunk)
        if chunk.sealed:
            kept.close()
        return dropped

    def release(self, key: str, event_id: str) -> None:
        """No longer keep one event."""
        number = self._kept(key).ids.get(event_id)
        chunk = None if number is None else self._state.get(f"h/{number}", Chunk)
        if number is None or chunk is None:
            return
        if chunk.items.keys() == {event_id}:
            self._drop(number)
            return
        del chunk.items[event_id], self._kept(key).ids[event_id]
        chunk.count -= 1
        self._count -= 1
        self._state.put(f"h/{number}", chunk)

    def of(self, key: str, since: int = 0) -> Iterator[tuple[str, Held]]:
        """Held events of a key, with their ids, in order of arrival, without the chunks that end before `since`."""
        chunks = self._state.get(f"c/{key}", Chunks)
        for number in list(chunks.numbers) if chunks else ():
            chunk = self._state.get(f"h/{number}", Chunk)
            if chunk is not None and chunk.until >= since:
                yield from list(chunk.items.items())

    def forget_before(self, time: int) -> list[tuple[str, str, Held]]:
        """Drop chunks, oldest first, whose latest event is older than `time`; returns those as `add` does."""
        dropped: list[tuple[str, str, Held]] = []
        while self._order:
            number = next(iter(self._order))
            label = self._label(number)
            if label is not None and label.until >= time:
                break
            dropped += self._drop(number)
        return dropped

    def _begin(self, key: str, kept: Kept, time: int) -> tuple[Chunk, list[tuple[str, str, Held]]]:
        """A new chunk for a key, and the oldest ones dropped if there are too many."""
        number, self._next = self._next, self._next + 1
        chunks = self._state.get(f"c/{key}", Chunks) or Chunks([])
        chunks.numbers.append(number)
        self._state.put(f"c/{key}", chunks)
        self._order[number] = None
        chunk = Chunk(key, time, 0, {})
        kept.chunk, kept.number, kept.name = chunk, number, f"h/{number}"
        self._state.put(kept.name, chunk)
        dropped: list[tuple[str, str, Held]] = []
        if (len(chunks.numbers) - 1) * CHUNK > self._limit:
            dropped += self._drop(chunks.numbers[0])
        while self._count > PARTITION_LIMIT and len(self._order) > 1:
            dropped += self._drop(next(iter(self._order)))
        return chunk, dropped

    def _label(self, number: int) -> Label | None:
        value = self._state.peek(f"h/{number}")
        if isinstance(value, bytes):
            return _label(value)
        return value if isinstance(value, Label) else None

    def _kept(self, key: str) -> Kept:
        kept = self._index.get(key)
        if kept is None:
            kept = self._index[key] = Kept()
            chunks = self._state.get(f"c/{key}", Chunks)
            for number in chunks.numbers if chunks else ():
                chunk = self._state.get(f"h/{number}", Chunk)
                kept.ids.update(dict.fromkeys(chunk.items, number) if chunk else {})
                if chunk is not None and not chunk.sealed:
                    kept.chunk, kept.number, kept.name = chunk, number, f"h/{number}"
        return kept

    def _drop(self, number: int) -> list[tuple[str, str, Held]]:
        self._order.pop(number, None)
        chunk = self._state.get(f"h/{number}", Chunk)
        if chunk is None:
            return []
        self._state.delete(f"h/{number}")
        self._count -= chunk.count
        kept = self._kept(chunk.key)
        for event_id in chunk.items:
            kept.ids.pop(event_id, None)
        if number == kept.number:
            kept.close()
        chunks = self._state.get(f"c/{chunk.key}", Chunks)
        if chunks is not None:
            chunks.numbers = [other for other in chunks.numbers if other != number]
            if chunks.numbers:
                self._state.put(f"c/{chunk.key}", chunks)
            else:
                self._state.delete(f"c/{chunk.key}")
                self._index.pop(chunk.key, None)
        return [(chunk.key, event_id, held) for event_id, held in chunk.items.items()]
