"""The timeline as an analyst works in it: query, lanes, table and side panel, by mouse and by keyboard."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import accessible, needed, until

pytestmark = needed
AGENT = 'actor:"invoice-bot"'


def asked(page):
    """The parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def opened(page, **given):
    """The timeline, once its lanes are drawn."""
    page.goto("/timeline?" + "&".join(f"{name}={value}" for name, value in given.items()))
    drawn(page)
    return page


def drawn(page):
    """Waits until lanes and table show what the address says."""
    expect(page.locator("#lanes")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#table[aria-busy]")).to_have_count(0)


def brush(page, begin, end):
    """Choose a part of the line of time, 0 to 1."""
    box = page.locator("#drawing canvas").bounding_box()
    left, width = box["x"] + 148, box["width"] - 148
    page.keyboard.down("Shift")
    page.mouse.move(left + width * begin, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(left + width * end, box["y"] + 110, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_back_and_reload_keep_query_time_and_panel(page):
    opened(page, q=AGENT)
    amount = page.locator("#lanes").get_attribute("data-points")
    brush(page, 0.5, 1)
    expect(page.locator("#lanes")).not_to_have_attribute("data-points", amount)
    drawn(page)
    chosen = asked(page)
    assert chosen["q"] == AGENT
    assert chosen["since"] < chosen["until"]
    fewer = page.locator("#lanes").get_attribute("data-points")
    expect(page.locator("input[name=since]")).to_have_value(chosen["since"])
    first = page.locator("#table td.time a").first
    name = first.inner_text()
    assert name >= chosen["since"][:19].replace("T", " ")
    first.click()
    panel = page.get_by_role("complementary", name="Entry")
    expect(panel.get_by_role("heading", name="How we know")).to_be_visible()
    with_panel = asked(page)
    assert with_panel.items() > chosen.items()

    page.reload()
    drawn(page)
    assert asked(page) == with_panel
    expect(panel.get_by_role("heading", name="How we know")).to_be_visible()
    assert page.locator("#lanes").get_attribute("data-points") == fewer

    page.go_back()
    expect(panel).to_be_hidden()
    assert asked(page) == chosen
    page.go_back()
    expect(page.locator("#lanes")).to_have_attribute("data-points", amount)
    assert asked(page) == {"q": AGENT}
    expect(page.locator("input[name=since]")).to_have_value("")
    page.go_forward()
    expect(page.locator("#lanes")).to_have_attribute("data-points", fewer)
    page.get_by_role("button", name="Any time").click()
    expect(page.locator("#lanes")).to_have_attribute("data-points", amount)


def test_a_button_chooses_time_with_one_hand(page):
    opened(page)
    button = page.get_by_role("button", name="Select a time")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    box = page.locator("#drawing canvas").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 700, box["y"] + 100, steps=4)
    page.mouse.up()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert {"since", "until"} <= set(asked(page))


def test_everything_can_be_done_with_the_keyboard(page):
    opened(page)
    page.keyboard.press("/")
    page.keyboard.type(AGENT)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=actor*")
    drawn(page)
    drawing = page.locator("#drawing")
    while not drawing.evaluate("(place) => place === document.activeElement"):
        page.keyboard.press("Tab")
    whole = drawing.get_attribute("data-visible")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    expect(drawing).not_to_have_attribute("data-visible", whole)
    page.keyboard.press("b")
    until(page, "new URL(location).searchParams.has('since')")
    drawn(page)
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(page.locator("#said")).to_have_text(re.compile(r"by invoice-bot"))
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Entry")
    expect(panel).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(drawing).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator("#table tr:has(:focus)")
    expect(row).to_have_count(1)
    time = row.locator("time").first.inner_text()
    page.keyboard.press("Enter")
    expect(panel).to_be_focused()
    expect(panel.locator(".lead time")).to_have_text(time)
    page.keyboard.press("Escape")
    expect(page.locator("#table tr:has(:focus) time").first).to_have_text(time)


def test_a_point_is_told_of_and_opened(page):
    opened(page, q=AGENT)
    spot = page.evaluate("""() => {
      const lanes = document.getElementById("lanes").lanes;
      const edges = lanes.canvas.getBoundingClientRect();
      return [edges.left + lanes.x(lanes.points.times[0]), edges.top + lanes.tops[lanes.points.row[0]] + 10];
    }""")
    page.mouse.move(*spot)
    expect(page.locator(".tip")).to_contain_text("by invoice-bot")
    page.mouse.click(*spot)
    expect(page.get_by_role("complementary", name="Entry").get_by_role("heading", name="How we know")).to_be_visible()


def test_the_next_page_follows_and_back_returns(page):
    opened(page, limit=20)
    times = page.locator("#table td.time time")
    first = times.last.get_attribute("datetime")
    page.get_by_role("link", name="next page").click()
    until(page, "new URL(location).searchParams.has('after')")
    expect(times.first).not_to_have_attribute("datetime", re.compile("^$"))
    until(page, f"document.querySelector('#table time').dateTime >= '{first}'")
    page.go_back()
    until(page, f"document.querySelector('#table time').dateTime < '{first}'")


def test_two_look_at_once_and_neither_disturbs_the_other(visit):
    ana, ben = visit(), visit(color_scheme="dark")
    opened(ana, q=AGENT)
    opened(ben, q='actor:"support-bot"')
    ben.locator("#table td.time a").first.click()
    expect(ben.get_by_role("complementary", name="Entry")).to_be_visible()
    ben.get_by_role("button", name="UTC").click()
    ana.reload()
    drawn(ana)
    assert asked(ana) == {"q": AGENT}
    expect(ana.get_by_role("complementary", name="Entry")).to_be_hidden()
    expect(ana.get_by_role("button", name="UTC")).to_be_visible()
    expect(ana.locator("#table tbody tr td:nth-child(2)").first).to_contain_text("invoice-bot")
    expect(ben.locator("#table tbody tr td:nth-child(2)").first).to_contain_text("support-bot")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(visit, scheme):
    page = opened(visit(color_scheme=scheme), q=AGENT)
    page.locator("#table td.time a").nth(3).click()
    expect(page.get_by_role("heading", name="How we know")).to_be_visible()
    expect(page.locator("#table tbody tr").nth(3)).to_have_attribute("aria-current", "true")
    accessible(page)


def test_what_is_wrong_with_a_query_is_shown_at_its_place(page):
    page.watch.allowed.add(400)
    page.goto("/timeline?q=actor:(a or")
    alert = page.get_by_role("alert")
    expect(alert.locator("pre")).to_contain_text("^")
    expect(page.get_by_role("combobox", name="Query")).to_have_attribute("aria-invalid", "true")
    accessible(page)


def test_what_can_come_next_is_shown_and_taken_with_the_keyboard(page):
    opened(page)
    page.keyboard.press("/")
    page.keyboard.type("act")
    choices = page.get_by_role("listbox")
    expect(choices.get_by_role("option").first).to_contain_text("actor:")
    expect(choices.get_by_role("option")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Query")).to_have_value("actor:")
    page.keyboard.type("invoice")
    expect(choices.get_by_role("option").first).to_contain_text("invoice-bot")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=actor*")
    assert asked(page)["q"] == "actor:invoice-bot"


def test_what_was_found_is_handed_out_as_a_file(page):
    opened(page, q=AGENT)
    with page.expect_download() as begun:
        page.get_by_role("link", name="JSON lines").click()
    lines = begun.value.path().read_text().splitlines()
    assert len(lines) == int(page.locator("#lanes").get_attribute("data-points"))


def test_an_empty_answer_says_what_to_do(page):
    page.goto("/timeline?q=actor:nobody-of-this-name")
    expect(page.locator(".empty")).to_contain_text("Widen the time")


def test_the_address_that_a_timeline_had_before_leads_to_it(page):
    page.goto("/?pivot=actor&value=invoice-bot&since=2020-01-01")
    assert asked(page) == {"q": AGENT, "since": "2020-01-01"}
    expect(page.get_by_role("combobox", name="Query")).to_have_value(AGENT)


def test_theme_and_clock_are_followed_by_the_lanes(visit):
    page = opened(visit(timezone_id="Asia/Tokyo"), q=AGENT)
    until(page, "document.getElementById('lanes').lanes.frames > 0")
    light = page.evaluate("document.getElementById('lanes').lanes.ink.human")
    before = page.evaluate("momentText(0)")
    page.get_by_role("button", name="Theme").click()
    assert page.evaluate("document.getElementById('lanes').lanes.ink.human") != light
    page.get_by_role("button", name="UTC").click()
    assert (before, page.evaluate("momentText(0)")) == ("1970-01-01 00:00:00", "1970-01-01 09:00:00")
