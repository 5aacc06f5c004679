"""Leaves become roots again: does every stretch between two heads make the root that was signed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile

from pipeline.evidence.chain import Chain
from pipeline.evidence.head import Signed
from pipeline.evidence.problem import Interval, Problem
from pipeline.evidence.tree import TILE, Frontier
from pipeline.store import Store, evidence

#: Leaves read at once.
PAGE = 1 << 20
Advance = Callable[[int], None]


class Leaves:
    """Checks the logs one after the other."""

    def __init__(self, store: Store, advance: Advance) -> None:
        self._store = store
        self._advance = advance
        self.problems: list[Problem] = []
        #: Where leaves do not make the signed root.
        self.broken: list[Interval] = []
        self.checked = 0

    def check(self, chain: Chain, since: Signed | None) -> None:
        """Every head of a log after `since`."""
        by_epoch: dict[int, list[Signed]] = {}
        for one in chain.heads:
            if since is None or one.fields.number > since.fields.number:
                by_epoch.setdefault(one.fields.epoch, []).append(one)
        for epoch, heads in by_epoch.items():
            before = since if since is not None and since.fields.epoch == epoch else None
            self._epoch(chain.log, epoch, before, heads)

    def _epoch(self, log: str, epoch: int, before: Signed | None, heads: list[Signed]) -> None:
        first = before.fields.size if before else 0
        pages = _Pages(self._store, log, epoch, first, heads[-1].fields.size)
        frontier = before.frontier() if before else Frontier()
        signed_at = before.fields.time if before else 0
        for item in heads:
            head = item.fields
            start = frontier.size
            taken = pages.take(head.size - start)
            whole = len(taken) == head.size - start
            if whole:
                frontier.extend(taken)
            if not whole or frontier.root().hex() != head.root:
                self._broken(Interval(log, epoch, start, head.size, signed_at, head.time), whole=whole)
                # What was signed is known, so that the next stretch is checked by itself.
                frontier = item.frontier()
                pages = _Pages(self._store, log, epoch, head.size, heads[-1].fields.size)
            signed_at = head.time
            self.checked += head.size - start
            self._advance(head.size - start)

    def _broken(self, interval: Interval, *, whole: bool) -> None:
        found = self._narrowed(interval) if whole else interval
        self.broken.append(found)
        if not whole:
            self._missing(interval)

    def _narrowed(self, interval: Interval) -> Interval:
        """By the kept roots of tiles, if those were not changed too and only one differs."""
        first, last = -(-interval.first // TILE), interval.last // TILE
        if last <= first:
            return interval
        kept = evidence.nodes(self._store, interval.log, interval.epoch, 8, first, last)
        if len(kept) != last - first:
            return interval
        different = []
        for number, root in enumerate(kept, first):
            tile = Frontier()
            tile.extend(evidence.hashes(self._store, interval.log, interval.epoch, number * TILE, (number + 1) * TILE))
            if tile.root() != root:
                different.append(number)
        if len(different) != 1:
            return interval
        at = different[0] * TILE
        return Interval(interval.log, interval.epoch, at, at + TILE, interval.after, interval.until)

    def _missing(self, interval: Interval) -> None:
        """Which leaves of a stretch are missing."""
        rows = evidence.span(self._store, interval.log, interval.epoch, interval.first, interval.last)
        there = {row.index for row in rows}
        for first, last in _gaps(there, interval.first, interval.last):
            self.problems.append(
                Problem(
                    what="leaf-deleted", of="leaf", log=interval.log, epoch=interval.epoch, index=first, last=last,
                    after=interval.until, says=f"{last - first} missing",
                )
            )  # fmt: skip


class _Pages:
    """Hashes of leaves, read many at once and taken as heads need them; up to the first that is missing."""

    def __init__(self, store: Store, log: str, epoch: int, first: int, last: int) -> None:
        self._store, self._log, self._epoch = store, log, epoch
        self._next, self._last = first, last
        self._page: list[bytes] = []
        self._at = 0

    def take(self, amount: int) -> list[bytes]:
        """The next ones; fewer if some are missing."""
        taken = self._page[self._at : self._at + amount]
        self._at += len(taken)
        while len(taken) < amount and self._next < self._last:
            self._read()
            more = self._page[: amount - len(taken)]
            self._at = len(more)
            taken += more
        return taken

    def _read(self) -> None:
        end = min(self._next + PAGE, self._last)
        self._page = evidence.hashes(self._store, self._log, self._epoch, self._next, end)
        if len(self._page) != end - self._next:
            rows = evidence.span(self._store, self._log, self._epoch, self._next, end)
            fitting = takewhile(lambda pair: pair[0] == pair[1].index, enumerate(rows, self._next))
            self._page = [bytes.fromhex(row.hash) for _, row in fitting]
            self._last = 0
        self._next = end


def _gaps(there: set[int], first: int, last: int) -> Iterator[tuple[int, int]]:
    start = None
    for number in range(first, last + 1):
        if number < last and number not in there:
            start = number if start is None else start
        elif start is not None:
            yield start, number
            start = None
