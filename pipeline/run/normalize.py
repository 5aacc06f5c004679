"""The role `normalize`: messages of the public topics become batches for the first hop, evidence and dead letters.

At-least-once: offsets are committed only after everything made of them is delivered. What is done twice after a
crash has the same ids and changes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from pipeline.correlate.route import route
from pipeline.correlate.watermark import ENDED, NORMALIZER
from pipeline.kit import tracing
from pipeline.kit.clients import check_alive, consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.kit.metrics import Metrics
from pipeline.kit.outbox import Outbox
from pipeline.kit.pace import Pace
from pipeline.kit.producers import AUTHENTICATE, Trust
from pipeline.kit.topics import PUBLIC, full_name, partition_of
from pipeline.normalize.mask import mask_bytes
from pipeline.normalize.stage import BUG, Normalized, context_of, process, reject
from pipeline.run.ending import Ending
from pipeline.run.heard import Heard
from schemas.batch import Batch, DeadLetters, Mark, Own, Records
from schemas.rejected import Record, Rejected

ROLE = "normalize"
FIRST, SECOND, RECORDS, DEAD_LETTERS = "events-by-credential", "events-by-actor", "records", "dead-letters"
COMMIT_EVERY, MARK_EVERY = 1.0, 0.25
#: Messages taken at once, and how long a batch waits for further items while there are more (seconds).
CONSUMED, LINGER = 1000, 0.1
BUGS_IN_A_ROW = 100
#: Seconds that the broker may take to say how far a partition goes.
ASKED = 5.0
_encode = msgspec.msgpack.Encoder().encode


class Reader:
    """How far one input partition has been read."""

    #: A partition of which not even the end is known holds the others back no longer than this (seconds).
    UNKNOWN = 10.0

    def __init__(self, consumer: Consumer, partition: TopicPartition, idle_after: float, span: tuple[int, int]) -> None:
        """`span`: where reading begins (-1: at the first that there is), and where it ended then (-1: not known)."""
        self.latest = 0
        self.heard = time.monotonic()
        self._next, self._end = span
        self._consumer = consumer
        self._partition = partition
        self._idle_after = idle_after

    def hear(self, offset: int) -> None:
        """Note a message."""
        self.heard = time.monotonic()
        self._next = offset + 1

    @property
    def idle(self) -> bool:
        """Read to its end, and silent for a while. (Silence alone may mean that the broker sends others first.)"""
        silent = time.monotonic() - self.heard
        if silent < self._idle_after:
            return False
        first, end = self._consumer.get_watermark_offsets(self._partition, cached=True)
        end = max(end, self._end)
        if end < 0:
            return silent >= self.UNKNOWN
        return bool(max(self._next, first, 0) >= end)


class NormalizeRole:
    """Consumes until told to stop, or until nothing has arrived for a while."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._context = context_of(settings)
        self._trust, self._prefix = Trust(settings), settings.prefix
        self._producer = Producer(producer_config(settings))
        self._consumer = Consumer(consumer_config(settings, "whodid-normalize"))
        self._outbox: Outbox[Any] = Outbox(self._send)
        self._readers: dict[tuple[str, int], Reader] = {}
        #: Where reading of each began, and where each ended then.
        self._spans: dict[tuple[str, int], tuple[int, int]] = {}
        self._turn = 0
        self._failed: list[str] = []
        self._heard = Heard()
        self._ready = 0.0
        self._bugs = 0
        self._first = full_name(settings, FIRST)
        self._pace = Pace(settings, FIRST, "whodid-correlate")

    def run(self, end: Ending) -> None:
        """Blocks; raises KafkaException when the broker refuses us for good."""
        topics = [full_name(self._settings, topic) for topic in PUBLIC]
        self._metrics.ready(ROLE, False)
        self._consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked)
        committed = marked = flushed = active = time.monotonic()
        try:
            while not end.due(max(active, self._ready) if self._at_end() else None):
                self._metrics.beat(ROLE)
                now = time.monotonic()
                if self._pace.wait():
                    active = now
                    self._producer.poll(0.05)
                else:
                    messages = self._consumer.consume(CONSUMED, 0.05)
                    with tracing.span(ROLE, messages=len(messages)) if messages else nullcontext():
                        taken = self._take(messages)
                    active = now if taken else active
                    # While more input waits, it will fill the batches.
                    if taken < CONSUMED or now - flushed >= LINGER:
                        flushed = now
                        self._outbox.flush()
                self._producer.poll(0)
                if now - marked >= MARK_EVERY:
                    marked = now
                    self._mark(self._levels())
                if now - committed >= COMMIT_EVERY:
                    committed = now
                    self._commit()
                    self._trust.refresh()
                    self._metrics.trouble("producers", self._trust.trouble)
            self._commit()
            self._mark(dict.fromkeys(self._readers, ENDED))
            self._flush()
        finally:
            self._metrics.rest(ROLE)
            self._pace.close()
            self._consumer.close()

    def _take(self, messages: list[Message]) -> int:
        counts: Counter[str] = Counter()
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(error)
                continue
            reader = self._reader(message.topic(), message.partition())
            reader.hear(message.offset())
            counts["messages"] += 1
            for normalized in self._understood(message):
                self._emit(normalized, counts)
                for event in normalized.events:
                    reader.latest = max(reader.latest, event.time)
                self._heard.take(normalized)
        for name in ("records", "events", "ignored", "rejected", "bugs"):
            self._metrics.add(name, counts[name])
        self._heard.tell(self._metrics)
        return counts["messages"]

    def _understood(self, message: Message) -> list[Normalized]:
        record, headers = record_of(message)
        try:
            record.producer = self._trust.producer(headers, record.topic.removeprefix(self._prefix), record.value)
        except Invalid as error:
            value = mask_bytes(record.value, self._context)
            return [Normalized(None, [], reject(record, value, AUTHENTICATE, str(error), self._context))]
        return process(record, self._context)

    def _emit(self, normalized: Normalized, counts: Counter[str]) -> None:
        counts["records"] += 1
        self._turn += 1
        partition = self._turn // 250 % self._settings.partitions
        if normalized.rejected is not None:
            counts["rejected"] += 1
            self._mind(normalized.rejected, counts)
            self._outbox.add(DEAD_LETTERS, partition, normalized.rejected, len(normalized.rejected.value))
            return
        self._bugs = 0
        counts["events"] += len(normalized.events)
        counts["ignored"] += not normalized.events
        if normalized.record is not None:
            self._outbox.add(RECORDS, partition, normalized.record, len(normalized.record.value))
        for event in normalized.events:
            for item in route(event):
                topic = SECOND if type(item) is Own else FIRST
                self._outbox.add(topic, partition_of(item.key, self._settings.partitions), item)

    def _mind(self, rejected: Rejected, counts: Counter[str]) -> None:
        """A bug of ours costs one record; too many in a row are no accident, and nothing more is committed."""
        if rejected.stage != BUG:
            return
        counts["bugs"] += 1
        self._bugs += 1
        self._metrics.trouble("normalize/bug", rejected.reason)
        if self._bugs >= BUGS_IN_A_ROW:
            raise Permanent(f"normalize: {self._bugs} records in a row met a bug, the last: {rejected.reason}")

    def _send(self, topic: str, partition: int, items: list[Any]) -> None:
        wrap: Callable[[list[Any]], msgspec.Struct] = {RECORDS: Records, DEAD_LETTERS: DeadLetters}.get(topic, Batch)
        self._produce(topic, partition, _encode(wrap(items)), len(items), tracing.headers())

    def _produce(
        self, topic: str, partition: int, value: bytes, items: int, headers: dict[str, str] | None = None
    ) -> None:
        acknowledged = partial(self._delivered, items)
        while True:
            try:
                self._producer.produce(
                    full_name(self._settings, topic), value, partition=partition, headers=headers,
                    on_delivery=acknowledged,
                )  # fmt: skip
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, items: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(f"{message.topic()}: {error.str()}")
        elif message.topic() == self._first:
            self._pace.delivered(message.partition(), message.offset(), items)

    def _commit(self) -> None:
        """Everything delivered, then the offsets of what it was made of."""
        self._outbox.flush()
        self._flush()
        if self._failed:
            raise KafkaException(KafkaError(KafkaError._FAIL, "; ".join(self._failed[:3])))
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                self._on_error(error.args[0])

    def _flush(self) -> None:
        """Wait for the broker, however long it is away."""
        while self._producer.flush(1.0):
            self._metrics.beat(ROLE)

    def _levels(self) -> dict[tuple[str, int], int]:
        """Watermark of each input partition. A silent one holds nobody back; when all are silent, time goes on."""
        latest = max((reader.latest for reader in self._readers.values()), default=0)
        busy = any(not reader.idle for reader in self._readers.values())
        silent = time.monotonic() - max((reader.heard for reader in self._readers.values()), default=0.0)
        rest = ENDED if busy else latest + int(silent * 1e6)
        return {key: rest if reader.idle else reader.latest for key, reader in self._readers.items()}

    def _mark(self, levels: dict[tuple[str, int], int]) -> None:
        self._outbox.flush()
        now = int(time.time() * 1e6)
        marks = [Mark(f"{NORMALIZER}{topic}/{partition}", [level], now) for (topic, partition), level in levels.items()]
        for partition in range(self._settings.partitions if marks else 0):
            self._produce(FIRST, partition, _encode(Batch([], marks)), 0)

    def _at_end(self) -> bool:
        """Whether every assigned partition is read to its end."""
        return bool(self._readers) and all(reader.idle for reader in self._readers.values())

    def _reader(self, topic: str, partition: int) -> Reader:
        reader = self._readers.get((topic, partition))
        if reader is None:
            tp = TopicPartition(topic, partition)
            span = self._spans.get((topic, partition), (-1, -1))
            reader = self._readers[topic, partition] = Reader(self._consumer, tp, self._settings.idle_after, span)
        return reader

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._readers = {}
        self._spans = {
            (tp.topic, tp.partition): span for tp, span in zip(partitions, self._found(partitions), strict=True)
        }
        self._ready = time.monotonic()
        for tp in partitions:
            self._reader(tp.topic, tp.partition)
        self._owned()

    def _found(self, partitions: list[TopicPartition]) -> list[tuple[int, int]]:
        """Where each was read to, and where it ends: a backlog may leave some unread for longer than anybody waits."""
        try:
            read = self._consumer.committed(partitions, timeout=ASKED)
            ends = [self._consumer.get_watermark_offsets(tp, timeout=ASKED)[1] for tp in partitions]
        except KafkaException as error:
            self._on_error(error.args[0])
            return [(-1, -1)] * len(partitions)
        return [(max(tp.offset, -1), end) for tp, end in zip(read, ends, strict=True)]

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._commit()
        self._readers = {}
        self._owned()

    def _owned(self) -> None:
        self._metrics.ready(ROLE, bool(self._readers))
        self._metrics.owned(ROLE, Counter(topic.removeprefix(self._prefix) for topic, _ in self._readers))

    def _on_error(self, error: KafkaError) -> None:
        check_alive(error)
        self._metrics.trouble("normalize", error.str() if error.code() != KafkaError._PARTITION_EOF else "")


def record_of(message: Message) -> tuple[Record, dict[str, bytes]]:
    """The Record in a Kafka message, its format named by the header `format`; and its headers, of which the last of a
    name counts."""
    headers = {name: value for name, value in message.headers() or () if isinstance(value, bytes)}
    return Record(
        value=message.value() or b"",
        format=headers.get("format", b"").decode(errors="replace"),
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
    ), headers
