"""Heads as stored and as published become one chain per log, and problems where they do not agree.

In:     heads of one log from the store and from where they are published, trusted keys
Out:    the heads that hold, in order; Problems
Fails:  never
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.evidence.head import Signed
from pipeline.evidence.keys import Ring
from pipeline.evidence.problem import Problem
from pipeline.kit.failures import Failure, Invalid


class Chain:
    """The heads of one log."""

    def __init__(self, log: str, ring: Ring) -> None:
        self.log = log
        self._ring = ring
        self.problems: list[Problem] = []
        #: What holds, in order of number.
        self.heads: list[Signed] = []

    def join(self, stored: Iterable[Signed], published: Iterable[Signed | Failure] | None, start: int = 0) -> None:
        """Take in what there is from number `start` on; `published` is None when nothing was published."""
        in_store = self._valid(stored, "in the store")
        outside = None if published is None else self._valid(published, "among the published")
        numbers = sorted(set(in_store) | set(outside or {}))
        last_published = max(outside, default=-1) if outside is not None else -1
        last_stored = max(in_store, default=-1)
        for number in range(start, numbers[-1] + 1 if numbers else start):
            mine, theirs = in_store.get(number, []), (outside or {}).get(number, [])
            if not mine:
                self._missing("head-deleted", number, number > last_stored)
            if outside is not None and not theirs:
                self._missing("head-unpublished", number, number > last_published)
            both = theirs or mine
            others = {one.hash for one in mine} - {one.hash for one in both}
            if others and theirs:
                self._add("head-forged", number, "the store has another head of this number than was published")
            if both:
                self._follow(both)

    def of_epoch(self, epoch: int) -> list[Signed]:
        """Heads of one epoch, in order of size."""
        return [one for one in self.heads if one.fields.epoch == epoch]

    def _valid(self, given: Iterable[Signed | Failure], where: str) -> dict[int, list[Signed]]:
        found: dict[int, list[Signed]] = {}
        for item in given:
            try:
                if isinstance(item, Failure):
                    raise item
                head = item.fields
            except Failure as failure:
                self._add("head-forged", -1, f"{where}: {failure}")
                continue
            says = self._wrong(item)
            if says:
                self._add("head-forged", head.number, f"{where}: {says}")
            else:
                found.setdefault(head.number, []).append(item)
        return found

    def _wrong(self, item: Signed) -> str:
        """Why a head does not hold by itself; empty if it does."""
        if item.fields.log != self.log:
            return f"it is of the log {item.fields.log}"
        if item.fields.key not in self._ring:
            return f"signed with a key that is not trusted: {item.fields.key}"
        if not item.verified(self._ring):
            return "its signature does not hold"
        try:
            item.frontier()
        except Invalid as failure:
            return str(failure)
        return ""

    def _follow(self, several: list[Signed]) -> None:
        """Of heads of one number take the one that follows from the last; the same number twice is no forgery if two
        writers had the log for a moment, since all must fit the leaves."""
        last = self.heads[-1] if self.heads else None
        fitting = [one for one in several if last is None or one.fields.previous == last.hash]
        chosen = (fitting or several)[0]
        head = chosen.fields
        if last is not None:
            before = last.fields
            if not fitting and before.number == head.number - 1:
                self._add("head-forged", head.number, "it does not follow from the head before")
            if head.epoch < before.epoch or (head.epoch == before.epoch and head.size < before.size):
                self._add("head-forged", head.number, "its log is shorter than that of the head before")
                return
        self.heads.append(chosen)

    def _missing(self, what: str, number: int, at_the_end: bool) -> None:
        says = "the latest of them is older than what was published" if at_the_end else ""
        if what == "head-deleted":
            self._add("head-deleted", number, f"not in the store: {says}".rstrip(": "))
        else:
            self._add("head-unpublished", number, "not among the published")

    def _add(self, what: str, number: int, says: str) -> None:
        # The literal types are checked where they are written down, above.
        self.problems.append(Problem(what=what, of="head", log=self.log, index=number, says=says))  # type: ignore[arg-type]
