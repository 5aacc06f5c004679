"""A Query becomes points to draw: a hundred thousand entries, column by column, with what a mark needs and no more."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.query.tree import Query
from pipeline.store.amounts import Count, count
from pipeline.store.limits import limited
from pipeline.store.pivots import Rows
from pipeline.store.risk import RISK
from pipeline.store.search import ANY, Scope, asked, found_rows, found_sql

MOST_POINTS = 100_000
#: As many beginnings as `found_rows` wants, then what a point shows.
_SELECTED = (
    "event_id, toString(kind), toUnixTimestamp64Micro(time), actor, toString(actor_kind), toString(action), session,"
    " credential"
)
#: Entries that are evidence, of those that match.
_RISKS = """
SELECT event_id, max(risk) FROM
(
    SELECT arrayJoin(f.entries) AS event_id, {risk} AS risk FROM findings AS f FINAL WHERE f.suppressed = ''
)
WHERE event_id IN (SELECT event_id FROM ({found}))
GROUP BY event_id
{limits}
"""


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
    rows = list(found_rows(store, question, _SELECTED, after=None, limit=limit, latest_first=latest_first))
    total = Count(len(rows))
    if len(rows) == limit:
        total = count(store, query, scope=scope)
    columns: list[list[str]] = [list(one) for one in zip(*rows, strict=True)] if rows else [[] for _ in range(8)]
    event_id, kind, time, actor, actor_kind, action, session, credential = columns
    risks: dict[str, float] = {}
    if rows:
        sql, given = found_sql(store, question, "event_id")
        with limited(scope.limits):
            risks = dict(store.rows(_RISKS.format(risk=RISK, found=sql, limits=scope.limits.sql), given))
    risk = [risks.get(one, 0.0) for one in event_id]
    moments = [int(one) for one in time]
    return Points(moments, event_id, kind, actor, actor_kind, action, session, credential, risk, total)
