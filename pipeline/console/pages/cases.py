"""Cases: incidents that people work on, with what they pinned and said, the story, and what can be taken away."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import asked, casework, incidents, shapes
from pipeline.console.access.who import who
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.reconstruct.clue import KINDS
from pipeline.store import casework as stored
from pipeline.store import queries

#: Entries of pins that are read.
PINS = 500


def page(desk: Desk, request: Request) -> Page:
    """All cases, and the form that opens one."""
    given = request.query_params
    asked.only(given, ("state", "clue", "kind", "title"))
    found = [casework.case(one) for one in stored.cases(desk.store, given.get("state", ""))]
    query = {name: given.get(name, "") for name in ("state", "clue", "kind", "title")}
    values = {"cases": found, "states": stored.STATES, "query": query, "kinds": KINDS, **_who(request)}
    return Page("cases.html", "Cases", values)


def single(desk: Desk, request: Request, name: str, error: str = "", status: int = 200) -> Page:
    """One case."""
    found = casework.single(desk.store, name)
    if found is None:
        return missing("case", name, "See the list of cases.")
    pins = [one for one in found["notes"] if one["event_id"]]
    entries = queries.events(desk.store, [one["event_id"] for one in pins[:PINS]])
    pinned = {one["event_id"]: one for one in pins}
    values: dict[str, Any] = {
        "case": found, "states": stored.STATES, "kinds": KINDS, "error": error,
        "entries": [(shapes.entry(one), pinned[one.event.event_id]) for one in entries],
        "gone": [one for one in pins if one["event_id"] not in {entry.event.event_id for entry in entries}],
        "said": [one for one in found["notes"] if not one["event_id"]], **_who(request),
    }  # fmt: skip
    return Page("case.html", found["title"], values, status)


def story(desk: Desk, _: Request, name: str) -> Page:
    """What the clue of a case tells, as a part of its page: it takes a second or two."""
    found = stored.case(desk.store, name)
    if found is None or not found.clue:
        return Page("story.html", "Story", {"incident": None})
    incident, _entries = incidents.found(desk.store, {"clue": found.clue, "kind": found.kind})
    return Page("story.html", "Story", {"incident": incidents.shape(incident), "case": casework.case(found)})


def choices(desk: Desk, request: Request) -> Page:
    """The form that pins an entry to a case, as a part of the entry's page."""
    given = request.query_params
    asked.only(given, ("event_id",))
    cases = [one for one in stored.cases(desk.store) if one.state != "closed"]
    values = {"cases": cases, "event_id": given.get("event_id", ""), **_who(request)}
    return Page("pin_form.html", "Pin", values)


def _who(request: Request) -> dict[str, str]:
    """Who signed in; empty where nobody has to, and forms ask."""
    somebody = who(request)
    return {"known": somebody.name if somebody.known else ""}
