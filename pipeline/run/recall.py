"""Late truth: the events of a credential that means something else now come again, out of the store.

The correlator keeps an event no longer than its grace. When an issuance or a session's first prompt arrives later, be
it an hour or a week, it asks here: the events are read by the credential's pivot (no scan), and take the first hop
again.
What has to be waited for is only what is still on its way into the store.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from pipeline.correlate.keys import CREDENTIAL, session_key
from pipeline.correlate.route import route
from pipeline.kit.clients import check_alive, consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.kit.outbox import Outbox
from pipeline.kit.topics import full_name, partition_of
from pipeline.store import Store
from pipeline.store.recall import uses
from schemas.batch import Batch, Recall, Recalls, Use
from schemas.entry import Entry

FIRST, RECALLS = "events-by-credential", "recalls"
#: Seconds that events on their way into the store are waited for, and between two looks: twice as long each time.
PATIENCE, LOOK_FIRST, LOOK_SELDOM = 30.0, 0.2, 2.0
#: Credentials that the store is asked for at once.
TOGETHER = 50
#: Credentials whose recalled events are remembered.
REMEMBERED = 1000
Span = tuple[int, int]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Recalls).decode


@dataclass
class Pending:
    """What is asked of one credential. Which events were passed on before it is seen by their revision."""

    #: Those of the credential that were sent again, now or for an earlier recall, by id: see `sight`.
    seen: dict[str, tuple[int, int]]
    recalls: list[Recall] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    #: Monotonic times at which there was last something to send, and at which to look again.
    changed: float = field(default_factory=time.monotonic)
    due: float = 0.0
    pause: float = LOOK_FIRST

    def add(self, recall: Recall) -> None:
        """Ask for more; what was sent for an earlier recall is stale again."""
        self.recalls.append(recall)
        self.sent.clear()
        self.changed, self.due, self.pause = time.monotonic(), 0.0, LOOK_FIRST

    @property
    def span(self) -> Span | None:
        """First and last event time of all that is asked for; None = any."""
        return around([recall.span for recall in self.recalls])

    @property
    def revision(self) -> int:
        """Entries with a lower one are stale."""
        return max(recall.revision for recall in self.recalls)

    @property
    def complete(self) -> bool:
        """Whether all that were passed on before have been sent again."""
        return all(self._has(recall) for recall in self.recalls)

    def wants(self, entry: Entry) -> bool:
        """Whether an entry was made before and is to be sent again."""
        first, last = self.span or (-(2**63), 2**63)
        name = entry.event.event_id
        return entry.revision < self.revision and first <= entry.event.time <= last and name not in self.sent

    def sight(self, entries: Iterable[Entry]) -> None:
        """Note events that are sent again: event time, and the lowest revision each had."""
        for entry in entries:
            self.sent.add(entry.event.event_id)
            if entry.event.kind == "cloud_audit":
                known = self.seen.get(entry.event.event_id)
                revision = entry.revision if known is None else min(entry.revision, known[1])
                self.seen[entry.event.event_id] = (entry.event.time, revision)

    def _has(self, recall: Recall) -> bool:
        """Whether as many were seen as had been passed on. What was passed on later has a later revision."""
        first, last = recall.span or (-(2**63), 2**63)
        kept = set(recall.kept)
        counted = (
            first <= moment <= last and revision < recall.revision and name not in kept
            for name, (moment, revision) in self.seen.items()
        )  # fmt: skip
        return sum(counted) >= recall.events


class Recaller:
    """A thread beside the store's writer."""

    def __init__(self, settings: Settings, store: Store, metrics: Metrics) -> None:
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._producer = Producer(producer_config(settings))
        self._outbox: Outbox[Any] = Outbox(self._send)
        self._stop = threading.Event()
        self._failed = ""
        self._bug: Exception | None = None
        #: Events of a credential that were sent again, since later recalls of it count them too.
        self._seen: OrderedDict[str, dict[str, tuple[int, int]]] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="recall", daemon=True)
        #: Monotonic time at which there was last something to do.
        self.active = time.monotonic()

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop; what was not served is served by the next start."""
        self._stop.set()
        self._thread.join(5.0)

    def check(self) -> None:
        """Raise what ended the thread, if a bug did: without it nothing that is late would be attributed again."""
        if self._bug is not None:
            raise self._bug

    def _run(self) -> None:
        try:
            self._recall()
        except Exception as bug:  # noqa: BLE001  (handed to who started the thread)
            self._bug = bug

    def _recall(self) -> None:
        consumer = Consumer(consumer_config(self._settings, "whodid-recall"))
        consumer.subscribe([full_name(self._settings, RECALLS)])
        pending: dict[str, Pending] = {}
        asked = False
        try:
            while not self._stop.is_set():
                for message in consumer.consume(100, LOOK_FIRST):
                    for recall in self._read(message):
                        asked = True
                        pending.setdefault(recall.key, Pending(self._seen_of(recall.key))).add(recall)
                now = time.monotonic()
                due = [key for key, one in pending.items() if one.due <= now]
                for begin in range(0, len(due), TOGETHER):
                    for key in self._look({key: pending[key] for key in due[begin : begin + TOGETHER]}):
                        del pending[key]
                # What is still being answered is asked again after a restart.
                if asked and not pending:
                    asked = not self._commit(consumer)
        finally:
            consumer.close()

    def _read(self, message: Message) -> list[Recall]:
        if message.error() is not None:
            check_alive(message.error())
            return []
        try:
            return _decode(message.value() or b"").recalls
        except msgspec.MsgspecError:
            self._metrics.add("bugs")
            return []

    def _look(self, due: dict[str, Pending]) -> list[str]:
        """Send again what the store has by now; returns the keys of which that is all."""
        self.active = now = time.monotonic()
        for one in due.values():
            one.due, one.pause = now + one.pause, min(2 * one.pause, LOOK_SELDOM)
        try:
            stale = self._stale(due)
            self._publish(entry for entries in stale.values() for entry in entries)
        except Transient as error:
            self._metrics.trouble("recall", str(error))
            self._later(due, now)
            return []
        if self._failed:
            self._metrics.trouble("recall", self._failed)
            self._failed = ""
            self._later(due, now)
            return []
        return [key for key, one in due.items() if self._answered(one, stale.get(key, []), now)]

    def _stale(self, due: dict[str, Pending]) -> dict[str, list[Entry]]:
        """What the store has of each that was made before it was asked for, and was not sent again yet."""
        spans = [one.span for one in due.values()]
        bounds = [span for span in spans if span is not None]
        whole = (
            (min(first for first, _ in bounds), max(last for _, last in bounds)) if len(bounds) == len(spans) else None
        )
        stale: dict[str, list[Entry]] = {}
        for entry in uses(self._store, [key.removeprefix(CREDENTIAL) for key in due], whole):
            key = CREDENTIAL + entry.event.credential
            if due[key].wants(entry):
                stale.setdefault(key, []).append(entry)
        return stale

    def _later(self, due: dict[str, Pending], now: float) -> None:
        for one in due.values():
            one.changed = now

    def _answered(self, one: Pending, stale: list[Entry], now: float) -> bool:
        if stale:
            one.changed = now
        one.sight(stale)
        if one.complete:
            return True
        if now >= one.changed + PATIENCE:
            self._metrics.add("recalls_incomplete")
            return True
        return False

    def _seen_of(self, key: str) -> dict[str, tuple[int, int]]:
        seen = self._seen.setdefault(key, {})
        self._seen.move_to_end(key)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def _publish(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            for use in again(entry):
                self._outbox.add(FIRST, partition_of(use.key, self._settings.partitions), use)
            self._metrics.add("recalled")
        self._outbox.flush()
        self._producer.flush()
        self._metrics.trouble("recall", "")

    def _send(self, topic: str, partition: int, items: list[Any]) -> None:
        value = _encode(Batch(items))
        while True:
            try:
                self._producer.produce(
                    full_name(self._settings, topic), value, partition=partition, on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error.str()

    def _commit(self, consumer: Consumer) -> bool:
        """The offsets of what asked for what has been sent; False if that is to be tried again."""
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            self._metrics.trouble("recall", str(error))
            return False
        return True


def around(spans: Iterable[Span | None]) -> Span | None:
    """First and last event time of some stretches of it; None = all, if one of them is that."""
    first, last = 2**63, -(2**63)
    for span in spans:
        if span is None:
            return None
        first, last = min(first, span[0]), max(last, span[1])
    return first, last


def again(entry: Entry) -> list[Use]:
    """The first items of an event that comes again out of the store."""
    items = [item for item in route(entry.event) if isinstance(item, Use)]
    for use in items:
        use.recalled, use.owner = True, session_key(entry.session, entry.parent_session)
    return items
