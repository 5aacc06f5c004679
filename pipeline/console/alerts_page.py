"""Questions about alerts become pages of the console; forms of those pages become decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline.alert.life import VERDICTS
from pipeline.console import alerts, api, incidents
from pipeline.console.access.who import Who
from pipeline.console.page import STYLES, template
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import Store
from pipeline.store.findings import SEVERITIES
from pipeline.store.inventory import OF
from pipeline.store.pivots import MAX_LIMIT
from schemas.alert import State

#: Bytes of a form.
_FORM = 32 * 1024


def render(store: Store, given: Mapping[str, str]) -> tuple[int, str]:
    """HTTP status and HTML of the page of alerts for the query parameters of its form."""
    query = {**dict.fromkeys(alerts.PARAMETERS, ""), "limit": str(alerts.DEFAULT_LIMIT), **given}
    rows: list[dict[str, Any]] = []
    next_url, error, code = "", "", 200
    try:
        page = alerts.listing(store, query)
        rows = [linked(row) for row in page["alerts"]]
        next_url = "/alerts?" + urlencode({**query, "after": page["next"]}) if page["next"] else ""
    except Invalid as failure:
        error, code = str(failure), 400
    except Transient as failure:
        error, code = str(failure), 503
    return code, template("alerts.html")(
        styles=STYLES, inventories=OF, severities=SEVERITIES, states=get_args(State), max_limit=MAX_LIMIT, query=query,
        alerts=rows, more_url=next_url, error=error,
    )  # fmt: skip


def single(store: Store, alert_id: str, error: str = "", code: int = 200) -> tuple[int, str]:
    """HTTP status and HTML of the page of one alert."""
    try:
        found = alerts.single(store, alert_id)
    except Transient as failure:
        found, error, code = None, str(failure), 503
    if found is None and not error:
        error, code = f"There is no alert {alert_id[:200]}.", 404
    return code, template("alert.html")(
        styles=STYLES, inventories=OF, alert=linked(found) if found else None, verdicts=VERDICTS, error=error
    )


async def form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Invalid."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _FORM:
            raise Invalid("form", f"at most {_FORM} bytes")
    return dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))


def decide(
    store: Store, decide: alerts.Decide | None, alert_id: str, given: Mapping[str, str], by: Who
) -> tuple[int, str]:
    """Take what a form says; no HTML if it was taken, else the page with the reason."""
    said = dict(given)
    about = said.pop("about", alert_id)
    try:
        api.accept(store, decide, about, said, by)
    except Invalid as failure:
        return single(store, alert_id, str(failure), 400)
    except HTTPException as failure:
        return single(store, alert_id, str(failure.detail), failure.status_code)
    except Transient as failure:
        return single(store, alert_id, str(failure), 503)
    return 303, ""


def linked(shape: dict[str, Any]) -> dict[str, Any]:
    """The same with the addresses of its page and of the timelines of its session and actor (empty: it has none)."""

    def timeline(pivot: str) -> str:
        return "/?" + urlencode({"pivot": pivot, "value": shape[pivot]}) if shape[pivot] else ""

    url = "/alerts/" + quote(shape["alert_id"], safe="")
    members = "/alerts?" + urlencode({"part_of": shape["alert_id"]})
    similar = [linked(one) for one in shape.get("similar", [])]
    tokens = [(one, "/?" + urlencode({"pivot": "credential", "value": one})) for one in shape["credentials"]]
    return {
        **shape, "url": url, "of_session": timeline("session"), "of_actor": timeline("actor"), "members": members,
        "similar": similar, "tokens": tokens, "incident": incidents.link("alert", shape["alert_id"]),
    }  # fmt: skip
