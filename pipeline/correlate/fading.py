"""Which keys are to be forgotten when, written once each: a list by time that only grows at one end.

A heap would be rewritten whole at every checkpoint.
"""

from __future__ import annotations

from collections import deque

import msgspec

from pipeline.kit.state import PartitionState

CHUNK = 256


class Faded(msgspec.Struct, array_like=True, gc=False):
    """Up to CHUNK keys, and the latest event time (microseconds) any of them was noted with."""

    until: int
    keys: list[str]

    @property
    def sealed(self) -> bool:
        """Nothing more is added to it."""
        return len(self.keys) >= CHUNK


class Fading:
    """The keys of one partition that will be forgotten; a key may be noted again before that."""

    def __init__(self, state: PartitionState, prefix: str) -> None:
        """`prefix`: of its values in the state, one letter and a slash."""
        self._state = state
        self._prefix = prefix
        self._numbers = deque(sorted(int(key[2:]) for key in state.keys(prefix)))

    def add(self, key: str, time: int) -> None:
        """Note a key to be forgotten once event time has come well past `time`."""
        chunk = self._state.get(f"{self._prefix}{self._numbers[-1]}", Faded) if self._numbers else None
        if chunk is None or chunk.sealed:
            self._numbers.append(self._numbers[-1] + 1 if self._numbers else 0)
            chunk = Faded(time, [])
        chunk.keys.append(key)
        chunk.until = max(chunk.until, time)
        self._state.put(f"{self._prefix}{self._numbers[-1]}", chunk)

    def due(self, time: int) -> list[str]:
        """Keys that were noted with earlier times only, oldest chunks first; they are no longer noted."""
        found: list[str] = []
        while self._numbers:
            chunk = self._state.get(f"{self._prefix}{self._numbers[0]}", Faded)
            if chunk is not None and chunk.until >= time:
                break
            self._state.delete(f"{self._prefix}{self._numbers.popleft()}")
            found += chunk.keys if chunk else []
        return found
