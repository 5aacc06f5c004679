"""The helper for home-grown agents: what it sends, and that it never hurts the agent."""

import asyncio
import gzip
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline import emit
from pipeline.emit import OWN, SHARED, TOPICS, Emitter, Handler
from pipeline.kit.topics import PUBLIC
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from schemas.canonical import MODELS, CanonicalEvent
from schemas.rejected import Record
from tests.sources.kafka import messages

PAGE = Path(__file__).parents[2] / "docs" / "emit.md"


class Desk:
    """A collector that answers as it is told, the last answer for ever, and keeps what it took."""

    def __init__(self, *answers):
        self.answers, self.requests, self.events = list(answers or [(200, {})]), [], []
        desk = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = desk.answers.pop(0) if len(desk.answers) > 1 else desk.answers[0]
                desk.requests.append((self.path, dict(self.headers)))
                if status == 200:
                    desk.events += [json.loads(line) for line in gzip.decompress(body).splitlines()]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b'{"error": {"message": "told"}}')

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def desk(request):
    made = Desk(*getattr(request, "param", ()))
    yield made
    made.close()


@pytest.fixture
def whodid(desk):
    made = Emitter(desk.address, "k", "bot")
    yield made
    made.close(0.5)


def events(found):
    """What the pipeline makes of them; none may be refused."""
    results = [
        one for event in found for one in process(Record(json.dumps(event).encode(), "canonical"), Context(b"k"))
    ]
    assert [one.rejected.reason for one in results if one.rejected] == []
    return [event for one in results for event in one.events]


def test_its_names_are_those_of_the_schema():
    assert set(CanonicalEvent.model_fields) == SHARED
    for model in MODELS.values():
        (kind,) = model.model_fields["kind"].annotation.__args__
        assert set(model.model_fields) - SHARED - {"kind"} == OWN[kind]
    assert set(TOPICS.values()) == set(PUBLIC)


def test_sessions_calls_and_tokens_are_told_as_they_are_nested(desk, whodid):
    with whodid.session("outer", human="ana@example.com"):
        whodid.prompt("hello", colour="blue")
        with whodid.tool("spawn", {"n": 1}) as call, whodid.session("inner", actor="helper") as name:
            whodid.prompt("work")
            with whodid.tool("read", tool_call="t-9") as inner:
                inner.denied("policy 7")
            call.result({"done": True})
        expires = datetime(2027, 1, 1, tzinfo=UTC)
        whodid.token_issued("jti:1", subject="svc", expires=expires, credential="jti:0")
    whodid.acted("crm:Read", resources="crm/1", trace=None)
    assert whodid.flush()
    assert (name, whodid.sent, whodid.dropped) == ("inner", len(desk.events), 0)
    assert {headers["authorization"] for _, headers in desk.requests} == {"Bearer k"}
    told = {(one.kind, one.session, one.phase): one for one in events(desk.events)}
    first, spawned, ended = (
        told["prompt", "outer", ""], told["tool_call", "outer", "start"], told["tool_call", "outer", "end"]
    )  # fmt: skip
    assert (first.actor, first.human, first.attributes["colour"]) == ("bot", "ana@example.com", "blue")
    assert (spawned.tool, ended.text, ended.outcome) == ("spawn", '{"done": true}', "success")
    assert spawned.tool_call == ended.tool_call == call.id
    read = told["tool_call", "inner", "end"]
    assert (read.actor, read.parent_session, read.parent_tool_call) == ("helper", "outer", call.id)
    assert (read.outcome, read.error, read.tool_call) == ("denied", "policy 7", "t-9")
    issued = told["token_issuance", "outer", ""]
    assert (issued.issued, issued.issued_subject, issued.credential) == ("jti:1", "svc", "jti:0")
    assert issued.issued_expires == expires.timestamp() * 1_000_000
    assert told["cloud_audit", "", ""].resources == ["crm/1"]


def test_a_decorated_function_is_told_and_behaves_as_before(desk, whodid):
    @whodid.tool()
    def pay(invoice, *, to="bank"):
        """Pays."""
        if invoice < 0:
            raise PermissionError("not below zero")
        return [invoice]

    @whodid.tool("wait", account="a1")
    async def later(first):
        await asyncio.sleep(0)
        raise ZeroDivisionError(first)

    assert pay(7) == [7]
    assert (pay.__name__, pay.__doc__) == ("pay", "Pays.")
    with pytest.raises(PermissionError):
        pay(-1, to="me")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(later("x"))
    whodid.flush()
    starts = [one for one in desk.events if one["phase"] == "start"]
    ends = [
        (one["tool"], one["outcome"], one.get("error"), one.get("text")) for one in desk.events if one not in starts
    ]
    assert [one["arguments"] for one in starts] == [{"invoice": 7}, {"invoice": -1, "to": "me"}, {"first": "x"}]
    assert ends == [
        ("pay", "success", None, "[7]"),
        ("pay", "denied", "PermissionError: not below zero", None),
        ("wait", "failure", "ZeroDivisionError: x", None),
    ]
    assert len({one["tool_call"] for one in desk.events}) == 3
    events(desk.events)


