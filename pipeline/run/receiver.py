"""A receiver of alerts on loopback, which `whodid chaos` asks afterwards what it was told.

In:     webhooks of the role `alert`
Out:    ids of alerts; a Check: every alert that somebody is to be told of was told, and no other
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.run.proof import Check
from pipeline.store import Store

#: Name of the one destination; its consumer group is `whodid-alert-` and this.
NAME = "receiver"
#: Bytes of a webhook that are read at most.
LARGEST = 16 * 1024 * 1024
#: One of so many requests is answered as by a server that is busy.
BUSY = 7
_ALL = "SELECT alert_id, suppressed = '' AND part_of = '' FROM alerts FINAL"


class Receiver:
    """`with Receiver() as receiver: receiver.file(folder)`; knows which alerts it was told of."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._asked = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        #: Where it listens; empty before it does.
        self.url = ""

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("Content-Length", "0")), LARGEST)
                self.send_response(receiver.take(self.rfile.read(size)))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """What was told is asked for afterwards."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def file(self, folder: Path) -> Path:
        """A file of alerts that names it, for every alert there is: none is a part of a storm."""
        path = folder / "alerts.yml"
        destination = {
            "name": NAME, "kind": "webhook", "url": self.url,
            "allow": ["127.0.0.0/8"], "severity": "low",
        }  # fmt: skip
        path.write_text(json.dumps({"destinations": [destination], "storm": 10_000}), encoding="utf-8")
        return path

    def take(self, body: bytes) -> int:
        """Note one alert; returns the status of the answer, now and then that of a busy server."""
        with self._lock:
            self._asked += 1
            if self._asked % BUSY == 0:
                return 503
            self._told.add(json.loads(body)["data"]["alert_id"])
            return 200

    @property
    def told(self) -> int:
        """How many alerts it was told of."""
        return len(self._told)

    def check(self, store: Store) -> Check:
        """Whether it was told of every alert in the store that somebody is to be told of, and of none that is not."""
        rows = dict(store.rows(_ALL))
        untold = {alert for alert, open_to_all in rows.items() if open_to_all} - self._told
        unknown = self._told - rows.keys()
        seen = [f"{len(rows):,} alerts, {self.told:,} told"]
        seen += [
            f"{len(those):,} {what}: {min(those)}"
            for those, what in ((untold, "untold"), (unknown, "unknown"))
            if those
        ]
        return Check("every alert was told of", not (untold or unknown), "; ".join(seen))
