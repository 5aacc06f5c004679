"""Alerts, responses and deliveries become rows, and rows become pages, latest first; the highest revision counts.

An alert is kept whole, as one JSON text; the columns beside it are what it is asked by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, get_args

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.store.pivots import MAX_LIMIT, Rows, bounds
from pipeline.store.write import Block, block_of, text_of
from schemas.alert import Alert, Delivery, Response, State, Verdict
from schemas.finding import Severity

#: What alerts can be asked for by, with the values that there are (None: any).
FILTERS: dict[str, tuple[str, ...] | None] = {
    "state": get_args(State), "verdict": get_args(Verdict)[1:], "severity": get_args(Severity), "family": None,
    "actor": None, "human": None, "session": None, "detection": None, "fingerprint": None, "part_of": None,
}  # fmt: skip
_ALERT = (
    "alert_id", "revision", "state", "verdict", "severity", "family", "actor", "human", "session", "suppressed",
    "part_of", "fingerprint", "detections", "first", "last", "at", "alert",
)  # fmt: skip
_RESPONSE = ("response_id", "revision", "alert_id", "hook", "state", "at", "response")
_DELIVERY = (
    "destination", "alert_id", "revision", "key", "attempt", "at", "outcome", "status", "latency", "reason",
)  # fmt: skip
_THERE = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'alerts'"
_PAGE = """
SELECT alert, toUnixTimestamp64Micro(last) AS moment, alert_id FROM alerts FINAL
WHERE last >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND last <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
"""
_AFTER = " AND (last, alert_id) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), {after_id:String})"
_OF_DETECTION = "hasAny(detections, {detection:Array(String)})"
_ORDER = " ORDER BY last DESC, alert_id DESC LIMIT {limit:UInt32}"
_WAITING = "SELECT count() FROM alerts FINAL WHERE state != 'closed' AND suppressed = '' AND part_of = ''"
_ONE = "SELECT alert FROM alerts FINAL WHERE alert_id = {id:String}"
_SOME = "SELECT alert FROM alerts FINAL WHERE alert_id IN {ids:Array(String)}"
_RESPONSES = "SELECT response FROM responses FINAL"
_DELIVERIES = f"""
SELECT {", ".join(f"toUnixTimestamp64Micro({name})" if name == "at" else name for name in _DELIVERY)}
FROM deliveries FINAL
"""  # noqa: S608  (no input in it)
Place = tuple[int, str]
_alert, _response = msgspec.json.Decoder(Alert).decode, msgspec.json.Decoder(Response).decode


class AlertsPage(NamedTuple):
    """Some alerts, the one with the latest event first."""

    alerts: list[Alert]
    next: Place | None


def alerts_block(alerts: Iterable[Alert]) -> Block:
    """Rows of `alerts`."""
    return block_of("alerts", _ALERT, (
        (one.alert_id, one.revision, one.state, one.verdict, one.severity, one.family, one.actor, one.human,
         one.session, one.suppressed, one.part_of, one.fingerprint, list(one.detections), one.first, one.last, one.at,
         text_of(one))
        for one in alerts
    ))  # fmt: skip


def responses_block(responses: Iterable[Response]) -> Block:
    """Rows of `responses`."""
    return block_of("responses", _RESPONSE, (
        (one.response_id, one.revision, one.alert_id, one.hook, one.state, one.at, text_of(one)) for one in responses
    ))  # fmt: skip


def deliveries_block(deliveries: Iterable[Delivery]) -> Block:
    """Rows of `deliveries`."""
    return block_of("deliveries", _DELIVERY, (tuple(getattr(one, name) for name in _DELIVERY) for one in deliveries))


def alerts(
    store: Rows, wanted: Mapping[str, Sequence[str]] | None = None, *, since: int | None = None,
    until: int | None = None, after: Place | None = None, limit: int = 100, everything: bool = False,
) -> AlertsPage:  # fmt: skip
    """Current alerts whose fields have one of the values that `wanted` names for them (see `FILTERS`).

    Those that nobody was told of (suppressed, or part of another) are left out unless `everything` or asked for by
    `part_of`. Times are microseconds; `after` is the `next` of the page before. Raises Invalid.
    """
    given = {name: list(values) for name, values in (wanted or {}).items()}
    _check(given, limit)
    if not store.rows(_THERE, {})[0][0]:
        return AlertsPage([], None)
    span = bounds(since, until)
    sql, asked = _PAGE, {"since": span[0], "until": span[1], "limit": limit + 1, **given}
    for name in given:
        sql += " AND " + (_OF_DETECTION if name == "detection" else f"{name} IN {{{name}:Array(String)}}")
    if not everything and "part_of" not in given:
        sql += " AND suppressed = '' AND part_of = ''"
    if after is not None:
        sql += _AFTER
        asked |= {"after_time": after[0], "after_id": after[1]}
    rows = store.rows(sql + _ORDER, asked)
    place = (rows[limit - 1][1], rows[limit - 1][2]) if len(rows) > limit else None
    return AlertsPage([_alert(row[0]) for row in rows[:limit]], place)


def waiting(store: Rows) -> int:
    """How many alerts somebody was told of and nobody has closed."""
    return int(store.rows(_WAITING, {})[0][0]) if store.rows(_THERE, {})[0][0] else 0


def alert(store: Rows, alert_id: str) -> Alert | None:
    """One current alert; None if there is none of that id."""
    if not store.rows(_THERE, {})[0][0]:
        return None
    rows = store.rows(_ONE, {"id": alert_id})
    return _alert(rows[0][0]) if rows else None


def current(store: Rows, alert_ids: Sequence[str]) -> dict[str, Alert]:
    """Current alerts by id; those that there are."""
    rows = store.rows(_SOME, {"ids": list(alert_ids)}) if alert_ids else []
    return {one.alert_id: one for one in (_alert(row[0]) for row in rows)}


def responses(store: Rows, alert_id: str = "", state: str = "", limit: int = 100) -> list[Response]:
    """Current responses, latest first; of one alert, or in one state."""
    if not store.rows(_THERE, {})[0][0]:
        return []
    where = [f"{name} = {{{name}:String}}" for name, value in (("alert_id", alert_id), ("state", state)) if value]
    sql = _RESPONSES + (" WHERE " + " AND ".join(where) if where else "") + " ORDER BY at DESC LIMIT {limit:UInt32}"
    return [_response(row[0]) for row in store.rows(sql, {"alert_id": alert_id, "state": state, "limit": limit})]


def response(store: Rows, response_id: str) -> Response | None:
    """One current response; None if there is none of that id."""
    if not store.rows(_THERE, {})[0][0]:
        return None
    rows = store.rows(_RESPONSES + " WHERE response_id = {id:String}", {"id": response_id})
    return _response(rows[0][0]) if rows else None


def deliveries(
    store: Rows, *, alert_id: str = "", destination: str = "", outcome: str = "", limit: int = 100
) -> list[Delivery]:  # fmt: skip
    """Attempts, latest first."""
    if not store.rows(_THERE, {})[0][0]:
        return []
    given = {"alert_id": alert_id, "destination": destination, "outcome": outcome}
    where = [f"{name} = {{{name}:String}}" for name, value in given.items() if value]
    sql = _DELIVERIES + (" WHERE " + " AND ".join(where) if where else "")
    rows = store.rows(
        sql + " ORDER BY deliveries.at DESC, attempt DESC LIMIT {limit:UInt32}", {**given, "limit": limit}
    )
    return [Delivery(**dict(zip(_DELIVERY, row, strict=True))) for row in rows]


def _check(given: Mapping[str, list[str]], limit: int) -> None:
    for name, values in given.items():
        if name not in FILTERS:
            raise Invalid("filter", "one of " + ", ".join(FILTERS), name)
        there = FILTERS[name]
        for value in values:
            if there is not None and value not in there:
                raise Invalid(name, "one of " + ", ".join(there), value)
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"1 to {MAX_LIMIT}", limit)
