"""Alerts, attempts and responses become what terminals, programs and spreadsheets read, as in `pipeline.cli.views`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from pipeline.cli import views
from pipeline.cli.tables import Column, pairs, paragraph
from pipeline.cli.views import Format, Shape
from pipeline.console.inert import inert

ALERT_COLUMNS = (
    "last", "severity", "state", "verdict", "title", "sentence", "actor", "actor_kind", "human", "session", "risk",
    "family", "stage", "detections", "credentials", "policies", "resources", "addresses", "accounts", "first", "count",
    "p_value", "frameworks", "entries", "findings", "suppressed", "part_of", "storm", "fingerprint", "revision",
    "alert_id",
)  # fmt: skip
DELIVERY_COLUMNS = (
    "at", "destination", "outcome", "status", "latency", "attempt", "reason", "alert_id", "revision", "key",
)  # fmt: skip
RESPONSE_COLUMNS = ("at", "state", "title", "hook", "approvals", "alert_id", "request", "changes", "response_id")
#: Parts of one alert that are shown below its fields, and those that a terminal is spared.
_PARTS = ("unusual", "runbook", "evidence", "missing", "deliveries", "responses", "similar", "changes", "entries")
_SPARED = ("findings", "quotes", "sentence", "revision", "fingerprint", "models")


def alerts(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Alerts; returns how many there were. Written while they arrive."""
    return views.listing(rows, format, out, _ALERTS, ALERT_COLUMNS)


def deliveries(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Attempts; returns how many there were."""
    return views.listing(rows, format, out, _DELIVERIES, DELIVERY_COLUMNS)


def responses(rows: Iterable[Shape], format: Format, out: TextIO) -> int:
    """Responses; returns how many there were."""
    return views.listing(rows, format, out, _RESPONSES, RESPONSE_COLUMNS)


def alert(row: Shape, format: Format, out: TextIO) -> None:
    """One alert: the sentence, what was unusual, what to do; then what is known of it, and its evidence."""
    if format != "table":
        alerts([row], format, out)
        return
    paragraph(row["sentence"], out)
    for title, name in (("What was unusual", "unusual"), ("What to do", "runbook")):
        if row[name]:
            out.write(f"\n{title}:\n")
            pairs([(f"{place}.", text) for place, text in enumerate(row[name], 1)], out)
    out.write("\n")
    told = [(name, views.written(value)) for name, value in row.items() if name not in (*_PARTS, *_SPARED)]
    pairs([(name, text) for name, text in told if text and text not in ("false", "False")], out)
    if row["changes"]:
        out.write("\nWhat was done about it:\n")
        pairs([(one["at"], _change(one)) for one in row["changes"]], out)
    for title, name, view in (
        ("Proposed and done", "responses", responses), ("Who was told", "deliveries", deliveries),
        ("Evidence", "evidence", views.timeline), ("The same before", "similar", alerts),
    ):  # fmt: skip
        if row[name]:
            out.write(f"\n{title}:\n")
            view(row[name], "table", out)


def response(row: Shape, format: Format, out: TextIO) -> None:
    """One response with the very request that it stands for."""
    if format != "table":
        responses([row], format, out)
        return
    request = row["request"]
    pairs([(name, views.written(row[name])) for name in ("title", "state", "hook", "approvals", "alert_id")], out)
    out.write(f"\n{inert(request['method'])} {inert(request['url'])}\n")
    pairs(request["headers"].items(), out)
    out.write(inert(request["body"]) + "\n\n")
    pairs([(one["at"], _change(one)) for one in row["changes"]], out)


def _change(one: Shape) -> str:
    verdict = f" ({one['verdict']})" if one["verdict"] else ""
    reason = f": {one['reason']}" if one["reason"] else ""
    return f"{one['what']}{verdict} by {one['by']}{reason}"


def _when(text: str | None) -> str:
    return (text or "").replace("T", " ").removesuffix("Z").partition(".")[0]


def _who(row: Shape) -> str:
    who = "many" if row["storm"] else row["actor"] or "unknown"
    return "\n".join(filter(None, (who, row["human"] and f"for {row['human']}")))


def _state(row: Shape) -> str:
    return "\n".join(filter(None, (row["state"], row["verdict"], row["suppressed"] and "suppressed")))


_ALERTS = (
    Column("Latest (UTC)", lambda row: _when(row["last"]), whole=True),
    Column("Severity", lambda row: row["severity"], whole=True),
    Column("State", _state, whole=True),
    Column("Alert", lambda row: f"{row['title']}\n{row['alert_id']}", weight=4),
    Column("Who", _who, weight=2),
    Column("What happened", lambda row: row["sentence"], weight=7),
)
_DELIVERIES = (
    Column("When (UTC)", lambda row: _when(row["at"]), whole=True),
    Column("Destination", lambda row: row["destination"], weight=2),
    Column("Outcome", lambda row: row["outcome"], whole=True),
    Column("Status", lambda row: str(row["status"] or ""), whole=True),
    Column("ms", lambda row: f"{row['latency']:.0f}", whole=True),
    Column("Try", lambda row: str(row["attempt"]), whole=True),
    Column("Alert", lambda row: f"{row['alert_id']}.{row['revision']}", weight=3),
    Column("Reason", lambda row: row["reason"], weight=5),
)
_RESPONSES = (
    Column("When (UTC)", lambda row: _when(row["at"]), whole=True),
    Column("State", lambda row: row["state"], whole=True),
    Column("What", lambda row: f"{row['title']}\n{row['response_id']}", weight=4),
    Column("Request", lambda row: f"{row['request']['method']} {row['request']['url']}", weight=5),
    Column("By", lambda row: "\n".join(f"{one['what']}: {one['by']}" for one in row["changes"]), weight=3),
)
