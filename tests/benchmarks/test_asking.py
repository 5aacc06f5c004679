"""When an event is first shown: by its id, however often it is shown, those that were unattributed apart."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from benchmarks.asking import Asking, Probe
from pipeline.kit.config import Settings


@pytest.fixture
def desk():
    """A server that shows `entries`, and its settings."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            body = json.dumps({"entries": server.entries}).encode()
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.entries, server.status, server.asked = [], 200, asked
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.settings = Settings(host="127.0.0.1", port=server.server_port)
    server.asking = Asking(server.settings)
    yield server
    # A connection that stays open would keep the one thread of this server.
    server.asking.close()
    server.shutdown()
    thread.join()
    server.server_close()


def entry(name, unbound=""):
    return {"event_id": name, "unbound": unbound}


def test_an_event_counts_from_when_it_was_sent_to_when_it_is_first_shown(desk):
    now = time.time()
    probe = Probe("address", "192.0.2.7", {"a": now - 0.5, "b": now - 0.25})
    desk.entries = [entry("a"), entry("another")]
    desk.asking.look([probe])
    desk.entries = [entry("a"), entry("b", "no issuance seen")]
    desk.asking.look([probe])
    (shown,) = probe.took(0)
    (corrected,) = probe.took(0, unbound=True)
    assert 500 <= shown < 20_000
    assert 250 <= corrected < 20_000
    assert not probe.waiting


def test_nothing_is_asked_when_nothing_waits(desk):
    desk.asking.look([Probe("address", "192.0.2.7", {})])
    assert desk.asked == []


def test_what_was_sent_before_the_measurement_does_not_count(desk):
    probe = Probe("address", "192.0.2.7", {"a": time.time() - 1})
    desk.entries = [entry("a")]
    desk.asking.look([probe])
    assert probe.took(time.time()) == []


def test_a_desk_that_refuses_ends_the_measurement_with_its_words(desk):
    desk.status = 400
    with pytest.raises(SystemExit, match="the desk answered 400"):
        desk.asking.look([Probe("address", "192.0.2.7", {"a": time.time()})])
