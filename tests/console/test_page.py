import json
import re
from html.parser import HTMLParser

import pytest

from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.console.pages.frame import surety
from pipeline.kit.config import Settings
from pipeline.store import access, casework
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from tests.console.browser import Browser
from tests.store.entries import entry
from tests.store.findings import finding
from tests.store.test_queries import rejected

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202egnp.exe\0</style>"


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag, attribute):
        """Values of an attribute of all tags of a kind."""
        return [found[attribute] for name, found in self.found if name == tag and attribute in found]


PAGES = (
    "/", "/timeline", "/alerts", "/findings", "/cases", "/inventory?of=identities", "/inventory?of=credentials",
    "/inventory?of=sessions", "/reconstruct", "/status", "/coverage", "/dead-letters", "/settings", "/identities/bot",
    "/sessions/s", "/credentials/c", "/findings/f", "/pins?event_id=a", "/nope", "/sessions/nope", "/alerts/nope",
)  # fmt: skip
#: Where a script may come from, and where else an address may lead.
OURS = re.compile(r"/[^/]|/$|#main$")


@pytest.fixture
def told(store):
    """One entry of everything that has a page, hostile wherever something can be."""
    texts = dict.fromkeys(("format", "action", "outcome", "actor_kind", "address", "policy", "text"), HOSTILE)
    event = Event(event_id="a", time=0, kind="tool_call", resources=[HOSTILE], credential="c", session="s", **texts)
    event.arguments = [Argument(HOSTILE, HOSTILE, "result")]
    found = dict.fromkeys(("actor_kind", "human", "tool_call", "prompt_event", "unbound"), HOSTILE)
    links = [Link("actor", HOSTILE, 0.5)]
    store.write_entries([Entry(event=event, actor="bot", session="s", links=links, on_behalf_of=[HOSTILE], **found)])
    fields = dict.fromkeys(("detection", "model", "title", "human", "sentence"), HOSTILE)
    store.write_findings([finding("f", actor="bot", session="s", entries=["a"], details={HOSTILE: HOSTILE}, **fields)])
    case = casework.opened(store, HOSTILE, HOSTILE, HOSTILE)
    for about, name in (("identity", "bot"), ("session", "s"), ("credential", "c"), ("case", case.case_id)):
        casework.noted(store, about, name, HOSTILE, HOSTILE)
    return (*PAGES, f"/cases/{case.case_id}")


def test_no_page_holds_what_runs_or_comes_from_elsewhere(browser, told):
    for path in told:
        tags = Tags(browser.get(path).text).found
        assert not {"iframe", "object", "base", "style", "img"} & {tag for tag, _ in tags}, path
        for tag, found in tags:
            assert not [name for name in found if name.startswith("on") or name == "style"], (path, tag)
            for name in ("href", "action", "src", "hx-get"):
                assert OURS.match(found.get(name) or "/"), (path, tag, found)
            assert tag != "script" or found["src"].startswith("/static/"), path


def test_hostile_text_in_every_field_is_shown_as_text(browser, told):
    for path in told:
        page = browser.get(path).text
        # In the value of a field it is what somebody typed, and may be sent again.
        shown = re.sub(r'(value|data-copy)="[^"]*"', "", page)
        assert not re.search("[\0\x1b\u202e]", shown), path
        assert "<script>alert" not in page, path
    assert r"\x1b[31m\u202egnp.exe\x00" in browser.get("/sessions/s").text


def test_the_policy_allows_files_of_this_server_and_nothing_that_is_written_into_a_page(browser):
    policy = browser.get("/").headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy


def test_files_may_be_kept_under_an_address_that_changes_with_them(browser):
    address = Tags(browser.get("/").text).of("link", "href")[0]
    assert re.fullmatch(r"/static/[\w./]+\?v=[0-9a-f]{12}", address)
    assert "immutable" in browser.get(address).headers["cache-control"]
    assert browser.get(address.partition("?")[0]).headers["cache-control"] == "no-store"
    assert browser.get("/static/../app.py").status_code == 404


