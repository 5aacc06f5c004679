"""The report in a real browser: with its script, without, on paper, and with hostile texts."""

import re

import msgspec
import pytest
from playwright.sync_api import expect

from pipeline.report.bundle import write
from tests.browser.chromium import Visits, accessible, chromium, needed
from tests.report import hostile
from tests.report.incidents import Case, case

pytestmark = needed
ROWS = "#rows tbody tr[id]"
#: Whatever can be pressed is.
PRESSED = """() => {
  for (const one of document.querySelectorAll("td.no button, .box, .command button"))
    one.dispatchEvent(new MouseEvent("click", { bubbles: true }));
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser):
    """Opens a report: whatever it asks for besides itself fails the test."""
    everybody = Visits(browser, "file://")

    def opened(made, folder, **options):
        write(made.incident, made.entries, [], folder / "out", content="full")
        page = everybody(viewport={"width": 1400, "height": 1000}, **options)
        page.goto((folder / "out/report.html").as_uri())
        return page

    yield opened
    assert everybody.end() == []
    assert everybody.requests() == 1


def test_the_timeline_is_searched_filtered_and_unfolded(visit, tmp_path):
    page = visit(case(), tmp_path)
    rows = page.locator(ROWS)
    expect(rows).to_have_count(66)
    page.locator("#find").fill("GetSecret")
    expect(rows).to_have_count(1)
    expect(page.locator("#shown")).to_contain_text("1 shown of 1 that match, 66 in all")
    page.locator("td.no button").click()
    expect(page.locator("tr.full")).to_contain_text("credential chain")
    page.locator("#story a.ref").first.click()
    # What is cited is shown, filter or not.
    expect(page.locator("tr.chosen")).to_have_id("e9")
    expect(rows).to_have_count(66)
    page.locator("#role").select_option("root")
    expect(rows).to_have_count(2)


def test_a_box_of_the_graph_is_chosen_by_mouse_and_by_keyboard(visit, tmp_path):
    page = visit(case(), tmp_path)
    box, drawn = page.locator('.box[data-value="s-0"]'), page.locator("#canvas svg")
    page.locator("[data-zoom=fit]").click()
    box.click()
    expect(page.locator(ROWS)).to_have_count(46)
    expect(page.locator("#shown")).to_contain_text("only those of arn:aws:iam::123456789012:user/backup")
    box.press("Enter")
    # What is chosen twice is chosen no more.
    expect(page.locator(ROWS)).to_have_count(66)
    page.locator("[data-zoom=fit]").click()
    before = drawn.get_attribute("viewBox")
    page.locator("[data-zoom=in]").click()
    expect(drawn).not_to_have_attribute("viewBox", before)
    page.locator("[data-zoom=fit]").click()
    expect(drawn).to_have_attribute("viewBox", before)


def test_without_its_script_it_can_be_read(visit, tmp_path):
    page = visit(case(), tmp_path, java_script_enabled=False)
    expect(page.locator(ROWS)).to_have_count(66)
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("svg .box")).to_have_count(14)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(visit, tmp_path, scheme):
    accessible(visit(case(), tmp_path, color_scheme=scheme))


def test_on_paper_everything_is_open_and_black_on_white(visit, tmp_path):
    page = visit(case(), tmp_path, color_scheme="dark")
    body = page.locator("body")
    expect(body).to_have_css("background-color", "rgb(18, 22, 27)")
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 5
    expect(page.locator("details").first).to_have_attribute("open", "")
    page.emulate_media(media="print")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(body).to_have_css("color", "rgb(0, 0, 0)")
    for gone in ("nav", "#filters", ".command button"):
        expect(page.locator(gone).first).to_be_hidden()


@pytest.mark.parametrize("script", [True, False])
def test_hostile_texts_stay_texts(visit, tmp_path, script):
    page = visit(hostile.case(), tmp_path, java_script_enabled=script)
    if script:
        page.evaluate(PRESSED)
    assert page.evaluate("window.pwned") is None
    expect(page.locator("img, iframe, object, embed")).to_have_count(0)
    expect(page.locator("script")).to_have_count(2)


def test_thousands_of_entries_are_listed_piece_by_piece_and_searched_at_once(visit, tmp_path):
    made = case()
    some = made.entries[-1]
    many = [
        msgspec.structs.replace(some, event=msgspec.structs.replace(some.event, event_id=f"m{number}"))
        for number in range(20_000)
    ]
    page = visit(Case(made.incident, [*made.entries, *many], [], []), tmp_path)
    assert 150 <= page.locator(ROWS).count() < 2000
    page.locator("#find").fill("m19999")
    expect(page.locator(ROWS)).to_have_count(1)
