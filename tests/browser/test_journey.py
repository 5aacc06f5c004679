"""What an analyst does with an alert, in a real browser, from the morning's first look to what is handed over."""

import re

import pytest
from playwright.sync_api import expect

from pipeline.console import links
from tests.browser.chromium import needed
from tests.store.entries import entry

pytestmark = needed
ANA = "ana@example.com"


@pytest.fixture(scope="module")
def alert(store):
    """The alert about the agent that kept access for somebody."""
    (found,) = store.rows(
        "SELECT alert_id FROM alerts FINAL WHERE has(detections, 'access-kept') AND session != '' LIMIT 1", {}
    )
    return found[0]


def test_from_an_alert_to_what_is_handed_over(page, alert, truth, decided):
    page.goto("/")
    page.get_by_role("link", name="Open alerts").or_(page.locator("dd a[href='/alerts?state=open']")).first.click()
    page.locator(f"a[href='{links.alert(alert)}']").click()
    # The session: the prompt, what the agent called, and the key that it made.
    page.get_by_role("link", name="The session").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(truth.session)
    expect(page.locator("mark.result", has_text="backup").first).to_be_visible()
    page.get_by_role("link", name=truth.clue).first.click()
    # The token: where it comes from, and everything that was done with it.
    expect(page.get_by_role("heading", level=1)).to_contain_text(truth.clue)
    lives = page.get_by_role("region", name="Lineage").get_by_role("row")
    assert [row.locator("code").inner_text() for row in lives.all()[1:]] == list(reversed(truth.chain))
    page.get_by_role("link", name="Everything done with it").click()
    expect(page.get_by_role("region", name="Entries").get_by_text("bedrock:InvokeModel").first).to_be_visible()
    # One of them is pinned to a case of its own.
    page.get_by_role("region", name="Entries").locator("tbody tr", has_text="iam:CreateAccessKey").locator(
        "a"
    ).first.click()
    panel = page.get_by_role("complementary", name="Entry")
    panel.get_by_label("You are").fill(ANA)
    panel.get_by_label("Why").fill("how access was kept")
    panel.get_by_role("button", name="Pin").click()
    expect(page.get_by_role("region", name="Pinned entries")).to_contain_text("how access was kept")
    case = page.url
    # The verdict.
    page.goto(links.alert(alert))
    form = page.locator("form", has=page.get_by_role("button", name="an attack"))
    expect(form.get_by_label("You are")).to_have_value(ANA)
    form.get_by_label("Why").fill("the mail told it to")
    form.get_by_role("button", name="an attack").click()
    page.wait_for_load_state()
    assert [(one.about, one.what, one.verdict, one.by) for one in decided] == [(alert, "close", "true", ANA)]
    # The case gets its clue, its story is told, and it is handed over.
    page.goto(case)
    page.get_by_label("Clue").fill(truth.clue)
    page.get_by_label("It is").select_option("credential")
    page.get_by_label("State").select_option("contained")
    page.get_by_label("Owner").fill("bo@example.com")
    page.get_by_role("button", name="Change the case").click()
    expect(page.locator("main .lead")).to_contain_text("A hijacked agent")
    page.locator("form", has=page.get_by_role("button", name="Add note")).locator("textarea").fill("Key deactivated.")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("Key deactivated.")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="This case (Markdown)").click()
    text = taken.value.path().read_text(encoding="utf-8")
    assert re.search(r"(?s)owner bo.*how access was kept.*Key deactivated", text)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Bundle with proofs (ZIP)").click()
    assert taken.value.path().read_bytes().startswith(b"PK")


def test_two_at_once_do_not_undo_each_other(visit, store, truth):
    ana, bo = visit(), visit()
    ana.goto("/cases")
    ana.get_by_label("Title").fill("Who called the models?")
    ana.get_by_label("You are").fill(ANA)
    ana.get_by_role("button", name="Open", exact=True).click()
    ana.wait_for_url("**/cases/*")
    bo.goto(ana.url)
    bo.locator("form", has=bo.get_by_role("button", name="Change the case")).get_by_label("You are").fill(
        "bo@example.com"
    )
    bo.get_by_label("State").select_option("closed")
    bo.get_by_role("button", name="Change the case").click()
    expect(bo.get_by_role("heading", level=1)).to_contain_text("closed")
    ana.watch.allowed.add(409)
    ana.get_by_label("Owner").fill("carol@example.com")
    ana.get_by_role("button", name="Change the case").click()
    expect(ana.get_by_role("alert")).to_contain_text("bo@example.com has changed the case meanwhile")
    expect(ana.get_by_label("Owner")).to_have_value("carol@example.com")


def test_back_and_reload_keep_what_was_looked_at(page, truth):
    page.goto(links.session(truth.session))
    page.get_by_role("link", name=truth.clue).first.click()
    page.wait_for_url("**/credentials/*")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text(truth.session)
    page.goto("/alerts?severity=critical&state=open")
    page.reload()
    expect(page.get_by_label("Severity")).to_have_value("critical")


def test_a_query_is_kept_found_again_and_dropped(page, visit, truth):
    page.goto(links.timeline("actor", truth.agent))
    page.get_by_text("Keep this query").click()
    page.get_by_label("Name", exact=True).fill("The invoice bot")
    page.get_by_label("You are").fill(ANA)
    page.get_by_role("button", name="Keep", exact=True).click()
    other = visit()
    other.goto("/timeline")
    other.get_by_role("link", name="The invoice bot").click()
    other.wait_for_url("**/timeline?q=*")
    other.get_by_role("button", name="Drop “The invoice bot”").click()
    expect(other.get_by_role("link", name="The invoice bot")).to_have_count(0)


def test_what_is_written_meanwhile_is_counted_and_shown(page, store):
    page.goto("/timeline?q=" + "actor:newcomer")
    with page.expect_response(lambda answer: "/v1/tail" in answer.url):
        page.get_by_role("button", name="Follow").click()
    expect(page.get_by_role("button", name="Following: nothing new yet")).to_be_visible()
    store.write_entries([entry("new1", actor="newcomer"), entry("new2", 1, actor="newcomer")])
    page.get_by_role("button", name="2 new: show").click()
    expect(page.get_by_role("region", name="Entries").locator("tbody tr")).to_have_count(2)
