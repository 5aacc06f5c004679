"""How this installation is: what each part says of itself, what could not be taken, what is set."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from pipeline.console import asked, coverage, shapes, state
from pipeline.console.access import reading
from pipeline.console.links import with_query
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.store import aliases, queries
from pipeline.store.coverage import DAY, DAYS, unknown_fields
from pipeline.store.pivots import MAX_LIMIT

#: Dead letters of a page, and characters of one that are shown.
LETTERS, SHOWN = 100, 20_000
#: Settings whose values nobody is shown.
_SECRET = ("hash_key", "api_key")


def status(desk: Desk, request: Request) -> Page:
    """Counters, lag, troubles, and what the store holds."""
    asked.only(request.query_params, ())
    report = desk.status()
    lag = [(stage, topic, behind) for stage, topics in report.get("lag_by_topic", {}).items()
           for topic, behind in sorted(topics.items())]  # fmt: skip
    values: dict[str, Any] = {
        "troubles": state.told(report), "lag": lag, "stages": report.get("lag", {}),
        "counts": sorted(report.get("counts", {}).items()), "store": state.holdings(desk.store),
        "drift": _drift(desk), "drift_days": DAYS,
    }  # fmt: skip
    return Page("status.html", "Status", values)


def _drift(desk: Desk) -> list[tuple[str, str, int]]:
    """Fields that formats do not know, in the last days by this machine's clock; none when the store is away."""
    now = time.time_ns() // 1000
    try:
        found = unknown_fields(desk.store, now - DAYS * DAY, now)
    except Transient:
        return []
    return [(source, field, events) for source, fields in found.items() for field, events in fields.items()]


def covered(desk: Desk, request: Request) -> Page:
    """Which sources are heard, how well they are linked, and which logs seem to be missing."""
    given = request.query_params
    found = coverage.answer(desk.store, given)
    return Page("coverage.html", "Coverage", {**found, "days": given.get("days", str(DAYS))})


def dead_letters(desk: Desk, request: Request) -> Page:
    """What could not be processed, latest first."""
    given = request.query_params
    asked.only(given, ("stage", "limit", "offset"))
    limit = asked.number(given, "limit", LETTERS, 1, MAX_LIMIT)
    offset = asked.number(given, "offset", 0, 0, 2**62)
    stage = given.get("stage", "")
    found = queries.dead_letters(desk.store, stage=stage, limit=limit, offset=offset)
    more = {"stage": stage, "limit": limit, "offset": offset + limit} if len(found) == limit else None
    reasons = [one._replace(reason=reading.text(one.reason)) for one in queries.rejections(desk.store, 20)]
    values = {
        "letters": [shapes.dead_letter(one) for one in found], "stage": stage, "reasons": reasons,
        "more_url": with_query("/dead-letters", more) if more else "",
    }  # fmt: skip
    return Page("dead_letters.html", "Dead letters", values)


def dead_letter(desk: Desk, _: Request, name: str) -> Page:
    """One of them with its bytes."""
    found = queries.dead_letter(desk.store, name)
    if found is None:
        return missing("dead letter", name, "It may have been sent again since.")
    shape = shapes.dead_letter(found)
    return Page("dead_letter.html", "Dead letter", {"letter": shape, "shown": SHOWN})


def settings(desk: Desk, request: Request) -> Page:
    """What is set, without secrets, and what analysts have said of names."""
    asked.only(request.query_params, ())
    values = {"settings": told(desk.settings), "aliases": aliases.aliases(desk.store), "iso": shapes.iso}
    return Page("settings.html", "Settings", values)


def told(given: Settings) -> list[tuple[str, str, bool]]:
    """Name, value, and whether that is not the default, of every setting; no password and no key is among them."""
    found = []
    for name, field in type(given).model_fields.items():
        value = getattr(given, name)
        text = "" if value is None else str(value)
        found.append((name, _hidden(name, text), value != field.get_default(call_default_factory=True)))
    return found


def _hidden(name: str, text: str) -> str:
    if name in _SECRET or name.endswith(("_secret", "_password", "_token")):
        return "set" if text else ""
    address = urlsplit(text) if "://" in text else None
    if address is not None and address.password:
        return text.replace(f":{address.password}@", ":…@", 1)
    return text
