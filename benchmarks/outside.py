"""Somebody outside the pipeline reads topics from their beginning, in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

from pipeline.kit.clients import FETCH_WAIT
from pipeline.kit.config import Settings


class Outside(ABC):
    """Use as a context manager: it reads from entering to leaving."""

    def __init__(self, settings: Settings, group: str, topics: Iterable[str]) -> None:
        """`topics`: full names."""
        self._consumer = Consumer({
            "bootstrap.servers": settings.bootstrap, "group.id": f"{settings.prefix}{group}",
            "enable.auto.commit": False, "fetch.wait.max.ms": FETCH_WAIT, "log_level": 2,
        })  # fmt: skip
        self._consumer.assign([
            TopicPartition(topic, number, 0) for topic in topics for number in range(settings.partitions)
        ])  # fmt: skip
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._consumer.close()

    @abstractmethod
    def _read(self, message: Message) -> None:
        """Take in one message, in the thread."""

    def _run(self) -> None:
        while not self._end.is_set():
            for message in self._consumer.consume(200, 0.05):
                if message.error() is None:
                    self._read(message)
