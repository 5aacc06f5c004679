"""Every page's address, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.console import links
from pipeline.console.bodies import form
from pipeline.console.pages import (
    alerts,
    cases,
    credential,
    event,
    findings,
    identity,
    inventory,
    operations,
    overview,
    reconstruction,
    session,
    timeline,
    views,
    words,
)
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, answer, answered

#: A page of a request; of one thing, its name comes with the path.
View = Callable[..., Page]

_PAGES: dict[str, View] = {
    "/timeline": timeline.page,
    "/events/{name:path}": event.page,
    "/records/{name:path}": event.record,
    "/inventory": inventory.page,
    "/findings": findings.page,
    "/findings/{name:path}": findings.single,
    "/alerts": alerts.page,
    "/alerts/{name:path}": alerts.single,
    "/sessions/{name:path}": session.page,
    "/cases": cases.page,
    "/cases/{name}": cases.single,
    "/cases/{name}/story": cases.story,
    "/pins": cases.choices,
    "/views": views.part,
    "/status": operations.status,
    "/coverage": operations.covered,
    "/dead-letters": operations.dead_letters,
    "/dead-letters/{name:path}": operations.dead_letter,
    "/settings": operations.settings,
    "/identities/{name:path}": identity.page,
    "/credentials/{name:path}": credential.page,
}


def router(desk: Desk) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    _first(routes, desk)
    for path, view in _PAGES.items():
        _shown(routes, desk, path, view)
    _decisions(routes, desk)
    _reconstruction(routes, desk)
    routes.include_router(words.router(desk))
    return routes


def _first(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/", name="page /")
    def first(request: Request) -> Response:
        """The overview; of an address that once was the timeline of a value, where that is now."""
        moved = timeline.moved(request.query_params)
        return RedirectResponse(moved, 308) if moved else answered(request, lambda: overview.page(desk, request))


def _shown(routes: APIRouter, desk: Desk, path: str, view: View) -> None:
    @routes.get(path, name=f"page {path}")
    def shown(request: Request) -> HTMLResponse:
        """A page."""
        named: dict[str, Any] = request.path_params
        return answered(request, lambda: view(desk, request, *named.values()))


def _decisions(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/alerts/{name}/decide")
    async def decided(name: str, request: Request) -> Response:
        """What a form of an alert's page says."""
        given = await form(request)
        page = await run_in_threadpool(alerts.decide, desk, request, name, given)
        return answer(request, page) if page else RedirectResponse(links.alert(name), 303)


def _reconstruction(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/reconstruct")
    def reconstructed(request: Request) -> HTMLResponse:
        """The document of the incident that a clue belongs to, or the form that asks for one."""
        document = reconstruction.document(desk, request)
        if document is not None:
            return document
        return answered(request, lambda: reconstruction.page(desk, request))
