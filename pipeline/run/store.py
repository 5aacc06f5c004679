"""The role `store`: entries, steps, findings, raw records and dead letters go from their topics into ClickHouse.

Offsets are committed after the rows are in, and the inventory knows of them. While ClickHouse is away the same block is
tried again, health is red and nothing is dropped; rows written twice replace themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from pipeline.kit.clients import consumer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.recall import Recaller
from pipeline.store import Store, connect
from pipeline.store.write import Written
from schemas.alert import Alert, Delivery, Response
from schemas.batch import Alerts, DeadLetters, Deliveries, Entries, Findings, Records
from schemas.behaviour import Behaviour
from schemas.finding import Finding
from schemas.step import Step, Steps

ENTRIES, FINDINGS, RECORDS, DEAD_LETTERS = "entries", "findings", "records", "dead-letters"
ALERTS, DELIVERIES, STEPS = "alerts", "deliveries", "steps"
#: A block is written when it has so many rows or is so old (seconds).
BLOCK_ROWS, BLOCK_AGE = 20_000, 0.1
#: Time between writes, as a multiple of what the last one took, at most LONGEST_AGE (seconds).
DUTY, LONGEST_AGE = 3.0, 1.0
#: The inventory is told of so many blocks at once, or so long after it was told last (seconds): telling it costs the
#: same for few.
INVENTORY_BLOCKS, INVENTORY_AGE = 5, 2.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
log = logging.getLogger("whodid")


class StoreRole:
    """Owns the store of its process."""

    def __init__(self, settings: Settings, metrics: Metrics, opened: Callable[[Settings], Store] = connect) -> None:
        self._settings = settings
        self._metrics = metrics
        self.store: Store = opened(settings)
        #: Blocks that the timeline has and the inventory not yet: their offsets are not committed before.
        self._owed: list[Written] = []
        self._told = 0.0
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
        consumer.subscribe(list(self._decoders))
        recaller = Recaller(self._settings, self.store, self._metrics)
        recaller.start()
        block, age = Block(), BLOCK_AGE
        active = time.monotonic()
        try:
            while not end.due(max(active, recaller.active) if consumer.assignment() else None):
                recaller.check()
                for message in consumer.consume(200, 0.05):
                    if self._read(message, block):
                        active = time.monotonic()
                began = time.monotonic()
                if block.rows >= BLOCK_ROWS or (block.rows and began - block.started >= age):
                    if not self._until_in(partial(self._write, block), end):
                        return
                    # A write costs about the same for few rows as for many: under load, blocks grow by themselves.
                    age = min(max(BLOCK_AGE, DUTY * (time.monotonic() - began)), LONGEST_AGE)
                    block = Block()
                    if not self._owed:
                        self._commit(consumer)
                if not block.rows and self._owes(began):
                    if not self._until_in(self._tell, end):
                        return
                    self._commit(consumer)
            if self._until_in(partial(self._write, block), end) and self._until_in(self._tell, end):
                self._commit(consumer)
        finally:
            recaller.close()
            consumer.close()

    def _read(self, message: Message, block: Block) -> bool:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            return False
        try:
            value = self._decoders[message.topic()].decode(message.value() or b"")
        except (msgspec.MsgspecError, TypeError) as fault:
            log.error("%s/%d/%d: no batch: %s", message.topic(), message.partition(), message.offset(), fault)
            self._metrics.add("bugs")
            return True
        block.add(value)
        return True

    def _until_in(self, write: Callable[[], None], end: Ending) -> bool:
        """Try until the store has it; False only if told to stop while the store is away."""
        wait = FIRST_WAIT
        while True:
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
        written = self.store.write_timeline(block.entries) if block.entries else None
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
        self._metrics.add("rows", block.rows)
        if written is not None:
            self._owed.append(written)

    def _owes(self, now: float) -> bool:
        """Whether the inventory is to be told: at once after a pause, so that a new identity is soon seen."""
        return len(self._owed) >= INVENTORY_BLOCKS or (bool(self._owed) and now - self._told >= INVENTORY_AGE)

    def _tell(self) -> None:
        if self._owed:
            self.store.write_inventory(self._owed)
            self._owed, self._told = [], time.monotonic()

    def _commit(self, consumer: Consumer) -> None:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("store: offsets not committed, rows will be written again: %s", error)


class Block:
    """Rows waiting to be written together."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
        self.behaviours: list[Behaviour] = []
        self.alerts: list[Alert] = []
        self.responses: list[Response] = []
        self.deliveries: list[Delivery] = []
        self.records: list[Any] = []
        self.rejected: list[Any] = []
        self.started = time.monotonic()

    @property
    def rows(self) -> int:
        """How many rows wait."""
        judged = len(self.findings) + len(self.behaviours) + len(self.alerts) + len(self.responses)
        judged += len(self.deliveries) + len(self.steps)
        return len(self.entries) + judged + len(self.records) + len(self.rejected)

    def add(self, value: Entries | Steps | Findings | Alerts | Deliveries | Records | DeadLetters) -> None:
        """Take in one message."""
        if not self.rows:
            self.started = time.monotonic()
        if isinstance(value, Entries):
            self.entries += value.entries
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
