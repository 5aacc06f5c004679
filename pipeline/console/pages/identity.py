"""An identity: what it is said to be and looks like, how it works beside its own past and its peers, what it uses."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import asked, findings, inventory
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, counted, missing
from pipeline.console.pages.notes import said
from pipeline.console.shapes import moment
from pipeline.store import cadence
from pipeline.store.cadence import Span

#: What was found of it.
FOUND = 5
_HOUR, _WEEK, _WEEKS = 3600, 7 * 86_400_000_000, 4
_PACES = ("within 0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "later")


def page(desk: Desk, request: Request, name: str) -> Page:
    """One identity."""
    given = request.query_params
    asked.only(given, ("kind",))
    found = inventory.single(desk.store, "identities", name, {"kind": given.get("kind", "")})
    if found is None:
        return missing("identity", name, "See the list of identities, or search the timeline for what you have.")
    acting = found["kind"] not in ("tool", "mcp-server")
    about = {"actor": name, "limit": str(FOUND)}
    values: dict[str, Any] = {
        "identity": found, "acting": acting, "cadence": _cadence(desk, name, found) if acting else None,
        "findings": findings.listing(desk.store, about)["findings"] if acting else [],
        "days": _days(found.get("behaviour", [])),
    }  # fmt: skip
    values |= said(desk, "identity", name)
    return Page("identity.html", name, values)


def _cadence(desk: Desk, name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Charts of its last week, beside the weeks before and beside its peers in the same week."""
    until = moment(found["last"], "last") // 1_000_000 // _HOUR * _HOUR * 1_000_000 + _HOUR * 1_000_000
    week, before = Span(until - _WEEK, until), Span(until - (_WEEKS + 1) * _WEEK, until - _WEEK)
    names = [name, *(one["name"] for one in found["names"])]
    peers = cadence.peers(desk.store, names, found["kind"])
    now, past = cadence.hours(desk.store, names, week), cadence.hours(desk.store, names, before)
    theirs = cadence.hours(desk.store, peers, week) if peers else {}
    weeks = _weeks(past, before.until)
    times = list(range(week.since // 1_000_000, week.until // 1_000_000, _HOUR))
    lines = [{"name": "this week", "colour": "agent", "values": [now.get(hour, 0) for hour in times]}]
    if weeks:
        usual = [_usual(past, hour, weeks) for hour in times]
        lines.append({"name": f"its own past, mean of {counted(weeks, 'week')}", "colour": "faint", "values": usual})
    if peers:
        mean = [round(theirs.get(hour, 0) / len(peers), 2) for hour in times]
        lines.append({"name": f"mean of {counted(len(peers), 'other')} of its kind", "colour": "cloud", "values": mean})
    shares = [("this week", cadence.pace(desk.store, names, week)), ("before", cadence.pace(desk.store, names, before))]
    return {
        "chart": {"times": times, "lines": lines}, "paces": _PACES, "peers": len(peers),
        "cut": cadence.MOST if max(sum(one.values()) for one in (now, past, theirs)) >= cadence.MOST else 0,
        "shares": [(who, _shares(counts), sum(counts)) for who, counts in shares],
    }  # fmt: skip


def _weeks(past: dict[int, int], until: int) -> int:
    """How many of the weeks before it was there in, counted back from the end of them."""
    if not past:
        return 0
    return min(_WEEKS, -(-(until // 1_000_000 - min(past)) // (_WEEK // 1_000_000)))


def _usual(past: dict[int, int], hour: int, weeks: int) -> float:
    """What it did at that hour of the week, on average."""
    step = _WEEK // 1_000_000
    return round(sum(past.get(hour - back * step, 0) for back in range(1, weeks + 1)) / weeks, 2)


def _shares(counts: list[int]) -> list[float]:
    whole = sum(counts)
    return [count / whole if whole else 0.0 for count in counts]


def _days(behaviour: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A chart of how surely a person, an agent, a script was at work, day by day."""
    if not behaviour:
        return None
    days = sorted(behaviour, key=lambda one: one["day"])
    times = [moment(one["day"], "day") // 1_000_000 for one in days]
    lines = [
        {"name": what, "colour": colour, "values": [round(one[what], 3) for one in days]}
        for what, colour in (("human", "human"), ("agent", "agent"), ("script", "cloud"))
    ]
    return {"times": times, "lines": lines, "top": 1}
