"""Somebody outside the pipeline reads what it writes: which events have an entry, since when, of which partition."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import msgspec
from confluent_kafka import Message

from benchmarks.outside import Outside
from pipeline.correlate.keys import owner_of
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name, partition_of
from schemas.batch import Entries
from schemas.event import head_of

_decode = msgspec.msgpack.Decoder(Entries).decode


class Watcher(Outside):
    """Reads the topic `entries`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "watcher", [full_name(settings, "entries")])
        self._partitions = settings.partitions
        #: When the first entry of each event was seen (monotonic).
        self.seen: dict[str, float] = {}
        #: When each partition of the second hop made an entry of an event that had none: times, oldest first.
        self.progress: dict[int, list[float]] = {number: [] for number in range(settings.partitions)}
        #: When anything was last seen.
        self.heard = time.monotonic()

    def wait(self, events: int, seconds: float, look: Callable[[], object] = lambda: None) -> bool:
        """Until so many events have an entry; False if that takes longer. Meanwhile `look` is called now and then."""
        deadline = time.monotonic() + seconds
        while len(self.seen) < events:
            if time.monotonic() > deadline:
                return False
            look()
            self._end.wait(0.05)
        return True

    def quiet(self, silent: float, seconds: float) -> bool:
        """Wait until nothing was seen for so long; False if that takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() - self.heard < silent:
            if time.monotonic() > deadline:
                return False
            self._end.wait(0.05)
        return True

    def longest(self, since: float, until: float) -> dict[int, float]:
        """Longest time within a stretch for which each partition made no entry of a further event (seconds)."""
        return {number: longest(times, since, until) for number, times in self.progress.items()}

    def _read(self, message: Message) -> None:
        now = self.heard = time.monotonic()
        for entry in _decode(message.value() or b"").entries:
            head = head_of(entry.event)
            if head.event_id not in self.seen:
                self.seen[head.event_id] = now
                owner = owner_of(head, entry)  # type: ignore[arg-type]  (it reads what both have)
                self.progress[partition_of(owner, self._partitions)].append(now)


def longest(times: list[float], since: float, until: float) -> float:
    """Longest time between two of these times within a stretch, or between one and an end of the stretch."""
    within = [since, *(at for at in times if since < at < until), until]
    return max(later - earlier for earlier, later in pairwise(within))
