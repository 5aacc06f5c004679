"""What a query finds becomes a file: JSON lines, CSV or Parquet, piece by piece.

JSON lines have the objects of `GET /v1/search`. CSV has their keys as columns; lists and objects are JSON in a cell,
and a cell that a spreadsheet would run as a formula begins with a quote. Parquet has the same columns, lists as lists;
the engine writes it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pipeline.console import search as answers
from pipeline.console import shapes
from pipeline.console.access import reading
from pipeline.console.inert import inert, json_inert
from pipeline.query import Query, parse
from pipeline.store import Store
from pipeline.store.parquet import parquet, quoted
from pipeline.store.pivots import MAX_LIMIT
from pipeline.store.search import ANY, Scope
from schemas.entry import Entry
from schemas.event import Event

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
TYPES: dict[Format, str] = {
    "jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
#: Entries of one file: what is more has to be asked for in parts.
MOST = 500_000
_PAGE = 2_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (*shapes.entry(Entry(event=Event(event_id="", kind="", time=0, format=""))), "risk", "findings")


def exported(store: Store, q: str, format: Format, scope: Scope = ANY, most: int = MOST) -> Iterator[bytes]:
    """The file, oldest entry first, at most `most` entries. A fault of the query is raised before the first piece."""
    if format == "parquet":
        return iter([_parquet(store, parse(q), scope, most)])
    # The first page is read at once, so that a fault is one of the request and not of the file.
    pages = _pages(store, q, scope, most)
    first = next(pages)
    return _lines(first, pages) if format == "jsonl" else _table(first, pages)


def _parquet(store: Store, query: Query, scope: Scope, most: int) -> bytes:
    data = parquet(store, query, most, scope)
    if scope.content:
        # The engine has made the file: whose contents are in it is asked afterwards, so that nothing is left out.
        reading.given(quoted(store, query, most, scope))
    return data


def _pages(store: Store, q: str, scope: Scope, most: int) -> Iterator[list[dict[str, Any]]]:
    after = ""
    while most > 0:
        limit = min(_PAGE, most, MAX_LIMIT)
        page = answers.page(store, q, after=after, limit=limit, latest_first=False, scope=scope)
        yield page["entries"]
        most -= limit
        if not page["next"]:
            return
        after = page["next"]


def _lines(first: list[dict[str, Any]], pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    yield _json_lines(first)
    for page in pages:
        yield _json_lines(page)


def _json_lines(page: list[dict[str, Any]]) -> bytes:
    return "".join(json_inert(json.dumps(row, ensure_ascii=False)) + "\n" for row in page).encode("utf-8", "replace")


def _table(first: list[dict[str, Any]], pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    yield _rows([dict(zip(COLUMNS, COLUMNS, strict=True))])
    yield _rows(first)
    for page in pages:
        yield _rows(page)


def _rows(page: list[dict[str, Any]]) -> bytes:
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerows([cell(row[name]) for name in COLUMNS] for row in page)
    return made.getvalue().encode("utf-8", "replace")


def cell(value: object) -> str | int | float:
    """A value in CSV."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ("'" if text.startswith(_FORMULA) else "") + inert(text)
