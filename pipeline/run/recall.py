"""Late truth: the events of a credential that means something else now come again, out of the store.

The correlator keeps an event no longer than its grace. When an issuance or a session's first prompt arrives later, be
it an hour or a week, it asks here: the events are read by the credential's pivot (no scan), and take the first hop
again.
What has to be waited for is only what is still on its way into the store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
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
from pipeline.store.recall import used, uses
from schemas.batch import Batch, Recall, Recalls, Use
from schemas.entry import Entry

FIRST, RECALLS = "events-by-credential", "recalls"
#: Seconds that events on their way into the store are waited for, and between two looks.
PATIENCE, LOOK_EVERY = 30.0, 0.2
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Recalls).decode


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

    def _run(self) -> None:
        consumer = Consumer(consumer_config(self._settings, "whodid-recall"))
        consumer.subscribe([full_name(self._settings, RECALLS)])
        try:
            while not self._stop.is_set():
                wanted: dict[str, Recall] = {}
                for message in consumer.consume(100, 0.2):
                    for recall in self._read(message):
                        wanted[recall.key] = both(wanted.get(recall.key), recall)
                if wanted and all([self._serve(recall) for recall in wanted.values()]):
                    self._commit(consumer)
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

    def _serve(self, recall: Recall) -> bool:
        """Send the events again; False only if told to stop before that."""
        credential = recall.key.removeprefix(CREDENTIAL)
        deadline = time.monotonic() + PATIENCE
        while not self._stop.is_set():
            self.active = time.monotonic()
            try:
                if used(self._store, credential) >= recall.events or self.active >= deadline:
                    self._publish(uses(self._store, credential, recall.span))
                    return True
            except Transient as error:
                self._metrics.trouble("recall", str(error))
                deadline = time.monotonic() + PATIENCE
            self._stop.wait(LOOK_EVERY)
        return False

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

    def _commit(self, consumer: Consumer) -> None:
        """Everything delivered, then the offsets of what asked for it."""
        self._producer.flush()
        if self._failed:
            self._metrics.trouble("recall", self._failed)
            return
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            self._metrics.trouble("recall", str(error))


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
    return Recall(one.key, max(one.events, other.events), span)
