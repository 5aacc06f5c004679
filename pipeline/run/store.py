"""The role `store`: entries, steps, findings, raw records and dead letters go from their topics into ClickHouse.

Offsets are committed after the rows and their leaves (docs/evidence.md) are in, and the inventory knows of them. While
ClickHouse is away the same block is tried again, health is red and nothing is dropped; rows written twice replace
themselves.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from pipeline.evidence.log import Log
from pipeline.kit import measured, tracing
from pipeline.kit.clients import check_alive, consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.logs import about, place_of
from pipeline.kit.metrics import Metrics, Sample
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.evidence import Deed, Evidence, Leaves
from pipeline.run.recall import Recaller
from pipeline.store import Store, connect
from pipeline.store.columns import Row
from pipeline.store.write import Written
from schemas.alert import Alert, Delivery, Response
from schemas.batch import Alerts, DeadLetters, Deliveries, Entries, Findings, Records
from schemas.behaviour import Behaviour
from schemas.finding import Finding
from schemas.step import Step, Steps

ENTRIES, FINDINGS, RECORDS, DEAD_LETTERS = "entries", "findings", "records", "dead-letters"
ALERTS, DELIVERIES, STEPS, TREE_HEADS = "alerts", "deliveries", "steps", "tree-heads"
#: A block is written when it has so many rows or is so old (seconds).
BLOCK_ROWS, BLOCK_AGE = 20_000, 0.1
#: Time between writes, as a multiple of what the last one took, at most LONGEST_AGE (seconds).
DUTY, LONGEST_AGE = 1.0, 1.0
#: The timeline comes first. What is not of it, and what the inventory is told of it, are written for so many blocks at
#: once, or so long after they were written last (seconds): an insert costs the same for few rows.
OTHERS_BLOCKS, OTHERS_AGE = 5, 2.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
#: Seconds that a write may take before the loop is said to be stuck.
SLOW = 300.0
ROLE = "store"
log = logging.getLogger("whodid")


class StoreRole:
    """Owns the store of its process."""

    def __init__(self, settings: Settings, metrics: Metrics, opened: Callable[[Settings], Store] = connect) -> None:
        self._settings = settings
        self._metrics = metrics
        self.store: Store = opened(settings)
        #: Of blocks that the timeline has: what the inventory was not told yet, and what is not of the timeline. Their
        #: offsets are not committed before.
        self._owed: list[Written] = []
        self._others = Block()
        self._told = 0.0
        self._producer = Producer(producer_config(settings))
        self._evidence = Evidence(settings, self.store, self._send) if settings.evidence_place else None
        metrics.probe(self._samples)
        #: Logs of the partitions that this process has.
        self._logs: dict[tuple[str, int], Log] = {}
        #: Since when it has its partitions: it is not idle before it could read.
        self._since = 0.0
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            full_name(settings, ENTRIES): msgspec.msgpack.Decoder(Entries),
            full_name(settings, STEPS): msgspec.msgpack.Decoder(Steps),
            full_name(settings, FINDINGS): msgspec.msgpack.Decoder(Findings),
            full_name(settings, ALERTS): msgspec.msgpack.Decoder(Alerts),
            full_name(settings, DELIVERIES): msgspec.msgpack.Decoder(Deliveries),
            full_name(settings, RECORDS): msgspec.msgpack.Decoder(Records),
            full_name(settings, DEAD_LETTERS): msgspec.msgpack.Decoder(DeadLetters),
        }

    def run(self, end: Ending) -> None:
        """Blocks until the end; what was read is written before it returns."""
        consumer = Consumer(consumer_config(self._settings, "whodid-store"))
        self._metrics.ready(ROLE, False)
        consumer.subscribe(list(self._decoders), on_assign=partial(self._assigned, end), on_revoke=self._revoked)
        recaller = Recaller(self._settings, self.store, self._metrics)
        recaller.start()
        block, age = Block(), BLOCK_AGE
        active = time.monotonic()
        try:
            while not end.due(max(active, self._since, recaller.active) if consumer.assignment() else None):
                recaller.check()
                self._metrics.beat(ROLE, SLOW)
                for message in consumer.consume(200, 0.05):
                    if self._read(message, block):
                        active = time.monotonic()
                began = time.monotonic()
                if block.rows >= BLOCK_ROWS or (block.rows and began - block.started >= age):
                    with tracing.span(ROLE, block.trace, rows=block.rows) if block.trace else nullcontext():
                        if not self._until_in(partial(self._write, block), end):
                            return
                    # A write costs about the same for few rows as for many: under load, blocks grow by themselves.
                    age = min(max(BLOCK_AGE, DUTY * (time.monotonic() - began)), LONGEST_AGE)
                    block = Block()
                if not block.rows and not self._settled(consumer, end, began):
                    return
            if self._until_in(partial(self._write, block), end) and self._until_in(self._tell, end):
                self._sign(end, last=True)
                self._commit(consumer)
        finally:
            self._metrics.rest(ROLE)
            recaller.close()
            self._producer.flush(10)
            consumer.close()

    def _read(self, message: Message, block: Block) -> bool:
        error = message.error()
        if error is not None:
            check_alive(error)
            return False
        try:
            value = self._decoders[message.topic()].decode(message.value() or b"")
        except (msgspec.MsgspecError, TypeError) as fault:
            log.error("no batch: %s", fault, extra=about(**place_of(message)))
            self._metrics.add("bugs")
            return True
        if tracing.on():
            block.trace = tracing.parent_of(message.headers()) or block.trace
        rows = list(map(Row, value.entries)) if isinstance(value, Entries) else []
        block.add(value, rows)
        known = self._logs.get((message.topic(), message.partition()))
        if known is not None:
            if isinstance(value, Entries):
                block.deeds.append(Deed(known, message.offset(), entries=rows))
            elif isinstance(value, Records):
                block.deeds.append(Deed(known, message.offset(), records=value.records))
        return True

    def _assigned(self, end: Ending, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Go on where the last signed head ends, so that every leaf is made of what Kafka has."""
        # A store that is away is waited for. Told to stop meanwhile, nothing is read any more.
        self._until_in(partial(self._open_logs, consumer, partitions), end)
        consumer.assign(partitions)
        self._since = time.monotonic()
        self._own(partitions)

    def _open_logs(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._evidence is None:
            return
        for part in partitions:
            if part.topic in (full_name(self._settings, ENTRIES), full_name(self._settings, RECORDS)):
                known = self._evidence.open(f"{part.topic}/{part.partition}")
                self._logs[part.topic, part.partition] = known
                try:
                    committed = consumer.committed([part], timeout=10)[0].offset
                except KafkaException as error:
                    raise Transient(f"{part.topic}: {error}") from error
                if committed > known.offset + 1:
                    part.offset = known.offset + 1

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """What was read of them and is not written yet, their next reader makes leaves of."""
        for part in partitions:
            known = self._logs.pop((part.topic, part.partition), None)
            if known is not None and self._evidence is not None:
                self._evidence.close([known.name])
        self._own([])

    def _own(self, partitions: list[TopicPartition]) -> None:
        self._metrics.ready(ROLE, bool(partitions))
        self._metrics.owned(ROLE, Counter(part.topic.removeprefix(self._settings.prefix) for part in partitions))

    def _samples(self) -> list[Sample]:
        overdue = self._evidence.overdue if self._evidence is not None else 0.0
        return [Sample(measured.HEAD_OVERDUE, (), overdue)]

    def _sign(self, end: Ending, *, last: bool = False) -> bool:
        """Sign heads if it is time to: every row and leaf that was read is in. False if told to stop meanwhile."""
        if self._evidence is None or not (last or self._evidence.due):
            return True
        return self._until_in(partial(self._heads, self._evidence), end)

    def _heads(self, evidence: Evidence) -> None:
        self._metrics.add("heads", evidence.publish())
        self._producer.poll(0)

    def _send(self, log_name: str, value: bytes) -> None:
        self._producer.produce(full_name(self._settings, TREE_HEADS), value, key=log_name)

    def _until_in(self, write: Callable[[], None], end: Ending) -> bool:
        """Try until the store has it; False only if told to stop while the store is away."""
        wait = FIRST_WAIT
        while True:
            self._metrics.beat(ROLE, SLOW)
            try:
                write()
            except Transient as error:
                self._metrics.trouble("store", str(error))
                self._metrics.add("store_retries")
                log.warning("store: away, trying again in %.1f s: %s", wait, error)
                if end.stop.wait(wait):
                    return False
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self._metrics.trouble("store", "")
                return True

    def _write(self, block: Block) -> None:
        if self._evidence is not None:
            # Before the rows: a row that has no leaf was put in by somebody else.
            if block.leaves is None:
                block.leaves = self._evidence.leaves(block.deeds)
            self._evidence.write(block.leaves)
        began = time.monotonic()
        written = self.store.write_timeline(block.entries) if block.entries else None
        self._metrics.observe(measured.STORE_WRITE, time.monotonic() - began, "timeline")
        self._metrics.add("rows", block.rows)
        self._metrics.add("leaves", block.leaves.amount if block.leaves else 0)
        if written is not None:
            self._owed.append(written)
        self._others.take(block)

    def _write_others(self, block: Block) -> None:
        if block.steps:
            self.store.write_steps(block.steps)
        if block.findings:
            self.store.write_findings(block.findings)
        if block.behaviours:
            self.store.write_behaviours(block.behaviours)
        if block.alerts or block.responses:
            self.store.write_alerts(block.alerts, block.responses)
        if block.deliveries:
            self.store.write_deliveries(block.deliveries)
        if block.records:
            self.store.write_records(block.records)
        if block.rejected:
            self.store.write_rejected(block.rejected)

    def _settled(self, consumer: Consumer, end: Ending, now: float) -> bool:
        """Between two blocks: what the timeline does not wait for, and heads, if it is time to. False if told to stop
        meanwhile."""
        if self._owes(now) or (self._evidence is not None and self._evidence.due):
            if not self._until_in(self._tell, end):
                return False
            self._commit(consumer)
        return self._sign(end)

    def _owes(self, now: float) -> bool:
        """Whether that is to be written: at once after a pause, so that a new identity is soon seen."""
        waiting = len(self._owed) + self._others.blocks
        return waiting >= 2 * OTHERS_BLOCKS or (waiting > 0 and now - self._told >= OTHERS_AGE)

    def _tell(self) -> None:
        """Write what waits: what is not of the timeline, and what the inventory is told of it."""
        began = time.monotonic()
        if self._others.rows:
            self._write_others(self._others)
        if self._owed:
            self.store.write_inventory(self._owed)
        self._metrics.observe(measured.STORE_WRITE, time.monotonic() - began, "rest")
        self._owed, self._others, self._told = [], Block(), time.monotonic()

    def _commit(self, consumer: Consumer) -> None:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("store: offsets not committed, rows will be written again: %s", error)


class Block:
    """Rows waiting to be written together."""

    def __init__(self) -> None:
        self.entries: list[Row] = []
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
        self.behaviours: list[Behaviour] = []
        self.alerts: list[Alert] = []
        self.responses: list[Response] = []
        self.deliveries: list[Delivery] = []
        self.records: list[Any] = []
        self.rejected: list[Any] = []
        #: What the messages add to logs, and the leaves that were made of it: once, however often the write is tried.
        self.deeds: list[Deed] = []
        #: The trace that the last traced message belongs to.
        self.trace = ""
        self.leaves: Leaves | None = None
        self.started = time.monotonic()
        #: Others whose rows it took over, but for their entries.
        self.blocks = 0

    @property
    def rows(self) -> int:
        """How many rows wait."""
        judged = len(self.findings) + len(self.behaviours) + len(self.alerts) + len(self.responses)
        judged += len(self.deliveries) + len(self.steps)
        return len(self.entries) + judged + len(self.records) + len(self.rejected)

    def add(
        self, value: Entries | Steps | Findings | Alerts | Deliveries | Records | DeadLetters, rows: list[Row]
    ) -> None:  # fmt: skip
        """Take in one message; `rows` are its entries."""
        if not self.rows:
            self.started = time.monotonic()
        if isinstance(value, Entries):
            self.entries += rows
        elif isinstance(value, Steps):
            self.steps += value.steps
        elif isinstance(value, Findings):
            self.findings += value.findings
            self.behaviours += value.behaviours
        elif isinstance(value, Alerts):
            self.alerts += value.alerts
            self.responses += value.responses
        elif isinstance(value, Deliveries):
            self.deliveries += value.deliveries
        elif isinstance(value, Records):
            self.records += value.records
        else:
            self.rejected += value.rejected

    def take(self, block: Block) -> None:
        """Take over another's rows, but for its entries."""
        before = self.rows
        self.steps += block.steps
        self.findings += block.findings
        self.behaviours += block.behaviours
        self.alerts += block.alerts
        self.responses += block.responses
        self.deliveries += block.deliveries
        self.records += block.records
        self.rejected += block.rejected
        self.blocks += self.rows > before
