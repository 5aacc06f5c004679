"""A client of an ASGI application in the same process."""

import asyncio

import httpx


class Browser:
    """GETs from an application as if it listened on 127.0.0.1."""

    def __init__(self, app, host="127.0.0.1:8470"):
        self._app = app
        self._host = host

    def get(self, path, **parameters):
        return asyncio.run(self._get(path, parameters))

    async def _get(self, path, parameters):
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{self._host}") as client:
            return await client.get(path, params=parameters or None)
