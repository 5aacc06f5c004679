"""The HTTP application: API, console page, and what guards both."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from pipeline.console import alerts_page, api, findings_page, incidents, inventory_page, page, search_api
from pipeline.console.alerts import Decide
from pipeline.console.guard import Guard, check_same_origin, content_policy
from pipeline.console.incidents import Proving
from pipeline.console.state import Status
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import Store


def create(
    store: Store, settings: Settings, status: Status, decide: Decide | None = None,
    proving: Callable[[], Proving | None] = lambda: None,
) -> FastAPI:  # fmt: skip
    """The application.

    `status` tells about the process: `troubles` by part, `lag` by stage, and whatever else; `decide` takes decisions to
    the alert stage; `proving` gives what writes evidence into bundles, if there is any yet.
    """
    app = FastAPI(title="whodid", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    app.add_middleware(Guard, host=settings.host, policy=content_policy(page.STYLES))
    search_api.install(app, store)
    app.include_router(api.router(store, settings, status, decide, proving))
    _pages(app, store, settings, status)
    _alerts(app, store, decide)
    _failures(app)
    return app


def _pages(app: FastAPI, store: Store, settings: Settings, status: Status) -> None:
    @app.get("/", include_in_schema=False)
    def console(request: Request) -> HTMLResponse:
        """The console page."""
        code, html = page.render(store, status, request.query_params)
        return HTMLResponse(html, code)

    @app.get("/inventory", include_in_schema=False)
    def inventory(request: Request) -> HTMLResponse:
        """The page of identities, credentials and sessions."""
        code, html = inventory_page.render(store, request.query_params)
        return HTMLResponse(html, code)

    @app.get("/findings", include_in_schema=False)
    def findings(request: Request) -> HTMLResponse:
        """The page of findings."""
        code, html = findings_page.render(store, request.query_params)
        return HTMLResponse(html, code)

    @app.get("/incident", include_in_schema=False)
    def incident(request: Request) -> HTMLResponse:
        """The page of the incident that a clue belongs to, and the form that asks for one."""
        code, document, policy = incidents.render(store, request.query_params, settings.hashing_key)
        headers = {"content-security-policy": policy} if policy else None
        return HTMLResponse("".join(document), code, headers)


def _alerts(app: FastAPI, store: Store, decide: Decide | None) -> None:
    @app.get("/alerts", include_in_schema=False)
    def alerts(request: Request) -> HTMLResponse:
        """The page of alerts."""
        code, html = alerts_page.render(store, request.query_params)
        return HTMLResponse(html, code)

    @app.get("/alerts/{alert_id}", include_in_schema=False)
    def alert(alert_id: str) -> HTMLResponse:
        """The page of one alert."""
        code, html = alerts_page.single(store, alert_id)
        return HTMLResponse(html, code)

    @app.post("/alerts/{alert_id}/decide", include_in_schema=False)
    async def decided(alert_id: str, request: Request) -> Response:
        """What a form of that page says."""
        check_same_origin(request.scope)
        form = await alerts_page.form(request)
        code, html = await run_in_threadpool(alerts_page.decide, store, decide, alert_id, form)
        return HTMLResponse(html, code) if html else RedirectResponse(f"/alerts/{quote(alert_id, safe='')}", 303)


def _failures(app: FastAPI) -> None:
    @app.exception_handler(Invalid)
    def invalid(_: Request, failure: Invalid) -> JSONResponse:
        """A parameter is at fault."""
        return _error(400, failure.field, str(failure))

    @app.exception_handler(Transient)
    def away(_: Request, failure: Transient) -> JSONResponse:
        """The store is at fault."""
        return _error(503, "", str(failure))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        """Not found, or not allowed."""
        return _error(error.status_code, str(error.detail).partition(":")[0], str(error.detail))


def _error(code: int, parameter: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"parameter": parameter, "message": message}}, code)
