"""What somebody should look at: a list, one alert with its evidence, and what was decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from fastapi import Request
from starlette.exceptions import HTTPException

from pipeline.alert.life import VERDICTS
from pipeline.console import alerts, api, links
from pipeline.console.access.who import who
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.kit.failures import Invalid, Transient
from pipeline.store.findings import SEVERITIES
from pipeline.store.pivots import MAX_LIMIT
from schemas.alert import State


def page(desk: Desk, request: Request) -> Page:
    """Alerts, the one with the latest event first."""
    query = {**dict.fromkeys(alerts.PARAMETERS, ""), "limit": str(alerts.DEFAULT_LIMIT), **request.query_params}
    found = alerts.listing(desk.store, query)
    more = links.with_query("/alerts", {**query, "after": found["next"]}) if found["next"] else ""
    values: dict[str, Any] = {
        "query": query, "severities": SEVERITIES, "states": get_args(State), "max_limit": MAX_LIMIT,
        "alerts": found["alerts"], "more_url": more,
    }  # fmt: skip
    return Page("alerts.html", "Alerts", values)


def single(desk: Desk, request: Request, name: str, error: str = "", status: int = 200) -> Page:
    """One alert."""
    found = alerts.single(desk.store, name)
    if found is None:
        return missing("alert", name, "Its link may be of another installation: see the list of alerts.")
    values: dict[str, Any] = {
        "alert": found, "verdicts": VERDICTS, "error": error, "can_decide": desk.decide is not None,
        "marked": desk.marked,
    }  # fmt: skip
    return Page("alert.html", found["title"], values, status)


def decide(desk: Desk, request: Request, name: str, given: Mapping[str, str]) -> Page | None:
    """Take what a form says; None if it was taken, else the page with the reason."""
    said = dict(given)
    about = said.pop("about", name)
    try:
        api.accept(desk.store, desk.decide, about, said, who(request))
    except Invalid as failure:
        return single(desk, request, name, str(failure), 400)
    except HTTPException as failure:
        return single(desk, request, name, str(failure.detail), failure.status_code)
    except Transient as failure:
        return single(desk, request, name, str(failure), 503)
    return None
