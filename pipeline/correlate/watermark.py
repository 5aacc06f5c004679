"""How far all inputs have come, in event time: the minimum over the senders of a partition.

An issuance takes more hops than the call that needs it, so a watermark that moves with whatever arrives loses
links. Level 0 is what the normalizers have read. Level k+1 of a partition is the minimum of level k over all
partitions of the first hop: when it passes a time, everything older has had k+1 hops to arrive. A fixed number of
levels, not a loop: watermarks in a loop would wait for themselves.
"""

from __future__ import annotations

from schemas.batch import Mark

#: Hops that are waited for: a link of a role chain takes two (session name, credential). Deeper chains are revised.
LEVELS = 8
#: Beyond every event time; what a sender reports whose input has ended.
ENDED = 2**62
#: A sender silent for this long (its own clock against the others') no longer holds anybody back.
SILENT = 30_000_000

NORMALIZER = "n/"
PARTITION = "p/"


class Watermarks:
    """Marks by sender; asks nothing of a clock, so that a replay gives the same answers."""

    def __init__(self, marks: dict[str, Mark] | None = None) -> None:
        self.marks: dict[str, Mark] = marks or {}
        self._levels: list[int] | None = None

    def update(self, marks: list[Mark]) -> bool:
        """Take in what senders say of themselves; True if anything moved."""
        moved = False
        for mark in marks:
            known = self.marks.get(mark.sender)
            if known is None or mark.wall >= known.wall:
                self.marks[mark.sender] = mark
                moved = moved or known is None or known.levels != mark.levels
        if moved:
            self._levels = None
        return moved

    @property
    def levels(self) -> list[int]:
        """Watermarks of this partition, level 0 to LEVELS - 1, microseconds; 0 = nothing known yet."""
        if self._levels is None:
            self._levels = self._compute()
        return self._levels

    @property
    def settled(self) -> int:
        """Everything with an earlier event time has had time to arrive, by whatever hops."""
        return self.levels[-1]

    def _compute(self) -> list[int]:
        read = [mark.levels[0] for mark in self._heard(NORMALIZER)]
        peers = [mark.levels for mark in self._heard(PARTITION)]
        levels = [min(read, default=0)]
        for level in range(LEVELS - 1):
            levels.append(min((peer[level] for peer in peers), default=0))
        return levels

    def _heard(self, kind: str) -> list[Mark]:
        """Senders of a kind that are not silent. Each kind by its own clock: a backlog of one is old to the other."""
        marks = [mark for mark in self.marks.values() if mark.sender.startswith(kind)]
        now = max((mark.wall for mark in marks), default=0)
        return [mark for mark in marks if now - mark.wall <= SILENT]
