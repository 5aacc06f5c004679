"""What an investigation makes goes into the store and the evidence log, in order, beside what it does next.

In:     entries, records, dead letters, steps; findings, alerts, behaviours
Out:    rows, leaves and heads
Fails:  Transient when the store is away, at one of the next calls
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType

from pipeline.kit.config import Settings
from pipeline.run.evidence import Deed, Evidence
from pipeline.store import Store
from pipeline.store.columns import Row
from pipeline.store.write import Written
from schemas.alert import Alert
from schemas.batch import RawRecord
from schemas.behaviour import Behaviour
from schemas.entry import PackedEntry
from schemas.finding import Finding
from schemas.rejected import Rejected
from schemas.step import Step

#: The log of investigations.
LOG = "investigate/0"
#: Blocks that the inventory is told of at once; writes that wait for their turn.
OWED, AHEAD = 20, 3


class Writing:
    """Use as a context manager: left in good order, everything is in the store. One thread writes, another calls."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Raises Transient, Permanent."""
        self._store = store
        self._evidence = Evidence(settings, store) if settings.evidence_place else None
        #: The log of this run: an epoch of its own, in which a batch is what a message is in Kafka.
        self._log = self._evidence.open(LOG) if self._evidence else None
        if self._log is not None and self._log.frontier.size:
            self._log.begin_again()
        #: Rows that the timeline has and the inventory not yet.
        self._owed: list[Written] = []
        # A thread, since the store's engine works without holding Python's lock.
        self._thread = ThreadPoolExecutor(1, "writing")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        try:
            # What somebody interrupted is as whole as far as it got.
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self._do(self._finish)
                self.settle()
        finally:
            self._thread.shutdown(cancel_futures=True)

    def timeline(
        self, entries: list[PackedEntry], records: list[RawRecord], rejected: list[Rejected], steps: list[Step]
    ) -> None:
        """Rows of a batch."""
        self._do(partial(self._timeline, entries, records, rejected, steps))

    def findings(self, found: list[Finding], alerts: list[Alert], behaviours: list[Behaviour]) -> None:
        """What was scored."""
        self._do(partial(self._findings, found, alerts, behaviours))

    def settle(self) -> None:
        """Wait until all is in the store that was given so far."""
        self._wait(0)

    def _do(self, write: Callable[[], None]) -> None:
        self._wait(AHEAD)
        self._waiting.append(self._thread.submit(write))

    def _wait(self, most: int) -> None:
        while len(self._waiting) > most or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def _timeline(
        self, entries: list[PackedEntry], records: list[RawRecord], rejected: list[Rejected], steps: list[Step]
    ) -> None:
        self._store.write_steps(steps)
        rows = list(map(Row, entries))
        self._append(rows, records)
        if rows:
            self._owed.append(self._store.write_timeline(rows))
        if records:
            self._store.write_records(records)
        if rejected:
            self._store.write_rejected(rejected)
        if len(self._owed) >= OWED:
            self._tell()

    def _append(self, rows: list[Row], records: list[RawRecord]) -> None:
        """Leaves of what is about to be written; a head now and then, when all before is written."""
        if self._evidence is None or self._log is None or not (rows or records):
            return
        if self._evidence.due:
            self._evidence.publish()
        # As they would come out of Kafka, and as they will come back: numbers of the right type.
        self._evidence.write(self._evidence.leaves([Deed(self._log, self._log.offset + 1, rows, records)]))

    def _findings(self, found: list[Finding], alerts: list[Alert], behaviours: list[Behaviour]) -> None:
        self._store.write_findings(found)
        self._store.write_alerts(alerts, [])
        self._store.write_behaviours(behaviours)

    def _tell(self) -> None:
        self._store.write_inventory(self._owed)
        self._owed = []

    def _finish(self) -> None:
        self._tell()
        if self._evidence is not None:
            self._evidence.publish()
