"""What the process says of itself and what the store holds become one report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.console.access import reading
from pipeline.console.shapes import iso
from pipeline.kit.failures import Transient
from pipeline.store import Store, alerts, findings, queries

Status = Callable[[], dict[str, Any]]


def report(store: Store, status: Status) -> dict[str, Any]:
    """The process's own report, and under `store` what it holds (or `error`).

    `store`: `entries`, `unbound`, `records`, `rejected`, `last_event` (time or null), `findings`, `open_alerts` (those
    that somebody was told of and nobody has closed), `links` (entries by method of the actor link), `rejections`
    (`stage`, `reason`, `amount`; most frequent first, at most 100).
    """
    return {**status(), "store": holdings(store)}


def holdings(store: Store) -> dict[str, Any]:
    """What the store holds; `error` alone while it is away."""
    try:
        counts = queries.counts(store)
        return {
            **counts._asdict(),
            "last_event": None if counts.last_event is None else iso(counts.last_event),
            "findings": findings.amount(store),
            "open_alerts": alerts.waiting(store),
            "rejections": [{**one._asdict(), "reason": reading.text(one.reason)} for one in queries.rejections(store)],
        }
    except Transient as error:
        return {"error": str(error)}


def told(report: dict[str, Any]) -> list[str]:
    """What a report says is wrong, a line each."""
    return [f"{part}: {reason}" for part, reason in report.get("troubles", {}).items()]


def troubles(store: Store, status: Status) -> list[str]:
    """Why this process is not healthy; empty when it is. A destination that is away makes nothing of ours ill."""
    told = status().get("troubles", {})
    found = [f"{part}: {reason}" for part, reason in told.items() if not part.startswith("destination ")]
    try:
        store.rows("SELECT 1")
    except Transient as error:
        found.append(str(error))
    return found
