"""Requests of the desk become spans: method, route and status; never an address with what was asked for."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.kit import tracing


class Traced:
    """Stands before an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with tracing.span("HTTP " + scope["method"], **{"http.request.method": scope["method"]}) as span:
            await self._app(scope, receive, sent)
            if span is not None:
                # The route as it is declared: names of people and resources are in the address itself.
                span.set_attribute("http.route", getattr(scope.get("route"), "path", ""))
                span.set_attribute("http.response.status_code", status)
