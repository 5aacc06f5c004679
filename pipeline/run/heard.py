"""What was read of each source becomes metrics: how much, when last, and the latest event time; dead letters by stage.

In:     what the normalizer made of records
Out:    counts and gauges, once for many records
"""

from __future__ import annotations

import time
from collections import Counter

from pipeline.kit import measured
from pipeline.kit.metrics import Metrics
from pipeline.normalize.stage import Normalized


class Heard:
    """Gathers between two calls of `tell`."""

    def __init__(self) -> None:
        self._records: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        #: By format, microseconds since 1970.
        self._latest: dict[str, int] = {}

    def take(self, normalized: Normalized) -> None:
        """Take in one record."""
        if normalized.rejected is not None:
            self._rejected[normalized.rejected.stage] += 1
        if normalized.record is None:
            return
        name = normalized.record.format
        self._records[name] += 1
        latest = max((event.time for event in normalized.events), default=0)
        if latest > self._latest.get(name, 0):
            self._latest[name] = latest

    def tell(self, metrics: Metrics) -> None:
        """Note it, and begin again."""
        now = time.time()
        for name, amount in self._records.items():
            metrics.count(measured.SOURCE_RECORDS, name, amount=amount)
            metrics.set(measured.SOURCE_HEARD, now, name)
            # A clock that is ahead must not make a source look alive for ever.
            metrics.set(measured.SOURCE_EVENT, min(self._latest.get(name, 0) / 1e6, now), name)
        for stage, amount in self._rejected.items():
            metrics.count(measured.DEAD_LETTERS, stage, amount=amount)
        self._records.clear()
        self._rejected.clear()
