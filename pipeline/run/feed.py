"""Records on their way into a pipeline that is disturbed: shuffled, some doubled, some broken, as time goes on."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

from confluent_kafka import Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.topics import PUBLIC, full_name
from pipeline.sources.files import read
from schemas.rejected import Record

#: A record arrives at most so many places from where it belongs, and a copy of it at most so many behind.
SHUFFLED, COPY_BEHIND = 300, 1500
#: Shares of records that are sent again, and that are sent once more broken off in the middle.
DOUBLED, BROKEN = 0.03, 0.002
#: Seconds that the broker may take to have everything.
TAKEN = 300.0


class Feed:
    """Sends records to random partitions of their public topics, as far as time has come."""

    def __init__(self, settings: Settings, sequence: list[Record], seed: int) -> None:
        self._settings = settings
        self._sequence = sequence
        chance = random.Random(f"partitions {seed}")  # noqa: S311  (to be repeated, not to be secret)
        self._partitions = [chance.randrange(settings.partitions) for _ in sequence]
        self._producer = Producer(producer_config(settings))
        self._failed = threading.Event()
        self.done = 0

    @property
    def left(self) -> int:
        """Records that were not sent yet."""
        return len(self._sequence) - self.done

    def send(self, share: float) -> None:
        """Send on until this share of all is sent, or the client can keep no more that the broker does not take yet."""
        until = min(len(self._sequence), int(share * len(self._sequence)) + 1)
        with contextlib.suppress(BufferError):
            while self.done < until:
                record, partition = self._sequence[self.done], self._partitions[self.done]
                name = full_name(self._settings, record.topic)
                self._producer.produce(name, record.value, partition=partition, on_delivery=self._delivered)
                self.done += 1
        self._producer.poll(0)

    def close(self) -> None:
        """Wait until the broker has everything. Raises Transient when it has not."""
        if self._producer.flush(TAKEN) or self._failed.is_set():
            raise Transient(f"kafka: {self._settings.bootstrap} did not take everything that was sent")

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._failed.set()


def story(folder: Path) -> list[Record]:
    """What `whodid simulate` wrote, in the order in which it happened, as far as files of their own can tell."""
    placed: list[tuple[float, Record]] = []
    for topic in PUBLIC:
        file = folder / f"{topic}.jsonl"
        records = list(read([file], topic=topic)) if file.exists() else []
        placed += [((n + 0.5) / len(records), record) for n, record in enumerate(records)]
    return [record for _, record in sorted(placed, key=lambda one: one[0])]


def arrivals(story: list[Record], seed: int) -> list[Record]:
    """The records as they arrive: shuffled within a bound, some twice, and some once more with their end missing.

    Offsets number them by where they belong, so that the same list also tells the order in which things happened.
    """
    chance = random.Random(f"arrivals {seed}")  # noqa: S311  (to be repeated, not to be secret)
    placed: list[tuple[float, Record]] = []
    for place, record in enumerate(story):
        numbered = Record(record.value, record.format, record.topic, 0, 2 * place)
        placed.append((place + chance.uniform(0, SHUFFLED), numbered))
        if chance.random() < DOUBLED:
            placed.append((place + chance.uniform(0, COPY_BEHIND), numbered))
        if chance.random() < BROKEN:
            broken = Record(record.value[: len(record.value) // 2], record.format, record.topic, 0, 2 * place + 1)
            placed.append((place + chance.uniform(0, SHUFFLED), broken))
    return [record for _, record in sorted(placed, key=lambda one: one[0])]
