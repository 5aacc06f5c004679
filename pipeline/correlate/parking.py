"""Events that wait for their grace to end, in event time."""

from __future__ import annotations

import heapq

import msgspec

from pipeline.kit.state import PartitionState

STATE_KEY = "p/"


class Parked(msgspec.Struct, array_like=True, gc=False):
    """A heap of (event time, key, event id)."""

    items: list[tuple[int, str, str]] = []


class Parking:
    """The waiting events of one partition; what they are is in `Holding`."""

    def __init__(self, state: PartitionState, grace: int) -> None:
        self._state = state
        self._grace = grace
        known = state.get(STATE_KEY, Parked)
        self._parked = known if known is not None else Parked([])
        self._changed = False

    def park(self, time: int, key: str, event_id: str, settled: int) -> bool:
        """Let an event wait if its grace is not over yet; False if it must go on now."""
        if not self.waits(time, settled):
            return False
        heapq.heappush(self._parked.items, (time, key, event_id))
        self._changed = True
        return True

    def waits(self, time: int, settled: int) -> bool:
        """Whether the grace of an event time is not over yet."""
        return time + self._grace > settled

    def due(self, settled: int) -> list[tuple[str, str]]:
        """(key, event id) of all whose grace is over."""
        items, over = self._parked.items, []
        while items and items[0][0] + self._grace <= settled:
            _, key, event_id = heapq.heappop(items)
            over.append((key, event_id))
        self._changed = self._changed or bool(over)
        return over

    def __len__(self) -> int:
        return len(self._parked.items)

    def save(self) -> None:
        """Put the heap into the state if it changed."""
        if self._changed:
            self._state.put(STATE_KEY, self._parked)
            self._changed = False
