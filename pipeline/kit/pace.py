"""How far a producer may run ahead of the group that reads its topic.

What a group sends to itself (bindings on their way along a role chain) waits behind everything that is already in the
topic. So a backlog has to stay in front of the pipeline, in the public topics, where nothing depends on it.
"""

from __future__ import annotations

import time
from collections import deque

from confluent_kafka import Consumer, KafkaException, TopicPartition

from pipeline.kit.clients import consumer_config
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name

#: Items of a partition that may be on their way before the producer waits, and how often that is asked (seconds).
AHEAD, ASK_EVERY = 15_000, 0.25
#: A group that commits nothing for so long is not there, and is not waited for (seconds).
ABSENT = 15.0


class Pace:
    """Tells whether to wait. Not thread-safe."""

    def __init__(self, settings: Settings, topic: str, group: str) -> None:
        name = full_name(settings, topic)
        self._partitions = [TopicPartition(name, number) for number in range(settings.partitions)]
        self._reader = Consumer(consumer_config(settings, group))
        #: Offset and number of items of each message that the group may not have read yet, by partition.
        self._ahead: dict[int, deque[tuple[int, int]]] = {number: deque() for number in range(settings.partitions)}
        self._items = dict.fromkeys(self._ahead, 0)
        self._committed: dict[int, int] = {}
        self._moved = time.monotonic()
        self._asked = 0.0
        self._wait = False

    def delivered(self, partition: int, offset: int, items: int) -> None:
        """Note a message of so many items. (What others write to the topic does not count.)"""
        self._ahead[partition].append((offset, items))
        self._items[partition] += items

    def wait(self) -> bool:
        """Whether the group is too far behind; answers from memory between two questions to the broker."""
        now = time.monotonic()
        if now - self._asked >= ASK_EVERY:
            self._asked = now
            self._wait = self._behind() > AHEAD and now - self._moved < ABSENT
        return self._wait

    def close(self) -> None:
        """Give back the connection."""
        self._reader.close()

    def _behind(self) -> int:
        try:
            found = self._reader.committed(self._partitions, timeout=1.0)
        except KafkaException:
            return 0
        committed = {part.partition: max(part.offset, 0) for part in found if part.error is None}
        if committed != self._committed:
            self._committed, self._moved = committed, time.monotonic()
        for number, offset in committed.items():
            ahead = self._ahead[number]
            while ahead and ahead[0][0] < offset:
                self._items[number] -= ahead.popleft()[1]
        return max(self._items.values())
