"""Counters that every role keeps and `whodid status` shows; one closed list of names, so that none is misspelt."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Literal

Name = Literal[
    "records",
    "events",
    "ignored",
    "rejected",
    "bugs",
    "batches",
    "replayed_batches",
    "gaps",
    "lost_batches",
    "duplicates",
    "entries",
    "checkpoints",
    "held_dropped",
    "rows",
    "store_retries",
]


class Metrics:
    """Thread-safe counters and the health of one process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times: dict[str, tuple[float, float]] = {}
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, name: Name, amount: int = 1) -> None:
        """Count something."""
        if not amount:
            return
        now = time.time()
        with self._lock:
            self._counts[name] += amount
            self._times[name] = (self._times.get(name, (now,))[0], now)

    def trouble(self, part: str, reason: str) -> None:
        """Turn health red for one part of the process; an empty reason turns it green again."""
        with self._lock:
            if reason:
                self._troubles[part] = reason
            else:
                self._troubles.pop(part, None)

    @property
    def counts(self) -> dict[str, int]:
        """All counters so far."""
        with self._lock:
            return dict(self._counts)

    @property
    def times(self) -> dict[str, tuple[float, float]]:
        """When each counter was first and last added to, seconds since 1970."""
        with self._lock:
            return dict(self._times)

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, by part; empty when healthy."""
        with self._lock:
            return dict(self._troubles)
