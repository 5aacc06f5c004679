"""Events kept for revision: what was emitted, and what it must be emitted as once more is known.

Items live in chunks, each one state value, so that a checkpoint writes the last chunks and not a key's whole past.
Both a key and a partition keep a bounded number; the oldest go first and are counted, for then a truth that comes
late can no longer revise them here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from pipeline.correlate.state import PartitionState
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


class Chunk(msgspec.Struct, array_like=True, gc=False):
    """Up to CHUNK events of one key."""

    key: str
    #: Latest event time in it, microseconds.
    until: int
    items: dict[str, Held]

    @property
    def sealed(self) -> bool:
        """Nothing more is added to it."""
        return len(self.items) >= CHUNK


class Chunks(msgspec.Struct, array_like=True, gc=False):
    """Numbers of a key's chunks, oldest first, and what was dropped."""

    numbers: list[int] = []
    dropped: int = 0


class Holding:
    """The held events of one partition, by key and event id."""

    def __init__(self, state: PartitionState, limit: int) -> None:
        self._state = state
        self._limit = limit
        numbers = sorted(int(key[2:]) for key in state.keys("h/"))
        self._order: OrderedDict[int, None] = OrderedDict.fromkeys(numbers)
        self._next = numbers[-1] + 1 if numbers else 0
        self._index: dict[str, dict[str, int]] = {}
        self.dropped = 0

    def find(self, key: str, event_id: str) -> Held | None:
        """The held event, or None if it never came or is no longer kept."""
        number = self._known(key).get(event_id)
        if number is None:
            return None
        chunk = self._state.get(f"h/{number}", Chunk)
        return chunk.items.get(event_id) if chunk else None

    def touch(self, key: str, event_id: str) -> None:
        """Say that a held event was changed in place."""
        number = self._known(key).get(event_id)
        chunk = None if number is None else self._state.get(f"h/{number}", Chunk)
        if chunk is not None:
            self._state.put(f"h/{number}", chunk)

    def holds(self, key: str) -> bool:
        """Whether any event of this key is kept."""
        return self._state.get(f"c/{key}", Chunks) is not None

    def add(self, key: str, event_id: str, held: Held) -> list[tuple[str, str, Held]]:
        """Keep one more event under a key; returns those that had to go for it: (key, event id, event)."""
        chunks = self._state.get(f"c/{key}", Chunks) or Chunks([])
        known = self._known(key)
        chunk = self._state.get(f"h/{chunks.numbers[-1]}", Chunk) if chunks.numbers else None
        if chunk is None or len(chunk.items) >= CHUNK:
            number, self._next = self._next, self._next + 1
            chunk = Chunk(key, held.time, {})
            chunks.numbers.append(number)
            self._order[number] = None
            self._state.put(f"c/{key}", chunks)
        number = chunks.numbers[-1]
        chunk.items[event_id] = held
        chunk.until = max(chunk.until, held.time)
        known[event_id] = number
        self._state.put(f"h/{number}", chunk)
        dropped: list[tuple[str, str, Held]] = []
        if (len(chunks.numbers) - 1) * CHUNK > self._limit:
            dropped += self._drop(chunks.numbers[0])
        if len(self._order) * CHUNK > PARTITION_LIMIT:
            dropped += self._drop(next(iter(self._order)))
        return dropped

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
            chunk = self._state.get(f"h/{number}", Chunk)
            if chunk is not None and chunk.until >= time:
                break
            dropped += self._drop(number)
        return dropped

    def _known(self, key: str) -> dict[str, int]:
        known = self._index.get(key)
        if known is None:
            known = self._index[key] = {}
            chunks = self._state.get(f"c/{key}", Chunks)
            for number in chunks.numbers if chunks else ():
                chunk = self._state.get(f"h/{number}", Chunk)
                known.update(dict.fromkeys(chunk.items, number) if chunk else {})
        return known

    def _drop(self, number: int) -> list[tuple[str, str, Held]]:
        self._order.pop(number, None)
        chunk = self._state.get(f"h/{number}", Chunk)
        if chunk is None:
            return []
        self._state.delete(f"h/{number}")
        known = self._known(chunk.key)
        for event_id in chunk.items:
            known.pop(event_id, None)
        chunks = self._state.get(f"c/{chunk.key}", Chunks)
        if chunks is not None:
            chunks.numbers = [kept for kept in chunks.numbers if kept != number]
            chunks.dropped += len(chunk.items)
            if chunks.numbers:
                self._state.put(f"c/{chunk.key}", chunks)
            else:
                self._state.delete(f"c/{chunk.key}")
                self._index.pop(chunk.key, None)
        self.dropped += len(chunk.items)
        return [(chunk.key, event_id, held) for event_id, held in chunk.items.items()]
