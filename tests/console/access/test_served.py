"""A desk as a process runs it: over sockets, with and without a proxy before it, and with a broker that is away."""

import http.client
import socket
import threading
from contextlib import contextmanager

import pytest

from pipeline.console.access import keys
from pipeline.kit.broker import free_port
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.run.desk import DeskRole
from pipeline.run.ending import Ending
from pipeline.store import access, connect
from tests.console.access.desk import SECRET, filled
from tests.flow.harness import wait_until


@pytest.fixture(scope="module")
def store():
    with connect(Settings(clickhouse="chdb://memory")) as opened:
        filled(opened, SECRET)
        yield opened


@pytest.fixture(scope="module")
def text(store):
    made, key = keys.new("ana", "analyst", ["read"], content=True, life="1h", by="x")
    access.write_key(store, key)
    return made


@contextmanager
def served(store, tmp_path, **more):
    settings = Settings(
        clickhouse="chdb://memory", data_dir=tmp_path, port=free_port(), bootstrap="127.0.0.1:1", **more
    )
    stop = threading.Event()
    role = DeskRole(settings, Metrics(), store, ["console", "collect"])
    thread = threading.Thread(target=role.run, args=(Ending(stop, None, lambda: False),))
    thread.start()
    try:
        wait_until(lambda: listens(settings.port), 20)
        yield settings.port
    finally:
        stop.set()
        thread.join()


def listens(port):
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def ask(port, method, path, headers=None, body=None):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        link.request(method, path, body, {"host": f"127.0.0.1:{port}", **(headers or {})})
        answer = link.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
    finally:
        link.close()


def sign_in(port, text, **headers):
    form = {"content-type": "application/x-www-form-urlencoded", **headers}
    return ask(port, "POST", "/login", form, f"key={text}")


def test_while_the_broker_is_away_contents_are_given_once_their_row_is_written(store, text, tmp_path):
    with served(store, tmp_path) as port:
        status, headers, body = ask(port, "GET", "/v1/events/e1", {"authorization": f"Bearer {text}"})
    assert status == 200
    assert SECRET in body
    assert "server" not in headers
    assert access.reads(store, {})[0].name == "ana"


def test_what_a_stranger_says_of_its_address_is_not_believed(store, text, tmp_path):
    said = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    with served(store, tmp_path) as port:
        status, headers, _ = sign_in(port, text, origin=f"http://127.0.0.1:{port}", **said)
    assert status == 303
    assert "Secure" not in headers["set-cookie"]
    assert access.logins(store)[0].address == "127.0.0.1"


def test_a_configured_proxy_is(store, text, tmp_path):
    said = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "host": "desk.example.com"}
    with served(store, tmp_path, proxies="127.0.0.1", public_url="https://desk.example.com") as port:
        status, headers, _ = sign_in(port, text, origin="https://desk.example.com", **said)
        assert ask(port, "GET", "/healthz", {"host": "other.example.com"})[0] == 421
    assert status == 303
    assert headers["set-cookie"].startswith("__Host-whodid=")
    assert "Secure" in headers["set-cookie"]
    assert "strict-transport-security" in headers
    assert access.logins(store)[0].address == "203.0.113.9"


def test_headers_of_any_size_end_in_an_answer(store, text, tmp_path):
    with served(store, tmp_path) as port:
        assert ask(port, "GET", "/v1/me", {"authorization": "Bearer " + "x" * 30_000})[0] == 401
        with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
            link.sendall(f"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer ".encode())
            try:
                for _ in range(100):
                    link.sendall(b"x" * 65536)
                found = link.recv(1000)
            except OSError:
                found = b""
        assert not found or b" 4" in found.split(b"\r\n")[0]
        assert ask(port, "GET", "/v1/me", {"authorization": f"Bearer {text}"})[0] == 200


def test_a_producer_needs_a_key_for_it(store, text, tmp_path):
    json = {"content-type": "application/json"}
    with served(store, tmp_path) as port:
        assert ask(port, "POST", "/v1/traces", json, "{}")[0] == 401
        assert ask(port, "POST", "/v1/traces", {**json, "authorization": f"Bearer {text}"}, "{}")[0] == 403
        made, key = keys.new("otel", "viewer", ["collect"], content=False, life="1h", by="x")
        access.write_key(store, key)
        assert ask(port, "POST", "/v1/traces", {**json, "authorization": f"Bearer {made}"}, "{}")[0] == 200
        assert ask(port, "GET", "/v1/timeline?actor=bot", {"authorization": f"Bearer {made}"})[0] == 403
