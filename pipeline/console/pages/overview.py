"""What needs attention now: open alerts, who is at risk, how much is heard, and whether this installation is well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request

from pipeline.console import alerts, asked, state
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page
from pipeline.console.pages.lanes import LANES
from pipeline.console.shapes import iso
from pipeline.store import overview

#: Alerts and identities that are shown.
SHOWN = 8
_HOUR = 3600


def page(desk: Desk, request: Request) -> Page:
    """The first page that somebody sees in the morning."""
    asked.only(request.query_params, ())
    report = desk.status()
    latest = overview.latest(desk.store)
    # Logs of last year are looked at as they were: what is shown ends where they end.
    until = desk.now() if latest is None else min(latest, desk.now())
    risks = overview.at_risk(desk.store, until - overview.WEEK, SHOWN)
    values: dict[str, Any] = {
        "alerts": alerts.listing(desk.store, {"state": "open", "limit": str(SHOWN)})["alerts"],
        "risks": [{**risk._asdict(), "last": iso(risk.last)} for risk in risks],
        "volumes": lines(overview.volumes(desk.store, until), until) if latest is not None else None,
        "latest": iso(latest) if latest is not None else "",
        "numbers": overview.numbers(desk.store), "lag": report.get("lag", {}), "troubles": state.told(report),
    }  # fmt: skip
    return Page("overview.html", "Overview", values)


def lines(volumes: Iterable[overview.Volume], until: int) -> dict[str, Any]:
    """A chart of rows by hour in the week that ends then (microseconds): a line a kind, hours without any are 0."""
    by_kind: dict[str, dict[int, int]] = {}
    for one in volumes:
        by_kind.setdefault(one.kind, {})[one.hour] = one.rows
    first, last = ((time // 1_000_000) // _HOUR * _HOUR for time in (until - overview.WEEK, until))
    times = list(range(first, last + 1, _HOUR))
    shown = [
        {"name": kind.replace("_", " "), "colour": colour, "values": [by_kind[kind].get(hour, 0) for hour in times]}
        for kind, colour in LANES.items() if kind in by_kind
    ]  # fmt: skip
    return {"times": times, "lines": shown}
