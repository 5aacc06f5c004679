"""What detections found: a list, and one finding with its evidence and why it is one."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from pipeline.console import findings, links
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.store.findings import SEVERITIES
from pipeline.store.pivots import MAX_LIMIT


def page(desk: Desk, request: Request) -> Page:
    """Findings, latest first."""
    given = request.query_params
    query = {**dict.fromkeys(findings.PARAMETERS, ""), "limit": str(findings.DEFAULT_LIMIT), **given}
    found = findings.listing(desk.store, {name: value for name, value in query.items() if value})
    more = links.with_query("/findings", {**query, "after": found["next"]}) if found["next"] else ""
    values: dict[str, Any] = {
        "query": query, "severities": SEVERITIES, "max_limit": MAX_LIMIT, "findings": found["findings"],
        "more_url": more,
    }  # fmt: skip
    return Page("findings.html", "Findings", values)


def single(desk: Desk, _: Request, name: str) -> Page:
    """One finding."""
    found = findings.single(desk.store, name)
    if found is None:
        return missing("finding", name, "It may have been retracted since: see the list of findings.")
    return Page("finding.html", found["title"], {"finding": found, "marked": desk.marked})
