"""A question becomes the console page: one HTML document without scripts or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, StrictUndefined

from pipeline.console import asked, shapes, state
from pipeline.console.inert import inert
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import PIVOTS, Store
from pipeline.store.aliases import Known
from pipeline.store.inventory import OF
from pipeline.store.pivots import MAX_LIMIT

STYLES = files("pipeline.console").joinpath("page.css").read_text(encoding="utf-8")
_FIELDS = ("pivot", "value", "since", "until", "limit", "after", "exact")


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
    entries, next_url, error, code = None, "", "", 200
    try:
        asked.only(given, _FIELDS)
        if query["value"]:
            page = asked.bounded(query["pivot"], query["value"], query).answer(store)
            entries, names = [shapes.entry(entry) for entry in page.entries], page.names
            next_url = "/?" + urlencode({**query, "after": asked.cursor(page.next)}) if page.next else ""
    except Invalid as failure:
        error, code = str(failure), 400
    except Transient as failure:
        error, code = str(failure), 503
    report = state.report(store, status)
    return code, template("page.html")(
        styles=STYLES, numbers=_numbers(report), troubles=_troubles(report), pivots=PIVOTS, max_limit=MAX_LIMIT,
        query=query, entries=entries, names=names, next_url=next_url, error=error, inventories=OF,
    )  # fmt: skip


def surety(confidence: float) -> str:
    """The CSS class of a confidence."""
    if confidence >= 0.9:
        return "sure"
    if confidence >= 0.7:
        return "likely"
    return "doubtful" if confidence > 0 else "unknown"


@cache
def template(name: str) -> Callable[..., str]:
    """What fills one of this package's templates; every value that it is given is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters.update(inert=inert, surety=surety)
    return environment.from_string(files("pipeline.console").joinpath(name).read_text(encoding="utf-8")).render


def _numbers(report: dict[str, Any]) -> list[tuple[str, str]]:
    store = report["store"]
    shown = [
        (name.replace("_", " "), f"{store[name]:,}")
        for name in ("entries", "unbound", "records", "rejected")
        if name in store
    ]
    waiting = sum(report.get("lag", {}).values())
    return [*shown, ("messages waiting", f"{waiting:,}"), ("latest event", store.get("last_event") or "none yet")]


def _troubles(report: dict[str, Any]) -> list[str]:
    found = [f"{part}: {reason}" for part, reason in report.get("troubles", {}).items()]
    return found + ([report["store"]["error"]] if "error" in report["store"] else [])
