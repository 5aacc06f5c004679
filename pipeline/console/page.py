"""A question becomes the console page: one HTML document without scripts or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined

from pipeline.console import asked, findings, shapes, state
from pipeline.console.inert import inert
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import PIVOTS, Store
from pipeline.store.aliases import Known
from pipeline.store.findings import FILTERS, SEVERITIES
from pipeline.store.inventory import OF
from pipeline.store.pivots import MAX_LIMIT, NAMING

STYLES = files("pipeline.console").joinpath("page.css").read_text(encoding="utf-8")
_FIELDS = ("pivot", "value", "since", "until", "limit", "after", "exact")
#: Findings that are shown above a timeline, or while nothing is asked.
_NEWEST = 20


def render(store: Store, status: state.Status, given: Mapping[str, str]) -> tuple[int, str]:
    """HTTP status and HTML of the page for the query parameters of its form."""
    query = {
        "pivot": "actor",
        "value": "",
        "since": "",
        "until": "",
        "limit": str(asked.DEFAULT_LIMIT),
        "exact": "",
        **given,
    }
    names: list[Known] = []
    found: list[dict[str, Any]] = []
    entries, next_url, more_url, error, code = None, "", "", "", 200
    try:
        asked.only(given, _FIELDS)
        if query["value"]:
            page = asked.bounded(query["pivot"], query["value"], query).answer(store)
            entries, names = [shapes.entry(entry) for entry in page.entries], page.names
            next_url = "/?" + urlencode({**query, "after": asked.cursor(page.next)}) if page.next else ""
        found, more_url = _found(store, query)
    except Invalid as failure:
        error, code = str(failure), 400
    except Transient as failure:
        error, code = str(failure), 503
    report = state.report(store, status)
    return code, template("page.html")(
        styles=STYLES, numbers=_numbers(report), troubles=_troubles(report), pivots=PIVOTS, max_limit=MAX_LIMIT,
        query=query, entries=entries, names=names, next_url=next_url, error=error, inventories=OF,
        findings=found, more_url=more_url, incident_url=_incident(query),
    )  # fmt: skip


def _incident(query: Mapping[str, str]) -> str:
    """Where the incident is shown that what is asked for belongs to."""
    kind = "identity" if query["pivot"] in NAMING else query["pivot"]
    return "/incident?" + urlencode({"clue": query["value"], "kind": kind})


def surety(confidence: float) -> str:
    """The CSS class of a confidence."""
    if confidence >= 0.9:
        return "sure"
    if confidence >= 0.7:
        return "likely"
    return "doubtful" if confidence > 0 else "unknown"


def gravity(severity: str) -> str:
    """The CSS class of a severity."""
    return severity if severity in SEVERITIES else "dim"


@cache
def template(name: str) -> Callable[..., str]:
    """What fills one of this package's templates; every value that it is given is escaped."""
    environment = Environment(
        loader=FunctionLoader(lambda name: files("pipeline.console").joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    environment.filters.update(inert=inert, surety=surety, gravity=gravity)
    return environment.get_template(name).render


def _found(store: Store, query: Mapping[str, str]) -> tuple[list[dict[str, Any]], str]:
    """The newest findings, of what is asked for if they can be asked by it, and where there are more.

    The pages that follow the first do not repeat them.
    """
    if query.get("after") or (query["value"] and query["pivot"] not in FILTERS):
        return [], ""
    given = {name: query[name] for name in ("since", "until", "exact")}
    if query["value"]:
        given[query["pivot"]] = query["value"]
    page = findings.listing(store, {**given, "limit": str(_NEWEST)})
    more = "/findings?" + urlencode({**given, "after": page["next"]}) if page["next"] else ""
    return [findings.linked(row) for row in page["findings"]], more


def _numbers(report: dict[str, Any]) -> list[tuple[str, str]]:
    store = report["store"]
    shown = [
        (name.replace("_", " "), f"{store[name]:,}")
        for name in ("entries", "unbound", "records", "rejected", "findings", "open_alerts")
        if name in store
    ]
    waiting = sum(report.get("lag", {}).values())
    return [*shown, ("messages waiting", f"{waiting:,}"), ("latest event", store.get("last_event") or "none yet")]


def _troubles(report: dict[str, Any]) -> list[str]:
    found = [f"{part}: {reason}" for part, reason in report.get("troubles", {}).items()]
    return found + ([report["store"]["error"]] if "error" in report["store"] else [])
