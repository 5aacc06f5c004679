"""`whodid investigate FILE…`: the same stage functions over log files, into an embedded store, without a broker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.normalize.context import Context
from pipeline.normalize.stage import Normalized, process
from pipeline.store import Store
from schemas.batch import Item, RawRecord
from schemas.entry import Entry
from schemas.rejected import Record, Rejected

#: Records normalized before the correlator and the store see them.
BATCH = 2000
#: With the whole past in one process, nothing is too late to be revised.
KEEP = 100_000_000


@dataclass
class Summary:
    """What became of the input; `records = recorded + ignored + rejected` and `events = entries + duplicates`."""

    records: int = 0
    events: int = 0
    rejected: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Investigation:
    """One run over files; current Entries are in the store afterwards."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._context = Context.of(settings)
        self._engine = Engine(settings.grace, KEEP, KEEP)
        self.summary = Summary()

    def run(self, records: Iterable[Record], progress: Callable[[int], None] = lambda _: None) -> Summary:
        """Blocks until all is in the store. Raises Transient when the store is away."""
        started = time.monotonic()
        items: list[Item] = []
        raw: list[RawRecord] = []
        rejected: list[Rejected] = []
        for record in records:
            for normalized in process(record, self._context):
                self._note(normalized, items, raw, rejected)
            if len(items) >= BATCH or len(raw) >= BATCH or len(rejected) >= BATCH:
                self._write(self._engine.feed(items), raw, rejected)
                items, raw, rejected = [], [], []
                progress(self.summary.records)
        self._write(self._engine.feed(items) + self._engine.end(), raw, rejected)
        self.summary.seconds = round(time.monotonic() - started, 3)
        return self.summary

    def _note(self, normalized: Normalized, items: list[Item], raw: list[RawRecord], rejected: list[Rejected]) -> None:
        summary = self.summary
        summary.records += 1
        if normalized.rejected is not None:
            summary.rejected += 1
            summary.reasons[normalized.rejected.reason] += 1
            rejected.append(normalized.rejected)
            return
        if normalized.record is not None:
            raw.append(normalized.record)
        if not normalized.events:
            summary.ignored[normalized.ignored] += 1
        for event in normalized.events:
            summary.events += 1
            items += route(event)

    def _write(self, entries: list[Entry], raw: list[RawRecord], rejected: list[Rejected]) -> None:
        if entries:
            self._store.write_entries(entries)
        if raw:
            self._store.write_records(raw)
        if rejected:
            self._store.write_rejected(rejected)
