"""A receiver that answers as Microsoft documents Entra's token endpoint and the Logs Ingestion API; Azure is not here.

Source: learn.microsoft.com, "Logs Ingestion API in Azure Monitor" and "OAuth 2.0 client credentials flow", as read in
2026; and the rule of docs/siem/sentinel.md.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TYPES: dict[str, Any] = {
    "string": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int and abs(value) < 2**31,
    "long": lambda value: type(value) is int and abs(value) < 2**63,
    "real": lambda value: value is None or type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
    "datetime": lambda value: value is None or TIME.match(value),
    "dynamic": lambda value: isinstance(value, list | dict),
}


class Azure:
    """`columns`: of the stream, by type."""

    def __init__(self, columns: dict[str, str], *, secret: str = "s-1", lasts: float = 3599) -> None:
        self.columns, self.secret, self.lasts = columns, secret, lasts
        self.forms: list[dict[str, str]] = []
        self.rows: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.good: set[str] = set()
        self.says: tuple[int, str] | None = None

    async def __aenter__(self) -> Azure:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_post("/dataCollectionRules/{rule}/streams/{stream}", self._rows)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await (site := web.TCPSite(self._runner, "127.0.0.1", 0)).start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.asked.append(request.path)
        await asyncio.sleep(0.05)
        if form["client_secret"] != self.secret:
            told = f"AADSTS7000215: Invalid client secret provided: {form['client_secret']}"
            return web.json_response({"error": "invalid_client", "error_description": told}, status=401)
        token = f"ey.{len(self.forms)}"
        self.good.add(token)
        return web.json_response({"token_type": "Bearer", "expires_in": self.lasts, "access_token": token})

    async def _rows(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.says is not None:
            return web.Response(status=self.says[0], text=self.says[1])
        if request.headers.get("Authorization", "").partition("Bearer ")[2] not in self.good:
            return web.Response(status=401)
        body = await request.read()
        if len(body) > 1024 * 1024:
            return web.Response(status=413)
        try:
            rows = json.loads(body, parse_constant=lambda _: 1 / 0)
        except (ValueError, ZeroDivisionError):
            return web.json_response({"error": {"code": "InvalidRequest"}}, status=400)
        if not isinstance(rows, list) or not all(map(self._fits, rows)):
            return web.json_response({"error": {"code": "InvalidRecord"}}, status=400)
        self.rows += rows
        return web.Response(status=204)

    def _fits(self, row: dict[str, Any]) -> bool:
        """Stricter than Azure, which drops, and cuts, without a word."""
        return set(row) == set(self.columns) and all(
            TYPES[kind](row[name]) and len(json.dumps(row[name], ensure_ascii=False).encode("utf-16-le")) <= 64 * 1024
            for name, kind in self.columns.items()
        )
