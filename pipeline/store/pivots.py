"""A pivot and a value become a page of the timeline, in a stable order, current rows only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_args

from pipeline.kit.failures import Invalid
from pipeline.store.columns import SELECTED, entry
from schemas.entry import Entry

Pivot = Literal["actor", "session", "credential", "human", "address"]
PIVOTS: tuple[Pivot, ...] = get_args(Pivot)
#: Those whose values are names of identities, which may have several (`pipeline.store.aliases`).
NAMING: tuple[Pivot, ...] = ("actor", "human")
MAX_LIMIT = 10_000
#: Any time that fits the column, also those before 1900 and after 2299 that ClickHouse shows wrongly.
EARLIEST, LATEST = -(2**63), 2**63 - 1

_CONDITIONS = {
    "actor": "actor IN {values:Array(String)}",
    "session": "session IN {values:Array(String)}",
    "credential": "(credential IN {values:Array(String)} OR issued IN {values:Array(String)})",
    "human": "human IN {values:Array(String)}",
    "address": "address IN {values:Array(String)}",
}
#: Up to so many values a page reads the granules of its own rows; with more it reads the keys of all rows that follow.
_APART = 16
#: The next keys of the pivot. Read in the table's order, so a page reads its own granules and no more.
_KEYS = """
    SELECT DISTINCT time, event_id FROM pivots
    WHERE key {matches}
      AND time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
      AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC')
      AND (time, event_id) > (fromUnixTimestamp64Micro({{after_time:Int64}}, 'UTC'), {{after_id:String}})
    ORDER BY time, event_id
    LIMIT {{window:UInt32}}
"""
_PAGE = """
SELECT {selected} FROM entries FINAL
PREWHERE (time, event_id) IN ({keys}) WHERE {condition}
ORDER BY time, event_id
LIMIT {{window:UInt32}}
{settings}
"""
#: Keys that one query can be given: with them it still fits a server's limit.
GIVEN = 500
#: Keys that are looked up first, so that they are looked up once: as they come back, and as they are given.
PLACES = "SELECT toUnixTimestamp64Micro(time), event_id FROM ({keys})"
THESE = """
    SELECT fromUnixTimestamp64Micro(key.1, 'UTC'), key.2
    FROM (SELECT arrayJoin(arrayZip({times:Array(Int64)}, {ids:Array(String)})) AS key)
"""
#: For few rows of every column: handing a hundred short reads to threads takes longer than reading (a quarter of the
#: processor's time of a page, measured on chdb), and materialising late (25.4 and later) reads granules twice.
FEW_ROWS = "max_threads = 1, local_filesystem_read_method = 'pread', query_plan_optimize_lazy_materialization = 0"
_WINDOW_END = """
SELECT count(), max((toUnixTimestamp64Micro(time), event_id)) FROM ({keys})
"""


class Rows(Protocol):
    """What a query needs of a Store."""

    def rows(self, sql: str, parameters: Mapping[str, Any], binary: Iterable[str] = ()) -> list[Any]:
        """Rows of a query; columns named in `binary` as bytes."""


class Page(NamedTuple):
    """Part of a timeline, ordered by time and event id."""

    entries: list[Entry]
    #: Where the next page begins (`after`), None when this is the end.
    next: tuple[int, str] | None


def timeline(
    store: Rows,
    pivot: str,
    value: str | Sequence[str],
    *,
    since: int | None = None,
    until: int | None = None,
    after: tuple[int, str] | None = None,
    limit: int = 1000,
) -> Page:
    """Current Entries of one actor, session, credential (used or issued by the event), human or address;
    of several values the rows of all of them, in one order.

    `since` (included) and `until` (excluded) are microseconds since 1970; `after` is the `next` of the page before.
    Raises Invalid for an unknown pivot or a limit outside 1 to 10,000.
    """
    if pivot not in _CONDITIONS:
        raise Invalid("pivot", "one of " + ", ".join(PIVOTS), pivot)
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
    values = [value] if isinstance(value, str) else list(dict.fromkeys(value))
    found: list[Entry] = []
    cursor = after or (EARLIEST, "")
    # One more than asked for tells whether there is a next page.
    while len(found) <= limit:
        rows, end = _window(store, pivot, values, bounds(since, until), cursor, limit + 1)
        found += rows
        if end is None:
            break
        cursor = end
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1].event
    return Page(found[:limit], (last.time, last.event_id))


def _window(
    store: Rows, pivot: str, values: list[str], span: tuple[int, int], cursor: tuple[int, str], window: int
) -> tuple[list[Entry], tuple[int, str] | None]:
    """Current rows among the next keys of the pivot, and where the keys after those begin (None: there are none).

    Fewer rows than keys means that revisions have moved rows elsewhere; then later keys have to be looked at.
    """
    parameters: dict[str, Any] = {
        "pivot": pivot, "values": values, "since": span[0], "last": span[1],
        "after_time": cursor[0], "after_id": cursor[1], "window": window,
    }  # fmt: skip
    keys = _keys(len(values))
    if window <= GIVEN:
        return _looked_up(store, pivot, keys, parameters)
    page = _PAGE.format(selected=SELECTED, keys=keys, condition=_CONDITIONS[pivot], settings="")
    rows = [entry(row) for row in store.rows(page, parameters)]
    if len(rows) == window:
        return rows, (rows[-1].event.time, rows[-1].event.event_id)
    count, end = store.rows(_WINDOW_END.format(keys=keys), parameters)[0]
    if count < window:
        return rows, None
    # Keys that arrived between the two queries can only end the window earlier; what was returned is not read again.
    seen = [(row.event.time, row.event.event_id) for row in rows[-1:]]
    return rows, max([tuple(end), *seen])


def _looked_up(
    store: Rows, pivot: str, keys: str, parameters: dict[str, Any]
) -> tuple[list[Entry], tuple[int, str] | None]:
    """The same for few keys."""
    found = [(int(at), str(name)) for at, name in store.rows(PLACES.format(keys=keys), parameters)]
    if not found:
        return [], None
    times, ids = zip(*found, strict=True)
    page = _PAGE.format(selected=SELECTED, keys=THESE, condition=_CONDITIONS[pivot], settings=f"SETTINGS {FEW_ROWS}")
    rows = store.rows(page, {**parameters, "times": list(times), "ids": list(ids)})
    return [entry(row) for row in rows], max(found) if len(found) == parameters["window"] else None


def _keys(amount: int) -> str:
    """SQL of the next keys of so many values."""
    if not 0 < amount <= _APART:
        hashes = "(SELECT sipHash64({pivot:String}, arrayJoin({values:Array(String)})))"
        return _KEYS.format(matches=f"IN {hashes}")
    each = [
        _KEYS.format(matches=f"= sipHash64({{pivot:String}}, {{values:Array(String)}}[{number + 1}])")
        for number in range(amount)
    ]
    if amount == 1:
        return each[0]
    # Each value's rows are read in the table's order, and no more of them than the page can hold.
    together = " UNION ALL ".join(f"({keys})" for keys in each)
    return f"SELECT DISTINCT time, event_id FROM ({together}) ORDER BY time, event_id LIMIT {{window:UInt32}}"  # noqa: S608


def bounds(since: int | None, until: int | None) -> tuple[int, int]:
    """The first and the last time (microseconds since 1970) from `since` on and before `until`, as far as they go."""
    first = EARLIEST if since is None else max(EARLIEST, min(since, LATEST))
    last = LATEST if until is None else max(EARLIEST, min(until - 1, LATEST))
    return first, last
