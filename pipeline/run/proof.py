"""What must hold of a timeline, whatever was done to the pipeline that made it.

* Every record that was sent is kept as evidence, or is exactly one dead letter.
* Every event has exactly one current entry, and no entry is of anything else.
* The entries are those of an undisturbed run, field by field, without their revision numbers.
* In the state that the workers left behind nothing waits any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

from pipeline.app import CHANGELOGS, FIRST, SECOND
from pipeline.correlate import directory, sessions
from pipeline.correlate.held import Chunk
from pipeline.correlate.keys import TRACE
from pipeline.kit.admin import positions
from pipeline.kit.clients import consumer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.state import PartitionState, Segment, unpacked
from pipeline.kit.topics import PUBLIC, full_name
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.store import Store
from schemas.event import head_of
from schemas.rejected import Record

#: Rows that differ are shown up to this number.
SHOWN = 3
#: Seconds without a message after which a changelog that did not come to its end counts as not to be read.
PATIENCE = 20.0
_ROW = "formatRowNoNewline('JSONEachRow', * EXCEPT (revision, is_deleted))"
_ENTRIES = f"SELECT event_id, sipHash64({_ROW}) FROM entries FINAL"  # noqa: S608  (no input in it)
_SOME = f"SELECT {_ROW} FROM entries FINAL WHERE event_id IN {{ids:Array(String)}} ORDER BY time, event_id"  # noqa: S608
_LETTERS = "SELECT topic, value, count() FROM dead_letters FINAL GROUP BY topic, value"
_RECORDS = "SELECT DISTINCT record_id FROM records"


@dataclass
class Expected:
    """What must be in the store, by what was sent."""

    events: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    #: Messages that can only become dead letters, by topic (without prefix) and bytes.
    letters: Counter[tuple[str, bytes]] = field(default_factory=Counter)


def expected(records: Iterable[Record], context: Context) -> Expected:
    """Follow what was sent, each record as often as it was, through the normalizer."""
    found = Expected()
    for record in records:
        for normalized in process(record, context):
            if normalized.rejected is not None:
                found.letters[record.topic, normalized.rejected.value] += 1
            if normalized.record is not None:
                found.records.add(normalized.record.record_id)
            found.events.update(event.event_id for event in normalized.events)
    return found


@dataclass
class Found:
    """What is in a store."""

    #: A hash of each entry by event id; more than one entry of an event are in `twice`.
    entries: dict[str, int]
    twice: list[str]
    records: set[str]
    letters: Counter[tuple[str, bytes]]


def found(store: Store, prefix: str = "") -> Found:
    """Read a store; `prefix` is cut off the topics of dead letters."""
    rows = store.rows(_ENTRIES)
    counts = Counter(event_id for event_id, _ in rows)
    letters = store.rows(_LETTERS, binary=["value"])
    return Found(
        entries=dict(rows),
        twice=[event_id for event_id, count in counts.items() if count > 1],
        records={record_id for (record_id,) in store.rows(_RECORDS)},
        letters=Counter({(topic.removeprefix(prefix), bytes(value)): count for topic, value, count in letters}),
    )


@dataclass
class Check:
    """One thing that must hold, and what was seen."""

    name: str
    holds: bool
    seen: str


def arrival(settings: Settings, sent: int) -> Check:
    """Whether the broker has every record that was sent, which the client has said; told while the broker is there.

    Where records are missing, this says on which side of Kafka they were lost.
    """
    places = positions(settings, settings.prefix + "whodid-normalize", PUBLIC)
    there, read = sum(one.end for one in places.values()), sum(one.committed for one in places.values())
    seen = f"{sent:,} sent, {there:,} in the public topics, {read:,} read and committed by the normalizers"
    return Check("Kafka has every record that was sent", there >= sent and read >= there, seen)


def conservation(wanted: Expected, got: Found) -> list[Check]:
    """Nothing was lost, and nothing was made up."""
    missing, other = wanted.records - got.records, got.records - wanted.records
    fewer, more = wanted.letters - got.letters, got.letters - wanted.letters
    records = Check(
        "every record is evidence or exactly one dead letter",
        not (missing or other or fewer or more),
        f"{len(got.records):,} distinct records kept, {got.letters.total():,} dead letters"
        + _beside("records missing", missing)
        + _beside("records that nobody sent", other)
        + _beside("dead letters missing", map(_name, fewer.elements()))
        + _beside("dead letters too many", map(_name, more.elements())),
    )
    lost, extra = wanted.events - got.entries.keys(), got.entries.keys() - wanted.events
    events = Check(
        "every event is exactly one current entry",
        not (lost or extra or got.twice),
        f"{len(wanted.events):,} events, {len(got.entries):,} with an entry"
        + _beside("missing", lost)
        + _beside("of no event", extra)
        + _beside("with two current entries", got.twice),
    )
    return [records, events]


def timeline(undisturbed: Found, got: Found) -> tuple[Check, list[str]]:
    """Row for row the same; returns the ids of the first rows that differ too."""
    both = undisturbed.entries.keys() & got.entries.keys()
    differing = sorted(event_id for event_id in both if undisturbed.entries[event_id] != got.entries[event_id])
    same = len(both) - len(differing)
    check = Check(
        "the timeline is the undisturbed one, row for row",
        same == len(undisturbed.entries) == len(got.entries),
        f"{same:,} of {len(undisturbed.entries):,} rows are the same" + _beside("different", differing),
    )
    return check, differing


def rows(store: Store, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Current rows of some events."""
    decoded = [msgspec.json.decode(line) for (line,) in store.rows(_SOME, {"ids": ids})]
    return {row["event_id"]: row for row in decoded}


