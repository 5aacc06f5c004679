"""The wiring of the stateful middle: one Faust agent per hop. Only this file, hop, assignor and transport know Faust.

    events-by-credential ─ directory ─► events-by-credential, events-by-actor
    events-by-actor ─ sessions ─► entries, events-by-credential (whose session is whose), steps
    steps ─ drift ─► findings
    entries ─ misuse ─► findings
    findings ─ alerting ─► alerts, cloud-audit (what was decided), entries and steps (verdicts, for the baselines)

State changes only by input (`pipeline.hop`). The timers below send: what waits in the outbox, marks of how far each
partition is, and checkpoints where no input comes any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pipeline.alert import kept, record
from pipeline.alert.file import Alerts as AlertFile
from pipeline.alert.stage import Alerting
from pipeline.assignor import WholeAssignor
from pipeline.correlate import directory, sessions
from pipeline.correlate.watermark import LEVELS, PARTITION
from pipeline.hop import Hop
from pipeline.kit import measured, tracing
from pipeline.kit.clients import HEARTBEATS
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.metrics import Metrics
from pipeline.kit.outbox import Outbox
from pipeline.kit.outputs import Outputs
from pipeline.kit.signing import Signer
from pipeline.kit.topics import full_name, partition_of
from pipeline.score import drift, misuse
from pipeline.score.act import identity_of
from pipeline.score.findings import BY_AGENT
from pipeline.transport import App, credentials
from schemas.batch import SECOND_HOP, Alerts, Batch, DeadLetters, Entries, Findings, Item, Mark, Recall, Recalls
from schemas.finding import Finding
from schemas.rejected import Rejected
from schemas.step import Steps

FIRST, SECOND, ENTRIES, DEAD_LETTERS = "events-by-credential", "events-by-actor", "entries", "dead-letters"
RECALLS, STEPS, FINDINGS, ALERTS, CLOUD_AUDIT = "recalls", "steps", "findings", "alerts", "cloud-audit"
CHANGELOGS = {
    FIRST: "state-by-credential", SECOND: "state-by-actor", STEPS: "state-by-agent", ENTRIES: "state-by-identity",
    FINDINGS: "state-of-alerts",
}  # fmt: skip
#: Time between flushes of the outbox and between marks, seconds.
FLUSH_EVERY, MARK_EVERY = 0.02, 0.25
#: While more input waits, a batch waits for further items, but no longer than this (seconds).
LINGER = 0.1
#: Seconds without items after which `--until-idle` no longer waits for events whose grace does not end.
STANDSTILL = 60.0
#: Seconds after which Kafka is asked again which topics there are. aiokafka itself does not ask again when it got no
#: answer (for five minutes), and the leader of a group that knows no topics assigns nothing until it is told of them.
METADATA_AGE = 5.0
_encode = msgspec.msgpack.Encoder().encode

#: What wraps the items of a topic in one message; others are Batches.
WRAPS: dict[str, Callable[[list[Any]], msgspec.Struct]] = {
    ENTRIES: Entries.of, RECALLS: Recalls, STEPS: Steps.of, FINDINGS: Findings.of, ALERTS: Alerts.of,
}  # fmt: skip


class Correlator:
    """The Faust application of `whodid run correlate`."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.app = _faust_app(settings)
        self._outbox: Outbox[Any] = Outbox(self._send)
        self._outputs = Outputs(settings)
        self._signer = Signer.own(settings, "alert")
        self._flushed = time.monotonic()
        limits = (int(settings.grace * 1e6), int(settings.late_window * 1e6), settings.late_limit)
        self.first: Hop[directory.Directory] = Hop(
            self, FIRST, CHANGELOGS[FIRST], Batch, lambda state: directory.Directory(state, *limits),
            directory.STATE_TYPES,
        )  # fmt: skip
        self.second: Hop[sessions.Sessions] = Hop(
            self, SECOND, CHANGELOGS[SECOND], Batch, lambda state: sessions.Sessions(state, *limits),
            sessions.STATE_TYPES,
        )  # fmt: skip
        drifts, misuses = drift.scorer(settings), misuse.scorer(settings)
        self.third: Hop[drift.Drift] = Hop(self, STEPS, CHANGELOGS[STEPS], Steps, drifts, drift.STATE_TYPES)
        self.fourth: Hop[misuse.Misuse] = Hop(self, ENTRIES, CHANGELOGS[ENTRIES], Entries, misuses, misuse.STATE_TYPES)
        #: When the file of each model in use was last written, seconds since 1970.
        self.models = {drifts.model: drifts.written, misuses.model: misuses.written}
        alerts = AlertFile.load(settings.alerts)
        self.fifth: Hop[Alerting] = Hop(
            self, FINDINGS, CHANGELOGS[FINDINGS], Findings, lambda state: Alerting(state, alerts), kept.STATE_TYPES
        )
        self.hops: tuple[Hop[Any], ...] = (self.first, self.second, self.third, self.fourth, self.fifth)
        #: Monotonic time at which items last came in or went out, for `--until-idle`.
        self.active = time.monotonic()
        self.failed: Permanent | None = None
        self._wire()

    def _wire(self) -> None:
        app = self.app
        self.first.agent = app.agent(self._topic(FIRST), name="directory")(self._direct)
        self.second.agent = app.agent(self._topic(SECOND), name="sessions")(self._attend)
        self.third.agent = app.agent(self._topic(STEPS), name="drift")(self._score)
        self.fourth.agent = app.agent(self._topic(ENTRIES), name="misuse")(self._watch)
        self.fifth.agent = app.agent(self._topic(FINDINGS), name="alerting")(self._alert)
        app.on_partitions_revoked.connect(self._forget)
        app.timer(FLUSH_EVERY)(self._flush)
        app.timer(MARK_EVERY)(self._mark)

    async def _direct(self, stream: Any) -> None:
        self.first.queue = stream.channel.queue
        async for event in stream.noack().events():
            await self.first.take(event, self._first_hop)

    async def _attend(self, stream: Any) -> None:
        self.second.queue = stream.channel.queue
        async for event in stream.noack().events():
            await self.second.take(event, self._second_hop)

    async def _score(self, stream: Any) -> None:
        self.third.queue = stream.channel.queue
        async for event in stream.noack().events():
            await self.third.take(event, self._third_hop)

    async def _watch(self, stream: Any) -> None:
        self.fourth.queue = stream.channel.queue
        async for event in stream.noack().events():
            await self.fourth.take(event, self._fourth_hop)

    async def _alert(self, stream: Any) -> None:
        self.fifth.queue = stream.channel.queue
        async for event in stream.noack().events():
            await self.fifth.take(event, self._fifth_hop)

    def _first_hop(self, stage: directory.Directory, batch: Batch) -> None:
        self.route(stage.apply(batch))
        self._account(stage)

    def _second_hop(self, stage: sessions.Sessions, batch: Batch) -> None:
        entries, announcements = stage.apply(batch)
        self._account(stage)
        self.route(announcements)
        self.metrics.add("entries", len(entries))
        for entry in entries:
            self._outbox.add(ENTRIES, partition_of(identity_of(entry.actor), self.settings.partitions), entry)
        for step in stage.steps:
            self._outbox.add(STEPS, partition_of(step.key, self.settings.partitions), step)

    def _third_hop(self, stage: drift.Drift, steps: Steps) -> None:
        began = time.thread_time()
        stage.hear(steps.feedback)
        self._tell(stage.apply(steps.steps))
        self.metrics.add("scoring_us", int((time.thread_time() - began) * 1e6))

    def _fourth_hop(self, stage: misuse.Misuse, entries: Entries) -> None:
        began = time.thread_time()
        stage.hear(entries.feedback)
        self._tell(stage.apply(entries.entries))
        self.metrics.add("scoring_us", int((time.thread_time() - began) * 1e6))
        self.metrics.trouble("rules", stage.trouble)
        for behaviour in stage.behaviours:
            self._outbox.add(FINDINGS, 0, behaviour)
        stage.behaviours = []

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._outbox.add(FINDINGS, 0, finding)
            self.metrics.add("findings")

    def _fifth_hop(self, stage: Alerting, findings: Findings) -> None:
        told = stage.apply(findings.findings, findings.decisions)
        self.metrics.trouble("alerts", stage.trouble)
        for alert in told.alerts:
            self._outbox.add(ALERTS, partition_of(alert.alert_id, self.settings.partitions), alert)
        for response in told.responses:
            self._outbox.add(ALERTS, partition_of(response.alert_id, self.settings.partitions), response)
        for one in told.feedback:
            topic = STEPS if one.detection in BY_AGENT else ENTRIES
            self._outbox.add(topic, partition_of(one.key, self.settings.partitions), one)
        for event in record.events(told, findings.decisions):
            self._outputs.send(CLOUD_AUDIT, 0, event, self._signer.headers(CLOUD_AUDIT, "", event))
        self.metrics.add("alerts", sum(alert.news == "opened" for alert in told.alerts))
        self.metrics.add("decisions_refused", len(told.refused))

    def _account(self, stage: directory.Directory | sessions.Sessions) -> None:
        self.metrics.add("duplicates", stage.duplicates)
        self.metrics.add("rejected", len(stage.conflicts))
        self.metrics.add("held_dropped", stage.lost)
        if stage.conflicts:
            self.metrics.count(measured.DEAD_LETTERS, "correlate", amount=len(stage.conflicts))
            self._outputs.send(DEAD_LETTERS, 0, _encode(DeadLetters(stage.conflicts)))
        stage.duplicates, stage.lost, stage.conflicts = 0, 0, []

    def reject(self, rejected: Rejected) -> None:
        """Send a dead letter."""
        self._outputs.send(DEAD_LETTERS, 0, _encode(DeadLetters([rejected])))
        self.metrics.add("rejected")
        self.metrics.count(measured.DEAD_LETTERS, rejected.stage)

    async def finish(self) -> None:
        """A last checkpoint of every partition, so that the next start has nothing to do again."""
        for hop in self.hops:
            await hop.finish()
        await self.app.producer.flush()

    @property
    def last_active(self) -> float | None:
        """Monotonic time after which nothing was left to do; None before any partition is owned.

        While events wait for their grace there is something to do, unless time stands still for long.
        """
        if not self.first.partitions:
            return None
        waiting = any(partition.stage.waiting for hop in (self.first.partitions, self.second.partitions)
                      for partition in hop.values())  # fmt: skip
        now = time.monotonic()
        return now if waiting and now - self.active < STANDSTILL else self.active

    def route(self, items: Sequence[Item | Recall]) -> None:
        """Put items into the outbox, each for the partition of its key."""
        if items:
            self.active = time.monotonic()
        for item in items:
            topic = SECOND if type(item) in SECOND_HOP else RECALLS if type(item) is Recall else FIRST
            self._outbox.add(topic, partition_of(item.key, self.settings.partitions), item)

    def _send(self, topic: str, partition: int, items: list[Any]) -> None:
        self._outputs.send(topic, partition, _encode(WRAPS.get(topic, Batch)(items)), tracing.headers())

    async def _flush(self) -> None:
        """Send what waits, unless more input is there that will fill the batches."""
        self._outputs.poll()
        now = time.monotonic()
        if now - self._flushed >= LINGER or all(hop.drained for hop in self.hops):
            self._flushed = now
            self._outbox.flush()
        for hop in self.hops:
            hop.tend()

    async def delivered(self) -> None:
        """Wait until all outputs so far are with the broker; raises if one could not be delivered."""
        self._outbox.flush()
        await self._outputs.delivered()

    async def _mark(self) -> None:
        now = int(time.time() * 1e6)
        topic = full_name(self.settings, FIRST)
        marks = []
        for number in {tp.partition for tp in self.app.consumer.assignment() if tp.topic == topic}:
            partition = self.first.partitions.get(number)
            # A partition of which nothing was read yet has come nowhere, and must hold the others back.
            levels = partition.stage.watermarks.levels if partition else [0] * LEVELS
            marks.append(Mark(PARTITION + str(number), levels, now))
        if not marks:
            return
        # A mark must never overtake the items that it speaks of.
        self._outbox.flush()
        value = _encode(Batch([], marks))
        for topic in (FIRST, SECOND):
            for number in range(self.settings.partitions):
                self._outputs.send(topic, number, value)

    async def _forget(self, *_args: Any, **_kwargs: Any) -> None:
        """In a rebalance every partition is given up: what is not in a checkpoint is done again by its next owner."""
        for hop in self.hops:
            hop.partitions.clear()

    def _topic(self, name: str) -> Any:
        return self.app.topic(
            full_name(self.settings, name), key_serializer="raw", value_serializer="raw", key_type=bytes,
            value_type=bytes, partitions=self.settings.partitions,
        )  # fmt: skip


def _faust_app(settings: Settings) -> Any:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return App(
        settings.prefix + "whodid-correlate",
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        store="memory://",
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        broker_credentials=credentials(settings),
        consumer_group_instance_id=settings.instance or None,
        broker_session_timeout=settings.session_timeout,
        # Faust wants it to be longer than the session's.
        broker_request_timeout=max(90.0, 2 * settings.session_timeout),
        broker_heartbeat_interval=settings.session_timeout / HEARTBEATS,
        broker_commit_interval=0.5,
        broker_max_poll_interval=600.0,
        PartitionAssignor=WholeAssignor,
        consumer_metadata_max_age_ms=int(METADATA_AGE * 1000),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=settings.transport_limit,
        producer_max_request_size=settings.transport_limit,
        producer_linger=0,
        stream_wait_empty=False,
        # Faust says that a stream hangs in which nothing comes; a pipeline may be idle for days.
        stream_processing_timeout=10 * 365 * 86_400.0,
        worker_redirect_stdouts=False,
        datadir=str(settings.data_dir / "faust"),
    )
