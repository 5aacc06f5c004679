"""The wiring of the stateful middle: one Faust agent per hop. Only this file and the assignor know Faust.

    events-by-credential ─ directory ─► events-by-credential, events-by-actor
    events-by-actor ─ sessions ─► entries, events-by-credential (whose session is whose)

What holds whatever happens underneath (docs/decisions/0002-checkpoints-as-segments.md):

* A partition's state and the input offset that it reflects are one message of its changelog, written only after all
  outputs up to that offset are delivered. The offset in the state decides where input goes on; Kafka's committed offset
  is a hint. A batch that comes again is skipped; a batch that was passed over (Faust acknowledges what it dropped in a
  rebalance) is fetched again.
* State changes only by input. The timers below send: what waits in the outbox, and marks of how far each partition is.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import faust
import msgspec

from pipeline.assignor import WholeAssignor
from pipeline.correlate import directory, sessions
from pipeline.correlate.watermark import LEVELS, PARTITION
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.kit.outbox import Outbox
from pipeline.kit.outputs import Outputs
from pipeline.kit.state import PartitionState, Segment, packed, unpacked
from pipeline.kit.topics import full_name, partition_of
from schemas.batch import SECOND_HOP, Batch, DeadLetters, Entries, Item, Mark, Recall, Recalls
from schemas.rejected import Rejected

FIRST, SECOND, ENTRIES, DEAD_LETTERS = "events-by-credential", "events-by-actor", "entries", "dead-letters"
RECALLS = "recalls"
CHANGELOGS = {FIRST: "state-by-credential", SECOND: "state-by-actor"}
#: Time between flushes of the outbox and between marks, seconds.
FLUSH_EVERY, MARK_EVERY = 0.02, 0.25
#: While more input waits, a batch waits for further items, but no longer than this (seconds).
LINGER = 0.2
#: Seconds after which what was passed over is gone back to again: Faust, handing over one more message of what it had
#: fetched before, may overwrite the position that it was told, and then drops what comes from there.
SEEK_AGAIN = 0.5
#: Seconds without items after which `--until-idle` no longer waits for events whose grace does not end.
STANDSTILL = 60.0
#: Seconds after which Kafka is asked again which topics there are. aiokafka itself does not ask again when it got no
#: answer (for five minutes), and the leader of a group that knows no topics assigns nothing until it is told of them.
METADATA_AGE = 5.0
_encode = msgspec.msgpack.Encoder().encode
_decode_batch = msgspec.msgpack.Decoder(Batch).decode

Stage = TypeVar("Stage", directory.Directory, sessions.Sessions)


@dataclass
class Partition(Generic[Stage]):
    """One partition of one hop while this process owns it."""

    number: int
    stage: Stage
    unacknowledged: list[Any] = field(default_factory=list)
    #: Segments that are no longer needed once the checkpoint that replaced them is durable.
    needless: list[tuple[int, int]] = field(default_factory=list)
    checkpointed: float = field(default_factory=time.monotonic)
    #: The checkpoint that is being made durable while further input is taken.
    saving: asyncio.Task[None] | None = None
    #: Offset that was gone back to and has not come yet, and when.
    seeking: int = -1
    sought: float = 0.0

    @property
    def state(self) -> PartitionState:
        """Values and offset."""
        return self.stage.state


class Correlator:
    """The Faust application of `whodid run correlate`."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.app = _faust_app(settings)
        self._outbox: Outbox[Any] = Outbox(self._send)
        self._outputs = Outputs(settings)
        self._flushed = time.monotonic()
        limits = (int(settings.grace * 1e6), int(settings.late_window * 1e6), settings.late_limit)
        self.first = Hop(self, FIRST, lambda state: directory.Directory(state, *limits), directory.STATE_TYPES)
        self.second = Hop(self, SECOND, lambda state: sessions.Sessions(state, *limits), sessions.STATE_TYPES)
        self._entries_turn = 0
        #: Monotonic time at which items last came in or went out, for `--until-idle`.
        self.active = time.monotonic()
        self._wire()

    def _wire(self) -> None:
        app = self.app
        self.first.agent = app.agent(self._topic(FIRST), name="directory")(self._direct)
        self.second.agent = app.agent(self._topic(SECOND), name="sessions")(self._attend)
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

    def _first_hop(self, stage: directory.Directory, batch: Batch) -> None:
        self.route(stage.apply(batch))
        self._account(stage)

    def _second_hop(self, stage: sessions.Sessions, batch: Batch) -> None:
        entries, announcements = stage.apply(batch)
        self._account(stage)
        self.route(announcements)
        self.metrics.add("entries", len(entries))
        self._entries_turn += 1
        for entry in entries:
            self._outbox.add(ENTRIES, self._entries_turn % self.settings.partitions, entry)

    def _account(self, stage: directory.Directory | sessions.Sessions) -> None:
        self.metrics.add("duplicates", stage.duplicates)
        self.metrics.add("rejected", len(stage.conflicts))
        self.metrics.add("held_dropped", stage.lost)
        if stage.conflicts:
            self._outputs.send(DEAD_LETTERS, 0, _encode(DeadLetters(stage.conflicts)))
        stage.duplicates, stage.lost, stage.conflicts = 0, 0, []

    def decode(self, message: Any) -> Batch:
        """The batch in a message of an internal topic; what is no batch becomes a dead letter and an empty one."""
        try:
            return _decode_batch(message.value)
        except (msgspec.MsgspecError, TypeError) as error:
            rejected = reject_message(message, str(error))
            self._outputs.send(DEAD_LETTERS, 0, _encode(DeadLetters([rejected])))
            self.metrics.add("rejected")
            return Batch([])

    async def finish(self) -> None:
        """A last checkpoint of every partition, so that the next start has nothing to do again."""
        await self.first.finish()
        await self.second.finish()
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
        wrap: Callable[[list[Any]], msgspec.Struct] = {ENTRIES: Entries, RECALLS: Recalls}.get(topic, Batch)
        self._outputs.send(topic, partition, _encode(wrap(items)))

    async def _flush(self) -> None:
        """Send what waits, unless more input is there that will fill the batches."""
        self._outputs.poll()
        now = time.monotonic()
        if now - self._flushed >= LINGER or (self.first.drained and self.second.drained):
            self._flushed = now
            self._outbox.flush()

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
        self.first.partitions.clear()
        self.second.partitions.clear()

    def _topic(self, name: str) -> Any:
        return self.app.topic(
            full_name(self.settings, name), key_serializer="raw", value_serializer="raw", key_type=bytes,
            value_type=bytes, partitions=self.settings.partitions,
        )  # fmt: skip


