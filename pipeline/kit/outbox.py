"""Items for the partitions of internal topics become messages of a few hundred items each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Items in one message; beyond this a bigger message no longer makes an item cheaper.
FULL = 250
#: Bytes in one message, where items are of any size: the one that passes this is the last.
HEAVY = 512 * 1024


class Outbox(Generic[T]):
    """Collects items by (topic, partition) and hands over full batches, keeping their order."""

    def __init__(self, send: Callable[[str, int, list[T]], None]) -> None:
        self._send = send
        self._waiting: dict[tuple[str, int], list[T]] = {}
        self._sizes: dict[tuple[str, int], int] = {}

    def add(self, topic: str, partition: int, item: T, size: int = 0) -> None:
        """One more item of about `size` bytes (0 = small); sends the batch when it is full."""
        waiting = self._waiting.setdefault((topic, partition), [])
        waiting.append(item)
        if size:
            size = self._sizes[topic, partition] = self._sizes.get((topic, partition), 0) + size
        if len(waiting) >= FULL or size >= HEAVY:
            self._send(topic, partition, waiting)
            self._waiting[topic, partition] = []
            self._sizes[topic, partition] = 0

    def flush(self) -> None:
        """Send what waits."""
        for (topic, partition), waiting in self._waiting.items():
            if waiting:
                self._send(topic, partition, waiting)
        self._waiting.clear()
        self._sizes.clear()
