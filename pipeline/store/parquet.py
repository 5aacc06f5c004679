"""What a query finds as one Parquet file, which the engine writes itself: the embedded one as well as a server."""

from __future__ import annotations

from pipeline.query.tree import Query
from pipeline.store.client import Store
from pipeline.store.columns import COLUMNS
from pipeline.store.limits import limited
from pipeline.store.risk import RISK
from pipeline.store.search import ANY, Scope, asked, found_sql

#: Fingerprints are no use to anybody outside; `mentions` are some too.
_LEFT_OUT = ("tokens", "argument_tokens", "mentions")
#: Contents of those who may not have them: that there is something, and nothing else.
_WITHHELD = "if({value} = '', '', '[withheld]')"
_COVERED = {
    **{name: _WITHHELD.format(value=f"e.{name}") for name in ("text", "error")},
    "arguments": f"CAST(arrayMap(one -> (one.path, {_WITHHELD.format(value='one.value')}, one.origin), e.arguments), "
                 "'Array(Tuple(path String, value String, origin String))')",
    "attributes": f"mapApply((name, value) -> (name, {_WITHHELD.format(value='value')}), e.attributes)",
}  # fmt: skip
NAMES = tuple(name for name in COLUMNS if name not in _LEFT_OUT)
_FILE = """
SELECT {outer}, told.risk AS risk, told.findings AS findings
FROM ({found} ORDER BY time, event_id LIMIT {{most:UInt32}}) AS e
LEFT JOIN
(
    SELECT event_id, max(one_risk) AS risk, groupUniqArray(finding_id) AS findings FROM
    (
        SELECT arrayJoin(f.entries) AS event_id, f.finding_id AS finding_id, {risk} AS one_risk
        FROM findings AS f FINAL WHERE f.suppressed = ''
    )
    GROUP BY event_id
) AS told ON told.event_id = e.event_id
ORDER BY e.time, e.event_id
{limits}
FORMAT Parquet
"""
#: Of those rows the ones that have contents, and whose they are.
_QUOTED = """
SELECT event_id, if(human != '', human, actor) FROM
(
    SELECT event_id, human, actor, text != '' OR error != '' OR notEmpty(arguments) OR notEmpty(attributes) AS quoted
    FROM ({found} ORDER BY time, event_id LIMIT {{most:UInt32}})
)
WHERE quoted
{limits}
"""


def parquet(store: Store, query: Query, most: int, scope: Scope = ANY) -> bytes:
    """The file: columns of the table `entries`, `risk` and `findings`; oldest first, at most `most` rows.

    Without `scope.content` contents are withheld. Raises as `search`.
    """
    sql, given = found_sql(store, asked(store, query, scope), ", ".join(NAMES))
    covered = {} if scope.content else _COVERED
    outer = ", ".join(f"{covered.get(name, f'e.{name}')} AS {name}" for name in NAMES)
    whole = _FILE.format(outer=outer, found=sql, risk=RISK, limits=scope.limits.sql)
    with limited(scope.limits):
        return store.raw(whole, {**given, "most": most})


def quoted(store: Store, query: Query, most: int, scope: Scope = ANY) -> list[tuple[str, str]]:
    """Of the rows of that file those that have contents: ids of events, and whose they are. Raises as `search`."""
    sql, given = found_sql(store, asked(store, query, scope), ", ".join(NAMES))
    with limited(scope.limits):
        rows = store.rows(_QUOTED.format(found=sql, limits=scope.limits.sql), {**given, "most": most})
    return [(str(event_id), str(subject)) for event_id, subject in rows]
