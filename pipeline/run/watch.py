"""Deliveries become messages; each is acknowledged at its source once the broker has all of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.sources.delivery import Delivery, Followed
from pipeline.sources.detect import topic_of
from pipeline.sources.publish import Publisher

#: Seconds between two looks, and at most between two tries of a broker or source that is away.
LOOK, LONGEST_WAIT = 0.5, 30.0


class Watch:
    """Sends what a source delivers.

    Attributes:
        records, sent, rejected: read, acknowledged, and dead letters so far, those sent again included.
    """

    def __init__(self, settings: Settings, source: Followed, topic: str, tell: Callable[[str], None]) -> None:
        self._settings, self._source, self._topic, self._tell = settings, source, topic, tell
        self._publisher = Publisher(settings)
        self._past = (0, 0)
        self.records = 0

    @property
    def sent(self) -> int:
        """Acknowledged so far."""
        return self._past[0] + self._publisher.sent

    @property
    def rejected(self) -> int:
        """Dead letters so far."""
        return self._past[1] + self._publisher.rejected

    def once(self) -> bool:
        """Deliver what is there; whether anything was. Raises Transient when broker or source is away."""
        before = self.records
        for delivery in self._source.poll():
            try:
                self._deliver(delivery)
            finally:
                self._told()
        self._told()
        return self.records > before

    def follow(self, until_idle: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        """Deliver until interrupted, or until nothing has come for so many seconds. What is away is waited for."""
        active, wait = time.monotonic(), LOOK
        while True:
            try:
                if self.once() or self._source.waiting:
                    active = time.monotonic()
                wait = LOOK
            except Transient as failure:
                self._tell(f"{failure}; trying again in {wait:.0f} s")
                self._past = (self.sent, self.rejected)
                self._publisher = Publisher(self._settings)
                wait = min(LONGEST_WAIT, wait * 2)
            if until_idle is not None and time.monotonic() - active >= until_idle:
                return
            sleep(wait)

    def _deliver(self, delivery: Delivery) -> None:
        publisher = self._publisher
        try:
            for record in delivery.records:
                self.records += 1
                publisher.send(record, self._topic or topic_of(record.value))
        except Transient as failure:
            if delivery.failed is None or publisher.failed:
                raise
            delivery.failed(failure)
            publisher.flush()
            return
        for record, reason in delivery.broken:
            publisher.bury(record, reason)
            self._tell(f"{record.topic}: {reason}")
        publisher.flush()
        delivery.acknowledged()

    def _told(self) -> None:
        for fault in self._source.faults:
            self._tell(fault)
        self._source.faults.clear()
