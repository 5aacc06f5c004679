"""A receiver of webhooks on loopback that keeps when each came, and may be as bad as receivers are."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Receiver:
    """Keeps when each body came, by alert and key."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.keys: dict[str, int] = {}
        self.order: dict[str, list[int]] = {}
        self.chance: random.Random | None = None
        self.lock = threading.Lock()
        self.port = 0

    def take(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        now, said = time.time(), json.loads(body)
        drawn = self.chance.random() if self.chance else 1.0
        if drawn < 0.30:
            return self._fault(handler, drawn, said, now)
        self.keep(said, now)
        return 200

    def keep(self, said: dict[str, Any], now: float) -> None:
        with self.lock:
            self.came.setdefault(said["data"]["actor"], now)
            self.keys[said["key"]] = self.keys.get(said["key"], 0) + 1
            self.order.setdefault(said["data"]["alert_id"], []).append(said["data"]["revision"])

    def _fault(self, handler: BaseHTTPRequestHandler, drawn: float, said: dict[str, Any], now: float) -> int:
        if drawn < 0.02:
            time.sleep(1.5)  # longer than the destination waits
            return 200
        if drawn < 0.06:
            time.sleep(0.3)
            self.keep(said, now)
            return 200
        if drawn < 0.10:
            # It is taken, and the connection is reset before that is said.
            self.keep(said, now)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(handler.connection.detach())
            handler.close_connection = True
            return 0
        return 429 if drawn < 0.15 else 302 if drawn < 0.17 else 503


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """A receiver that listens on loopback, `receiver` or a new one."""
    receiver = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status = receiver.take(self, self.rfile.read(int(self.headers["Content-Length"])))
            if not status:
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """Connections that were reset are what is wanted."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(home: Path, receiver: Receiver, storm: int, **destination: object) -> Path:
    """A file of alerts with the receiver as its one destination."""
    siem = {"name": "siem", "kind": "webhook", "url": f"http://127.0.0.1:{receiver.port}/", "allow": ["127.0.0.0/8"]}
    file = home / "alerts.yml"
    file.write_text(json.dumps({"destinations": [{**siem, **destination}], "storm": storm}))
    return file
