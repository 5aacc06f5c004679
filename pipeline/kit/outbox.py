"""Items for the partitions of internal topics become messages of a few hundred items each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Items in one message; beyond this a bigger message no longer makes an item cheaper.
FULL = 250


class Outbox(Generic[T]):
    """Collects items by (topic, partition) and hands over full batches, keeping their order."""

    def __init__(self, send: Callable[[str, int, list[T]], None]) -> None:
        self._send = send
        self._waiting: dict[tuple[str, int], list[T]] = {}

    def add(self, topic: str, partition: int, item: T) -> None:
        """One more item; sends the batch when it is full."""
        waiting = self._waiting.setdefault((topic, partition), [])
        waiting.append(item)
        if len(waiting) >= FULL:
            self._send(topic, partition, waiting)
            self._waiting[topic, partition] = []

    def flush(self) -> None:
        """Send what waits."""
        for (topic, partition), waiting in self._waiting.items():
            if waiting:
                self._send(topic, partition, waiting)
        self._waiting.clear()
