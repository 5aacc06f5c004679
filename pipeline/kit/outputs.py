"""Messages out of an event loop, in order and acknowledged."""

from __future__ import annotations

import asyncio
from functools import partial

from confluent_kafka import KafkaError, Message, Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.topics import full_name


class Outputs:
    """What an event loop sends, through librdkafka: it encodes, compresses and sends beside the loop, not inside it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer(producer_config(settings))
        self._names: dict[str, str] = {}
        #: Numbers of the messages that are on their way, oldest first.
        self._pending: dict[int, None] = {}
        self._last = 0
        self._failed = ""

    def send(self, topic: str, partition: int, value: bytes, headers: dict[str, str] | None = None) -> None:
        """Queue one message; the order within a partition is kept."""
        self._last += 1
        self._pending[self._last] = None
        acknowledged = partial(self._acknowledged, self._last)
        name = self._names.setdefault(topic, full_name(self._settings, topic))
        while True:
            try:
                self._producer.produce(name, value, partition=partition, headers=headers, on_delivery=acknowledged)
                return
            except BufferError:
                self._producer.poll(0.1)

    def poll(self) -> None:
        """Take in what the broker has acknowledged."""
        self._producer.poll(0)

    async def delivered(self) -> None:
        """Wait until everything sent so far is with the broker; raises Transient if something was refused."""
        last = self._last
        while not self._failed and self._pending and next(iter(self._pending)) <= last:
            self._producer.poll(0)
            await asyncio.sleep(0.005)
        if self._failed:
            raise Transient(self._failed)

    def _acknowledged(self, number: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            del self._pending[number]
        else:
            self._failed = f"{message.topic()}: {error.str()}"
