"""Requests of the desk are timed, and become spans: method, route, status; never the address that was asked for."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.kit import measured, tracing
from pipeline.kit.metrics import Metrics

#: Others are whatever somebody made up.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Traced:
    """Stands before an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.monotonic()

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "other"
        with tracing.span("HTTP " + method, **{"http.request.method": method}) as span:
            try:
                await self._app(scope, receive, sent)
            finally:
                self._metrics.observe(measured.HTTP, time.monotonic() - began, method, f"{status // 100}xx")
            if span is not None:
                # The route as it is declared: names of people and resources are in the address itself.
                span.set_attribute("http.route", getattr(scope.get("route"), "path", ""))
                span.set_attribute("http.response.status_code", status)
