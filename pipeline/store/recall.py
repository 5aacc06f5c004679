"""The events that used one credential, for the correlator to attribute again.

What a credential issued is attributed again with it, but does not count: the correlator keeps issuances by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.store.columns import SELECTED, entry
from pipeline.store.pivots import MAX_LIMIT, Rows, timeline
from schemas.entry import Entry

_USED = """
SELECT count() FROM entries FINAL
WHERE (time, event_id) IN (SELECT time, event_id FROM pivots WHERE key = sipHash64('credential', {credential:String}))
  AND credential = {credential:String} AND kind = 'cloud_audit'
"""

_EVENT = f"""
SELECT {SELECTED} FROM entries FINAL
WHERE time = fromUnixTimestamp64Micro({{time:Int64}}, 'UTC') AND event_id = {{event_id:String}} LIMIT 1
"""  # noqa: S608  (column names of ours)


def used(store: Rows, credential: str) -> int:
    """How many cloud audit events used it. Reads the granules of its pivot only."""
    return int(store.rows(_USED, {"credential": credential})[0][0])


def event_of(store: Rows, time: int, event_id: str) -> Entry | None:
    """One entry by its event's time and id; None if the store does not have it yet."""
    found = store.rows(_EVENT, {"time": time, "event_id": event_id})
    return entry(found[0]) if found else None


def uses(store: Rows, credential: str) -> Iterator[Entry]:
    """The entries of those events and of the issuances made with it, in the order of time, without fingerprints."""
    after = None
    while True:
        page = timeline(store, "credential", credential, after=after, limit=MAX_LIMIT)
        for row in page.entries:
            if row.event.credential == credential:
                yield row
        if page.next is None:
            return
        after = page.next
