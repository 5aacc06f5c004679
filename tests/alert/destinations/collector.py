"""A receiver that answers as Splunk's documentation says an HTTP Event Collector does; Splunk itself is not here.

Source: help.splunk.com, "Troubleshoot HTTP Event Collector" (codes) and "About HTTP Event Collector Indexer
Acknowledgment", as read in 2026.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from aiohttp import web

#: Code: status and text.
CODES = {
    0: (200, "Success"), 1: (403, "Token disabled"), 2: (401, "Token is required"), 3: (401, "Invalid authorization"),
    4: (403, "Invalid token"), 5: (400, "No data"), 6: (400, "Invalid data format"), 7: (400, "Incorrect index"),
    8: (500, "Internal server error"), 9: (503, "Server is busy"), 10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"), 12: (400, "Event field is required"), 13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"), 15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
}  # fmt: skip
META = {"time", "host", "source", "sourcetype", "index", "event", "fields"}


class Wrong(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Collector:
    """`acknowledges`: useACK of its token; each event is indexed when it was asked for so many times, or never."""

    def __init__(
        self, *, token: str = "t-1", acknowledges: bool = False, indexes: tuple[str, ...] = (), asks: int | None = 1,
        says: int | None = None, most: int = 1_000_000,
    ) -> None:  # fmt: skip
        self.token, self.acknowledges, self.indexes, self.asks = token, acknowledges, indexes, asks
        self.says, self.most = says, most
        self.events: list[dict[str, Any]] = []
        self.channels: set[str] = set()
        self._pending: dict[tuple[str, int], int] = {}
        self.polls = 0

    async def __aenter__(self) -> Collector:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/services/collector/event", self._answered(self._event))
        app.router.add_post("/services/collector/ack", self._answered(self._ack))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await (site := web.TCPSite(self._runner, "127.0.0.1", 0)).start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _answered(self, handle: Any) -> Any:
        async def answered(request: web.Request) -> web.Response:
            try:
                self._known(request)
                return web.json_response(await handle(request))
            except Wrong as wrong:
                status, text = CODES[wrong.code]
                return web.json_response({"text": text, "code": wrong.code}, status=status)

        return answered

    def _known(self, request: web.Request) -> None:
        if self.says is not None and "event" in request.path:
            raise Wrong(self.says)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Wrong(2 if not scheme else 3)
        if scheme != "Splunk" or token != self.token:
            raise Wrong(3 if scheme != "Splunk" else 4)

    def _channel(self, text: str | None) -> str:
        if not text:
            raise Wrong(10)
        try:
            return str(UUID(text))
        except ValueError as error:
            raise Wrong(11) from error

    async def _event(self, request: web.Request) -> dict[str, Any]:
        body = await request.read()
        if len(body) > self.most:
            raise web.HTTPRequestEntityTooLarge(self.most, len(body))
        channel = self._channel(request.headers.get("X-Splunk-Request-Channel")) if self.acknowledges else ""
        found = self._parsed(body)
        self.events.append(found)
        if not self.acknowledges:
            return {"text": "Success", "code": 0}
        self.channels.add(channel)
        self._pending[channel, len(self.events)] = 0
        return {"text": "Success", "code": 0, "ackId": len(self.events)}

    def _parsed(self, body: bytes) -> dict[str, Any]:
        if not body:
            raise Wrong(5)
        try:
            found = json.loads(body, parse_constant=lambda _: 1 / 0)
        except (ValueError, ZeroDivisionError) as error:
            raise Wrong(6) from error
        if not isinstance(found, dict) or set(found) - META:
            raise Wrong(6)
        if "event" not in found:
            raise Wrong(12)
        if found["event"] in ("", None):
            raise Wrong(13)
        # Documented: "fields" is flat.
        if not all(isinstance(value, str) and value for value in found.get("fields", {}).values()):
            raise Wrong(15)
        if self.indexes and found.get("index", self.indexes[0]) not in self.indexes:
            raise Wrong(7)
        return found

    async def _ack(self, request: web.Request) -> dict[str, Any]:
        if not self.acknowledges:
            raise Wrong(14)
        channel = self._channel(request.query.get("channel"))
        self.polls += 1
        return {"acks": {str(ack): self._indexed(channel, ack) for ack in (await request.json())["acks"]}}

    def _indexed(self, channel: str, ack: int) -> bool:
        """Documented: what was said to be true once is forgotten."""
        if (channel, ack) not in self._pending:
            return False
        self._pending[channel, ack] += 1
        done = self.asks is not None and self._pending[channel, ack] > self.asks
        if done:
            del self._pending[channel, ack]
        return done
