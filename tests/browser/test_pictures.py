"""The pictures of README and docs are taken here: `make pictures` writes them, a plain run only takes them."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pipeline.console import links
from pipeline.store import casework
from tests.browser.chromium import needed

pytestmark = needed
SIZE = {"width": 1360, "height": 860}


@pytest.fixture
def folder(tmp_path):
    """Where the pictures go."""
    where = Path(os.environ.get("WHODID_PICTURES") or tmp_path)
    where.mkdir(parents=True, exist_ok=True)
    return where


def take(page, folder, name):
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / f"{name}.png", animations="disabled", caret="hide")
    # A page that is blank, or that failed, is some kilobytes.
    assert (folder / f"{name}.png").stat().st_size > 30_000


def test_pictures(visit, folder, store, truth):
    light, dark = visit(viewport=SIZE, color_scheme="light"), visit(viewport=SIZE, color_scheme="dark")
    light.goto("/")
    take(light, folder, "overview")
    (made,) = store.rows("SELECT event_id FROM entries FINAL WHERE action = 'iam:CreateAccessKey' LIMIT 1", {})
    session = links.term("session", truth.session)
    light.goto(links.with_query("/timeline", {"q": session, "event": made[0]}))
    expect(light.locator("#lanes")).to_have_attribute("aria-busy", "false")
    take(light, folder, "timeline")
    dark.goto(links.session(truth.session))
    dark.get_by_role("heading", name="What caused what").evaluate("one => { one.scrollIntoView(); scrollBy(0, -70) }")
    take(dark, folder, "session")
    light.goto(links.credential(truth.clue))
    take(light, folder, "credential")
    light.goto(links.identity(truth.agent))
    light.get_by_role("heading", name="How it works").evaluate("one => { one.scrollIntoView(); scrollBy(0, -70) }")
    take(light, folder, "identity")
    case = casework.opened(store, "LLM calls that nobody ordered", "ana@example.com", truth.clue, "credential")
    casework.noted(store, "case", case.case_id, "ana@example.com", "how access was kept", made[0])
    dark.goto(links.case(case.case_id))
    expect(dark.locator("main .lead")).to_be_visible()
    take(dark, folder, "case")