class Hop(Generic[Stage]):
    """One hop: its owned partitions, its changelog table, and the rule of taking a message."""

    def __init__(
        self, owner: Correlator, topic: str, make: Callable[[PartitionState], Stage], types: dict[str, type[Any]]
    ) -> None:
        self._owner = owner
        self._topic = full_name(owner.settings, topic)
        self._make: Callable[[PartitionState], Stage] = make
        self._types = types
        self.agent: Any = None
        #: Messages that were fetched and not yet taken.
        self.queue: asyncio.Queue[Any] | None = None
        self.partitions: dict[int, Partition[Stage]] = {}
        changelog = full_name(owner.settings, CHANGELOGS[topic])
        self._table = owner.app.Table(
            changelog, partitions=owner.settings.partitions, key_type=bytes, value_type=bytes,
            changelog_topic=owner.app.topic(
                changelog, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes,
                compacting=True, partitions=owner.settings.partitions,
            ),
        )  # fmt: skip

    @property
    def drained(self) -> bool:
        """Whether every message that was fetched has been taken."""
        return self.queue is None or self.queue.empty()

    async def take(self, event: Any, apply: Callable[[Stage, Batch], None]) -> None:
        """Apply one message to its partition, exactly once as far as the state is concerned."""
        message = event.message
        partition = self.partitions.get(message.partition)
        if partition is None:
            partition = self.partitions[message.partition] = self._load(message.partition)
        state = partition.state
        if message.offset <= state.offset:
            self._owner.metrics.add("replayed_batches")
            partition.unacknowledged.append(event)
            return
        if message.offset > state.offset + 1 and await self._fetch_again(partition, message):
            return
        partition.seeking = -1
        batch = self._owner.decode(message)
        if batch.items:
            self._owner.active = time.monotonic()
        apply(partition.stage, batch)
        state.offset = message.offset
        self._owner.metrics.add("batches")
        partition.unacknowledged.append(event)
        if time.monotonic() - partition.checkpointed >= self._owner.settings.checkpoint_every:
            self._checkpoint(partition)

    async def _fetch_again(self, partition: Partition[Stage], message: Any) -> bool:
        """A message was passed over: go back to it. False if it no longer exists."""
        wanted = partition.state.offset + 1
        consumer = self._owner.app.consumer
        earliest = (await consumer.earliest_offsets(message.tp)).get(message.tp, 0)
        if earliest > wanted:
            lost = min(earliest, message.offset) - wanted
            self._owner.metrics.add("lost_batches", lost)
            self._owner.metrics.trouble(self._topic, f"{lost} batches of partition {message.partition} had expired")
            partition.state.offset = min(earliest, message.offset) - 1
            if earliest >= message.offset:
                return False
        now = self._owner.active = time.monotonic()
        if partition.seeking != wanted or now - partition.sought >= SEEK_AGAIN:
            self._owner.metrics.add("gaps", partition.seeking != wanted)
            partition.seeking, partition.sought = wanted, now
            # Not `seek`: that reaches into aiokafka from another thread than its own.
            await consumer.seek_wait({message.tp: wanted})
        return True

    def _load(self, number: int) -> Partition[Stage]:
        state = PartitionState(self._types)
        prefix = f"{number}:".encode()
        segments = [unpacked(value) for key, value in self._table.data.items() if key.startswith(prefix)]
        needless = state.load(segments)
        return Partition(number, self._make(state), needless=needless)

    async def finish(self) -> None:
        """A last checkpoint of every owned partition."""
        for partition in list(self.partitions.values()):
            if partition.saving is not None:
                await partition.saving
            self._checkpoint(partition)
            if partition.saving is not None:
                await partition.saving

    def _checkpoint(self, partition: Partition[Stage]) -> None:
        """Take the changes now and make them durable in the background; one checkpoint of a partition at a time."""
        if partition.saving is not None:
            if not partition.saving.done():
                return
            partition.saving.result()
        partition.checkpointed = time.monotonic()
        covered, partition.unacknowledged = partition.unacknowledged, []
        needless = partition.needless
        segments, partition.needless = partition.state.checkpoint()
        partition.saving = asyncio.ensure_future(self._save(partition, segments, needless, covered))

    async def _save(
        self, partition: Partition[Stage], segments: list[Segment], needless: list[tuple[int, int]], covered: list[Any]
    ) -> None:
        """Outputs delivered, then the state with its offset, then what that makes needless, then the input."""
        await self._owner.delivered()
        writes = [
            self._write(partition.number, (segment.epoch, segment.number), packed(segment)) for segment in segments
        ]
        writes += [self._write(partition.number, name, None) for name in needless]
        await asyncio.gather(*writes)
        if self.partitions.get(partition.number) is partition:
            for event in covered:
                event.ack()
        self._owner.metrics.add("checkpoints")

    def _write(self, partition: int, name: tuple[int, int], value: bytes | None) -> Any:
        key = f"{partition}:{name[0]}:{name[1]}".encode()
        if value is None:
            self._table.data.pop(key, None)
        else:
            self._table.data[key] = value
        return self._table.send_changelog(partition, key, value)


def reject_message(message: Any, reason: str) -> Rejected:
    """A dead letter for a message of an internal topic that holds no batch."""
    name = f"{message.topic}/{message.partition}/{message.offset}"
    return Rejected(
        rejected_id=hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        stage="correlate",
        reason=f"value: expected a msgpack Batch, {reason}",
        format="whodid.batch",
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        time=int(time.time() * 1e6),
        value=bytes(message.value or b""),
    )


def _faust_app(settings: Settings) -> Any:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return faust.App(
        settings.prefix + "whodid-correlate",
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        store="memory://",
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 4,
        broker_commit_interval=0.5,
        broker_max_poll_interval=600.0,
        PartitionAssignor=WholeAssignor,
        consumer_metadata_max_age_ms=int(METADATA_AGE * 1000),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=settings.transport_limit,
        producer_max_request_size=settings.transport_limit,
        producer_linger=0,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        datadir=str(settings.data_dir / "faust"),
    )
