"""One hop of the Faust application: the partitions it owns, and how it takes messages exactly once.

What holds whatever happens underneath (docs/decisions/0002-checkpoints-as-segments.md):

* A partition's state and the input offset that it reflects are one message of its changelog, written only after all
  outputs up to that offset are delivered. The offset in the state decides where input goes on; Kafka's committed offset
  is a hint. A batch that comes again is skipped; a batch that was passed over (Faust acknowledges what it dropped in a
  rebalance) is fetched again.
* State changes only by input.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from pipeline.kit import tracing
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.metrics import Metrics
from pipeline.kit.state import PartitionState, Segment, packed, unpacked
from pipeline.kit.topics import full_name
from schemas.rejected import Rejected

#: Seconds after which what was passed over is gone back to again: Faust, handing over one more message of what it had
#: fetched before, may overwrite the position that it was told, and then drops what comes from there.
SEEK_AGAIN = 0.5


class Stateful(Protocol):
    """A stage with the state of one partition."""

    state: PartitionState


Stage = TypeVar("Stage", bound=Stateful)


class Owner(Protocol):
    """The application that a hop is part of."""

    settings: Settings
    metrics: Metrics
    app: Any
    active: float
    #: Why nothing may go on; None while it may.
    failed: Permanent | None

    async def delivered(self) -> None:
        """Wait until all outputs so far are with the broker."""

    def reject(self, rejected: Rejected) -> None:
        """Send a dead letter."""


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

    @property
    def waiting(self) -> float:
        """Seconds since the last checkpoint while input waits for one; 0 if none waits."""
        saving = self.saving is not None and not self.saving.done()
        return time.monotonic() - self.checkpointed if self.unacknowledged or saving else 0.0


class Hop(Generic[Stage]):
    """One hop: its owned partitions, its changelog table, and the rule of taking a message."""

    def __init__(
        self, owner: Owner, topic: str, changelog: str, message: type[Any], make: Callable[[PartitionState], Stage],
        types: dict[str, type[Any]],
    ) -> None:  # fmt: skip
        """`message` is what its topic carries."""
        self._owner = owner
        self._message = message
        self._decode = msgspec.msgpack.Decoder(message).decode
        self._name = topic
        self._topic = full_name(owner.settings, topic)
        self._make: Callable[[PartitionState], Stage] = make
        self._types = types
        self.agent: Any = None
        #: Messages that were fetched and not yet taken.
        self.queue: asyncio.Queue[Any] | None = None
        self.partitions: dict[int, Partition[Stage]] = {}
        changelog = full_name(owner.settings, changelog)
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

    async def take(self, event: Any, apply: Callable[[Stage, Any], None]) -> None:
        """Apply one message to its partition, exactly once as far as the state is concerned."""
        message = event.message
        partition = self.partitions.get(message.partition)
        if partition is None:
            partition = self.partitions[message.partition] = await self._loaded(message.partition)
        state = partition.state
        if message.offset <= state.offset:
            self._owner.metrics.add("replayed_batches")
            partition.unacknowledged.append(event)
            return
        if message.offset > state.offset + 1 and await self._fetch_again(partition, message):
            return
        partition.seeking = -1
        with tracing.continued(self._name, message.headers, partition=message.partition, offset=message.offset):
            self._apply(partition.stage, message, apply)
        state.offset = message.offset
        self._owner.metrics.add("batches")
        partition.unacknowledged.append(event)
        self._checkpoint_if_due(partition)

    def tend(self) -> None:
        """Checkpoints that are due where nothing comes any more: else the last messages would never be committed."""
        for partition in self.partitions.values():
            if partition.unacknowledged:
                self._checkpoint_if_due(partition)

    def _apply(self, stage: Stage, message: Any, apply: Callable[[Stage, Any], None]) -> None:
        try:
            batch = self._decode(message.value)
        except (msgspec.MsgspecError, TypeError) as error:
            self._owner.reject(reject_message(message, self._message.__name__, str(error)))
            return
        if getattr(batch, "items", True):
            self._owner.active = time.monotonic()
        apply(stage, batch)

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

    async def _loaded(self, number: int) -> Partition[Stage]:
        """A partition's state. If it may not be read, the process ends: an agent that raised would be started again."""
        try:
            return self._load(number)
        except Permanent as failure:
            self._owner.failed = failure
            await asyncio.Event().wait()
            raise

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

    def _checkpoint_if_due(self, partition: Partition[Stage]) -> None:
        if time.monotonic() - partition.checkpointed >= self._owner.settings.checkpoint_every:
            self._checkpoint(partition)

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


def reject_message(message: Any, kind: str, reason: str) -> Rejected:
    """A dead letter for a message of an internal topic that holds no batch."""
    name = f"{message.topic}/{message.partition}/{message.offset}"
    return Rejected(
        rejected_id=hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        stage="correlate",
        reason=f"value: expected a msgpack {kind}, {reason}",
        format="whodid.batch",
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        time=int(time.time() * 1e6),
        value=bytes(message.value or b""),
    )
