"""Counters that every role keeps and `whodid status` shows; one closed list of names, so that none is misspelt."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
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
    "findings",
    "alerts",
    "delivered",
    "delivery_retries",
    "delivery_failures",
    "decisions_refused",
    "scoring_us",
    "checkpoints",
    "held_dropped",
    "recalled",
    "recalls_incomplete",
    "rows",
    "store_retries",
    "leaves",
    "heads",
]


#: Shortest time between two samples of a counter (seconds), and how many are kept.
SAMPLE_EVERY, SAMPLES = 0.1, 6000
#: Share of a backfill after which only events that wait for their grace are left.
SETTLED = 0.999


class Metrics:
    """Thread-safe counters and the health of one process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times: dict[str, tuple[float, float]] = {}
        #: Time and total, now and then, oldest first.
        self._samples: dict[str, deque[tuple[float, int]]] = {}
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
            samples = self._samples.setdefault(name, deque(maxlen=SAMPLES))
            if not samples or now - samples[-1][0] >= SAMPLE_EVERY:
                samples.append((now, self._counts[name]))

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

    def reached(self, name: Name, share: float = SETTLED) -> float:
        """When a counter had come to this share of what it is now, seconds since 1970; 0 if it was never added to."""
        with self._lock:
            enough = share * self._counts[name]
            last = self._times.get(name, (0.0, 0.0))[1]
            return next((moment for moment, total in self._samples.get(name, ()) if total >= enough), last)

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, by part; empty when healthy."""
        with self._lock:
            return dict(self._troubles)
