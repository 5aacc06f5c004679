"""Queries that people keep, and the form that keeps one: a part of the timeline's page."""

from __future__ import annotations

from fastapi import Request

from pipeline.console import asked, casework
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page
from pipeline.store import casework as stored


def part(desk: Desk, request: Request) -> Page:
    """The queries, by name; `q` is the one that the timeline shows."""
    given = request.query_params
    asked.only(given, ("q",))
    values = {
        "views": [casework.view(one) for one in stored.views(desk.store)], "q": given.get("q", ""),
    }  # fmt: skip
    return Page("views.html", "Kept queries", values)
