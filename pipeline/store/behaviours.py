"""How an identity worked on its latest days, as the scoring stage saw it."""

from __future__ import annotations

from pipeline.store.pivots import Rows
from schemas.behaviour import Behaviour

#: Days that are shown.
DAYS = 30
_SELECTED = ", ".join({"day": "toInt32(day)"}.get(name, name) for name in Behaviour.__struct_fields__)
_LATEST = f"""
SELECT {_SELECTED} FROM behaviours FINAL
WHERE identity = {{identity:String}} ORDER BY day DESC LIMIT {{days:UInt32}}
"""  # noqa: S608  (no input in it)
#: Whoever only reads does not bring the schema up to date, so a store may be older than behaviours.
_THERE = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'behaviours'"


def behaviours(store: Rows, identity: str, days: int = DAYS) -> list[Behaviour]:
    """Its latest days on which the shape of its work was seen, latest first."""
    if not store.rows(_THERE, {})[0][0]:
        return []
    rows = store.rows(_LATEST, {"identity": identity, "days": days})
    return [Behaviour(**dict(zip(Behaviour.__struct_fields__, row, strict=True))) for row in rows]
