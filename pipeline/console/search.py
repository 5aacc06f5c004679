"""A query becomes the JSON objects of the API and of the command line.

An entry has the shape of `pipeline.console.shapes`, and besides `risk` (0 to 1) and `findings` (ids, worst first).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from pipeline.console import asked, names, shapes
from pipeline.query import parse, render
from pipeline.query.completing import complete
from pipeline.query.fields import FIELDS
from pipeline.store import search as found
from pipeline.store.amounts import Count, count, histogram
from pipeline.store.pivots import Rows
from pipeline.store.points import MOST_POINTS, points
from pipeline.store.risk import NONE, risks
from pipeline.store.search import Scope
from pipeline.store.values import values
from schemas.entry import Entry


def page(
    store: Rows, q: str, *, after: str = "", limit: int = 200, latest_first: bool = True, scope: Scope = found.ANY
) -> dict[str, Any]:
    """`entries`, `next` (the `after` of the next page, null at the end), `names`, and the `query` as it was read.

    `looked`: how far was looked where the time was up before the page was full; else null.

    Raises Invalid.
    """
    query = parse(q)
    place = asked.place(after) if after else None
    answer = found.search(store, query, after=place, limit=limit, latest_first=latest_first, scope=scope)
    return {
        "query": render(query),
        "entries": entries(store, answer.entries),
        "next": asked.cursor(answer.next) if answer.next else None,
        "looked": None if answer.looked is None else shapes.iso(answer.looked),
        "names": [names.name(one) for one in answer.names],
    }


def entries(store: Rows, those: Iterable[Entry]) -> list[dict[str, Any]]:
    """Entries with their risk."""
    listed = list(those)
    told = risks(store, [one.event.event_id for one in listed])
    return [entry(one, told) for one in listed]


def entry(one: Entry, told: dict[str, Any]) -> dict[str, Any]:
    """One entry with its risk."""
    risk = told.get(one.event.event_id, NONE)
    return {**shapes.entry(one), "risk": risk.risk, "findings": list(risk.findings)}


def amount(store: Rows, q: str, scope: Scope = found.ANY) -> dict[str, Any]:
    """`count`, and whether there are `more` that nobody counted. Raises Invalid."""
    return _counted(count(store, parse(q), scope=scope))


def bars(store: Rows, q: str, bins: int, scope: Scope = found.ANY) -> dict[str, Any]:
    """`start` (time), `width` in seconds, `counts`. Raises Invalid."""
    made = histogram(store, parse(q), bins, scope=scope)
    return {"start": shapes.iso(made.start), "width": made.width // 1_000_000, "counts": made.counts}


def marks(
    store: Rows, q: str, *, limit: int = MOST_POINTS, latest_first: bool = True, scope: Scope = found.ANY
) -> dict[str, Any]:
    """Columns of equal length (`time` in microseconds since 1970), and how many there are in all. Raises Invalid."""
    made = points(store, parse(q), limit=limit, latest_first=latest_first, scope=scope)
    columns = made._asdict()
    total = columns.pop("total")
    return {**columns, "total": _counted(total)}


def proposals(store: Rows, q: str, at: int | None = None) -> dict[str, Any]:
    """What can come next at a place: `begin`, `end` (characters from 0) and `proposals` (`text`, `meaning`)."""
    made = complete(q, len(q) if at is None else at, partial(values, store))
    return {"begin": made.begin, "end": made.end, "proposals": [one._asdict() for one in made.proposals]}


def vocabulary() -> list[dict[str, Any]]:
    """The fields of the language: `name`, `type`, `meaning`, `example`, `values`."""
    return [{**one._asdict(), "values": list(one.values)} for one in FIELDS.values()]


def _counted(one: Count) -> dict[str, Any]:
    return {"count": one.amount, "more": one.more}
