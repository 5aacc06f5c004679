"""Queries over HTTP become JSON, files and a stream.

In:     GET requests, their parameters typed, so that the OpenAPI document says what there is
Out:    the shapes of `pipeline.console.search`
Fails:  400 with the parameter at fault (and, of a query, the column), 503 while the store is away or too many follow
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Header, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from pipeline.console import exporting, search
from pipeline.console.inert import json_inert
from pipeline.kit.failures import Failure
from pipeline.query import Fault, parse
from pipeline.query.parsing import LENGTH
from pipeline.store import Store
from pipeline.store.amounts import MOST_BINS
from pipeline.store.following import Following
from pipeline.store.pivots import MAX_LIMIT
from pipeline.store.points import MOST_POINTS
from pipeline.store.search import Scope

#: Whether who asks may look into contents.
Content = Callable[[Request], bool]
#: Who may follow at once; seconds between two looks, and between two signs of life.
LISTENERS, LOOK, BEAT = 32, 1.0, 15


class _Asking(BaseModel):
    """What every question has."""

    model_config = ConfigDict(extra="forbid")
    q: str = Field("", max_length=LENGTH, description="The query, see docs/query.md; empty finds everything.")
    exact: bool = Field(False, description="An actor or a human is that very name, not all names of the identity.")


class _Paging(_Asking):
    after: str = Field("", max_length=5000, description="The `next` of the page before.")
    limit: int = Field(200, ge=1, le=MAX_LIMIT, description="Entries of a page at most.")
    order: Literal["latest", "earliest"] = Field("latest", description="Which entries come first.")


class _Bars(_Asking):
    bins: int = Field(60, ge=1, le=MOST_BINS, description="Bars at most.")


class _Marks(_Asking):
    limit: int = Field(MOST_POINTS, ge=1, le=MOST_POINTS, description="Entries at most.")
    order: Literal["latest", "earliest"] = Field("latest", description="Which entries are taken if there are more.")


class _Completing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    q: str = Field("", max_length=LENGTH, description="What has been typed.")
    at: int | None = Field(None, ge=0, le=LENGTH, description="Where the cursor is, 0 is before all; default: the end.")


class _Exporting(_Asking):
    format: exporting.Format = Field("jsonl", description="JSON lines, CSV or Parquet.")


def router(store: Store, content: Content = lambda _: True) -> APIRouter:
    """The routes; `content` says whether who asks may look into prompts, answers, results and arguments."""
    routes = APIRouter()

    def scope(given: _Asking, request: Request) -> Scope:
        return Scope(exact=given.exact, content=content(request))

    @routes.get("/v1/search")
    def found(given: Annotated[_Paging, Query()], request: Request) -> dict[str, Any]:
        """A page of the entries that a query finds; `next` is the `after` of the next page, null at the end."""
        return search.page(
            store, given.q, after=given.after, limit=given.limit, latest_first=given.order == "latest",
            scope=scope(given, request),
        )  # fmt: skip

    @routes.get("/v1/search/count")
    def count(given: Annotated[_Asking, Query()], request: Request) -> dict[str, Any]:
        """How many entries a query finds, up to a million."""
        return search.amount(store, given.q, scope(given, request))

    @routes.get("/v1/search/histogram")
    def histogram(given: Annotated[_Bars, Query()], request: Request) -> dict[str, Any]:
        """Entries by time, in bars of a width that people can read."""
        return search.bars(store, given.q, given.bins, scope(given, request))

    @routes.get("/v1/search/points")
    def points(given: Annotated[_Marks, Query()], request: Request) -> JSONResponse:
        """Entries to draw, column by column, and how many there are in all."""
        # Straight into bytes: a hundred thousand points are not to be looked at one by one again.
        return JSONResponse(search.marks(
            store, given.q, limit=given.limit, latest_first=given.order == "latest", scope=scope(given, request),
        ))  # fmt: skip

    @routes.get("/v1/complete")
    def complete(given: Annotated[_Completing, Query()]) -> dict[str, Any]:
        """What can come next in a query: fields, then values."""
        return search.proposals(store, given.q, given.at)

    @routes.get("/v1/fields")
    def fields() -> dict[str, Any]:
        """The fields of the query language."""
        return {"fields": search.vocabulary()}

    @routes.get("/v1/export", response_class=StreamingResponse)
    def export(given: Annotated[_Exporting, Query()], request: Request) -> StreamingResponse:
        """What a query finds as a file, oldest entry first, at most as many as the header `x-whodid-most` says."""
        pieces = exporting.exported(store, given.q, given.format, scope(given, request))
        headers = {
            "content-disposition": f'attachment; filename="entries.{given.format}"',
            "x-whodid-most": str(exporting.MOST),
        }
        return StreamingResponse(pieces, media_type=exporting.TYPES[given.format], headers=headers)

    _tail(routes, store, scope)
    return routes


def _tail(routes: APIRouter, store: Store, scope: Callable[[_Asking, Request], Scope]) -> None:
    listening: set[object] = set()

    @routes.get("/v1/tail", response_class=EventSourceResponse)
    async def tail(
        given: Annotated[_Asking, Query()], request: Request,
        last_event_id: Annotated[str, Header(max_length=40, description="Where a stream that broke off ended.")] = "",
    ) -> EventSourceResponse:  # fmt: skip
        """New and revised entries that a query finds, as they are written: server-sent events named `entry`.

        `ready` comes first; `trouble` has a `message` when the store is away or too much is written.
        The id of an event is where to go on from: a browser sends it by itself as `Last-Event-ID`, and is told at least
        once of everything of the last hour.
        """
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None
        query, meant = parse(given.q), scope(given, request)
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


def install(app: FastAPI, store: Store, content: Content = lambda _: True) -> None:
    """Put the routes, and what is said of a faulty query, into an application."""
    app.include_router(router(store, content))

    @app.exception_handler(RequestValidationError)
    def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        """A parameter is at fault."""
        first = error.errors()[0]
        name = str(first["loc"][-1])[:40]
        message = "no such parameter" if first["type"] == "extra_forbidden" else first["msg"]
        return JSONResponse({"error": {"parameter": name, "message": f"{name}: {message}"}}, 400)

    @app.exception_handler(Fault)
    def faulty(_: Request, fault: Fault) -> JSONResponse:
        """A query is at fault at a column."""
        where = {"column": fault.column, "length": fault.length, "expected": fault.expected, "meant": fault.meant}
        return JSONResponse({"error": {"parameter": fault.field, "message": str(fault), **where}}, 400)
