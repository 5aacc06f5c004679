"""Several partitions of both hops in one process, with messages that take any time between them, and a store.

What `Engine` is to `whodid investigate`, this is to the stream: partitions know of each other only what the messages
say, and recalls are answered out of a store that is behind.
"""

import random
from collections import defaultdict, deque

import msgspec

from pipeline.correlate import directory, sessions
from pipeline.correlate.route import route
from pipeline.correlate.watermark import ENDED, LEVELS, NORMALIZER, PARTITION
from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState
from pipeline.kit.topics import partition_of
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.run.recall import Pending, again
from schemas.batch import SECOND_HOP, Batch, Mark, Recall
from schemas.entry import Entry, PackedEntry
from schemas.event import head_of, unpacked

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Batch).decode
#: Items in a message.
MESSAGE = 250


class Arrivals:
    """What becomes of records, in the order in which they arrive."""

    def __init__(self, settings, records):
        context = Context.of(settings)
        #: Items of each record, and the latest event time up to it.
        self.items, self.latest = [], [0]
        for record in records:
            events = [event for normalized in process(record, context) for event in normalized.events]
            self.items.append([item for event in events for item in route(event)])
            self.latest.append(max([self.latest[-1], *(event.time for event in events)]))


class Cluster:
    """`kept_back`: how often a partition leaves some messages for later. `lag`: how many marks are on the way.
    `restarts`: how often a normalizer starts again, and has read nothing yet."""

    def __init__(self, settings: Settings, partitions=4, seed=0, kept_back=0.0, lag=2, restarts=0.0):
        limits = int(settings.grace * 1e6), int(settings.late_window * 1e6), settings.late_limit
        self.first = [
            directory.Directory(PartitionState(directory.STATE_TYPES), *limits) for _ in range(partitions)
        ]  # fmt: skip
        self.second = [sessions.Sessions(PartitionState(sessions.STATE_TYPES), *limits) for _ in range(partitions)]
        self.rows: dict[str, PackedEntry] = {}
        self.unanswered: dict[str, Pending] = {}
        self._chance, self._kept_back, self._lag, self._restarts = random.Random(seed), kept_back, lag, restarts
        self._waiting = defaultdict(list)
        self._marks = deque()
        self._by_credential = defaultdict(set)
        self._seen = defaultdict(dict)

    def run(self, arrivals: Arrivals, batch=500):
        """Everything from first to last; returns the rows by event id."""
        for begin in range(0, len(arrivals.items), batch):
            for items in arrivals.items[begin : begin + batch]:
                self._put(items)
            self._step()
            reached = arrivals.latest[min(begin + batch, len(arrivals.items))]
            self._marks.append(self._read_to(0 if self._chance.random() < self._restarts else reached))
            if len(self._marks) > self._lag:
                self._mark(self._marks.popleft())
        self._drain()
        # The end takes as many rounds to get around as there are levels.
        for _ in range(LEVELS + 2):
            self._mark(self._read_to(ENDED))
            self._drain()
        return {event_id: shown(entry) for event_id, entry in self.rows.items()}

    def _put(self, items):
        for item in items:
            if isinstance(item, Recall):
                self.unanswered.setdefault(item.key, Pending(self._seen[item.key])).add(item)
            else:
                hop = self.second if isinstance(item, SECOND_HOP) else self.first
                self._waiting[hop is self.first, partition_of(item.key, len(hop))].append(item)

    def _step(self):
        names = [name for name, items in self._waiting.items() if items]
        self._chance.shuffle(names)
        for name in names:
            items, taken = self._waiting[name], len(self._waiting[name])
            if self._chance.random() < self._kept_back:
                taken = self._chance.randrange(taken + 1)
            self._waiting[name] = items[taken:]
            for begin in range(0, taken, MESSAGE):
                self._apply(*name, _decode(_encode(Batch(items[begin : min(begin + MESSAGE, taken)]))))
        for key in list(self.unanswered):
            self._answer(key)

    def _apply(self, is_first, number, batch):
        if is_first:
            self._put(self.first[number].apply(batch))
            return
        entries, items = self.second[number].apply(batch)
        for entry in entries:
            event = head_of(entry.event)
            if event.event_id not in self.rows or self.rows[event.event_id].revision <= entry.revision:
                self.rows[event.event_id] = entry
            self._by_credential["credential:" + event.credential].add(event.event_id)
        self._put(items)

    def _answer(self, key):
        """As the thread beside the store does it."""
        one = self.unanswered[key]
        entries = [entry_of(self.rows[event_id]) for event_id in sorted(self._by_credential[key])]
        stale = [entry for entry in entries if one.wants(entry)]
        one.sight(stale)
        if one.complete:
            del self.unanswered[key]
        self._put([item for entry in stale for item in again(entry)])

    def _drain(self):
        while any(self._waiting.values()):
            self._step()

    def _read_to(self, level):
        """The normalizers have come so far; returns what the partitions then say of themselves."""
        for stage in self.first:
            self._put(stage.apply(Batch([], [Mark(NORMALIZER + "0", [level] * LEVELS, 1)])))
        return [Mark(f"{PARTITION}{number}", list(stage.watermarks.levels), 1)
                for number, stage in enumerate(self.first)]  # fmt: skip

    def _mark(self, marks):
        for is_first in (True, False):
            for number in range(len(self.first)):
                self._apply(is_first, number, Batch([], marks))


def entry_of(packed: PackedEntry) -> Entry:
    """An entry as the store gives it."""
    found = {name: getattr(packed, name) for name in Entry.__struct_fields__ if name != "event"}
    return Entry(event=unpacked(packed.event), **found)


def shown(packed: PackedEntry) -> dict:
    """What a row says, without its revision and without fingerprints."""
    entry = entry_of(packed)
    stated, found = msgspec.structs.asdict(entry.event), msgspec.structs.asdict(entry)
    left_out = ("revision", "event", "tokens", "argument_tokens", "mentions")
    values = {**{f"stated {name}": value for name, value in stated.items()}, **found}
    return {name: value for name, value in values.items() if name.removeprefix("stated ") not in left_out}