def differences(undisturbed: dict[str, Any], got: dict[str, Any]) -> dict[str, Any]:
    """Fields of one row that differ, as pairs: undisturbed, got."""
    names = sorted(undisturbed.keys() | got.keys())
    return {
        name: [undisturbed.get(name), got.get(name)] for name in names if undisturbed.get(name) != got.get(name)
    }  # fmt: skip


def state(settings: Settings) -> Check:
    """What the workers left behind in their changelogs: no event may still wait, or be kept that should have gone."""
    limits = (int(settings.grace * 1e6), int(settings.late_window * 1e6), settings.late_limit)
    counts: Counter[str] = Counter()
    for number, segments in segments_of(settings, FIRST).items():
        known = PartitionState(directory.STATE_TYPES)
        known.load(segments)
        counts["waiting"] += directory.Directory(known, *limits).waiting
        for chunk in _chunks(known):
            counts["kept"] += chunk.count
            counts["silent"] += sum(not held.emitted for held in chunk.items.values())
            if not chunk.key.startswith(TRACE):
                kinds = (head_of(held.event).kind for held in chunk.items.values())
                counts["stale"] += sum(kind != "token_issuance" for kind in kinds)
        counts["partitions"] += number >= 0
    for number, segments in segments_of(settings, SECOND).items():
        known = PartitionState(sessions.STATE_TYPES)
        known.load(segments)
        counts["waiting"] += sessions.Sessions(known, *limits).waiting
        for chunk in _chunks(known):
            counts["kept"] += chunk.count
            counts["silent"] += sum(not held.emitted for held in chunk.items.values())
        counts["partitions"] += number >= 0
    return Check(
        "nothing waits in the workers' state",
        not (counts["waiting"] or counts["silent"] or counts["stale"]) and counts["partitions"] > 0,
        f"{counts['partitions']} partitions keep {counts['kept']:,} events for revision; {counts['waiting']} wait for "
        f"their grace, {counts['silent']} were never shown, {counts['stale']} should have been let go",
    )


def segments_of(settings: Settings, hop: str) -> dict[int, list[Segment]]:
    """The checkpoints that a restart would find, by partition."""
    latest: dict[tuple[int, bytes], bytes] = {}
    for partition, key, value in changelog(settings, CHANGELOGS[hop]):
        if value is None:
            latest.pop((partition, key), None)
        else:
            latest[partition, key] = value
    segments: dict[int, list[Segment]] = defaultdict(list)
    for (partition, _), value in latest.items():
        segments[partition].append(unpacked(value))
    return segments


def changelog(settings: Settings, topic: str) -> Iterable[tuple[int, bytes, bytes | None]]:
    """Every message of a topic, partition by partition in order. Raises Transient when its end is not reached."""
    reader = Consumer({**consumer_config(settings, "whodid-proof"), "enable.partition.eof": True})
    name = full_name(settings, topic)
    left = set(range(settings.partitions))
    reader.assign([TopicPartition(name, number, 0) for number in left])
    try:
        while left:
            message = reader.poll(PATIENCE)
            if message is None:
                raise Transient(f"kafka: the end of {name} was not reached within {PATIENCE:.0f} s")
            error = message.error()
            if error is None:
                yield message.partition(), message.key() or b"", message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
    finally:
        reader.close()


def _chunks(known: PartitionState) -> Iterable[Chunk]:
    for key in known.keys("h/"):
        chunk = known.get(key, Chunk)
        if chunk is not None:
            yield chunk


def _beside(what: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"; {len(listed):,} {what}: {', '.join(listed[:SHOWN])}" if listed else ""


def _name(letter: tuple[str, bytes]) -> str:
    return f"{letter[0]} {letter[1][:60]!r}"
