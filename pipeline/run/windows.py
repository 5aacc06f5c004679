"""A store becomes windows of rows with the leaves that belong to them, so that no more than one has to be in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

from pipeline.store import Store, evidence
from pipeline.store.evidence import LeafRow
from pipeline.store.pivots import EARLIEST, LATEST

#: About how many entries, and how many records, are in one.
#: To find the leaves of a window of records, all leaves are read.
ENTRIES_AT_ONCE, RECORDS_AT_ONCE = 40_000, 300_000
T = TypeVar("T")
#: Lines of rows, and leaves. Rows are read first: what is written meanwhile has its leaf before it has its row.
Window = tuple[bytes, list[LeafRow]]


def entry_windows(store: Store) -> Iterator[Window]:
    """All current rows of `entries` with their leaves, by event time."""
    entries, _, leaves, _ = evidence.amounts(store)
    amount = max(entries, leaves, 1)
    share = min(amount, ENTRIES_AT_ONCE)
    times = evidence.times(store, share) if amount > share else []
    bounds = [EARLIEST, *times, LATEST]
    windows = [(first, last - 1 if last != LATEST else last) for first, last in pairwise(bounds)]
    return _ahead(windows, lambda window: (evidence.entry_lines(store, *window), evidence.entry_leaves(store, *window)))


def record_windows(store: Store) -> Iterator[Window]:
    """All rows of `records` with their leaves, by id."""
    _, records, _, leaves = evidence.amounts(store)
    amount = max(records, leaves)
    digits = 0
    while amount > RECORDS_AT_ONCE * 16**digits:
        digits += 1
    names = [f"{number:0{digits}x}" for number in range(1, 16**digits)]
    return _ahead(
        list(pairwise(["", *names, ""])),
        lambda window: (evidence.record_lines(store, *window), evidence.record_leaves(store, *window)),
    )


def _ahead(windows: list[Any], read: Callable[[Any], T]) -> Iterator[T]:
    """What is read of each window, the next one while this one is looked at."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for window in windows:
            following = pool.submit(read, window)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
