"""Both hops in one process and one partition: what `investigate` and the tests run.

The same `Directory` and `Sessions` that the stream runs; only the messages between them are function calls.
"""

from __future__ import annotations

from pipeline.correlate import directory, sessions
from pipeline.correlate.watermark import ENDED, LEVELS, NORMALIZER, PARTITION
from pipeline.kit.state import PartitionState
from schemas.batch import SECOND_HOP, Batch, Item, Leave, Mark, Own, Recall
from schemas.entry import PackedEntry
from schemas.rejected import Rejected
from schemas.step import Step

MICROSECONDS = 1_000_000


class Engine:
    """Items in, Entries out; `end` lets everything that still waits go.

    Whoever has a store takes `recalls` away after each `feed`, and feeds those events again.
    """

    def __init__(self, grace: float, late_window: float, late_limit: int, *, recalls: bool = False) -> None:
        limits = (int(grace * MICROSECONDS), int(late_window * MICROSECONDS), late_limit)
        self.directory = directory.Directory(PartitionState(directory.STATE_TYPES), *limits, recalls=recalls)
        self.recalls: list[Recall] = []
        #: For the scoring stage, until the caller takes them away; not collected while this is None.
        self.steps: list[Step] | None = None
        self.sessions = sessions.Sessions(PartitionState(sessions.STATE_TYPES), *limits)

    def feed(self, items: list[Item], marks: list[Mark] | None = None) -> list[PackedEntry]:
        """Take items of the first hop or the second, and follow what they cause until nothing is left to do."""
        entries: list[PackedEntry] = []
        marks = marks or []
        while items or marks:
            first = [item for item in items if type(item) not in SECOND_HOP]
            second: list[Item] = [item for item in items if type(item) in SECOND_HOP]
            out = self.directory.apply(Batch(first, marks)) if first or marks else []
            second += [item for item in out if isinstance(item, Own | Leave)]
            self.recalls += [item for item in out if type(item) is Recall]
            items = [item for item in out if not isinstance(item, (*SECOND_HOP, Recall))]
            shown, announced = self.sessions.apply(Batch(second, marks)) if second or marks else ([], [])
            if self.steps is not None and (second or marks):
                self.steps += self.sessions.steps
            entries += shown
            items += announced
            marks = []
        return entries

    def conflicts(self) -> list[Rejected]:
        """Dead letters since the last call."""
        found = self.directory.conflicts + self.sessions.conflicts
        self.directory.conflicts, self.sessions.conflicts = [], []
        return found

    def reached(self, time: int) -> list[PackedEntry]:
        """No earlier event is expected but as an exception (event time, microseconds)."""
        return self._mark([time] * LEVELS)

    def end(self) -> list[PackedEntry]:
        """No more input: every grace is over."""
        return self._mark([ENDED] * LEVELS)

    def _mark(self, levels: list[int]) -> list[PackedEntry]:
        return self.feed([], [Mark(NORMALIZER + "0", levels, 1), Mark(PARTITION + "0", levels, 1)])
