"""A listener of a worker's own, for Prometheus and orchestrators: `/metrics`, `/healthz`, `/readyz`.

In:     Metrics
Out:    HTTP answers from a thread of its own, which no loop of a role can hold up
Fails:  OSError when it cannot listen
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6

from pipeline.kit.metrics import Metrics
from pipeline.run import health
from pipeline.run.exposition import Exposition

#: Seconds that a client may take over its request; bytes of names of parts and reasons that are told.
PATIENCE = 5.0
Answer = tuple[HTTPStatus, bytes, str]
log = logging.getLogger("whodid")


class Ops:
    """Use as a context manager: it listens meanwhile."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Port 0 takes a free one. Raises OSError, which says which setting chooses another."""
        exposition = Exposition(metrics)
        self._answers: dict[str, Callable[[str], Answer]] = {
            "/metrics": lambda accept: (HTTPStatus.OK, *exposition.text(accept)),
            "/healthz": lambda _: told(health.dead(metrics)),
            "/readyz": lambda _: told(health.unready(metrics)),
        }
        listener = type("Listener", (_Listener,), {"address_family": AF_INET6}) if ":" in host else _Listener
        handler = type("Handler", (_Handler,), {"answers": self._answers})
        try:
            self._server = listener((host, port), handler)
        except OSError as error:
            raise OSError(
                f"cannot listen on {host}:{port}: {error.strerror}. Choose another with WHODID_OPS_PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="ops", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Ops:
        self._thread.start()
        log.info("metrics and health on port %d", self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def told(reasons: list[str]) -> Answer:
    """200, or 503 with the reasons. They name parts and hosts, and no content."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    body = json.dumps({"service": "whodid", "well": not reasons, "reasons": reasons}).encode()
    return status, body, "application/json"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    """Knows three paths and one method."""

    answers: dict[str, Callable[[str], Answer]] = {}
    timeout = PATIENCE
    server_version, sys_version = "whodid", ""

    def do_GET(self) -> None:
        """Answer."""
        answer = self.answers.get(self.path.partition("?")[0])
        status, body, kind = answer(self.headers.get("Accept", "")) if answer else _NOT_FOUND
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: who asks decides what is in it, and how often."""


_NOT_FOUND: Answer = (HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n", "text/plain")
