"""What the overview shows: who is at risk, how much was heard, how much there is. Each is one query of bounded cost."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.store import alerts
from pipeline.store.pivots import Rows

_RISKS = """
SELECT actor, any(actor_kind), count() AS amount,
       max(indexOf(['low', 'medium', 'high', 'critical'], severity)) AS worst,
       toUnixTimestamp64Micro(max(time)) AS last, topK(3)(detection)
FROM findings FINAL
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND suppressed = '' AND actor != ''
GROUP BY actor ORDER BY worst DESC, amount DESC, last DESC, actor LIMIT {limit:UInt32}
"""
_LATEST = "SELECT if(count() = 0, NULL, toUnixTimestamp64Micro(max(time))) FROM entries"
_VOLUMES = """
SELECT toUnixTimestamp(toStartOfHour(time)) AS hour, kind, count() FROM entries
WHERE time > fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
GROUP BY hour, kind ORDER BY hour, kind
"""
_NUMBERS = """
SELECT (SELECT count() FROM entries), (SELECT uniq(name) FROM identities WHERE class = 'actor'),
       (SELECT uniq(name) FROM credentials), (SELECT uniq(name) FROM sessions)
"""
#: Microseconds of the time that volumes are shown of.
WEEK = 7 * 86_400_000_000
WORST = ("", "low", "medium", "high", "critical")


class Risk(NamedTuple):
    """An identity about which something was found."""

    actor: str
    kind: str
    findings: int
    #: The gravest severity among them.
    severity: str
    #: Microseconds since 1970.
    last: int
    detections: list[str]


class Volume(NamedTuple):
    """Rows of one kind in one hour; a row that was revised counts again."""

    #: Seconds since 1970.
    hour: int
    kind: str
    rows: int


class Numbers(NamedTuple):
    """How much there is; of entries with every revision, of names about."""

    entries: int
    identities: int
    credentials: int
    sessions: int
    open_alerts: int


def at_risk(store: Rows, since: int, limit: int) -> list[Risk]:
    """Identities by what was found of them since then (microseconds since 1970), the gravest first."""
    found = store.rows(_RISKS, {"since": since, "limit": limit})
    return [Risk(actor, kind, amount, WORST[worst], last, list(detections))
            for actor, kind, amount, worst, last, detections in found]  # fmt: skip


def latest(store: Rows) -> int | None:
    """Time of the latest event (microseconds since 1970); None while there is none."""
    found: int | None = store.rows(_LATEST, {})[0][0]
    return found


def volumes(store: Rows, until: int) -> list[Volume]:
    """Rows by hour and kind in the week that ends then (microseconds since 1970)."""
    return [Volume(*row) for row in store.rows(_VOLUMES, {"since": until - WEEK, "until": until})]


def numbers(store: Rows) -> Numbers:
    """How much there is."""
    entries, identities, credentials, sessions = store.rows(_NUMBERS, {})[0]
    return Numbers(entries, identities, credentials, sessions, alerts.waiting(store))
