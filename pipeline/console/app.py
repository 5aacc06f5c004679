"""The HTTP application: API, console, and what guards both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pipeline.console import api, casework_api, coverage, search_api
from pipeline.console.access.install import install
from pipeline.console.access.record import Tell
from pipeline.console.alerts import Decide
from pipeline.console.incidents import Proving
from pipeline.console.openapi.document import serve
from pipeline.console.pages import routes
from pipeline.console.pages.desk import Desk
from pipeline.console.paths import allow_any_name
from pipeline.console.state import Status
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent, Transient
from pipeline.query import Fault
from pipeline.store import Store
from pipeline.store.casework import Conflict


def create(
    store: Store, settings: Settings, status: Status, decide: Decide | None = None,
    proving: Callable[[], Proving | None] = lambda: None, tell: Tell | None = None,
) -> FastAPI:  # fmt: skip
    """The application.

    `status` tells about the process: `troubles` by part, `lag` by stage, and whatever else; `decide` takes decisions to
    the alert stage; `proving` gives what writes evidence into bundles, if there is any yet; `tell` takes events about
    who used the desk to the topic `cloud-audit`. Whoever adds routes adds their rights (`access.rights`).
    """
    app = FastAPI(title="whodid", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    allow_any_name()
    install(app, store, settings, tell)
    app.include_router(search_api.router(store))
    app.include_router(api.router(store, settings, status, decide, proving))
    app.include_router(casework_api.router(store))
    app.include_router(coverage.router(store))
    app.include_router(routes.router(Desk(store, settings, status, decide, lambda: time.time_ns() // 1000)))
    _failures(app)
    serve(app)
    return app


def _failures(app: FastAPI) -> None:
    @app.exception_handler(Invalid)
    def invalid(_: Request, failure: Invalid) -> JSONResponse:
        """A parameter is at fault."""
        return _error(400, failure.field, str(failure))

    @app.exception_handler(Conflict)
    def changed(_: Request, failure: Conflict) -> JSONResponse:
        """Somebody else was faster."""
        return _error(409, failure.field, str(failure))

    @app.exception_handler(RequestValidationError)
    def misplaced(_: Request, failure: RequestValidationError) -> JSONResponse:
        """A part of the path is none of those that there are."""
        first = failure.errors()[0]
        name = str(first["loc"][-1])[:40]
        return _error(400, name, f"{name}: {first['msg']}")

    @app.exception_handler(Fault)
    def faulty(_: Request, fault: Fault) -> JSONResponse:
        """A query is at fault at a column."""
        where = {"column": fault.column, "length": fault.length, "expected": fault.expected, "meant": fault.meant}
        return JSONResponse({"error": {"parameter": fault.field, "message": str(fault), **where}}, 400)

    @app.exception_handler(Permanent)
    def impossible(_: Request, failure: Permanent) -> JSONResponse:
        """What is asked for cannot be done with what is there."""
        return _error(409, "", str(failure))

    @app.exception_handler(Transient)
    def away(_: Request, failure: Transient) -> JSONResponse:
        """The store is at fault."""
        return _error(503, "", str(failure))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        """Not found, or not allowed."""
        detail = str(error.detail)
        named = detail.partition(":")[0] if ":" in detail else ""
        return _error(error.status_code, named, detail, error.headers)


def _error(code: int, parameter: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"parameter": parameter, "message": message}}, code, headers)
