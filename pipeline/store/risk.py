"""Findings become the risk of the entries that are their evidence.

The risk of an entry is that of the worst current finding that has it as evidence and is not suppressed: its severity
names a band, its score the place within that band. Nothing of it is stored, so that a finding that is retracted,
suppressed or revised counts at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.store.pivots import Rows

#: Risk of a finding whose score is 0, and of one whose score is 1, by its severity. The bands do not touch, so that
#: `risk:>0.8` is whatever is high or worse.
BANDS: Mapping[str, tuple[float, float]] = {
    "low": (0.30, 0.45), "medium": (0.55, 0.70), "high": (0.81, 0.94), "critical": (0.95, 1.0),
}  # fmt: skip
_NAMES = ", ".join(f"'{name}'" for name in BANDS)
_LOWS = ", ".join(f"{low:.2f}" for low, _ in BANDS.values())
_WIDTHS = ", ".join(f"{high - low:.2f}" for low, high in BANDS.values())
#: Risk of a row of `findings` (as `f`).
RISK = (
    f"round(transform(toString(f.severity), [{_NAMES}], [{_LOWS}], 0.) + transform(toString(f.severity), [{_NAMES}],"
    f" [{_WIDTHS}], 0.) * if(isFinite(f.score), least(1., greatest(0., f.score)), 0.), 4)"
)
#: Ids in one query: with them it still fits a server's limit.
_CHUNK = 500
_TABLES = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ('findings', 'finding_evidence')
"""
_RISKS = """
SELECT event_id, max(risk), arraySort(one -> (-one.1, one.2), groupUniqArray((risk, finding_id))).2
FROM
(
    SELECT arrayJoin(arrayIntersect(f.entries, {{ids:Array(String)}})) AS event_id, f.finding_id AS finding_id, {risk} AS risk
    FROM findings AS f FINAL
    WHERE {located} AND f.suppressed = ''
)
GROUP BY event_id
"""  # noqa: E501
_LOCATED = "f.finding_id IN (SELECT finding_id FROM finding_evidence WHERE event_id IN {ids:Array(String)})"


class Risk(NamedTuple):
    """How risky an entry is, 0 to 1, and the findings that say so, worst first."""

    risk: float = 0.0
    findings: tuple[str, ...] = ()


NONE = Risk()


def risks(store: Rows, event_ids: Sequence[str]) -> dict[str, Risk]:
    """The risk of each of some entries that are evidence of anything; the others have none."""
    there = {name for (name,) in store.rows(_TABLES, {})} if event_ids else set()
    if "findings" not in there:
        return {}
    # Whoever only reads does not bring the schema up to date: without the table all findings are looked at.
    located = _LOCATED if "finding_evidence" in there else "hasAny(f.entries, {ids:Array(String)})"
    sql, found = _RISKS.format(risk=RISK, located=located), {}
    for begin in range(0, len(event_ids), _CHUNK):
        for event_id, risk, findings in store.rows(sql, {"ids": list(event_ids[begin : begin + _CHUNK])}):
            found[event_id] = Risk(float(risk), tuple(findings))
    return found
