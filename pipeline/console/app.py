"""The HTTP application: API, console, and what guards both."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pipeline.console import api, casework_api
from pipeline.console.access.gate import Gate
from pipeline.console.alerts import Decide
from pipeline.console.guard import Guard
from pipeline.console.incidents import Proving
from pipeline.console.pages import routes
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import STATIC
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
    app.add_middleware(Gate)
    app.add_middleware(Guard, host=settings.host)
    app.include_router(api.router(store, settings, status, decide, proving))
    app.include_router(casework_api.router(store))
    app.include_router(routes.router(Desk(store, settings, status, decide, lambda: time.time_ns() // 1000)))
    app.mount(STATIC, _Static(directory=str(files("pipeline.console").joinpath("static"))), name="static")
    _failures(app)
    return app


class _Static(StaticFiles):
    """Files that never change under their address (`pages.frame.static`)."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept."""
        found = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v="):
            found.headers["cache-control"] = "public, max-age=31536000, immutable"
        return found


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
    body: dict[str, Any] = {"error": {"parameter": parameter, "message": message}}
    return JSONResponse(body, code)
