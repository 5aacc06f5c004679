"""What was written since one last looked, as far as a query finds it: new entries, and revisions of old ones.

The store notes what is written for an hour (`recent`, by the store's own clock). Rows that are written at once become
visible in any order, so each look goes back a little, and whoever follows leaves out what it has seen.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from pipeline.query.tree import Query
from pipeline.store.columns import SELECTED, entry
from pipeline.store.limits import limited
from pipeline.store.pivots import Rows
from pipeline.store.search import ANY, Scope, asked
from schemas.entry import Entry

#: How far a look goes back, in microseconds: longer than any write takes until it can be read.
OVERLAP = 15_000_000
#: What was seen that is remembered, and entries of one look.
_SEEN, MOST = 100_000, 5_000
_NOW = "SELECT toUnixTimestamp64Micro(now64(6, 'UTC'))"
_WRITTEN = """
    SELECT DISTINCT time, event_id FROM recent
    WHERE written >= fromUnixTimestamp64Micro({since_written:Int64}, 'UTC')
"""
_NEWEST = "SELECT max(toUnixTimestamp64Micro(written)) FROM recent WHERE written >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"  # noqa: E501
_ROWS = """
SELECT {selected} FROM entries FINAL
PREWHERE (time, event_id) IN ({written}) WHERE {condition}
ORDER BY time DESC, event_id DESC LIMIT {{most:UInt32}}
{limits}
"""


class Following:
    """Looks again and again."""

    def __init__(self, store: Rows, query: Query, *, after: int | None = None, scope: Scope = ANY) -> None:
        """`after` is the `place` of somebody who has looked before; without it only what comes is told."""
        self._store, self._query, self._scope = store, query, scope
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        #: Until when everything was told, in microseconds since 1970 by the store's clock.
        self.place = after if after is not None else int(store.rows(_NOW, {})[0][0])
        #: Whether the last look found more than `MOST`.
        self.flooded = False
        if after is None:
            # What is there already is none of what comes.
            self.look()

    def look(self) -> list[Entry]:
        """Entries that were written since, oldest first; of a flood the latest `MOST`. Raises TooMuch; Transient."""
        question = asked(self._store, self._query, self._scope)
        since = self.place - OVERLAP
        newest = int(self._store.rows(_NEWEST, {"since": since})[0][0])
        if not newest:
            return []
        given: dict[str, Any] = {**question.compiled.parameters, "since_written": since, "most": MOST}
        sql = _ROWS.format(
            selected=SELECTED, written=_WRITTEN, condition=question.compiled.sql, limits=self._scope.limits.sql
        )
        with limited(self._scope.limits):
            rows = self._store.rows(sql, given)
        self.flooded = len(rows) == MOST
        found = [one for one in map(entry, reversed(rows)) if self._new(one)]
        self.place = max(self.place, newest)
        return found

    def _new(self, one: Entry) -> bool:
        key = (one.event.event_id, one.revision)
        known = key in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return not known
