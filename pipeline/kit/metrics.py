"""Counters and health of one process, for `whodid status` and Prometheus. Names are in `pipeline.kit.measured`."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from pipeline.kit import measured
from pipeline.kit.measured import Measured, Name

#: Shortest time between two samples of a counter (seconds), and how many are kept.
SAMPLE_EVERY, SAMPLES = 0.1, 6000
#: Share of a backfill after which only events that wait for their grace are left.
SETTLED = 0.999
#: Seconds after which a loop that has not come round is stuck, unless it says otherwise.
STUCK = 60.0


class Sample(NamedTuple):
    """A value of a metric: a number, or of a histogram how many were in each bucket, and their sum."""

    metric: Measured
    labels: tuple[str, ...]
    value: float
    buckets: tuple[int, ...] = ()


#: Asked when somebody wants to know, from another thread than the one that works.
Probe = Callable[[], Iterable[Sample]]


class Metrics:
    """Thread-safe counters and the health of one process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times: dict[str, tuple[float, float]] = {}
        #: Time and total, now and then, oldest first.
        self._samples: dict[str, deque[tuple[float, int]]] = {}
        self._troubles: dict[str, str] = {}
        self._values: dict[tuple[Measured, tuple[str, ...]], float] = {}
        self._buckets: dict[tuple[Measured, tuple[str, ...]], list[int]] = {}
        self._probes: list[Probe] = []
        #: By loop: when it came round last (monotonic), and after how many seconds it is stuck.
        self._beats: dict[str, tuple[float, float | None]] = {}
        #: By role: whether it has its partitions.
        self._ready: dict[str, bool] = {}
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

    def count(self, metric: Measured, *labels: str, amount: float = 1) -> None:
        """Count something that has labels."""
        with self._lock:
            self._values[metric, labels] = self._values.get((metric, labels), 0.0) + amount

    def set(self, metric: Measured, value: float, *labels: str) -> None:
        """Note what a gauge shows."""
        with self._lock:
            self._values[metric, labels] = value

    def replace(self, metric: Measured, values: Mapping[tuple[str, ...], float]) -> None:
        """Note all that a gauge shows: what it showed of other labels is gone."""
        with self._lock:
            for known in [key for key in self._values if key[0] is metric]:
                del self._values[known]
            self._values |= {(metric, labels): value for labels, value in values.items()}

    def observe(self, metric: Measured, value: float, *labels: str) -> None:
        """Put a value into its bucket."""
        with self._lock:
            self._values[metric, labels] = self._values.get((metric, labels), 0.0) + value
            buckets = self._buckets.setdefault((metric, labels), [0] * (len(metric.buckets) + 1))
            buckets[bisect_left(metric.buckets, value)] += 1

    def probe(self, probe: Probe) -> None:
        """Ask this, too, whenever somebody wants to know."""
        self._probes.append(probe)

    def beat(self, part: str, within: float | None = None) -> None:
        """A loop has come round, and will again before so many seconds are over. (Called often: no lock is taken.)"""
        self._beats[part] = (time.monotonic(), within)

    def rest(self, part: str) -> None:
        """A loop has ended as it should."""
        self._beats.pop(part, None)
        self._ready.pop(part, None)

    def ready(self, role: str, has: bool) -> None:
        """Whether a role has its partitions, and so can do its work."""
        self._ready[role] = has

    def owned(self, role: str, partitions: Mapping[str, int]) -> None:
        """How many partitions of which topics a role has now."""
        with self._lock:
            for key in [key for key in self._values if key[0] is measured.ASSIGNED and key[1][0] == role]:
                self._values[key] = 0
            self._values |= {(measured.ASSIGNED, (role, topic)): amount for topic, amount in partitions.items()}

    @property
    def unready(self) -> list[str]:
        """Roles that have no partitions, or wait for their state."""
        return sorted(role for role, has in self._ready.copy().items() if not has)

    @property
    def stuck(self) -> dict[str, str]:
        """Loops that have not come round for too long, with the reason in words."""
        now = time.monotonic()
        ages = {part: (now - at, within or STUCK) for part, (at, within) in self._beats.copy().items()}
        return {
            part: f"its loop has not come round for {age:.0f} s" for part, (age, most) in ages.items() if age > most
        }

    def samples(self) -> list[Sample]:
        """Everything that Prometheus is told, but for the counters of `add`."""
        with self._lock:
            found = [
                Sample(metric, labels, value, tuple(self._buckets.get((metric, labels), ())))
                for (metric, labels), value in self._values.items()
            ]
            found += [Sample(measured.TROUBLE, (part,), 1) for part in self._troubles]
        now = time.monotonic()
        found += [Sample(measured.LOOP_AGE, (part,), now - at) for part, (at, _) in self._beats.copy().items()]
        return found + [sample for probe in self._probes for sample in probe()]

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
            return {**self._troubles, **self.stuck}
