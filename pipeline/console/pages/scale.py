"""Times become places on a line, with long silences folded: a minute of acts is seen beside a day of waiting."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

#: Width of the whole, of one fold, and the least width of what has a length.
WIDTH, FOLD, LEAST = 1000.0, 14.0, 3.0
#: A silence is folded when it is longer than this share of what is not silence, and than a minute (microseconds).
_SHARE, _MINUTE = 0.25, 60_000_000
_MOST_FOLDS = 24


class Fold(NamedTuple):
    """A silence that was folded: where it is, and how long it was (microseconds)."""

    at: float
    lasts: int


class Scale:
    """Places from 0 to WIDTH of times in microseconds."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        """`spans`: beginnings and ends of what is shown; at least one."""
        busy = _merged(spans)
        silences = sorted(((after[0] - before[1], before[1]) for before, after in pairwise(busy)), reverse=True)
        total = busy[-1][1] - busy[0][0]
        folded = []
        for lasts, begins in silences[:_MOST_FOLDS]:
            if lasts < _MINUTE or lasts < _SHARE * (total - lasts):
                break
            total -= lasts
            folded.append((begins, lasts))
        folded.sort()
        unit = (WIDTH - FOLD * len(folded)) / max(1, total)
        self.folds: list[Fold] = []
        #: Times at which the line bends, their places, and what a microsecond is long from there on.
        self._times, self._places, self._units = [busy[0][0]], [0.0], [unit]
        for begins, lasts in folded:
            at = self._places[-1] + (begins - self._times[-1]) * unit
            self.folds.append(Fold(at + FOLD / 2, lasts))
            self._times += [begins, begins + lasts]
            self._places += [at, at + FOLD]
            self._units += [FOLD / lasts, unit]

    def place(self, time: int) -> float:
        """Where a time is."""
        at = max(0, bisect_right(self._times, time) - 1)
        place = self._places[at] + (time - self._times[at]) * self._units[at]
        return min(WIDTH, max(0.0, place))

    def bar(self, begins: int, ends: int) -> tuple[float, float]:
        """Where something begins, and how long it is; never too short to be seen."""
        start = self.place(begins)
        long = max(LEAST, self.place(ends) - start)
        return round(min(start, WIDTH - long), 1), round(long, 1)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begins, ends in sorted((begins, max(begins, ends)) for begins, ends in spans):
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return merged


def lasting(microseconds: int) -> str:
    """A time that people read: `340 ms`, `12 s`, `5 min`, `3.4 h`, `2.1 d`."""
    seconds = microseconds / 1e6
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
