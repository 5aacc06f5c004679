"""A ClickHouse server as far as whodid needs one: HTTP(S) before the embedded engine, and every request taken down.

It runs statements one at a time, and what is to go wrong can be said before it does. It has no users and no Keeper.
"""

import re
import tempfile
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import chdb

_FORMAT = re.compile(rb"\s+FORMAT\s+(\w+)\s*$")
_INSERT = re.compile(rb"(INSERT INTO .*?)\s+FORMAT (\w+)\n", re.DOTALL)


class Request(NamedTuple):
    """What came, and how."""

    parameters: dict[str, str]
    headers: dict[str, str]
    #: The statement, and rows of an insert after it.
    body: bytes
    #: The client's own certificate, as `ssl` tells it.
    certificate: dict | None


class Served:
    """`with Served() as server: server.url`. Databases are those of the engine, which is in memory."""

    def __init__(self, context=None):
        self.requests: list[Request] = []
        #: What happens to the next inserts: a status, `reset` (before), `lost` (done,
        #: not answered), `half` an answer, or `slow`.
        self.faults = deque()
        #: Until it is set, an answer that is `slow` waits.
        self.go = threading.Event()
        self._engine = chdb.connect(":memory:")
        self._alone = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (_Handler,), {"served": self}))
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port = self._server.server_port

    def url(self, database, user="ana:s%40cret@", scheme="http", host="127.0.0.1"):
        return f"{scheme}://{user}{host}:{self.port}/{database}"

    def asked(self, beginning):
        """Requests whose statement begins so."""
        return [one for one in self.requests if one.body.startswith(beginning)]

    def run(self, request: Request) -> bytes:
        """What the engine answers."""
        given = {name[6:]: value for name, value in request.parameters.items() if name.startswith("param_")}
        insert = _INSERT.match(request.body)
        with self._alone:
            self._engine.query(f"USE {request.parameters.get('database', 'default')}")
            if insert is not None:
                with tempfile.NamedTemporaryFile() as file:
                    file.write(request.body[insert.end() :])
                    file.flush()
                    sql = f"{insert[1].decode()} FROM INFILE '{file.name}' FORMAT {insert[2].decode()}"
                    return self._engine.query(sql).bytes()
            shape = _FORMAT.search(request.body)
            sql = request.body[: shape.start()] if shape else request.body
            answer = self._engine.query(sql.decode(), shape[1].decode() if shape else "TSV", params=given)
            return answer.bytes()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._engine.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def do_POST(self):
        parameters = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query, True).items()}
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b"\n".join(filter(None, (parameters.get("query", "").encode(), sent)))
        peer = getattr(self.connection, "getpeercert", lambda: None)()
        request = Request(parameters, {name.lower(): one for name, one in self.headers.items()}, body, peer)
        self.served.requests.append(request)
        faulty = body.startswith(b"INSERT INTO entries ") and self.served.faults
        self._respond(request, self.served.faults.popleft() if faulty else None)

    do_GET = do_POST

    def _respond(self, request, fault):
        if isinstance(fault, int):
            self._answer(fault, b"busy")
            return
        # Without an answer the connection is closed.
        self.close_connection = fault is not None
        if fault == "reset":
            return
        try:
            found = self.served.run(request)
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._answer(500, str(error).encode(), code[1] if code else "1")
            return
        if fault == "slow":
            self.served.go.wait(60)
        if fault not in ("lost", "slow"):
            self._answer(200, found, missing=10 if fault == "half" else 0)

    def _answer(self, status, content, code=None, missing=0):
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(content) + missing))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Tests say what went wrong."""