def test_records_of_logging_that_say_their_kind_are_sent(desk, whodid):
    log = logging.Logger("agent")
    log.addHandler(Handler(whodid))
    log.info("of no kind")
    log.info("Pay %s", 7, extra={"kind": "prompt", "session": "s-1", "other": 1})
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("no", extra={"kind": "tool_call", "tool": "pay", "tool_call": "t1", "phase": "end"})
    whodid.flush()
    said, failed = events(desk.events)
    assert (said.text, said.session, said.actor, said.attributes) == ("Pay 7", "s-1", "bot", {})
    assert (failed.outcome, failed.error, failed.text) == ("failure", "ValueError: broken", "no")


class Odd:
    def __str__(self):
        raise RuntimeError("no")


CIRCLE = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "given",
    [float("nan"), CIRCLE, {1, 2}, {("a", 1): 2}, "\ud800", b"x", 10**5000, {"a": Path("b")}, "é" * 3_000_000,
     [["x"] * 99_000], Odd()],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_whatever_an_agent_has_becomes_an_event(desk, whodid, given):
    with whodid.tool(
        "t", given, resources=["r"] * 100, region="r" * 5000, **{f"n{at}": at for at in range(90)}
    ) as call:
        call.result(given)
    assert whodid.flush()
    assert (len(events(desk.events)), whodid.dropped) == (2, 0)


def test_what_is_empty_is_not_stated_and_odd_objects_hurt_nobody(desk, whodid):
    log = logging.Logger("agent")
    log.addHandler(Handler(whodid))
    log.info("x", extra={"kind": []})
    with whodid.session("s", parent_tool_call=Odd(), actor="", human=""), whodid.tool("t", tool_call=Odd()):
        whodid.prompt("", event_id="")
    whodid.event(Odd())
    assert whodid.flush()
    assert (len(events(desk.events)), whodid.dropped) == (3, 1)


def test_what_cannot_be_written_is_counted_and_told_once(desk, whodid, capsys):
    for _ in range(2):
        whodid.prompt("hello", session=Odd())
    whodid.event("nothing")
    assert (whodid.dropped, capsys.readouterr().err.count("RuntimeError")) == (3, 1)


