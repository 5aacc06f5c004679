"""An Alert becomes a JSON object: of webhooks, of the API, of the command line.

Keys may be added; none changes its meaning.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from pipeline.alert.notice import Notice
from schemas.alert import Alert

#: Keys that people look for come first.
_FIRST = (
    "alert_id", "revision", "fingerprint", "state", "verdict", "severity", "risk", "sensitivity", "family", "stage",
    "title", "sentence", "unusual", "runbook", "actor", "actor_kind", "human", "session", "credentials", "policies",
    "actions", "resources", "accounts", "addresses", "first", "last", "count", "detections", "findings", "entries",
    "frameworks", "models", "p_value", "storm", "suppressed", "part_of", "changes", "at",
)  # fmt: skip
_TIMES = ("first", "last", "at")


def item(alert: Alert) -> dict[str, Any]:
    """The JSON object of one alert, times in ISO 8601 (UTC)."""
    values = msgspec.to_builtins(alert)
    found = {name: values[name] for name in _FIRST}
    found |= {name: iso(values[name]) for name in _TIMES}
    found["changes"] = [{**change, "at": iso(change["at"])} for change in found["changes"]]
    for change in found["changes"]:
        del change["decision_id"]
    return found


def told(notice: Notice) -> dict[str, Any]:
    """The JSON object that webhooks and templates get: what happened, when, the idempotency key, and the alert."""
    return {
        "type": f"alert.{notice.news}",
        "timestamp": iso(notice.alert.at),
        "key": notice.key,
        "example": notice.example,
        "data": {**item(notice.alert), "link": notice.link},
    }


def iso(microseconds: int) -> str | None:
    """A time as text; None for none."""
    if not microseconds:
        return None
    try:
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
