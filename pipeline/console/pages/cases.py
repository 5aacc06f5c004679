"""Cases: incidents that people work on, with what they pinned and said, the story, and what can be taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from pipeline.console import asked, casework, incidents, shapes
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.kit.failures import Invalid
from pipeline.reconstruct.clue import KINDS
from pipeline.store import casework as stored
from pipeline.store import queries

_FIELDS = ("state", "clue", "kind", "title")


def page(desk: Desk, request: Request, typed: Mapping[str, str] | None = None, error: str = "") -> Page:
    """All cases, and the form that opens one; with `error` what was typed into it still is there."""
    given = request.query_params
    asked.only(given, _FIELDS)
    found = [casework.case(one) for one in stored.cases(desk.store, given.get("state", ""))]
    query = {name: (typed or given).get(name, "") for name in _FIELDS}
    values = {
        "cases": found, "states": stored.STATES, "query": query, "kinds": KINDS, "error": error, "most": stored.MOST,
    }  # fmt: skip
    return Page("cases.html", "Cases", values, 400 if error else 200)


def single(
    desk: Desk, request: Request, name: str, error: str = "", status: int = 200, typed: Mapping[str, str] | None = None
) -> Page:
    """One case; `typed` into one of its forms was not taken, because of `error`."""
    found = casework.single(desk.store, name)
    if found is None:
        return missing("case", name, "See the list of cases.")
    pins = [one for one in found["notes"] if one["event_id"]]
    entries = queries.events(desk.store, [one["event_id"] for one in pins])
    there = {one.event.event_id for one in entries}
    pinned = {one["event_id"]: one for one in pins}
    values: dict[str, Any] = {
        "case": found, "states": stored.STATES, "kinds": KINDS, "error": error,
        "entries": [(shapes.entry(one), pinned[one.event.event_id]) for one in entries],
        "gone": [one for one in pins if one["event_id"] not in there], "typed": {**found, **(typed or {})},
        "said": [one for one in found["notes"] if not one["event_id"]], "note": (typed or {}).get("text", ""),
    }  # fmt: skip
    return Page("case.html", found["title"], values, status)


def story(desk: Desk, _: Request, name: str) -> Page:
    """What the clue of a case tells, as a part of its page: it takes a second or two."""
    found = stored.case(desk.store, name)
    values: dict[str, Any] = {"incident": None, "why": "the case has no clue"}
    if found is not None and found.clue:
        given = {"clue": found.clue, "kind": found.kind}
        try:
            told = incidents.answer(desk.store, given, desk.settings.hashing_key)
            values = {"incident": told, "case": casework.case(found)}
        except Invalid as failure:
            # As a part of a page that is well: a browser would not show a refusal there.
            values["why"] = str(failure)
    return Page("story.html", "Story", values)


def choices(desk: Desk, request: Request) -> Page:
    """The form that pins an entry to a case, as a part of the entry's page."""
    given = request.query_params
    asked.only(given, ("event_id",))
    values = {"cases": stored.unfinished(desk.store), "event_id": given.get("event_id", "")}
    return Page("pin_form.html", "Pin", values)
