"""How much a query finds: a number that is bounded, and a histogram over time."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.query.tree import Query
from pipeline.store.limits import limited
from pipeline.store.pivots import EARLIEST, LATEST, Rows
from pipeline.store.search import ANY, Scope, asked, found_sql

#: What is counted at most, and bins of a histogram at most.
MOST, MOST_BINS = 1_000_000, 2_000
_SECOND = 1_000_000
#: Widths of bins, in seconds, that people can read.
_WIDTHS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 2 * 86_400,
    7 * 86_400,
)  # fmt: skip
_COUNT = "SELECT count() FROM ({found} LIMIT {{most:UInt32}}) {limits}"
_RANGE = "SELECT toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)), count() FROM ({found}) {limits}"
_BINS = """
SELECT intDiv(toUnixTimestamp64Micro(time) - {{start:Int64}}, {{width:Int64}}) AS bin, count()
FROM ({found}) GROUP BY bin ORDER BY bin
{limits}
"""


class Count(NamedTuple):
    """How many entries there are."""

    amount: int
    #: There are more; nobody counted on.
    more: bool = False


class Histogram(NamedTuple):
    """Entries by time: `counts[n]` of those from `start + n * width` on, in microseconds (since 1970)."""

    start: int
    width: int
    counts: list[int]


def count(
    store: Rows, query: Query, *, most: int = MOST, scope: Scope = ANY,
) -> Count:  # fmt: skip
    """How many current entries a query finds, up to `most`. Raises as `search`."""
    if not 1 <= most <= MOST:
        raise Invalid("most", f"1 to {MOST}", most)
    question = asked(store, query, scope)
    sql, given = found_sql(store, question, "1")
    with limited(scope.limits):
        counted = _COUNT.format(found=sql, limits=scope.limits.sql)
        found = store.rows(counted, given | {"most": most + 1})[0][0]
    return Count(min(found, most), found > most)


def histogram(
    store: Rows, query: Query, bins: int = 60, *, scope: Scope = ANY,
) -> Histogram:  # fmt: skip
    """Current entries that a query finds, by time, in at most `bins` bins of a width that people can read.

    They cover the time that the query names, as far as it does, else that of what it finds; nothing found is no bins.
    Raises as `search`.
    """
    if not 1 <= bins <= MOST_BINS:
        raise Invalid("bins", f"1 to {MOST_BINS}", bins)
    question = asked(store, query, scope)
    since, last = question.compiled.since, question.compiled.last
    sql, given = found_sql(store, question, "time")
    with limited(scope.limits):
        if since == EARLIEST or last == LATEST:
            first, final, amount = store.rows(_RANGE.format(found=sql, limits=scope.limits.sql), given)[0]
            if not amount:
                return Histogram(0, _SECOND, [])
            since, last = first if since == EARLIEST else since, final if last == LATEST else last
        start, width, amount = _bins(since, last, bins)
        rows = store.rows(_BINS.format(found=sql, limits=scope.limits.sql), given | {"start": start, "width": width})
    counts = [0] * amount
    for number, found in rows:
        if 0 <= number < amount:
            counts[number] = found
    return Histogram(start, width, counts)


def _bins(since: int, last: int, bins: int) -> tuple[int, int, int]:
    """Where they start, how wide they are, how many."""
    for seconds in (*_WIDTHS, *(7 * 86_400 * 2**power for power in range(1, 40))):
        width = seconds * _SECOND
        start = since // width * width
        amount = (max(last, since) - start) // width + 1
        if amount <= bins:
            return start, width, amount
    raise Invalid("bins", "a query whose time is within some thousand years")
