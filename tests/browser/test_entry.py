"""An entry as it is shown: how each link was made and how sure it is, and nothing of it that is more than text."""

import re
from urllib.parse import quote

import msgspec
import pytest
from playwright.sync_api import expect

from pipeline.store import queries
from schemas.finding import Finding
from tests.browser.chromium import accessible, needed
from tests.report import hostile
from tests.report.incidents import START

pytestmark = needed
EVIL = hostile.EVIL.encode("utf-8", "replace").decode()


@pytest.fixture(scope="module")
def ids(store):
    """Ids of events by what was done, the first of each."""
    rows = store.rows("SELECT action, argMin(event_id, time) FROM entries FINAL GROUP BY action", {})
    return dict(rows)


def test_every_link_says_how_it_was_made_and_leads_to_its_evidence(page, store, ids):
    found = queries.event(store, ids["iam:CreateAccessKey"])
    page.goto("/events/" + quote(found.event.event_id, safe=""))
    made = page.locator(".made li")
    expect(made).to_have_count(len(found.links))
    for number, link in enumerate(found.links):
        expect(made.nth(number)).to_contain_text(f"{link.method} {link.confidence:.2f}")
    evidence = next(link.evidence[0] for link in found.links if link.evidence)
    page.locator(".made a", has_text=evidence).first.click()
    expect(page).to_have_url(re.compile(re.escape(quote(evidence, safe=""))))
    expect(page.get_by_role("heading", name="How we know")).to_be_visible()


def test_where_arguments_came_from_and_why_it_is_risky(page, store):
    rows = store.rows("SELECT entries[1] FROM findings FINAL WHERE detection = 'tool-chain-drift' LIMIT 1", {})
    page.goto("/events/" + quote(rows[0][0], safe=""))
    expect(page.locator("mark.result").first).to_be_visible()
    expect(page.get_by_role("heading", name="Why is this risky")).to_be_visible()
    page.locator(".found a").first.click()
    expect(page).to_have_url(re.compile("/findings/"))


def test_the_raw_record_is_loaded_when_it_is_asked_for(page, store, ids):
    found = queries.event(store, ids["iam:CreateAccessKey"])
    page.goto("/events/" + quote(found.event.event_id, safe=""))
    asked = f"/records/{found.event.record_id}"
    assert not [one for one in page.watch.requests if asked in one]
    page.get_by_text("As it was received").click()
    expect(page.get_by_role("region", name="Raw record")).to_contain_text("CreateAccessKey")
    assert [one for one in page.watch.requests if asked in one]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(visit, ids, scheme):
    page = visit(color_scheme=scheme)
    page.goto("/events/" + quote(ids["iam:CreateAccessKey"], safe=""))
    page.get_by_text("As it was received").click()
    expect(page.get_by_role("region", name="Raw record")).to_be_visible()
    accessible(page)


def test_an_entry_that_is_not_there_says_what_to_do(page):
    page.watch.allowed.add(404)
    page.goto("/events/none")
    expect(page.get_by_role("alert")).to_contain_text("reload in a moment")


def test_what_one_reader_copies_another_can_open(visit, ids):
    name = quote(ids["iam:CreateAccessKey"], safe="")
    ana, ben = visit(permissions=["clipboard-read", "clipboard-write"]), visit()
    ana.goto(f"/events/{name}")
    ana.get_by_role("button", name="Copy link").click()
    expect(ana.locator("#said")).to_have_text("Copied")
    ben.goto(ana.evaluate("navigator.clipboard.readText()"))
    expect(ben.get_by_role("heading", level=1)).to_contain_text("iam:CreateAccessKey")


@pytest.fixture(scope="module")
def evil(store):
    """Entries, and a finding about them, in which every text wants to be more than text."""
    case = hostile.case()
    entries = [whole(one) for one in case.entries]
    ids = [one.event.event_id for one in entries]
    texts = {
        name: EVIL
        for name in (
            "finding_id", "detection", "title", "sentence", "actor", "actor_kind", "human", "session", "action",
            "credential", "policy", "account", "address", "family", "tactic", "model", "key",
        )
    }  # fmt: skip
    found = Finding(
        **texts, time=START, severity="high", score=0.9, p_value=0.1, entries=ids, resources=[EVIL], quotes=[EVIL],
        details={EVIL: EVIL}, frameworks=[EVIL], runbook=[EVIL],
    )  # fmt: skip
    store.write_entries(entries)
    store.write_records([whole(one) for one in case.records])
    store.write_findings([found])
    return ids


def whole(one):
    """The same without lone surrogates, which no text has by the time it is stored."""

    def mended(value):
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        if isinstance(value, dict):
            return {mended(name): mended(each) for name, each in value.items()}
        return [mended(each) for each in value] if isinstance(value, list) else value

    return msgspec.convert(mended(msgspec.to_builtins(one, builtin_types=(bytes,))), type(one))


INERT = """() => {
  const main = document.querySelector("main");
  const all = (selector) => [...main.querySelectorAll(selector)];
  const moving = /[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u202a-\\u202e\\u2028\\u2029\\u2066-\\u2069]/;
  return {
    pwned: window.pwned ?? null,
    elements: all("script, img, iframe, object, embed, base, style").length,
    foreign: all("[href], [src], [action]")
      .filter((one) => new URL(one.href ?? one.src ?? one.action).origin !== location.origin).length,
    handlers: all("*").filter((one) => one.getAttributeNames().some((name) => name.startsWith("on"))).length,
    moving: moving.test(main.textContent),
  };
}"""
HARMLESS = {"pwned": None, "elements": 0, "foreign": 0, "handlers": 0, "moving": False}


def test_hostile_texts_stay_texts_on_the_page_of_an_entry(page, evil):
    for name in evil[:3]:
        page.goto("/events/" + quote(name, safe=""))
        expect(page.get_by_role("heading", name="How we know")).to_be_visible()
        for closed in page.locator("details").all():
            closed.locator("summary").click()
        expect(page.locator(".raw pre, .raw .trouble").first).to_be_visible()
        assert page.evaluate(INERT) == HARMLESS


def test_hostile_texts_stay_texts_on_the_timeline(page, evil):
    page.goto("/timeline?limit=500&order=desc&since=2026-01-30&until=2026-02-02&event=" + quote(evil[0], safe=""))
    expect(page.locator("#lanes")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#panel").get_by_role("heading", name="How we know")).to_be_visible()
    page.locator("#drawing").focus()
    for _ in evil:
        page.keyboard.press("n")
    expect(page.locator(".tip")).not_to_be_empty()
    assert page.evaluate(INERT) == HARMLESS
