"""`whodid investigate FILE…`: the same stage functions over log files, into an embedded store, without a broker."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.correlate.watermark import ENDED
from pipeline.kit.config import Settings
from pipeline.run.normalizing import Normalizing, Taken
from pipeline.run.recall import Span
from pipeline.run.stages import BATCH, DISORDER, LAG, Scoring, correlator, recalled, steps_of
from pipeline.run.writing import Writing
from pipeline.store import Store
from pipeline.store.queries import counts
from pipeline.store.recall import uses
from schemas.batch import Item, RawRecord
from schemas.entry import Entry, PackedEntry
from schemas.event import head_of
from schemas.rejected import Record, Rejected


@dataclass
class Summary:
    """What became of the input: a record has events, a reason or a rejection; an event is an entry or a duplicate."""

    records: int = 0
    events: int = 0
    rejected: int = 0
    #: Events that were there before, in this run.
    duplicates: int = 0
    #: Events that say something else than an earlier one of the same id; they are among the rejected.
    conflicts: int = 0
    #: Current entries of this run, and those that are bound to a credential or a session; for the rest, why not.
    entries: int = 0
    bound: int = 0
    unbound: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    #: Findings that stand.
    findings: int = 0
    #: Alerts that were opened; nobody is told of them here.
    alerts: int = 0
    seconds: float = 0.0


class Investigation:
    """One run over files; current Entries are in the store afterwards."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._normalizing = Normalizing(settings)
        self._writing = Writing(settings, store)
        self._engine = correlator(settings)
        self._scoring = Scoring(settings)
        self.summary = Summary()
        #: Whether each Finding stands.
        self._standing: dict[str, bool] = {}
        #: Why each event is unbound ("" = bound), by event id: what is current when the run is over.
        self._outcomes: dict[str, tuple[int, str]] = {}

    def run(self, *strands: Iterable[Record]) -> Summary:
        """Blocks until all is in the store. Raises Transient when the store is away.

        Each strand is about in order of time; they are taken side by side, so that what happened together meets.
        """
        started = time.monotonic()
        with self._normalizing, self._writing:
            self._take(strands)
        self._conclude()
        self.summary.seconds = round(time.monotonic() - started, 3)
        return self.summary

    def _take(self, strands: Iterable[Iterable[Record]]) -> None:
        items: list[Item] = []
        raw: list[RawRecord] = []
        rejected: list[Rejected] = []
        for moment, taken in side_by_side([self._normalizing.strand(strand) for strand in strands]):
            self._note(taken, items, raw, rejected)
            if len(items) >= BATCH or len(raw) >= BATCH or len(rejected) >= BATCH:
                self._write(self._engine.feed(items), raw, rejected)
                self._write(self._engine.reached(moment - DISORDER), [], [])
                self._recall()
                self._score(moment - LAG)
                items, raw, rejected = [], [], []
        self._write(self._engine.feed(items), raw, rejected)
        self._write(self._engine.end(), [], [])
        self._recall()
        self._score()

    def _recall(self) -> None:
        """Let the engine see again what it asks for, when the store has it."""
        for entries in recalled(self._engine, self._uses):
            self._write(entries, [], [])

    def _uses(self, name: str, span: Span | None) -> Iterable[Entry]:
        self._writing.settle()
        return uses(self._store, [name], span)

    def _note(self, taken: Taken, items: list[Item], raw: list[RawRecord], rejected: list[Rejected]) -> None:
        summary = self.summary
        summary.records += 1
        if taken.rejected is not None:
            summary.rejected += 1
            summary.reasons[taken.rejected.reason] += 1
            rejected.append(taken.rejected)
            return
        if taken.record is not None:
            raw.append(taken.record)
        if not taken.events:
            summary.ignored[taken.ignored] += 1
        summary.events += taken.events
        items += taken.items

    def _conclude(self) -> None:
        summary = self.summary
        summary.entries = len(self._outcomes)
        summary.duplicates = summary.events - summary.entries - summary.conflicts
        reasons = Counter(reason for _, reason in self._outcomes.values())
        summary.bound = reasons.pop("", 0)
        summary.unbound = reasons

    def _write(self, entries: list[PackedEntry], raw: list[RawRecord], rejected: list[Rejected]) -> None:
        for letter in self._engine.conflicts():
            self.summary.rejected += 1
            self.summary.conflicts += 1
            self.summary.reasons["event_id: expected an id of its own, another record has it too"] += 1
            rejected.append(letter)
        steps = steps_of(self._engine)
        self._scoring.take(steps, entries)
        for entry in entries:
            event_id = head_of(entry.event).event_id
            known = self._outcomes.get(event_id)
            if known is None or known[0] <= entry.revision:
                self._outcomes[event_id] = (entry.revision, entry.unbound)
        self._writing.timeline(entries, raw, rejected, steps)

    def _score(self, until: int = ENDED) -> None:
        """Findings of what was before an event time."""
        found, alerts, behaviours = self._scoring.score(until)
        self._standing.update({finding.finding_id: not finding.retracted for finding in found})
        self.summary.findings = sum(self._standing.values())
        self.summary.alerts += sum(alert.news == "opened" and not alert.suppressed for alert in alerts)
        self._writing.findings(found, alerts, behaviours)


def side_by_side(strands: Sequence[Iterator[Taken]]) -> Iterator[tuple[int, Taken]]:
    """Everything from all strands, next from the one that has come least far; with how far all have (event time)."""
    heap: list[tuple[int, int]] = [(0, number) for number in range(len(strands))]
    while heap:
        reached, number = heap[0]
        limit = heap[1][0] if len(heap) > 1 else None
        if len(heap) > 2:
            limit = min(heap[1][0], heap[2][0])
        for taken in strands[number]:
            if taken.record is not None and taken.events:
                reached = max(reached, taken.record.time)
            yield min(reached, heap[0][0]), taken
            if limit is not None and reached > limit:
                heapq.heapreplace(heap, (reached, number))
                break
        else:
            heapq.heappop(heap)


def current_counts(store: Store) -> dict[str, int]:
    """How many current entries a store holds, of this run and of earlier ones."""
    return {"entries": counts(store).entries}
