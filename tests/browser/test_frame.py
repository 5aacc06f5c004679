"""What all pages share, in a real browser: the frame, its keys, its themes, and that the watching sees what it must."""

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Visits, accessible, needed

pytestmark = needed


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_overview_is_accessible(visit, scheme):
    page = visit(color_scheme=scheme)
    page.goto("/")
    accessible(page)


def test_a_chosen_theme_and_clock_stay_chosen(page):
    page.goto("/")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="UTC").click()
    page.goto("/alerts")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.get_by_role("button", name="Local time").get_attribute("aria-pressed") == "true"


def test_keys_lead_everywhere(page):
    page.goto("/")
    # A key that would go somewhere after g goes nowhere alone.
    page.keyboard.press("s")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/alerts")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/*")
    page.keyboard.press("?")
    keys = page.locator("#keys")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("console.error('no')", "console: no"),
        ("setTimeout(() => { throw new Error('thrown') })", "error: thrown"),
        ("fetch('/v1/events/none')", "404:"),
        ("fetch('http://192.0.2.1/').catch(() => {})", "Content Security Policy"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "Security Policy"),
        ("document.body.append(Object.assign(document.createElement('img'), {src: 'http://192.0.2.1/'}))", "192.0.2.1"),
    ],
)
def test_what_goes_wrong_is_seen(browser, desk, done, told):
    visits = Visits(browser, desk)
    page = visits()
    page.goto("/")
    page.evaluate(f"() => {{ {done} }}")
    page.watch.until(page, told)
    assert visits.end()
