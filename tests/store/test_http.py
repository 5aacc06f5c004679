"""What goes over HTTP to a server, and what its answers become. No server is needed: a stand-in takes down requests."""

import base64
import http.server
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.store import cluster, connect, write
from pipeline.store.columns import Row
from tests.store.entries import entry

SETTINGS = (
    "optimize_on_insert", "max_partitions_per_insert_block", "insert_deduplicate", "async_insert",
    "do_not_merge_across_partitions_select_final",
)  # fmt: skip
CLUSTER = cluster.session("2")


def native(*columns) -> bytes:
    """A block in ClickHouse's Native format; columns are (name, type, encoded values)."""
    block = bytes([len(columns), len(columns[0][2])])
    for name, kind, values in columns:
        block += b"".join(bytes([len(text)]) + text.encode() for text in (name, kind)) + b"".join(values)
    return block


def strings(*values) -> list[bytes]:
    return [bytes([len(value)]) + value.encode() for value in values]


class StandIn(http.server.BaseHTTPRequestHandler):
    """Answers every request the same way or, while that is None, as a server that has the database `audit`."""

    answer = None
    requests: list
    databases = 1

    def do_POST(self):
        parameters = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.requests.append((parameters, dict(self.headers), body))
        status, code, content = self.answer or (
            200,
            None,
            self._reply(parameters.get("query", "") + body.decode("latin-1")),
        )
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST

    def _reply(self, query):
        if "version()" in query:
            return b"25.8.1.1\tUTC\n"
        if "system.settings" in query:
            names = (*SETTINGS, *CLUSTER)
            columns = [strings(*names), strings(*"0" * len(names)), [b"\0"] * len(names)]
            return native(*zip(("name", "value", "readonly"), ("String", "String", "UInt8"), columns, strict=True))
        if "system.databases" in query:
            return native(("count()", "UInt64", [self.databases.to_bytes(8, "little")]))
        return b""

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(StandIn, "requests", [], raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://ana:s%40cret@127.0.0.1:{listening.server_address[1]}/audit"
        listening.shutdown()
        thread.join()


def test_a_block_goes_out_as_it_is_with_its_settings(server):
    with connect(Settings(clickhouse=server), migrated=False) as store:
        assert not store.embedded
        store.write_entries([entry("a")])
    parameters, headers, body = StandIn.requests[-3]
    block = write.entries_block([Row(entry("a"))])
    sent = parameters.get("query", "").encode() + body
    assert sent.startswith(b"INSERT INTO entries (`event_id`, `kind`, `time`")
    assert sent.endswith(b"FORMAT MsgPack\n" + block.payload)
    assert "content-encoding" not in {name.lower() for name in headers}
    assert (
        b"INSERT INTO settled (`time`, `event_id`)"
        in StandIn.requests[-1][0].get("query", "").encode() + StandIn.requests[-1][2]
    )
    assert {name: parameters[name] for name in (*SETTINGS, "database")} == {
        "optimize_on_insert": "0", "max_partitions_per_insert_block": "0", "insert_deduplicate": "0",
        "async_insert": "0", "do_not_merge_across_partitions_select_final": "1",
        "database": "audit",
    }  # fmt: skip


def test_on_a_cluster_every_request_waits_for_its_shards_and_its_quorum(server, monkeypatch):
    monkeypatch.setattr(StandIn, "databases", 0)
    settings = Settings(clickhouse=server, clickhouse_cluster="audit-eu", clickhouse_quorum="2")
    with connect(settings, migrated=False) as store:
        made = StandIn.requests[-1]
        store.write_timeline([Row(entry("a"))])
        block = StandIn.requests[-1][0]
        store.command("ALTER TABLE pivots DROP PARTITION 202311")
        dropped = StandIn.requests[-1]
    assert b"CREATE DATABASE IF NOT EXISTS audit ON CLUSTER 'audit-eu'" in made[0].get("query", "").encode() + made[2]
    assert {name: block[name] for name in CLUSTER} == {name: str(value) for name, value in CLUSTER.items()}
    sent = dropped[0].get("query", "").encode() + dropped[2]
    assert b"ALTER TABLE pivots_local ON CLUSTER 'audit-eu' DROP PARTITION 202311" in sent


def test_no_session_is_opened_and_the_password_travels_in_a_header(server):
    with connect(Settings(clickhouse=server), migrated=False) as store:
        store.rows("SELECT count() FROM system.databases WHERE name = {name:String}", {"name": "a\tb'"})
    for parameters, headers, _ in StandIn.requests:
        assert "session_id" not in parameters
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"ana:s@cret").decode()
    assert StandIn.requests[-1][0]["param_name"]


@pytest.mark.parametrize(
    "answer",
    [
        (502, None, b"<html>bad gateway"),
        (503, None, b""),
        (500, 241, b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"),
        (500, 252, b"Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)"),
        (403, 516, b"Code: 516. DB::Exception: ana: Authentication failed. (AUTHENTICATION_FAILED)"),
    ],
    ids=["proxy", "unavailable", "memory", "parts", "password"],
)
def test_an_answer_that_passes_is_transient(server, monkeypatch, answer):
    with connect(Settings(clickhouse=server), migrated=False) as store:
        monkeypatch.setattr(StandIn, "answer", answer)
        with pytest.raises(Transient, match="store: "):
            store.write_timeline([Row(entry("a"))])
        with pytest.raises(Transient, match="store: "):
            store.rows("SELECT 1")
    with pytest.raises(Transient, match="store: ") as failure:
        connect(Settings(clickhouse=server))
    assert "s@cret" not in str(failure.value)
    assert "s%40cret" not in str(failure.value)


def test_an_answer_that_stays_is_a_bug(server, monkeypatch):
    monkeypatch.setattr(StandIn, "answer", (400, 62, b"Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)"))
    with pytest.raises(DatabaseError, match="Syntax error"):
        connect(Settings(clickhouse=server))
