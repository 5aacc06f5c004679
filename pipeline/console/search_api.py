"""Queries over HTTP become JSON, files and a stream.

In:     GET requests
Out:    the shapes of `pipeline.console.search`
Fails:  400 with the parameter at fault (and, of a query, the column), 503 while the store is away or too many follow
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.datastructures import QueryParams

from pipeline.console import asked, exporting, search
from pipeline.console.access.who import who
from pipeline.console.inert import json_inert
from pipeline.kit.failures import Failure
from pipeline.query import parse
from pipeline.query.parsing import LENGTH
from pipeline.store import Store
from pipeline.store.amounts import MOST_BINS
from pipeline.store.following import Following
from pipeline.store.pivots import MAX_LIMIT
from pipeline.store.points import MOST_POINTS
from pipeline.store.search import Scope

#: Who may follow at once; seconds between two looks, and between two signs of life.
LISTENERS, LOOK, BEAT = 32, 1.0, 15
#: Which entries come first, or are taken if there are more; and bars unless it is said how many.
ORDERS, BINS = ("latest", "earliest"), 60


def router(store: Store) -> APIRouter:
    """The routes. Who may not read contents may not search in them either: what is found would tell."""
    routes = APIRouter()

    @routes.get("/v1/search")
    def found(request: Request) -> dict[str, Any]:
        """A page of the entries that a query finds; `next` is the `after` of the next page, null at the end."""
        q, scope, given = _asked(request, "after", "limit", "order")
        limit = asked.number(given, "limit", asked.DEFAULT_LIMIT, 1, MAX_LIMIT)
        return search.page(
            store, q, after=given.get("after", ""), limit=limit, latest_first=_latest_first(given), scope=scope
        )

    @routes.get("/v1/search/count")
    def count(request: Request) -> dict[str, Any]:
        """How many entries a query finds, up to a million."""
        q, scope, _ = _asked(request)
        return search.amount(store, q, scope)

    @routes.get("/v1/search/histogram")
    def histogram(request: Request) -> dict[str, Any]:
        """Entries by time, in bars of a width that people can read."""
        q, scope, given = _asked(request, "bins")
        return search.bars(store, q, asked.number(given, "bins", BINS, 1, MOST_BINS), scope)

    @routes.get("/v1/search/points")
    def points(request: Request) -> Response:
        """Entries to draw, column by column, and how many there are in all."""
        q, scope, given = _asked(request, "limit", "order")
        limit = asked.number(given, "limit", MOST_POINTS, 1, MOST_POINTS)
        # Straight into bytes: a hundred thousand points are not to be looked at one by one again.
        made = search.marks(store, q, limit=limit, latest_first=_latest_first(given), scope=scope)
        return Response(msgspec.json.encode(made), media_type="application/json")

    @routes.get("/v1/complete")
    def complete(request: Request) -> dict[str, Any]:
        """What can come next in a query: fields, then values. `at`: where the cursor is; without it at the end."""
        given = request.query_params
        asked.only(given, ("q", "at"))
        q = given.get("q", "")
        return search.proposals(store, q, asked.number(given, "at", min(len(q), LENGTH), 0, LENGTH))

    @routes.get("/v1/fields")
    def fields(request: Request) -> dict[str, Any]:
        """The fields of the query language."""
        asked.only(request.query_params, ())
        return {"fields": search.vocabulary()}

    @routes.get("/v1/export")
    def export(request: Request) -> StreamingResponse:
        """What a query finds as a file, oldest entry first, at most as many as the header `x-whodid-most` says."""
        q, scope, given = _asked(request, "format")
        format = asked.choice(given, "format", exporting.FORMATS)
        pieces = exporting.exported(store, q, format, scope)
        headers = {
            "content-disposition": f'attachment; filename="entries.{format}"',
            "x-whodid-most": str(exporting.MOST),
        }
        return StreamingResponse(pieces, media_type=exporting.TYPES[format], headers=headers)

    _tail(routes, store)
    return routes


def _asked(request: Request, *more: str) -> tuple[str, Scope, QueryParams]:
    """The query, how it is meant, and all that was given. Raises Invalid for what is no parameter of this question."""
    given = request.query_params
    asked.only(given, ("q", "exact", *more))
    scope = Scope(exact=asked.flag(given, "exact"), content=who(request).content != "hashes")
    return given.get("q", ""), scope, given


def _latest_first(given: QueryParams) -> bool:
    return asked.choice(given, "order", ORDERS) == "latest"


def _tail(routes: APIRouter, store: Store) -> None:
    listening: set[object] = set()

    @routes.get("/v1/tail")
    async def tail(request: Request) -> EventSourceResponse:
        """New and revised entries that a query finds, as they are written: server-sent events named `entry`.

        `ready` comes first; `trouble` has a `message` when the store is away or too much is written.
        The id of an event is where to go on from: a browser sends it by itself as `Last-Event-ID`, and is told at least
        once of everything of the last hour.
        """
        q, meant, _ = _asked(request)
        query, ended = parse(q), request.headers.get("last-event-id", "")
        # Whatever else it is, no event of ours had it.
        after = int(ended) if ended.isascii() and ended.isdigit() and len(ended) < 19 else None
        if len(listening) >= LISTENERS:
            raise HTTPException(503, f"tail: {LISTENERS} follow already; end one, or try again later")
        following = await run_in_threadpool(lambda: Following(store, query, after=after, scope=meant))
        return EventSourceResponse(_followed(store, following, listening), ping=BEAT)


async def _followed(store: Store, following: Following, listening: set[object]) -> AsyncIterator[ServerSentEvent]:
    def look() -> list[dict[str, Any]]:
        return search.entries(store, following.look())

    listening.add(token := object())
    try:
        yield _event("ready", {}, following)
        while True:
            try:
                for row in await run_in_threadpool(look):
                    yield _event("entry", row, following)
                if following.flooded:
                    message = "more was written than can be told; ask for less, or search"
                    yield _event("trouble", {"message": message}, following)
            except Failure as failure:
                # It is told and goes on: the store may be back the next time.
                yield _event("trouble", {"message": str(failure)}, following)
            await asyncio.sleep(LOOK)
    finally:
        listening.discard(token)


def _event(name: str, told: dict[str, Any], following: Following) -> ServerSentEvent:
    data = json_inert(json.dumps(told, ensure_ascii=False))
    return ServerSentEvent(data=data, event=name, id=str(following.place))
