"""A Query becomes points to draw: a hundred thousand entries, column by column, with what a mark needs and no more.

They are those of a span of time. Where it ends is found among the rows as they are, older revisions included; what is
current within it is then read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.query.tree import Query
from pipeline.store.amounts import Count, count
from pipeline.store.limits import limited
from pipeline.store.pivots import Rows
from pipeline.store.risk import RISK
from pipeline.store.search import ANY, Asked, Scope, asked, best, found_sql

MOST_POINTS = 100_000
#: What a point shows.
_SELECTED = (
    "event_id, toString(kind), toUnixTimestamp64Micro(time) AS at, actor, toString(actor_kind), toString(action),"
    " session, credential"
)
#: The row that is so far from the first one, and how much farther is looked where revisions make up for rows.
_BOUND = """
SELECT toUnixTimestamp64Micro(time) FROM {table}
WHERE time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
  AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC') AND {condition}
ORDER BY time {way} LIMIT 1 OFFSET {{offset:UInt64}}
{limits}
"""
_FARTHER = 4
_POINTS = "{found} ORDER BY at {way}, event_id {way} LIMIT {{most:UInt32}} {limits}"
#: Entries that are evidence, within a span of time.
_RISKS = """
SELECT event_id, max(risk) FROM
(
    SELECT arrayJoin(f.entries) AS event_id, {risk} AS risk FROM findings AS f FINAL WHERE f.suppressed = ''
)
WHERE event_id IN (
    SELECT event_id FROM entries
    WHERE time >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') AND time <= fromUnixTimestamp64Micro({{last:Int64}}, 'UTC')
)
GROUP BY event_id
{limits}
"""  # noqa: E501


class Points(NamedTuple):
    """Columns of equal length, in the order that was asked for."""

    time: list[int]
    event_id: list[str]
    kind: list[str]
    actor: list[str]
    actor_kind: list[str]
    action: list[str]
    session: list[str]
    credential: list[str]
    risk: list[float]
    #: How many there are in all.
    total: Count


def points(
    store: Rows, query: Query, *, limit: int = MOST_POINTS, latest_first: bool = True, scope: Scope = ANY,
) -> Points:  # fmt: skip
    """The first `limit` current entries that a query finds. Raises as `search`."""
    if not 1 <= limit <= MOST_POINTS:
        raise Invalid("limit", f"1 to {MOST_POINTS}", limit)
    question = asked(store, query, scope)
    with limited(scope.limits):
        rows = _rows(store, question, limit, latest_first)
        columns: list[list[Any]] = [list(one) for one in zip(*rows, strict=True)] if rows else [[] for _ in range(8)]
        event_id, kind, at, actor, actor_kind, action, session, credential = columns
        moments = [int(one) for one in at]
        risks = _risks(store, question, min(moments), max(moments)) if rows else {}
    total = Count(len(rows)) if len(rows) < limit else count(store, query, scope=scope)
    risk = [risks.get(one, 0.0) for one in event_id]
    return Points(moments, event_id, kind, actor, actor_kind, action, session, credential, risk, total)


def _rows(store: Rows, question: Asked, limit: int, latest_first: bool) -> list[Sequence[Any]]:
    way, made, limits = "DESC" if latest_first else "ASC", question.compiled, question.limits.sql
    offset, located = limit + limit // _FARTHER, best(store, made)
    table, condition = ("pivots", located) if located else ("entries", made.sql)
    while True:
        given = {**made.parameters, "since": made.since, "last": made.last, "offset": offset}
        bound = store.rows(_BOUND.format(table=table, condition=condition, way=way, limits=limits), given)
        sql, parameters = found_sql(store, question, _SELECTED)
        if bound:
            parameters["since" if latest_first else "last"] = int(bound[0][0])
        rows: list[Sequence[Any]] = store.rows(
            _POINTS.format(found=sql, way=way, limits=limits), parameters | {"most": limit}
        )
        if len(rows) == limit or not bound:
            return rows
        offset *= _FARTHER


def _risks(store: Rows, question: Asked, since: int, last: int) -> dict[str, float]:
    sql = _RISKS.format(risk=RISK, limits=question.limits.sql)
    return dict(store.rows(sql, {"since": since, "last": last}))
