"""Native events go into the public topics: all at once, or so many a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from confluent_kafka import Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name

#: Topic, format, bytes.
Native = tuple[str, str, bytes]


class Feed:
    """Sends native events; what the client cannot take at once it is given again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer(producer_config(settings))
        self.sent = 0
        self.acknowledged = 0

    def send(self, messages: Iterable[Native]) -> None:
        """Hand them to the client."""
        for topic, name, value in messages:
            # As `benchmarks.throughput`: runs of five, so that every partition has events of every topic.
            self._produce(full_name(self._settings, topic), value, name, self.sent // 5 % self._settings.partitions)
            self.sent += 1
            if self.sent % 500 == 0:
                self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has everything. Raises SystemExit if it has not within a minute."""
        if self._producer.flush(60) or self.acknowledged < self.sent:
            raise SystemExit(f"the broker took {self.acknowledged} of {self.sent} events")

    def poll(self) -> None:
        """Take in what the broker has acknowledged."""
        self._producer.poll(0)

    def _produce(self, topic: str, value: bytes, name: str, partition: int) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, headers={"format": name}, partition=partition, on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: object, _message: object) -> None:
        self.acknowledged += error is None


class Paced(threading.Thread):
    """Takes so many a second out of an iterator and hands them on, until that ends or `stop` is set."""

    def __init__(self, take: Callable[[list[Native]], None], messages: Iterator[Native], rate: float) -> None:
        super().__init__(daemon=True)
        self._give, self._messages, self._rate = take, messages, rate
        self.stop = threading.Event()
        self.failed = ""
        self.given = 0

    def run(self) -> None:
        """Blocks."""
        began = time.monotonic()
        try:
            while not self.stop.wait(0.02):
                wanted = int((time.monotonic() - began) * self._rate) - self.given
                batch = list(islice(self._messages, max(0, wanted)))
                if wanted > 0 and not batch:
                    return
                self._give(batch)
                self.given += len(batch)
        except SystemExit as failure:
            self.failed = str(failure)
