"""One destination is told of alerts: its consumer group, and what becomes of each alert.

An offset is committed when all alerts up to it are delivered, or are dead letters that the broker has; after a crash
some are told again, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from pipeline.alert.destination import Destination
from pipeline.alert.line import Clock, Line, Parcel, RealClock
from pipeline.alert.notice import news_of, notice
from pipeline.alert.respond import Hook
from pipeline.alert.wire import Reply, Wire
from pipeline.kit import measured
from pipeline.kit.clients import check_alive, consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.logs import about, place_of
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.resend import ALERTS_FORMAT
from schemas.alert import Alert, Decision, Delivery, Response
from schemas.batch import Alerts, DeadLetters, Deliveries, Findings
from schemas.rejected import Rejected

ALERTS, DELIVERIES, DEAD_LETTERS, FINDINGS = "alerts", "deliveries", "dead-letters", "findings"
#: Alerts under way and waiting, beyond which no more are read; seconds between commits, and between two looks at Kafka.
FULL, COMMIT_EVERY, LOOK_EVERY = 2000, 1.0, 0.02
#: A destination that is new is told of what was alerted within so many seconds before, not of all that Kafka keeps.
BEFORE = 3600.0
#: Alerts whose latest revision is remembered, so that it is not told twice.
REMEMBERED = 20_000
#: Seconds that what is under way may take when told to stop.
PATIENCE = 5.0
#: Seconds that its loop may take to come round: committing waits for the broker.
SLOW = 120.0
#: Offsets of a partition that are not decided, with how many parcels each still waits for; and where a parcel is from.
Pending = OrderedDict[int, int]
Origin = tuple[Message, Pending]
log = logging.getLogger("whodid")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alerts).decode


class Teller:
    """One destination: a thread with its consumer and its event loop."""

    def __init__(
        self, settings: Settings, metrics: Metrics, destination: Destination, console: str, end: Ending,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.destination, self.console = destination, console
        self.stop = threading.Event()
        self._settings, self._metrics, self._end = settings, metrics, end
        self._clock: Clock = clock or RealClock()
        self._ending = Ending(self.stop, end.until_idle, end.upstream_ended)
        self._producer = Producer(producer_config(settings))
        self._offsets: dict[int, Pending] = {}
        self._next: dict[int, int] = {}
        self._new_since = 0.0
        #: Latest revision of each alert that this process has taken up.
        self._latest: dict[str, int] = {}
        #: What ended it, if that was not asked for.
        self.bug: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name=f"alert-{destination.name}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself, having nothing more to do."""
        return not self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001  (handed to the role's own thread, which raises it)
            self.bug = error

    async def _run(self) -> None:
        one = self.destination
        consumer = Consumer(consumer_config(self._settings, f"whodid-alert-{one.name}"))
        consumer.subscribe([full_name(self._settings, ALERTS)], on_assign=self._assigned)
        wire = one.wire()
        line = Line(
            one.name, at_once=one.at_once, give_up_after=one.give_up_after, record=self._record,
            trouble=partial(self._metrics.trouble, f"destination {one.name}"), reset=wire.close, clock=self._clock,
        )  # fmt: skip
        active, committed = time.monotonic(), time.monotonic()
        try:
            while not self._over(consumer, line, active):
                line.check()
                self._metrics.beat(f"alert {one.name}", SLOW)
                messages = consumer.consume(100, 0) if line.waiting < FULL else []
                for message in messages:
                    self._take(message, line, wire)
                if messages or line.waiting:
                    active = time.monotonic()
                if time.monotonic() - committed >= COMMIT_EVERY:
                    committed = time.monotonic()
                    self._commit(consumer)
                self._producer.poll(0)
                await asyncio.sleep(0 if messages else LOOK_EVERY)
            await self._last(line)
            self._commit(consumer)
        finally:
            self._metrics.rest(f"alert {one.name}")
            await line.stop()
            await wire.close()
            consumer.close()

    def _over(self, consumer: Consumer, line: Line, active: float) -> bool:
        if self.stop.is_set() or self._end.stop.is_set():
            return True
        return self._ending.due(active if consumer.assignment() and not line.waiting else None)

    async def _last(self, line: Line) -> None:
        """What is under way may end; what only waits is told by whoever comes next."""
        ends = time.monotonic() + PATIENCE
        while line.waiting and not line.failures and time.monotonic() < ends:
            await asyncio.sleep(LOOK_EVERY)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """What of these partitions was under way is somebody else's now, or comes again from the last commit."""
        self._offsets, self._next, self._latest = {}, {}, {}
        committed = consumer.committed(partitions, 10.0)
        if committed and all(one.offset < 0 for one in committed):
            self._new_since = self._clock.now() - BEFORE

    def _take(self, message: Message, line: Line, wire: Wire) -> None:
        error = message.error()
        if error is not None:
            check_alive(error)
            return
        partition, offset = message.partition(), message.offset()
        self._next[partition] = offset + 1
        try:
            batch = _decode(message.value() or b"")
        except (msgspec.MsgspecError, TypeError) as fault:
            log.error("no alerts: %s", fault, extra=about(**place_of(message)))
            self._metrics.add("bugs")
            return
        if batch.only not in ("", self.destination.name):
            return
        # Of this assignment: what another one left under way must not count in it.
        pending = self._offsets.setdefault(partition, OrderedDict())
        parcels = self._parcels(batch, message, pending, wire)
        if parcels:
            pending[offset] = len(parcels)
        for parcel in parcels:
            line.put(parcel)

    def _parcels(self, batch: Alerts, message: Message, pending: Pending, wire: Wire) -> list[Parcel]:
        found = []
        if isinstance(self.destination, Hook):
            for response in batch.responses:
                if response.hook == self.destination.name and response.state == "approved":
                    found.append(self._call(self.destination, response, (message, pending), wire))
            return found
        for alert in batch.alerts:
            untold = alert.suppressed or alert.quiet or (alert.part_of and alert.state != "closed")
            old = not batch.only and alert.at < self._new_since * 1e6
            if (untold or old) and not batch.only:
                continue
            if self.destination.wants(alert, news_of(alert)) and (batch.only or self._is_news(alert)):
                found.append(self._parcel(alert, (message, pending), wire))
        return found

    def _is_news(self, alert: Alert) -> bool:
        """Whether this revision was not under way before: a worker that starts again repeats what it made last."""
        if self._latest.get(alert.alert_id, -1) >= alert.revision:
            return False
        self._latest.pop(alert.alert_id, None)
        self._latest[alert.alert_id] = alert.revision
        if len(self._latest) > REMEMBERED:
            del self._latest[next(iter(self._latest))]
        return True

    def _parcel(self, alert: Alert, origin: Origin, wire: Wire) -> Parcel:
        told = notice(alert, self.destination.mask, self.console)
        done = partial(self._done, origin, lambda: Alerts([alert], [], self.destination.name), alert.alert_id)
        return Parcel(alert.alert_id, alert.revision, told.key, partial(self.destination.send, told, wire), done)

    def _call(self, hook: Hook, response: Response, origin: Origin, wire: Wire) -> Parcel:
        status: list[int] = []

        async def send() -> Reply:
            reply = await hook.call(response, wire)
            status.append(reply.status)
            return reply

        def done(outcome: str) -> None:
            self._report(response, outcome, status[-1] if status else 0)
            self._done(origin, lambda: Alerts([], [response], hook.name), response.response_id, outcome)

        return Parcel(response.alert_id, response.revision, response.response_id, send, done)

    def _report(self, response: Response, outcome: str, status: int) -> None:
        """Tell the stage what came of a call."""
        done = outcome == "delivered"
        decision = Decision(
            decision_id=f"{response.response_id}.{response.revision}.report", about=response.response_id,
            what="report", by="whodid", at=int(self._clock.now() * 1e6), status=status,
            verdict="done" if done else "failed", reason=f"HTTP {status}" if done else outcome,
        )  # fmt: skip
        self._send(FINDINGS, _encode(Findings([], [], [decision])), 0)

    def _done(self, origin: Origin, again: Callable[[], Alerts], name: str, outcome: str) -> None:
        """A parcel is decided; what could not be told becomes a dead letter before its offset counts."""
        message, pending = origin
        told = outcome == "delivered"
        self._metrics.count(measured.DELIVERIES, self.destination.name, outcome if told else "failed")
        if told:
            self._metrics.add("delivered")
        else:
            self._metrics.add("delivery_failures")
            self._metrics.count(measured.DEAD_LETTERS, "alert")
            self._send(DEAD_LETTERS, _encode(DeadLetters([self._rejected(message, again(), name, outcome)])))
        offset = message.offset()
        if offset in pending:
            pending[offset] -= 1
            if not pending[offset]:
                del pending[offset]

    def _rejected(self, message: Message, value: Alerts, name: str, outcome: str) -> Rejected:
        destination = self.destination.name
        where = f"{destination}/{name}/{message.partition()}/{message.offset()}"
        what = "refused it" if outcome == "refused" else f"did not take it within {self.destination.give_up_after:g} s"
        return Rejected(
            rejected_id=hashlib.blake2b(where.encode(), digest_size=16).hexdigest(), stage="alert",
            reason=f"destination {destination} {what}: whodid alerts deliveries --destination {destination}",
            format=ALERTS_FORMAT, topic=message.topic() or "", partition=message.partition() or 0,
            offset=message.offset() or 0, time=int(self._clock.now() * 1e6), value=_encode(value),
        )  # fmt: skip

    def _record(self, delivery: Delivery) -> None:
        if delivery.outcome == "retry":
            self._metrics.add("delivery_retries")
            self._metrics.count(measured.DELIVERIES, self.destination.name, "retry")
        self._send(DELIVERIES, _encode(Deliveries([delivery])))

    def _send(self, topic: str, value: bytes, partition: int | None = None) -> None:
        where = {} if partition is None else {"partition": partition}
        while True:
            try:
                self._producer.produce(full_name(self._settings, topic), value, **where)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _commit(self, consumer: Consumer) -> None:
        """What was sent is with the broker first; then all up to the first that is not decided counts."""
        if not self._next or self._producer.flush(10.0):
            return
        topic = full_name(self._settings, ALERTS)
        offsets = [
            TopicPartition(topic, partition, next(iter(self._offsets.get(partition, {})), after))
            for partition, after in self._next.items()
        ]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("alert: offsets not committed, some alerts will be told again: %s", error)
