"""What forms of cases, notes and views say is taken, and the browser is sent to where it can be seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from pipeline.console import casework, links
from pipeline.console.bodies import form
from pipeline.console.pages import cases
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import answer, answered, failed
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import casework as stored
from pipeline.store.casework import Conflict

#: Takes the fields of a form from somebody; returns where to go.
Takes = Callable[[Desk, Request, dict[str, str], str], str]


def router(desk: Desk) -> APIRouter:
    """The routes of the forms."""
    routes = APIRouter(include_in_schema=False)
    for path, takes in {
        "/cases": _opened, "/cases/{name}/change": _changed, "/cases/{name}/notes": _noted,
        "/cases/{name}/notes/{note_id}/remove": _taken_back, "/notes/{about}/{name:path}": _said, "/pins": _pinned,
        "/views": _kept, "/views/drop": _dropped,
    }.items():  # fmt: skip
        routes.post(path, name=f"form {path}")(_route(desk, takes))
    return routes


def _route(desk: Desk, takes: Takes) -> Callable[[Request], Awaitable[Response]]:
    async def taken(request: Request) -> Response:
        """Take what the form says."""
        given: dict[str, str] = {}
        try:
            given = await form(request)
            by = casework.speaker(request, given)
            given.pop("by", None)
            where = await run_in_threadpool(takes, desk, request, given, by)
        except Invalid as failure:
            return await run_in_threadpool(_refused, desk, request, given, failure)
        except Transient as failure:
            return answer(request, failed("The store does not answer", str(failure), 503))
        return RedirectResponse(where, 303)

    return taken


def _refused(desk: Desk, request: Request, given: dict[str, str], failure: Invalid) -> Response:
    """The page that the form is of, with what is wrong, and what was typed still in it."""
    status = 409 if isinstance(failure, Conflict) else 400
    name, path = request.path_params.get("name", ""), request.url.path
    if path == "/cases":
        return answered(request, lambda: cases.page(desk, request, given, str(failure)))
    if path.startswith("/cases/") and name:
        return answered(request, lambda: cases.single(desk, request, name, str(failure), status, given))
    typed = given.get("text", "")
    return answered(request, lambda: failed("That was not taken", str(failure), status, typed))


def _opened(desk: Desk, _: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("title", "clue", "kind"))
    title, clue, kind = (casework.text(given, name) for name in ("title", "clue", "kind"))
    return links.case(stored.opened(desk.store, title, by, clue, kind).case_id)


def _changed(desk: Desk, request: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("revision", *casework.CHANGES))
    name, revision = request.path_params["name"], casework.revision(given)
    said = {field: text for field, text in given.items() if field != "revision"}
    if stored.changed(desk.store, name, revision, by, **said) is None:
        raise Invalid("case", "one that there is", name)
    return links.case(name)


def _noted(desk: Desk, request: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("text", "event_id"))
    name = request.path_params["name"]
    _case(desk, name)
    stored.noted(desk.store, "case", name, by, **given)
    return links.case(name)


def _taken_back(desk: Desk, request: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ())
    name = request.path_params["name"]
    stored.taken_back(desk.store, "case", name, request.path_params["note_id"], by)
    return links.case(name)


def _said(desk: Desk, request: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("text",))
    about, name = request.path_params["about"], request.path_params["name"]
    where = {"identity": links.identity, "credential": links.credential, "session": links.session}.get(about)
    if where is None:
        raise Invalid("about", "identity, credential or session", about)
    stored.noted(desk.store, about, name, by, **given)
    return where(name)


def _pinned(desk: Desk, _: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("case_id", "event_id", "text", "title"))
    event_id, name = casework.text(given, "event_id"), casework.text(given, "case_id")
    if not event_id:
        raise Invalid("event_id", "the entry that is to be pinned")
    if not name:
        title = casework.text(given, "title") or f"Case of {event_id[:40]}"
        name = stored.opened(desk.store, title, by, event_id, "event").case_id
    _case(desk, name)
    stored.noted(desk.store, "case", name, by, casework.text(given, "text"), event_id)
    return links.case(name)


def _kept(desk: Desk, _: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("name", "query"))
    one = stored.kept(desk.store, casework.text(given, "name"), casework.text(given, "query"), by)
    return links.search(one.query)


def _dropped(desk: Desk, _: Request, given: dict[str, str], by: str) -> str:
    casework.only(given, ("name", "query"))
    name = casework.text(given, "name")
    if stored.dropped(desk.store, name, by) is None:
        raise Invalid("name", "that of a view that there is", name)
    return links.search(casework.text(given, "query"))


def _case(desk: Desk, name: str) -> None:
    if stored.case(desk.store, name) is None:
        raise Invalid("case_id", "one of a case that there is", name)
