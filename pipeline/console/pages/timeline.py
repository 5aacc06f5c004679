"""The timeline of a query."""

from __future__ import annotations

from fastapi import Request

from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page


def page(desk: Desk, request: Request) -> Page:
    """Lanes, and a table under them."""
    return Page(
        "timeline.html", request.query_params.get("q", "") or "Timeline", {"query": request.query_params.get("q", "")}
    )
