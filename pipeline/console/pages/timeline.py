"""The timeline of a query: lanes, a table under them, and the entry that is looked at beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request

from pipeline.console import asked, links, names, shapes
from pipeline.console.access.who import who
from pipeline.console.pages import event
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page
from pipeline.kit.failures import Invalid
from pipeline.query import Fault, Query, parse, render
from pipeline.query.tree import both
from pipeline.store.pivots import PIVOTS, Rows
from pipeline.store.risk import NONE, risks
from pipeline.store.search import Scope, search
from schemas.entry import Entry

PARAMETERS = ("q", "since", "until", "order", "after", "exact", "event", "limit")
DEFAULT_LIMIT, MOST = 100, 1000
ORDERS = ("asc", "desc")
FORMATS = (("JSON lines", "jsonl"), ("CSV", "csv"), ("Parquet", "parquet"))
_NOTHING: dict[str, Any] = {"rows": [], "names": [], "caption": "", "more_url": "", "first_url": "", "exports": []}


class Wrong(NamedTuple):
    """What is wrong with a question; and of a query its text with carets under the place, else nothing."""

    message: str
    pointed: str


def page(desk: Desk, request: Request) -> Page:
    """Lanes, and a table under them."""
    given = request.query_params
    asked.only(given, PARAMETERS)
    query = {**dict.fromkeys(PARAMETERS, ""), **given}
    title = query["q"][:200] or "Timeline"
    values: dict[str, Any] = {"query": query, "error": None, "entry": None, "marked": desk.marked, **_NOTHING}
    if query["event"]:
        values["entry"] = event.single(desk, query["event"])
    try:
        values |= _table(desk, request, query)
    except Invalid as failure:
        pointed = failure.pointed() if isinstance(failure, Fault) and failure.text == query["q"] else ""
        return Page("timeline.html", title, values | {"error": Wrong(str(failure), pointed)}, 400)
    return Page("timeline.html", title, values)


def moved(given: Mapping[str, str]) -> str:
    """Where the timeline of one value is, of the address that it had before there were queries; empty for any other."""
    pivot, value = given.get("pivot", ""), given.get("value", "")
    if pivot not in PIVOTS or not value:
        return ""
    return links.timeline(pivot, value, **{name: given[name] for name in ("since", "until", "exact") if name in given})


def question(query: Mapping[str, str]) -> Query:
    """What the parameters `q`, `since` and `until` ask together. Raises Invalid, of the query itself Fault."""
    whole = parse(query["q"])
    for name in ("since", "until"):
        if query[name]:
            whole = both(whole, _moment(name, query[name]))
    return whole


def _moment(name: str, text: str) -> Query:
    try:
        return parse(links.term(name, text))
    except Fault as fault:
        raise Invalid(name, fault.expected, text) from fault


def _table(desk: Desk, request: Request, query: Mapping[str, str]) -> dict[str, Any]:
    order = query["order"] or ORDERS[0]
    if order not in ORDERS:
        raise Invalid("order", " or ".join(ORDERS), order)
    asks = question(query)
    found = search(
        desk.store, asks, after=asked.place(query["after"]) if query["after"] else None,
        limit=asked.number(query, "limit", DEFAULT_LIMIT, 1, MOST), latest_first=order == "desc",
        scope=Scope(asked.flag(query, "exact"), who(request).content != "hashes", desk.now()),
    )  # fmt: skip
    kept = {name: value for name, value in query.items() if name not in ("after", "event")}
    more = links.with_query("/timeline", {**kept, "after": asked.cursor(found.next)}) if found.next else ""
    caption = f"{len(found.entries):,} entries" + (" of more" if more else "")
    if found.looked is not None:
        far = shapes.iso(found.looked)[:19].replace("T", " ")
        caption = f"{len(found.entries):,} entries so far: looked as far as {far} UTC, the next page goes on from there"
    if query["after"]:
        caption = f"the next {caption}"
    first = links.with_query("/timeline", kept) if query["after"] else ""
    return {
        "rows": _rows(desk.store, found.entries), "names": [names.name(one) for one in found.names],
        "caption": caption, "more_url": more, "first_url": first,
        "exports": [(title, links.export(render(asks), form, query["exact"])) for title, form in FORMATS],
    }  # fmt: skip


def _rows(store: Rows, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    known = risks(store, [one.event.event_id for one in entries])
    return [shapes.entry(one) | {"risk": known.get(one.event.event_id, NONE).risk} for one in entries]
