"""The HTTP application: API, console page, and what guards both."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from pipeline.console import api, findings_page, inventory_page, page
from pipeline.console.guard import Guard, content_policy
from pipeline.console.state import Status
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import Store


def create(store: Store, settings: Settings, status: Status) -> FastAPI:
    """The application. `status` tells about the process: `troubles` by part, `lag` by stage, and whatever else."""
    app = FastAPI(title="whodid", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    app.add_middleware(Guard, host=settings.host, policy=content_policy(page.STYLES))
    app.include_router(api.router(store, settings, status))

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

    return app


def _error(code: int, parameter: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"parameter": parameter, "message": message}}, code)
