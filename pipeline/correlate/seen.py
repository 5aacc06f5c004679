"""Which events a partition has passed on and no longer keeps: their ids and what they said, in a few bytes each.

So a duplicate is known, and so is a forger who uses an id again. The oldest are forgotten first.
"""

from __future__ import annotations

from collections import deque

import msgspec

from pipeline.kit.state import PartitionState
from schemas.event import content_of

#: Ids in one state value, and ids that a partition remembers.
CHUNK, LIMIT = 256, 50_000


class Said(msgspec.Struct, array_like=True, gc=False):
    """Up to CHUNK events: what they said (`schemas.event.content_of`) by event id, odd if it is a correction."""

    items: dict[str, int]
    #: The session that each was sent to last, of those whose session may change; empty if it was sent to none.
    owners: dict[str, str] = {}

    @property
    def sealed(self) -> bool:
        """Nothing more is added to it."""
        return len(self.items) >= CHUNK or len(self.owners) >= CHUNK


class Seen:
    """The events that one partition remembers."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._numbers = deque(sorted(int(key[2:]) for key in state.keys("d/")))
        self._index: dict[str, int] = {}
        self._owners: dict[str, str] = {}
        self._open: Said | None = None
        for number in self._numbers:
            said = state.get(f"d/{number}", Said)
            if said is not None:
                self._index.update(said.items)
                self._owners.update(said.owners)
                self._open = None if said.sealed else said

    def of(self, event_id: str) -> int | None:
        """What the event said; None if it is not remembered."""
        return self._index.get(event_id)

    def note(self, event_id: str, said: int) -> None:
        """Remember an event."""
        self._index[event_id] = said
        self._chunk().items[event_id] = said
        self._save()

    def owner(self, event_id: str) -> str | None:
        """The session that it was sent to last; None if that is not remembered."""
        return self._owners.get(event_id)

    def own(self, event_id: str, owner: str) -> None:
        """Remember which session an event was sent to: the store, which would tell, may be behind."""
        if self._owners.get(event_id, "") != owner:
            self._owners[event_id] = owner
            self._chunk().owners[event_id] = owner
            self._save()

    def _chunk(self) -> Said:
        if self._open is None:
            self._numbers.append(self._numbers[-1] + 1 if self._numbers else 0)
            self._open = Said({}, {})
        return self._open

    def _save(self) -> None:
        if self._open is None:
            return
        self._state.put(f"d/{self._numbers[-1]}", self._open)
        if self._open.sealed:
            self._open = None
        if len(self._numbers) * CHUNK > LIMIT:
            self._forget(self._numbers.popleft())

    def _forget(self, number: int) -> None:
        oldest = self._state.get(f"d/{number}", Said)
        self._state.delete(f"d/{number}")
        for event_id, said in oldest.items.items() if oldest else ():
            # An event that was corrected since is remembered by a later chunk.
            if self._index.get(event_id) == said:
                del self._index[event_id]
        for event_id, owner in oldest.owners.items() if oldest else ():
            if self._owners.get(event_id) == owner:
                del self._owners[event_id]


def said_by(event: msgspec.Raw, revision: int) -> int:
    """What an event says; odd if it is a correction."""
    return 2 * content_of(event) + min(revision, 1)
