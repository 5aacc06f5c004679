"""A session as one causal waterfall: prompt, tool call, token, cloud request, and where each argument came from."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import asked, findings, inventory, links
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.console.pages.notes import said
from pipeline.console.pages.scale import WIDTH, lasting
from pipeline.console.pages.waterfall import waterfall
from pipeline.store.pivots import timeline

#: Acts of one page; what was found of the session.
ACTS, FOUND = 500, 20


def page(desk: Desk, request: Request, name: str) -> Page:
    """One session, or a part of it."""
    given = request.query_params
    asked.only(given, ("after",))
    found = inventory.single(desk.store, "sessions", name, {})
    if found is None:
        return missing("session", name, "See the list of sessions, or search the timeline for what you have.")
    after = asked.place(given["after"]) if given.get("after") else None
    part = timeline(desk.store, "session", name, after=after, limit=ACTS)
    drawn = waterfall(part.entries)
    more = links.with_query(links.session(name), {"after": asked.cursor(part.next)}) if part.next else ""
    values: dict[str, Any] = {
        "session": found, "rows": drawn.rows, "folds": drawn.folds, "width": WIDTH, "more_url": more,
        "findings": findings.listing(desk.store, {"session": name, "limit": str(FOUND)})["findings"],
        "lasting": lasting,
    }  # fmt: skip
    values |= said(desk, "session", name)
    return Page("session.html", f"Session {name}", values)
