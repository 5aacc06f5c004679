"""What goes over the wire to a server, and what is done when it breaks: the embedded engine answers, over HTTP."""

import http.client

import pytest

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import connect, queries, timeline
from tests.store.entries import entry, names
from tests.store.served import Served

#: Of each block: what the offset's commit relies on, and why rows may be written twice.
BLOCK = {
    "insert_deduplicate": "0", "async_insert": "0", "optimize_on_insert": "0", "max_partitions_per_insert_block": "0",
    "do_not_merge_across_partitions_select_final": "1", "wait_end_of_query": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with Served() as serving:
        connect(Settings(clickhouse=serving.url("wire"))).close()
        yield serving


@pytest.fixture
def store(server):
    with connect(Settings(clickhouse=server.url("wire")), migrated=False) as opened:
        yield opened
    server.faults.clear()


def test_each_block_is_sent_with_the_settings_that_we_rely_on(server, store):
    store.write_entries([entry("settings")])
    request = server.asked(b"INSERT INTO entries ")[-1]
    assert {name: request.parameters.get(name) for name in BLOCK} == BLOCK
    assert "content-encoding" not in request.headers
    assert not {"session_id", "insert_deduplication_token"} & set(request.parameters)
    assert request.parameters["database"] == "wire"
    assert request.headers["user-agent"].startswith("whodid ")


def test_no_two_requests_share_a_session_or_an_id(server, store):
    began = len(server.requests)
    for _ in range(3):
        store.rows("SELECT 1")
    requests = server.requests[began:]
    assert not [one for one in requests if "session_id" in one.parameters]
    assert len({one.parameters["query_id"] for one in requests}) == 3


def test_answers_may_be_compressed(server, store):
    store.rows("SELECT 1")
    assert {"lz4", "zstd"} <= set(server.requests[-1].headers["accept-encoding"].split(","))


@pytest.mark.parametrize("fault", [503, 429, "reset", "lost", "half", "slow"])
def test_a_block_that_broke_is_transient_and_there_once_when_it_is_written_again(server, store, fault):
    block, who = [entry(f"broken-{fault}", actor=f"of {fault}")], f"of {fault}"
    before = len(server.asked(b"INSERT INTO entries "))
    # The driver itself sends a request once more over a connection that was kept and turns out to be closed.
    server.faults.extend([fault] * 2 if fault in ("reset", "lost") else [fault])
    patience = {"patience": 3} if fault == "slow" else {}
    first = connect(Settings(clickhouse=server.url("wire")), migrated=False, **patience)
    with first, pytest.raises(Transient, match="store: "):
        first.write_entries(block)
    assert len(server.asked(b"INSERT INTO entries ")) <= before + 2
    assert not server.faults
    for _ in range(2):
        store.write_entries(block)
    assert names(timeline(store, "actor", who)) == [f"broken-{fault}"]


def test_a_host_that_is_away_is_passed_over(server):
    nobody = http.client.HTTPConnection("127.0.0.1", 1)
    with pytest.raises(OSError, match="refused"):
        nobody.connect()
    address = server.url("wire", host="127.0.0.1:1,127.0.0.1")
    with connect(Settings(clickhouse=address)) as store:
        assert queries.counts(store).entries >= 0
    with pytest.raises(Invalid, match="host:port, or several with commas"):
        connect(Settings(clickhouse="http://a:1,b:many/wire"))


def test_a_host_that_goes_away_is_left_for_the_next(server):
    with Served() as first:
        connect(Settings(clickhouse=first.url("wire"))).close()
        both = server.url("wire", host=f"127.0.0.1:{first.port},127.0.0.1")
        store = connect(Settings(clickhouse=both))
        store.write_entries([entry("on-first", actor="moved")])
        assert first.asked(b"INSERT INTO entries ")
    with store:
        with pytest.raises(Transient, match="store: "):
            store.write_entries([entry("on-second", actor="moved")])
        began = len(server.requests)
        store.write_entries([entry("on-second", actor="moved")])
        assert len(server.requests) > began


def test_the_password_may_stand_apart_from_the_address(server):
    address = server.url("wire", user="ana@")
    connect(Settings(clickhouse=address, clickhouse_password="s@cret"), migrated=False).close()
    assert server.requests[-1].headers["authorization"] == "Basic YW5hOnNAY3JldA=="
    with pytest.raises(Invalid, match=r"clickhouse_password .*: expected one password"):
        connect(Settings(clickhouse=server.url("wire"), clickhouse_password="other"))
