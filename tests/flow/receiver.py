"""A receiver of webhooks that keeps what it got, and answers as it is told."""

import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.path: dict[str, list[dict]] = defaultdict(list)
        #: Status of the next answers; 200 when there is none left.
        self.answers: list[int] = []
        #: While set, nobody is there.
        self.down = False
        self.url = ""
        self._lock = threading.Lock()

    def take(self, path: str, key: str, body: bytes) -> int:
        with self._lock:
            status = 503 if self.down else self.answers.pop(0) if self.answers else 200
            if status == 200:
                said = json.loads(body)
                self.got.append((key, said))
                self.path[path].append(said)
            return status

    @property
    def keys(self) -> set[str]:
        return {key for key, _ in self.got}


@contextmanager
def receiving():
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(self.path, self.headers.get("Idempotency-Key", ""), body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
