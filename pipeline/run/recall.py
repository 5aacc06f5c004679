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
from pipeline.kit.clients import consumer_config, producer_config
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
#: Seconds that a stretch of event time is looked at.
LINGER = 5.0
#: Credentials whose recalled events are remembered.
REMEMBERED = 1000
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Recalls).decode


@dataclass
class Pending:
    """A recall that is being answered.

    Which events were passed on before it is seen by their revision. All of them are waited for; those of a stretch of
    time, whose number is not known, for a moment.
    """

    recall: Recall
    #: Events of the credential that were sent again, for this recall or an earlier one.
    seen: set[str]
    sent: set[str] = field(default_factory=set)
    #: Monotonic time at which it began, and at which there was last something to send.
    began: float = field(default_factory=time.monotonic)
    changed: float = field(default_factory=time.monotonic)


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
        self._seen: OrderedDict[str, set[str]] = OrderedDict()
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
        try:
            while not self._stop.is_set():
                wanted: dict[str, Recall] = {}
                for message in consumer.consume(100, 0.2):
                    for recall in self._read(message):
                        wanted[recall.key] = both(wanted.get(recall.key), recall)
                while wanted and not self._stop.is_set():
                    if self._serve(wanted) and self._commit(consumer):
                        wanted = {}
        finally:
            consumer.close()

    def _read(self, message: Message) -> list[Recall]:
        if message.error() is not None:
            return []
        try:
            return _decode(message.value() or b"").recalls
        except msgspec.MsgspecError:
            self._metrics.add("bugs")
            return []

    def _serve(self, wanted: dict[str, Recall]) -> bool:
        """Send the events again that were passed on before; False only if told to stop before that."""
        pending = [Pending(recall, self._seen_of(recall.key)) for recall in wanted.values()]
        pause = LOOK_FIRST
        while pending and not self._stop.is_set():
            self.active = time.monotonic()
            try:
                pending = [one for one in pending if not self._look(one)]
            except Transient as error:
                self._metrics.trouble("recall", str(error))
                for one in pending:
                    one.changed = time.monotonic()
            if pending:
                self._stop.wait(pause)
                pause = min(2 * pause, LOOK_SELDOM)
        return not pending

    def _look(self, one: Pending) -> bool:
        """Send again what the store has by now; True when that is all."""
        recall, now = one.recall, time.monotonic()
        stale = [
            entry
            for entry in uses(self._store, recall.key.removeprefix(CREDENTIAL), recall.span)
            if entry.revision < recall.revision and entry.event.event_id not in one.sent
        ]
        if stale:
            self._publish(stale)
            one.changed = now
        one.sent.update(entry.event.event_id for entry in stale)
        one.seen.update(entry.event.event_id for entry in stale if entry.event.kind == "cloud_audit")
        if recall.span is not None:
            return now >= one.began + LINGER
        return len(one.seen) >= recall.events or now >= one.changed + PATIENCE

    def _seen_of(self, key: str) -> set[str]:
        seen = self._seen.setdefault(key, set())
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
        """Everything delivered, then the offsets of what asked for it; False if something was not delivered."""
        self._producer.flush()
        if self._failed:
            self._metrics.trouble("recall", self._failed)
            self._failed = ""
            self._stop.wait(LOOK_SELDOM)
            return False
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            self._metrics.trouble("recall", str(error))
        return True


def again(entry: Entry) -> list[Use]:
    """The first items of an event that comes again out of the store."""
    items = [item for item in route(entry.event) if isinstance(item, Use)]
    for use in items:
        use.recalled, use.owner = True, session_key(entry.session, entry.parent_session)
    return items


def both(one: Recall | None, other: Recall) -> Recall:
    """One recall that does what two for the same credential ask for."""
    if one is None:
        return other
    span = None
    if one.span is not None and other.span is not None:
        span = (min(one.span[0], other.span[0]), max(one.span[1], other.span[1]))
    return Recall(one.key, max(one.events, other.events), max(one.revision, other.revision), span)
