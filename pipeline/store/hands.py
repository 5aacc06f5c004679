"""What a pivot leads to becomes hands: who used what, in which session, from where, with which program, how often.

A hand is counted where its rows are, so that a key with a million events costs one row of an answer. Resources and
spans of time can be asked for as pivots can; a resource has no pivot of its own, but a skip index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.store.columns import SELECTED, entry
from pipeline.store.pivots import PIVOTS, Rows, bounds
from schemas.entry import Entry

#: What hands can be asked by.
BY = (*PIVOTS, "resource", "span")
#: Rows that are counted at most, latest first, and hands that are told.
MOST, HANDS = 200_000, 5_000

_CONDITIONS = {
    "actor": "actor IN {values:Array(String)}",
    "session": "session IN {values:Array(String)}",
    "credential": "(credential IN {values:Array(String)} OR issued IN {values:Array(String)})",
    "human": "human IN {values:Array(String)}",
    "address": "address IN {values:Array(String)}",
    "resource": "hasAny(resources, {values:Array(String)})",
    "span": "1",
}
_WITHIN = """time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND time <= fromUnixTimestamp64Micro({last:Int64}, 'UTC')"""
_BY_PIVOT = f"""
    SELECT DISTINCT time, event_id FROM pivots
    WHERE key IN (SELECT sipHash64({{pivot:String}}, arrayJoin({{values:Array(String)}})))
      AND {_WITHIN} ORDER BY time DESC LIMIT {{most:UInt32}}
"""  # noqa: S608
_BY_COLUMN = """
    SELECT DISTINCT time, event_id FROM entries WHERE {condition} AND {within} ORDER BY time DESC LIMIT {{most:UInt32}}
"""
#: The keys come first: of rows that are not asked for nothing else is read. Which row of a key is current does not
#: depend on it, so it may be done before FINAL.
_HANDS = """
SELECT credential, actor, any(actor_kind), any(human), session, parent_session, address, user_agent,
    kind IN ('prompt', 'tool_call') AS agentic, NOT agentic AND tool_call != '' AS explained,
    count() AS amount, toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)),
    minMap(map(toString(action), toUnixTimestamp64Micro(time))),
    minMap(if(policy = '', CAST(map(), 'Map(String, Int64)'), map(policy, toUnixTimestamp64Micro(time))))
FROM entries FINAL PREWHERE (time, event_id) IN ({keys}) WHERE {condition}
GROUP BY credential, actor, session, parent_session, address, user_agent, agentic, explained
ORDER BY max(time) DESC LIMIT {hands}
"""
_ROWS = """
SELECT {selected} FROM entries FINAL PREWHERE (time, event_id) IN ({keys}) WHERE {condition} {further}
ORDER BY time, event_id LIMIT {{limit:UInt32}}
"""
_ISSUING = f"""
SELECT {SELECTED} FROM entries FINAL
PREWHERE (time, event_id) IN (SELECT time, event_id FROM pivots WHERE key = sipHash64('credential', {{name:String}}))
WHERE issued = {{name:String}} AND credential != issued AND outcome NOT IN ('failure', 'denied')
ORDER BY time, event_id LIMIT 8
"""  # noqa: S608
_CHILDREN = """
SELECT name FROM sessions WHERE parent.4 IN {names:Array(String)} GROUP BY name ORDER BY name LIMIT 1000
"""


class Hand(NamedTuple):
    """Rows that have all of this in common; times in microseconds since 1970."""

    credential: str
    actor: str
    actor_kind: str
    human: str
    session: str
    parent_session: str
    address: str
    user_agent: str
    #: Prompts and tool calls; else requests and issuances, `explained` where a tool call is known to have made them.
    agentic: bool
    explained: bool
    events: int
    first: int
    last: int
    #: When it did each action, and acted under each policy, for the first time.
    actions: dict[str, int]
    policies: dict[str, int]


def hands(
    store: Rows, by: str, values: Sequence[str], *, since: int | None = None, until: int | None = None
) -> list[Hand]:
    """Hands among the latest `MOST` current rows of these values, latest first. Raises Invalid for an unknown `by`."""
    sql = _HANDS.format(keys=_keys(by), condition=_condition(by), hands=HANDS)
    return [Hand(*row) for row in store.rows(sql, _asked(by, values, since, until))]


def rows(
    store: Rows, by: str, values: Sequence[str], *, of: Hand | None = None, since: int | None = None,
    until: int | None = None, limit: int = 10_000,
) -> list[Entry]:  # fmt: skip
    """Current rows of these values, oldest first: of one hand (its credential, actor, session, address and user agent)
    or of all; among the latest `MOST` of the span. Raises Invalid for an unknown `by`."""
    asked = _asked(by, values, since, until) | {"limit": limit}
    further = ""
    for name in _OF if of is not None else ():
        further += f" AND {name} = {{of_{name}:String}}"
        asked[f"of_{name}"] = getattr(of, name)
    sql = _ROWS.format(selected=SELECTED, keys=_keys(by), condition=_condition(by), further=further)
    return [entry(row) for row in store.rows(sql, asked)]


def began(store: Rows) -> int:
    """When the timeline begins (microseconds); 0 of an empty one."""
    return int(store.rows("SELECT toUnixTimestamp64Micro(min(time)) FROM entries", {})[0][0])


def issuing(store: Rows, credential: str) -> list[Entry]:
    """The entries that issued a credential, earliest first, at most eight."""
    return [entry(row) for row in store.rows(_ISSUING, {"name": credential})]


def children(store: Rows, sessions: Sequence[str]) -> list[str]:
    """Sessions that these have opened."""
    return [name for (name,) in store.rows(_CHILDREN, {"names": list(sessions)})] if sessions else []


_OF = ("credential", "actor", "session", "address", "user_agent")


def _keys(by: str) -> str:
    _condition(by)
    if by in PIVOTS:
        return _BY_PIVOT
    return _BY_COLUMN.format(condition=_CONDITIONS[by], within=_WITHIN)


def _condition(by: str) -> str:
    if by not in _CONDITIONS:
        raise Invalid("by", "one of " + ", ".join(BY), by)
    return _CONDITIONS[by]


def _asked(by: str, values: Iterable[str], since: int | None, until: int | None) -> dict[str, Any]:
    first, last = bounds(since, until)
    return {"pivot": by, "values": list(values), "since": first, "last": last, "most": MOST}
