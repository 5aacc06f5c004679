"""When somebody acts: how often by the hour, and how fast one act follows the other; and so for others of its kind.

Read from the keys of the pivots, never from the timeline. A row that a revision gave to somebody else may still be
counted with the name that it had before; in a picture of thousands that is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.store.pivots import Rows

#: Identities of the same kind that one is held against, those seen last, and acts of a name that are read at most.
PEERS, MOST = 40, 200_000
#: Upper ends of the classes of pace, in microseconds: what a machine does, what a person can, what is waiting.
PACES = (100_000, 1_000_000, 10_000_000, 60_000_000, 600_000_000, 3_600_000_000)
_TIMES = """
SELECT DISTINCT time, event_id FROM pivots
WHERE key IN (SELECT sipHash64('actor', arrayJoin({names:Array(String)})))
  AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
ORDER BY time DESC LIMIT {most:UInt32}
"""
_HOURS = f"SELECT toUnixTimestamp(toStartOfHour(time)) AS hour, count() FROM ({_TIMES}) GROUP BY hour ORDER BY hour"  # noqa: S608
_PACE = f"""
SELECT arrayFirstIndex(most -> gap <= most, {list(PACES)}) AS class, count()
FROM (SELECT dateDiff('microsecond', lagInFrame(time, 1, time) OVER (ORDER BY time, event_id ROWS BETWEEN 1 PRECEDING
      AND CURRENT ROW), time) AS gap, row_number() OVER (ORDER BY time, event_id) AS place FROM ({_TIMES}))
WHERE place > 1 GROUP BY class ORDER BY class
"""  # noqa: S608
_PEERS = """
SELECT name FROM identities WHERE class = 'actor' AND name NOT IN {names:Array(String)}
GROUP BY name HAVING max(kind).4 = {kind:String} ORDER BY max(last) DESC, name LIMIT {peers:UInt32}
"""


class Span(NamedTuple):
    """From when (included) until when (excluded), microseconds since 1970."""

    since: int
    until: int


def hours(store: Rows, names: Sequence[str], span: Span) -> dict[int, int]:
    """Acts of some names together, by the hour (seconds since 1970)."""
    return dict(store.rows(_HOURS, _given(names, span)))


def pace(store: Rows, names: Sequence[str], span: Span) -> list[int]:
    """How many acts followed the one before within each of PACES, and later than all of them (the last number)."""
    found = dict(store.rows(_PACE, _given(names, span)))
    return [found.get(number, 0) for number in range(1, len(PACES) + 1)] + [found.get(0, 0)]


def peers(store: Rows, names: Sequence[str], kind: str) -> list[str]:
    """Other identities of a kind, those that were seen last first."""
    return [name for (name,) in store.rows(_PEERS, {"names": list(names), "kind": kind, "peers": PEERS})]


def _given(names: Sequence[str], span: Span) -> dict[str, object]:
    return {"names": list(names), "since": span.since, "until": span.until, "most": MOST}
