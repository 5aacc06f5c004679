"""Every page in a real browser: accessible in both themes, no complaint, in print, and with hostile text in it."""

import re

import pytest

from pipeline.console import links
from pipeline.store import casework
from tests.browser.chromium import accessible, needed, until
from tests.report.hostile import EVIL, HUGE
from tests.store.entries import entry
from tests.store.findings import finding

pytestmark = needed
FIXED = (
    "/", "/timeline", "/alerts", "/findings", "/cases", "/inventory?of=identities", "/inventory?of=credentials",
    "/inventory?of=sessions", "/coverage", "/dead-letters", "/status", "/settings", "/reconstruct",
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(store, truth):
    """The address of one page of each kind."""
    (alert,) = store.rows("SELECT alert_id FROM alerts FINAL WHERE has(detections, 'llmjacking') LIMIT 1", {})
    (found,) = store.rows("SELECT finding_id FROM findings FINAL WHERE detection = 'access-kept' LIMIT 1", {})
    (event,) = store.rows("SELECT event_id FROM entries FINAL WHERE action = 'iam:CreateAccessKey' LIMIT 1", {})
    case = casework.opened(store, "A key in the bill", "ana@example.com", truth.clue, "credential")
    casework.noted(store, "case", case.case_id, "ana@example.com", "how it was kept", event[0])
    casework.noted(store, "case", case.case_id, "bo@example.com", "nobody needs this key")
    return {
        "alert": links.alert(alert[0]), "finding": links.finding(found[0]), "event": links.event(event[0]),
        "session": links.session(truth.session), "identity": links.identity(truth.agent),
        "credential": links.credential(truth.clue), "case": links.case(case.case_id),
    }  # fmt: skip


def test_every_page_is_accessible(visit, pages):
    page = visit(color_scheme="light")
    for address in (*FIXED, *pages.values()):
        _settled(page, address)
        accessible(page)
        assert page.locator("h1").count() == 1, address


def test_the_dark_theme_is_accessible_too(visit, pages):
    # Colours are the same on all pages: tests/console/test_looks.py holds each against its ground.
    page = visit(color_scheme="dark")
    for address in ("/", "/coverage", pages["session"], pages["credential"], pages["case"]):
        _settled(page, address)
        accessible(page)


def _settled(page, address):
    """Open a page, and wait until the parts that come later are there."""
    page.goto(address)
    until(page, "!document.querySelector('[hx-trigger=load] .htmx-request, .htmx-request, [aria-busy=true]')")


def test_pages_fit_a_telephone_and_a_wall(visit, pages):
    for width in (390, 2560):
        page = visit(viewport={"width": width, "height": 900})
        for address in ("/", pages["session"], pages["credential"], pages["identity"], pages["case"]):
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, address)


def test_what_is_printed_has_no_menu_and_no_forms(page, pages):
    page.goto(pages["case"])
    page.emulate_media(media="print")
    for hidden in ("nav.menu", "header.top", "form"):
        assert not any(one.is_visible() for one in page.locator(hidden).all()), hidden
    assert page.get_by_text("nobody needs this key").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_hostile_text_is_shown_and_does_nothing(page, store):
    # A lone surrogate is no text that a store keeps; an address with a NUL in it is refused by servers.
    evil = EVIL.replace("\ud800", "")
    named = dict.fromkeys(("actor", "session", "human"), evil)
    store.write_entries([entry("evil", **named, credential=evil, resources=[evil, HUGE], text=HUGE + evil, error=evil)])
    store.write_findings([finding("evil", entries=["evil"], **dict.fromkeys(("title", "sentence", *named), evil))])
    case = casework.opened(store, evil[:300], "ana", evil)
    casework.noted(store, "case", case.case_id, "ana", evil, "evil")
    page.watch.allowed.add(400)
    for address in (links.identity(evil), links.session(evil), links.credential(evil), links.case(case.case_id),
                    links.finding("evil"), links.event("evil"), links.timeline("actor", evil)):  # fmt: skip
        _settled(page, address)
        assert page.evaluate("window.pwned === undefined")
        shown = page.evaluate("document.body.innerText")
        assert not re.search("[\u0000-\u0008\u001b\u200b\u202e\u2028]", shown), address
        assert page.locator("img").count() == 0


def test_a_page_needs_no_script_to_be_read(visit, pages):
    page = visit(java_script_enabled=False)
    for address in pages.values():
        page.goto(address)
        assert page.locator("main").inner_text().strip()
