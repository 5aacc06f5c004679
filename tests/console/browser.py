"""An application asked in the same process, or served on a port."""

import asyncio
import json
import threading

import httpx
import uvicorn


class Browser:
    """GETs from an application as if it listened on 127.0.0.1."""

    def __init__(self, app, host="127.0.0.1:8470"):
        self._app = app
        self._host = host

    def get(self, path, *, headers=None, **parameters):
        return asyncio.run(self._asked("GET", path, params=parameters or None, headers=headers))

    def post(self, path, *, origin="", headers=None, **fields):
        """What a form of a page sends."""
        headers = {"origin": origin or f"http://{self._host}", **(headers or {})}
        return asyncio.run(self._asked("POST", path, data=fields, headers=headers))

    def call(self, method, path, body=None, *, headers=None):
        """What a program sends."""
        sent = {} if body is None else {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
        sent["headers"] = {**sent.get("headers", {}), **(headers or {})}
        return asyncio.run(self._asked(method, path, **sent))

    async def _asked(self, method, path, **more):
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{self._host}") as client:
            return await client.request(method, path, **more)


class Served:
    """An application on a free port of 127.0.0.1."""

    def __init__(self, app):
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        return self._server.servers[0].sockets[0].getsockname()[1]

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()