@pytest.mark.parametrize(
    "desk",
    [[(503, {"retry-after": "0"}), (429, {"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}), (200, {})]],
    indirect=True,
)  # fmt: skip
def test_what_is_turned_away_for_now_is_sent_again(desk, whodid, capsys, monkeypatch):
    monkeypatch.setattr(emit.random, "uniform", lambda *_: 0.0)
    whodid.prompt("hello")
    assert whodid.flush()
    assert (len(desk.requests), len(desk.events), whodid.dropped) == (3, 1, 0)
    assert capsys.readouterr().err.count("trying again") == 1


def test_the_time_that_is_asked_for_is_waited(monkeypatch):
    assert [emit._seconds(one) for one in ("7", "x", None, "9999", "-1", "1.5")] == [7, 0, 0, 300, 0, 0]
    monkeypatch.setattr(emit.time, "time", lambda: 1_767_225_590.0)
    assert emit._seconds("Thu, 01 Jan 2026 00:00:00 GMT") == 10


@pytest.mark.parametrize("desk", [[(413, {}), (200, {})]], indirect=True)
def test_what_is_too_much_for_a_request_is_sent_in_halves(desk, whodid):
    for _ in range(5):
        whodid.prompt("hello")
    assert whodid.flush()
    assert (len(desk.requests), len(desk.events)) == (3, 5)


@pytest.mark.parametrize("desk", [[(401, {})]], indirect=True)
def test_a_refusal_is_told_once_and_ends_it(desk, whodid, capsys):
    for _ in range(3):
        whodid.prompt("hello")
        whodid.acted("a:B")
        whodid.flush()
    err = capsys.readouterr().err
    assert err.count("whodid:") == 1
    assert "401" in err
    assert "told" in err
    assert "nothing more is sent" in err
    assert (len(desk.requests), whodid.dropped) == (1, 6)


@pytest.mark.parametrize("desk", [[(400, {}), (200, {})]], indirect=True)
def test_a_bad_request_costs_itself_only(desk, whodid):
    whodid.prompt("first")
    whodid.flush()
    whodid.prompt("second")
    whodid.flush()
    assert ([one["text"] for one in desk.events], whodid.dropped) == (["second"], 1)


def test_an_address_or_key_that_cannot_be_used_is_told_without_the_key(capsys):
    for url, key in (("ftp://x", "k"), ("127.0.0.1:8470", "k"), ("http://127.0.0.1:9", "secret\nkey"),
                     ("http://127.0.0.1:9/a b", "k")):  # fmt: skip
        whodid = Emitter(url, key)
        whodid.prompt("hello")
        assert whodid.flush()
        assert whodid.dropped == 1
    err = capsys.readouterr().err
    assert err.count("url: expected") == 4
    assert "secret" not in err


def test_what_finds_no_room_or_no_time_is_dropped_and_the_agent_goes_on(capsys, monkeypatch):
    monkeypatch.setattr(emit, "_ROOM", 2000)
    whodid = Emitter("http://127.0.0.1:9")
    for _ in range(20):
        whodid.prompt("hello")
    waiting = 20 - whodid.dropped
    assert 0 < waiting < 20
    assert not whodid.flush(0.01)
    whodid.close(0.05)
    whodid.prompt("too late")
    assert (whodid.dropped, whodid.sent) == (21, 0)
    err = capsys.readouterr().err
    assert "bytes wait" in err
    assert f"{waiting} events could not be sent" in err


def test_many_threads_lose_nothing(desk, whodid):
    def work():
        with whodid.session():
            for at in range(50):
                whodid.prompt(str(at))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whodid.flush()
    sessions = {}
    for one in desk.events:
        sessions.setdefault(one["session"], []).append(int(one["text"]))
    assert list(sessions.values()) == [list(range(50))] * 8
    assert len({one["event_id"] for one in desk.events}) == 400


FORKING = """
import os, sys
from emit import Emitter
whodid = Emitter(sys.argv[1], actor="bot")
whodid.prompt("before")
child = os.fork()
whodid.prompt("child" if child == 0 else "parent")
if child:
    os.waitpid(child, 0)
"""


def alone(tmp_path, code, *arguments, **environment):
    """Run beside a copy of the file, by a Python that has nothing but its own library."""
    shutil.copy(emit.__file__, tmp_path / "emit.py")
    (tmp_path / "agent.py").write_text(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}")
    return subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "agent.py"), *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


def test_a_copy_needs_nothing_and_sends_at_exit_in_both_halves_of_a_fork_once(desk, tmp_path):
    ran = alone(tmp_path, FORKING, desk.address)
    assert "whodid:" not in ran.stderr
    assert sorted(one["text"] for one in desk.events) == ["before", "child", "parent"]


LATE = """
import atexit, sys
import emit
whodid = None
atexit.register(lambda: whodid.prompt("late"))
whodid = emit.Emitter(sys.argv[1])
atexit.unregister(whodid._sender.close)
atexit.register(lambda: (whodid.prompt("at exit"), whodid.flush()))
"""


def test_what_is_told_while_the_interpreter_ends_is_sent(desk, tmp_path):
    alone(tmp_path, LATE, desk.address)
    assert "at exit" in [one["text"] for one in desk.events]


def test_an_agent_ends_in_time_when_the_collector_is_away(tmp_path):
    ran = alone(tmp_path, "import emit; emit._EXIT = 0.3; emit.Emitter('http://127.0.0.1:9').prompt('x')")
    assert "1 events could not be sent" in ran.stderr


def test_the_example_of_the_page_arrives_and_links(address, settings, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    alone(tmp_path, code, WHODID_COLLECTOR=address, WHODID_API_KEY="k")
    found = [
        event
        for topic in PUBLIC
        for name, value in messages(settings, topic)
        for one in process(Record(value, name, topic), Context(settings.hashing_key))
        for event in (one.events if one.rejected is None else pytest.fail(one.rejected.reason))
    ]
    assert {(one.session, one.actor, one.human) for one in found} == {
        ("conversation-7", "billing-agent", "ana@example.com")
    }
    assert sorted((one.kind, one.action or one.tool, one.phase) for one in found) == [
        ("prompt", "answer", ""), ("prompt", "user_message", ""), ("token_issuance", "token:issue", ""),
        ("tool_call", "pay", "end"), ("tool_call", "pay", "start"),
    ]  # fmt: skip
    begun, ended = sorted((one for one in found if one.kind == "tool_call"), key=lambda one: one.phase, reverse=True)
    assert begun.tool_call == ended.tool_call
    assert [(one.path, one.value) for one in begun.arguments] == [("invoice", "7")]
    assert (ended.text, ended.outcome) == ("paid 7", "success")
    assert {one.issued for one in found} == {"", "jti:9f2c"}
