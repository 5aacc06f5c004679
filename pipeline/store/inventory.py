"""The inventory that the stream discovered, latest first, page by page, without reading the timeline.

First and last times, kinds and sets are of every event that was ever attributed to a name; numbers of events are of
those that still are. A name that revisions have taken every event from is superseded, and left out unless asked for.
Numbers of events are exact up to 65,536, larger ones to half a percent; numbers of other things are exact up to some
hundred, larger ones to a percent. `pipeline.store.details` reads one name exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from pipeline.kit.failures import Invalid
from pipeline.store.pivots import EARLIEST, LATEST, MAX_LIMIT, Rows, timeline
from pipeline.store.seen import CREDENTIALS, IDENTITIES, SESSIONS, Item, Ledger, item

Of = Literal["identities", "credentials", "sessions"]
OF: tuple[Of, ...] = get_args(Of)
LEDGERS: dict[Of, Ledger] = {"identities": IDENTITIES, "credentials": CREDENTIALS, "sessions": SESSIONS}
#: Names in one query: with names of the longest kind a query still fits a server's limit.
_CHUNK = 200
#: Sets up to this size are exact, so that a difference of nothing means nothing.
_EXACT = 60_000


class InventoryPage(NamedTuple):
    """Part of an inventory, latest first."""

    items: list[Item]
    #: Where the next page begins (`after`), None when this is the end.
    next: tuple[int, str] | None


def inventory(
    store: Rows,
    of: Of,
    *,
    kind: str = "",
    since: int | None = None,
    after: tuple[int, str] | None = None,
    limit: int = 100,
    superseded: bool = False,
) -> InventoryPage:
    """Identities, credentials or sessions that were last seen at or after `since`, of one kind or of all.

    `superseded` lists also those that no current row is attributed to. Raises Invalid for a kind that there is none of,
    or a limit outside 1 to 10,000.
    """
    ledger = LEDGERS[of]
    if kind and kind not in ledger.kinds:
        raise Invalid("kind", "one of " + ", ".join(ledger.kinds), kind)
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
    found: list[tuple[tuple[int, str], Item]] = []
    for place, one in _latest(store, ledger, kind, since, after or (LATEST, ""), limit):
        if superseded or _current(store, ledger, one):
            found.append((place, one))
        # One more than asked for tells whether there is a next page.
        if len(found) > limit:
            break
    following = found[limit - 1][0] if len(found) > limit else None
    return InventoryPage([one for _, one in found[:limit]], following)


def named(store: Rows, of: Of, name: str) -> list[Item]:
    """What is known of one name, without the timeline; an actor, an MCP server and a tool may share one."""
    found = [item(LEDGERS[of], row) for row in store.rows(LEDGERS[of].rows, {"names": [name]})]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def several(store: Rows, of: Of, names: Sequence[str]) -> list[Item]:
    """What is known of some names, without the timeline; of those that the stream never had, nothing."""
    found: list[Item] = []
    for begin in range(0, len(names), _CHUNK):
        rows = store.rows(LEDGERS[of].rows, {"names": list(names[begin : begin + _CHUNK])})
        found += [item(LEDGERS[of], row)[1] for row in rows]
    return found


def _latest(
    store: Rows, ledger: Ledger, kind: str, since: int | None, after: tuple[int, str], limit: int
) -> Iterator[tuple[tuple[int, str], Item]]:
    """Names with their places, latest first, superseded ones too."""
    window = min(max(2 * limit, _CHUNK), MAX_LIMIT)
    keys = ledger.keys_of_kind if kind else ledger.keys
    bounds = {"kind": kind, "since": EARLIEST if since is None else max(EARLIEST, min(since, LATEST))}
    while True:
        # The key of an identity is its class and its name.
        head, _, tail = after[1].partition("/") if ledger is IDENTITIES else ("", "", after[1])
        given = {**bounds, "after_time": after[0], "after_class": head, "after_name": tail, "window": window}
        places = [(time, key) for key, time in store.rows(keys, given)]
        distinct = list(dict.fromkeys(places))
        # Reading the sets of a name is what takes long, and mostly the first names fill the page.
        size = min(limit + 1, _CHUNK)
        for begin in range(0, len(distinct), size):
            chunk = distinct[begin : begin + size]
            names = [key.partition("/")[2] if ledger is IDENTITIES else key for _, key in chunk]
            items = dict(item(ledger, row) for row in store.rows(ledger.rows, {"names": names}))
            # A row that is not the latest of its name was seen on an earlier page, or will be found there.
            yield from ((place, items[place[1]]) for place in chunk if items[place[1]].last == place[0])
        if len(places) < window:
            return
        after = places[-1]


def _current(store: Rows, ledger: Ledger, one: Item) -> bool:
    if one.current or one.rows < _EXACT:
        return one.current
    # Two sketches can be equal though the sets are not.
    return any(timeline(store, pivot, one.name, limit=1).entries for pivot in ledger.pivots)
