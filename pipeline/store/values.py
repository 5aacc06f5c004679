"""Values that a field has in the store, for completion: from the inventory, else from the latest entries.

In:     a field of `pipeline.query.fields`, and what its value begins with
Out:    values, best first; no contents ever
Fails:  never for a field that it does not know: there are no values then
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.query.matching import folded
from pipeline.store.limits import Limits, limited
from pipeline.store.pivots import Rows

MOST = 100
#: Characters of a value that is proposed: longer ones are nobody's to pick.
_LONGEST = 512
_LIMITS = Limits(seconds=2.0)
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase()"
#: Names whose last time says how near they are.
_INVENTORY = {
    "actor": "SELECT name AS value, max(last) AS weight FROM identities WHERE class = 'actor' GROUP BY name",
    "tool": "SELECT name AS value, max(last) AS weight FROM identities WHERE class = 'tool' GROUP BY name",
    "session": "SELECT name AS value, max(last) AS weight FROM sessions GROUP BY name",
    "credential": "SELECT name AS value, max(last) AS weight FROM credentials GROUP BY name",
    "detection": "SELECT toString(detection) AS value, count() AS weight FROM findings GROUP BY value",
}
_SAME = {"human": "actor", "used-token": "credential", "chain": "credential"}
#: Columns of the latest entries.
_LATEST = """
SELECT value, count() AS weight
FROM (SELECT {value} AS value FROM entries ORDER BY time DESC, event_id DESC LIMIT 100000)
GROUP BY value
"""
_COLUMNS: Mapping[str, str] = {
    "action": "toString(action)", "format": "toString(format)", "producer": "toString(producer)",
    "account": "toString(account)", "region": "toString(region)", "address": "address", "user-agent": "user_agent",
    "policy": "policy",
    "unbound": "toString(unbound)", "resource": "arrayJoin(resources)",
}  # fmt: skip
_CHOSEN = """
SELECT value FROM ({found})
WHERE value != '' AND length(value) <= {{longest:UInt32}} AND position(lower(value), {{prefix:String}}) > 0
ORDER BY startsWith(lower(value), {{prefix:String}}) DESC, weight DESC, value
LIMIT {{limit:UInt32}}
{limits}
"""


def values(store: Rows, field: str, prefix: str, limit: int = 20) -> list[str]:
    """Values that have `prefix` in them, whatever the case; those that begin with it first, then the latest or most
    frequent. Raises TooMuch; Transient."""
    name = _SAME.get(field, field)
    source = _INVENTORY.get(name) or (_LATEST.format(value=_COLUMNS[name]) if name in _COLUMNS else "")
    if not source or len(prefix) > _LONGEST:
        return []
    # Whoever only reads does not bring the schema up to date, so a store may be older than its inventory.
    if source.partition(" FROM ")[2].partition(" ")[0] not in {"(SELECT", *(one for (one,) in store.rows(_TABLES, {}))}:
        return []
    given = {"prefix": folded(prefix), "limit": max(1, min(limit, MOST)), "longest": _LONGEST}
    with limited(_LIMITS):
        return [value for (value,) in store.rows(_CHOSEN.format(found=source, limits=_LIMITS.sql), given)]
