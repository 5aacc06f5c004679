import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import connect, queries, timeline
from tests.store.entries import entry, names

OWNER = """
import sys
from pipeline.kit.config import Settings
from pipeline.store import connect
with connect(Settings(clickhouse=sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_these_tests_ran_on_a_server_too():
    if "WHODID_TEST_CLICKHOUSE" not in os.environ:
        pytest.skip("store tests ran on chdb only: WHODID_TEST_CLICKHOUSE names no ClickHouse server")


def test_readers_and_a_writer_at_once(store):
    store.write_entries([entry(f"first{n}", n) for n in range(10)])
    stop = threading.Event()

    def write():
        for number in range(30):
            store.write_entries([entry(f"{number}-{n}", n, actor="other") for n in range(50)])
        stop.set()

    def read(_):
        rounds = 0
        while not stop.is_set() or not rounds:
            assert len(timeline(store, "actor", "bot").entries) == 10
            assert queries.counts(store).entries >= 10
            rounds += 1
        return rounds

    with ThreadPoolExecutor(9) as pool:
        writer = pool.submit(write)
        assert all(pool.map(read, range(8)))
        writer.result()
    assert queries.counts(store).entries == 1510


def test_a_wrong_query_is_a_bug_and_the_connection_survives(store):
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        store.rows("SELECT * FROM nonsense")
    assert store.rows("SELECT 1") == [(1,)]


def test_a_closed_store_is_away(store):
    store.close()
    store.close()
    with pytest.raises(Transient, match="closed"):
        store.rows("SELECT 1")


def test_an_embedded_store_survives_its_process(tmp_path):
    settings = Settings(clickhouse=f"chdb://{tmp_path}/a b/ü")
    for _ in range(2):
        with connect(settings) as store:
            assert store.embedded
            store.write_entries([entry("a")])
            assert names(timeline(store, "actor", "bot")) == ["a"]


def test_an_embedded_store_of_another_process_is_away(tmp_path):
    address = f"chdb://{tmp_path}/store"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(Transient, match="belongs to another process"):
            connect(Settings(clickhouse=address))
        owner.communicate()
    with connect(Settings(clickhouse=address)) as store:
        assert queries.counts(store).entries == 0


@pytest.mark.parametrize("address", ["chdb://relative/path", "http://127.0.0.1:1/no-name", "http://127.0.0.1:1/a%20b"])
def test_a_wrong_address_is_refused_by_name(address):
    with pytest.raises(Invalid, match="clickhouse: expected"):
        connect(Settings(clickhouse=address))


def test_a_server_that_is_not_there_is_away():
    started = time.monotonic()
    with pytest.raises(Transient, match="store: "):
        connect(Settings(clickhouse="http://user:secret@127.0.0.1:1/whodid"))
    assert time.monotonic() - started < 20


def test_a_disk_that_is_nearly_full_is_passing(tmp_path, monkeypatch):
    settings = Settings(clickhouse=f"chdb://{tmp_path}/store")
    usage = shutil.disk_usage(tmp_path)
    with connect(settings) as store:
        store.write_entries([entry("a")])
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
        with pytest.raises(Transient, match="10 MB of its disk are free, 67 MB are needed"):
            store.write_entries([entry("b")])
        assert names(timeline(store, "actor", "bot")) == ["a"]
        monkeypatch.undo()
        store.write_entries([entry("b")])
        assert names(timeline(store, "actor", "bot")) == ["a", "b"]


def test_no_store_is_begun_on_a_full_disk(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with pytest.raises(Transient, match="make room"):
        connect(Settings(clickhouse=f"chdb://{tmp_path}/store"))
    assert not (tmp_path / "store").exists()


def test_what_the_operating_system_refuses_is_passing(tmp_path, monkeypatch):
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store")) as store:
        # The driver hands a block to the engine in a temporary file.
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        with pytest.raises(Transient, match="No such file"):
            store.write_entries([entry("a")])