def test_a_part_of_a_page_comes_without_its_frame(browser):
    part = browser.get("/status", headers={"hx-request": "true"})
    assert (part.headers["vary"], "<nav" in part.text, "<h1>Status" in part.text) == ("HX-Request", False, True)
    assert "<nav" in browser.get("/status").text


@pytest.mark.parametrize("path", ["/", "/v1/status", "/v1/timeline", "/nope"])
def test_every_response_has_the_careful_headers(browser, path):
    headers = browser.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/?x=1", "/sessions/s?x=1", "/identities/bot?x=1", "/findings?x=1", "/status?x=1"])
def test_a_parameter_that_there_is_none_of_is_named(browser, store, path):
    store.write_entries([entry("a", session="s")])
    answer = browser.get(path)
    assert answer.status_code == 400
    assert "x: expected no such parameter" in answer.text


@pytest.mark.parametrize("path", ["/sessions/a%2Fb", "/identities/%00", "/credentials/x", "/alerts/x", "/cases/x"])
def test_what_is_not_there_says_so_and_where_to_look(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "of this name" in answer.text
    assert 'href="/timeline"' in answer.text


def test_the_overview_says_what_needs_attention(browser, store, process):
    assert "Nothing was heard yet" in browser.get("/").text
    store.write_entries([entry("a"), entry("b", unbound="x")])
    store.write_findings([finding("f", actor="bot", severity="high")])
    process.report["troubles"] = {"kafka": "<no broker>"}
    page = browser.get("/").text
    assert "kafka: &lt;no broker&gt;" in page
    assert '<dt>Messages waiting</dt><dd><a href="/status">3</a>' in page
    assert '<a href="/findings?actor=bot">1 finding</a>' in page
    (series,) = Tags(page).of("div", "data-series")
    (line,) = json.loads(series)["lines"]
    assert (sum(line["values"]), line["values"][-1], len(line["values"])) == (2, 2, 7 * 24 + 1)


def test_settings_hide_what_is_secret(store, process):
    given = Settings(clickhouse="http://me:pass@word@clickhouse/x", hash_key="verysecret", data_dir="/nowhere")
    page = Browser(create(store, given, process)).get("/settings").text
    assert "verysecret" not in page
    assert "pass@word" not in page
    assert "http://me:…@clickhouse/x" in page
    assert "<code>WHODID_HASH_KEY</code>" in page


def test_dead_letters_have_pages(browser, store):
    store.write_rejected([rejected("r1", value=b"<b>\x1b"), rejected("r2", value=b"\xff")])
    page = browser.get("/dead-letters").text
    assert page.count("<tr data-open>") == 2
    assert "&lt;b&gt;\\x1b" in browser.get("/dead-letters/r1").text
    assert "base64" in browser.get("/dead-letters/r2").text
    assert browser.get("/dead-letters", limit="0").status_code == 400


@pytest.mark.parametrize(
    ("host", "listening", "status"),
    [
        ("localhost:8470", "127.0.0.1", 200), ("[::1]:8470", "::1", 200), ("127.0.0.1", "localhost", 200),
        ("attacker.example.com", "127.0.0.1", 421), ("127.0.0.1.example.com:8470", "127.0.0.1", 421),
        ("desk.example.com", "0.0.0.0", 200),
    ],
)  # fmt: skip
def test_on_loopback_a_foreign_name_is_turned_away(store, process, host, listening, status):
    access.write_key(store, keys.new("x", "admin", ["read"], content=True, life="1h", by="x")[1])
    browser = Browser(create(store, Settings(clickhouse="chdb://memory", host=listening), process), host)
    assert browser.get("/healthz").status_code == status


def test_confidence_has_four_colours():
    assert [surety(value) for value in (1, 0.9, 0.89, 0.7, 0.69, 0.01, 0)] == [
        "sure", "sure", "likely", "likely", "doubtful", "doubtful", "unknown",
    ]  # fmt: skip
