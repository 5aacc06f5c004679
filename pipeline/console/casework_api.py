"""Cases, notes and views over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from pipeline.console import asked, case_report
from pipeline.console import casework as shapes
from pipeline.console.bodies import body
from pipeline.console.shapes import entry
from pipeline.store import Store, casework, queries


def router(store: Store) -> APIRouter:
    """The routes under `/v1/cases`, `/v1/notes` and `/v1/views`."""
    routes = APIRouter()
    _cases(routes, store)
    _notes(routes, store)
    _views(routes, store)
    return routes


def _cases(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/cases")
    def listing(request: Request) -> dict[str, Any]:
        """Cases, the one that was changed last first; `state`: open, contained or closed."""
        given = request.query_params
        asked.only(given, ("state",))
        return {"cases": [shapes.case(one) for one in casework.cases(store, given.get("state", ""))]}

    @routes.get("/v1/cases/{case_id}")
    def single(case_id: str) -> dict[str, Any]:
        """One case with its notes and pinned entries."""
        return _there(shapes.single(store, case_id), case_id)

    @routes.get("/v1/cases/{case_id}/export")
    def exported(case_id: str) -> Response:
        """The case as Markdown, with its pinned entries and notes."""
        found = _there(shapes.single(store, case_id), case_id)
        pinned = [one["event_id"] for one in found["notes"] if one["event_id"]]
        document = case_report.document(found, [entry(one) for one in queries.events(store, pinned)])
        name = f'attachment; filename="whodid-case-{found["case_id"]}.md"'
        return Response(document, media_type="text/markdown; charset=utf-8", headers={"content-disposition": name})

    @routes.post("/v1/cases", status_code=201)
    async def opened(request: Request) -> dict[str, Any]:
        """Open a case: `{"title": "…", "clue": "aws:AKIA…", "kind": "credential", "by": "ana@example.com"}`."""
        given = await body(request)
        shapes.only(given, ("title", "clue", "kind", "by"))
        said = [shapes.text(given, name) for name in ("title", "clue", "kind")]
        by = shapes.speaker(request, given)
        return shapes.case(await run_in_threadpool(casework.opened, store, said[0], by, said[1], said[2]))

    @routes.patch("/v1/cases/{case_id}")
    async def changed(case_id: str, request: Request) -> dict[str, Any]:
        """Change a case: `{"revision": …, "state": "contained", "by": "ana@example.com"}`; 409 if somebody else did."""
        given = await body(request)
        shapes.only(given, ("revision", "by", *shapes.CHANGES))
        said = {name: shapes.text(given, name) for name in shapes.CHANGES if name in given}
        by, revision = shapes.speaker(request, given), shapes.revision(given)

        def change() -> dict[str, Any]:
            found = casework.changed(store, case_id, revision, by, **said)
            return _there(found and shapes.case(found), case_id)

        return await run_in_threadpool(change)


def _notes(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/notes/{about}/{name:path}")
    def listing(about: str, name: str) -> dict[str, Any]:
        """What is said about a case, an identity, a credential or a session, oldest first."""
        return {"notes": [shapes.note(one) for one in casework.notes(store, about, name)]}

    @routes.post("/v1/notes/{about}/{name:path}", status_code=201)
    async def noted(about: str, name: str, request: Request) -> dict[str, Any]:
        """Say something: `{"text": "…", "by": "ana@example.com"}`; with `event_id` the entry is pinned to the case."""
        given = await body(request)
        shapes.only(given, ("text", "event_id", "by"))
        said, event_id = shapes.text(given, "text"), shapes.text(given, "event_id")
        by = shapes.speaker(request, given)

        def note() -> dict[str, Any]:
            if about == "case" and casework.case(store, name) is None:
                _there(None, name)
            return shapes.note(casework.noted(store, about, name, by, said, event_id))

        return await run_in_threadpool(note)

    @routes.delete("/v1/notes/{about}/{note_id}/{name:path}")
    def taken_back(about: str, note_id: str, name: str, request: Request) -> dict[str, Any]:
        """Take a note back, or unpin an entry; `by`: who does."""
        found = casework.taken_back(store, about, name, note_id, _dropping(request))
        return _there(found and shapes.note(found), note_id)


def _views(routes: APIRouter, store: Store) -> None:
    @routes.get("/v1/views")
    def listing() -> dict[str, Any]:
        """Queries that are kept, by name."""
        return {"views": [shapes.view(one) for one in casework.views(store)]}

    @routes.post("/v1/views", status_code=201)
    async def kept(request: Request) -> dict[str, Any]:
        """Keep a query: `{"name": "…", "query": "…", "by": "ana@example.com"}`, in place of the one of that name."""
        given = await body(request)
        shapes.only(given, ("name", "query", "by"))
        name, query = shapes.text(given, "name"), shapes.text(given, "query")
        by = shapes.speaker(request, given)
        return shapes.view(await run_in_threadpool(casework.kept, store, name, query, by))

    @routes.delete("/v1/views/{name:path}")
    def dropped(name: str, request: Request) -> dict[str, Any]:
        """Drop a view; `by`: who does."""
        gone = casework.dropped(store, name, _dropping(request))
        return _there(gone and shapes.view(gone), name)


def _dropping(request: Request) -> str:
    asked.only(request.query_params, ("by",))
    return shapes.speaker(request, request.query_params)


def _there(found: dict[str, Any] | None, name: str) -> dict[str, Any]:
    if found is None:
        raise HTTPException(404, f"name: there is none of the name {name[:200]!r}")
    return found
