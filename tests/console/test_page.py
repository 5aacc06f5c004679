import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.console.page import surety
from pipeline.kit.config import Settings
from pipeline.store import access
from schemas.entry import Entry, Link
from schemas.event import Event
from tests.console.browser import Browser
from tests.store.entries import entry

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202egnp.exe\0</style>"


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_holds_nothing_that_runs_or_comes_from_elsewhere(browser, store):
    store.write_entries([entry("a")])
    page = browser.get("/", pivot="actor", value="bot")
    tags = Tags(page.text).found
    assert not {"script", "link", "img", "iframe", "object", "base"} & {tag for tag, _ in tags}
    attributes = [pair for _, found in tags for pair in found.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("style", "src")]
    assert all(value.startswith("/") for name, value in attributes if name in ("href", "action"))


def test_the_policy_allows_the_pages_own_stylesheet_and_nothing_else(browser):
    page = browser.get("/")
    policy = page.headers["content-security-policy"]
    styles = re.search("<style>(.*?)</style>", page.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/v1/status", "/v1/timeline", "/nope"])
def test_every_response_has_the_careful_headers(browser, path):
    headers = browser.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_hostile_text_in_every_field_is_shown_as_text(browser, store):
    fields = dict.fromkeys(
        ("kind", "format", "action", "outcome", "actor_kind", "credential", "address", "policy", "text"), HOSTILE
    )
    event = Event(event_id=HOSTILE, time=0, resources=[HOSTILE], **fields)
    attribution = dict.fromkeys(
        ("actor", "actor_kind", "human", "session", "tool_call", "prompt_event", "unbound"), HOSTILE
    )
    store.write_entries(
        [Entry(event=event, links=[Link("actor", HOSTILE, 0.5)], on_behalf_of=[HOSTILE], **attribution)]
    )
    page = browser.get("/", pivot="actor", value=HOSTILE).text
    assert "1 events of actor" in page
    assert not {"script"} & {tag for tag, _ in Tags(page).found}
    assert page.count("</style>") == 1
    assert page.count("&lt;script&gt;") > 8
    shown = re.sub(r'value="[^"]*"', "", page)
    assert not re.search("[\0\x1b\u202e]", shown)
    assert r"\x1b[31m\u202egnp.exe\x00" in shown


def test_a_row_says_who_for_whom_how_sure_and_why(browser, store):
    found = entry("a", human="ana@example.com", tool_call="tc-9", prompt_event="p-1", outcome="denied", sure=0.72)
    store.write_entries([found, entry("b", 1, sure=0, unbound="credential never issued")])
    page = browser.get("/", pivot="actor", value="bot").text
    for text in ("bot", "ana@example.com", "tool call tc-9", "/v1/events/p-1", "denied", "2023-11-14T22:13:20Z"):
        assert text in page
    assert 'class="likely">credential 0.72' in page
    assert 'class="unknown">none 0.00<div class="dim">credential never issued' in page


def test_the_form_keeps_what_was_asked_and_names_what_is_wrong(browser):
    page = browser.get("/", pivot="human", value="ana", since="soon")
    assert page.status_code == 400
    assert "since: expected a time" in page.text
    assert 'value="soon"' in page.text
    assert "<option selected>human" in page.text
    assert browser.get("/", pivot="nope", value="x").status_code == 400
    assert "No event of" in browser.get("/", pivot="human", value="ana").text


def test_a_longer_timeline_leads_to_its_next_page(browser, store):
    store.write_entries([entry(name, number) for number, name in enumerate("abc")])
    page = browser.get("/", pivot="actor", value="bot", limit=2).text
    link = re.search(r'<a href="(/\?[^"]*)">Next page', page)[1].replace("&amp;", "&")
    rest = browser.get(link).text
    assert "1 events of actor" in rest
    assert "Next page" not in rest


def test_the_numbers_are_of_the_store_and_the_process(browser, store, process):
    store.write_entries([entry("a"), entry("b", unbound="x")])
    process.report["troubles"] = {"kafka": "<no broker>"}
    page = browser.get("/").text
    assert "<dt>entries</dt><dd>2</dd>" in page
    assert "<dt>messages waiting</dt><dd>3</dd>" in page
    assert "kafka: &lt;no broker&gt;" in page


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
