"""The roles `console` and `collect`: one HTTP server on loopback, for analysts to read and for producers to send to."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from confluent_kafka import Producer
from fastapi import FastAPI, Request

from pipeline.console.access import install, rights
from pipeline.console.access.who import LOCAL, caller
from pipeline.console.app import create
from pipeline.console.guard import Guard
from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.run import evidence_api, ops_api
from pipeline.run.audit import Audit
from pipeline.run.bundle import proving
from pipeline.run.decide import decided
from pipeline.run.ending import Ending
from pipeline.run.status import report
from pipeline.run.traced import Traced
from pipeline.sources.collector import router
from pipeline.store import Store, connect


class DeskRole:
    """Serves until told to stop."""

    def __init__(self, settings: Settings, metrics: Metrics, store: Store | None, roles: Sequence[str]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._producer = producer = Producer(producer_config(settings))
        decide = partial(decided, settings, producer)
        audit = Audit(settings, producer)
        if store is not None:
            app = create(store, settings, self._status, decide, partial(proving, settings, store), audit)
            app.include_router(evidence_api.router(settings, store))
        else:
            app = _collector(settings, audit)
        app.include_router(ops_api.router(metrics))
        if "collect" in roles:
            app.include_router(router(settings, producer, _sender))
        rights.check(app.routes)
        app.add_middleware(Traced, metrics=metrics)
        self._app = app
        self._socket = _bind(settings.host, settings.port)

    def run(self, end: Ending) -> None:
        """Blocks; the server ends when told to or, with `--until-idle`, when the other roles have ended."""
        # A client's address counts, so nobody but a configured proxy may say another one.
        config = uvicorn.Config(
            self._app, log_level="warning", access_log=False, timeout_graceful_shutdown=2,
            proxy_headers=bool(self._settings.proxies), forwarded_allow_ips=self._settings.proxies, server_header=False,
        )  # fmt: skip
        server = _Server(config, end, self._metrics)
        server.run(sockets=[self._socket])
        # What was told last, of who read what, is on its way.
        self._producer.flush(2)

    def _status(self) -> dict[str, Any]:
        return report(self._settings, self._metrics)


def _collector(settings: Settings, audit: Audit) -> FastAPI:
    """An application for producers alone. Their keys are in the store, if it is one that several processes can have."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if settings.clickhouse.startswith("chdb:"):
        install.check(settings, any_key=False)
        app.add_middleware(Guard, host=settings.host)
    else:
        install.install(app, connect(settings), settings, audit)
    return app


class _Server(uvicorn.Server):
    """Ends with the process's roles instead of taking over its signals."""

    def __init__(self, config: uvicorn.Config, end: Ending, metrics: Metrics) -> None:
        super().__init__(config)
        self._metrics = metrics
        self._end = end
        self._started_at = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, asked ten times a second."""
        self._metrics.beat("desk")
        idle = self._end.until_idle is not None and self._end.due(self._started_at)
        return self._end.stop.is_set() or idle or await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """The process handles its own signals."""
        yield


def _sender(request: Request) -> str:
    """Who sends events here: the name of a key or a person, `local` where nobody has to sign in."""
    return (caller(request) or LOCAL).name


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port or WHODID_PORT"
        ) from error
    listener.set_inheritable(True)
    return listener
