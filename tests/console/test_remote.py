import http.server
import json
import subprocess
import sys
import threading

import pytest

from pipeline.cli.desk import DeskReader
from pipeline.cli.remote import open_reader
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import connect
from schemas.rejected import Rejected
from tests.console.browser import Served
from tests.store.entries import entry

LETTER = Rejected(
    rejected_id="r/1 ü", stage="s", reason="r", format="f", topic="t", partition=0, offset=1, time=2, value=b"x"
)


@pytest.fixture
def filled(store):
    store.write_entries([entry(f"e/{n:04} ü?", n) for n in range(2500)])
    store.write_rejected([LETTER])
    return store


def test_both_readers_give_the_same_timeline(reader):
    rows = list(reader.timeline("actor", "bot", limit=10_000))
    assert [row["event_id"] for row in rows] == [f"e/{n:04} ü?" for n in range(2500)]
    assert len(list(reader.timeline("actor", "bot", limit=1001))) == 1001
    bounded = reader.timeline("actor", "bot", since="2023-11-14T22:13:21Z", until="2023-11-14T22:13:23Z", limit=9)
    assert [row["event_id"] for row in bounded] == ["e/0001 ü?", "e/0002 ü?"]
    assert list(reader.timeline("human", "nobody", limit=5)) == []


def test_both_readers_give_single_rows(reader):
    assert reader.event("e/0007 ü?")["event_id"] == "e/0007 ü?"
    assert reader.event("nope") is None
    assert reader.dead_letter("r/1 ü")["value"] == "x"
    assert reader.dead_letter("nope") is None
    assert [row["rejected_id"] for row in reader.dead_letters(stage="s", limit=5)] == ["r/1 ü"]
    assert reader.status()["store"]["entries"] == 2500


def test_both_readers_name_a_wrong_parameter(reader):
    for pivot, more in (("tool", {}), ("actor", {"since": "soon"})):
        with pytest.raises(Invalid) as failure:
            list(reader.timeline(pivot, "x", limit=1, **more))
        assert ((more and "since") or "tool") in str(failure.value)
    with pytest.raises(Invalid, match="limit"):
        reader.dead_letters(limit=0)


def test_a_desk_that_owns_the_store_is_asked(store, settings, process):
    store.write_entries([entry("a")])
    process.report["troubles"] = {"kafka": "away"}
    with Served(create(store, settings, process)) as port:
        reader = open_reader(settings.model_copy(update={"port": port}))
        assert isinstance(reader, DeskReader)
        assert reader.status()["counts"] == {"rows": 5}
        with pytest.raises(Transient, match="there is none at /nope"):
            open_reader(Settings(clickhouse="chdb:///nope", port=port))


def test_without_a_desk_the_store_is_opened(tmp_path):
    settings = Settings(clickhouse=f"chdb://{tmp_path}/store", port=1)
    with connect(settings) as store:
        store.write_entries([entry("a")])
    reader = open_reader(settings)
    assert [row["event_id"] for row in reader.timeline("actor", "bot", limit=5)] == ["a"]
    reader.close()


@pytest.mark.parametrize("address", ["chdb://memory", "chdb:///nope/nowhere"])
def test_when_neither_can_be_reached_the_fix_is_named(address):
    with pytest.raises(Transient, match=r"whodid up.*WHODID_PORT.*127\.0\.0\.1:1"):
        open_reader(Settings(clickhouse=address, port=1))


def test_a_store_that_a_silent_process_owns_says_what_to_do(tmp_path):
    address = f"chdb://{tmp_path}/store"
    code = (
        "import sys; from pipeline.kit.config import Settings; from pipeline.store import connect\n"
        f"with connect(Settings(clickhouse={address!r})): print('open', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(Transient, match=r"belongs to another process.*whodid up.*WHODID_PORT"):
            open_reader(Settings(clickhouse=address, port=1))
        owner.communicate()


class Stranger(http.server.BaseHTTPRequestHandler):
    """Some other program that happens to listen on the port."""

    body = b"hello"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("body", [b"hello", b"[]", b"null", json.dumps({"healthy": True}).encode()])
def test_a_stranger_on_the_port_is_no_desk(body, monkeypatch):
    monkeypatch.setattr(Stranger, "body", body)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        with pytest.raises(Transient, match="none answers"):
            open_reader(Settings(clickhouse="chdb://memory", port=listening.server_address[1]))
        listening.shutdown()
        thread.join()
