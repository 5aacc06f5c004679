"""Cases, notes, views: over HTTP and in pages, in whose name, and by two people at once."""

import html
import re

from pipeline.alert.example import example
from pipeline.console import case_report
from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.store import access, casework
from tests.console.browser import Browser
from tests.store.entries import entry

ANA = {"by": "ana@example.com"}
HOSTILE = "<script>alert(1)</script> [a](javascript:x) | `b`\n# head\x1b[31m\u202e www.example.com"


def fault(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["parameter"]


def opened(browser, **said) -> dict:
    answer = browser.call("POST", "/v1/cases", {"title": "Odd key", **ANA, **said})
    assert answer.status_code == 201
    return answer.json()


def noted(browser, path, **said):
    return browser.call("POST", f"/v1/notes/{path}", {**ANA, **said})


# The API


def test_a_case_is_opened_changed_and_listed(browser):
    case = opened(browser, clue="aws:AKIA1", kind="credential")
    assert (case["state"], case["owner"], case["by"], case["clue"]) == ("open", *2 * [ANA["by"]], "aws:AKIA1")
    path = "/v1/cases/" + case["case_id"]
    changed = browser.call("PATCH", path, {"revision": case["revision"], "state": "contained", "by": "bob"}).json()
    assert (changed["state"], changed["by"], changed["owner"]) == ("contained", "bob", ANA["by"])
    assert browser.get(path).json() == {**changed, "notes": []}
    assert browser.get("/v1/cases").json() == {"cases": [changed]}
    assert browser.get("/v1/cases", state="contained").json() == {"cases": [changed]}
    assert browser.get("/v1/cases", state="open").json() == {"cases": []}


def test_who_changes_an_outdated_revision_is_told_of_the_conflict(browser):
    case = opened(browser)
    path = "/v1/cases/" + case["case_id"]
    first = browser.call("PATCH", path, {"revision": case["revision"], "title": "first", "by": "bob"})
    second = browser.call("PATCH", path, {"revision": str(case["revision"]), "title": "second", **ANA})
    assert (first.status_code, fault(second)) == (200, (409, "revision"))
    assert "bob has changed the case meanwhile" in second.json()["error"]["message"]
    assert browser.get(path).json()["title"] == "first"


def test_notes_are_said_pinned_and_taken_back(browser, store):
    store.write_entries([entry("event-1")])
    case = opened(browser)["case_id"]
    note = noted(browser, f"case/{case}", text="look here").json()
    pin = noted(browser, f"case/{case}", event_id="event-1").json()
    noted(browser, f"case/{case}", event_id="event-1", text="this one")
    found = browser.get(f"/v1/notes/case/{case}").json()["notes"]
    assert [(one["text"], one["event_id"]) for one in found] == [("look here", ""), ("this one", "event-1")]
    assert browser.get(f"/v1/cases/{case}").json()["notes"] == found
    gone = browser.call("DELETE", f"/v1/notes/case/{note['note_id']}/{case}?by=bob")
    assert (gone.status_code, gone.json()["by"]) == (200, "bob")
    assert browser.call("DELETE", f"/v1/notes/case/{pin['note_id']}/{case}?by=bob").status_code == 200
    assert browser.get(f"/v1/cases/{case}").json()["notes"] == []


def test_notes_are_of_names_that_no_address_could_hold_as_they_are(browser):
    for name in ("arn:aws:iam::123456789012:user/ana", "a/../b?c#d%2F", "ä\u202e b"):
        path = "identity/" + "".join(f"%{byte:02X}" for byte in name.encode())
        noted(browser, path, text=name)
        assert [one["name"] for one in browser.get("/v1/notes/" + path).json()["notes"]] == [name]


def test_views_are_kept_and_dropped(browser):
    kept = browser.call("POST", "/v1/views", {"name": "denied/x", "query": "outcome:denied", **ANA}).json()
    assert browser.get("/v1/views").json() == {"views": [kept]}
    assert browser.call("DELETE", "/v1/views/denied/x?by=bob").json()["query"] == "outcome:denied"
    assert browser.get("/v1/views").json() == {"views": []}


MISSING = (
    ("GET", "/v1/cases/nope", None), ("GET", "/v1/cases/nope/export", None),
    ("PATCH", "/v1/cases/nope", {"revision": 1, **ANA}), ("POST", "/v1/notes/case/nope", {"text": "x", **ANA}),
    ("DELETE", "/v1/notes/case/nope/nope?by=ana", None), ("DELETE", "/v1/views/nope?by=ana", None),
)  # fmt: skip
WRONG = (
    ("state", "GET", "/v1/cases?state=opne", None), ("x", "GET", "/v1/cases?x=1", None),
    ("by", "POST", "/v1/cases", {"title": "x"}), ("by", "POST", "/v1/cases", {"title": "x", "by": 7}),
    ("by", "POST", "/v1/cases", {"title": "x", "by": "x" * 401}), ("title", "POST", "/v1/cases", ANA),
    ("title", "POST", "/v1/cases", {"title": ["x"], **ANA}), ("titel", "POST", "/v1/cases", {"titel": "x", **ANA}),
    ("\\ud800", "POST", "/v1/cases", {"\ud800": "x"}), ("title", "POST", "/v1/cases", {"title": "\ud800", **ANA}),
    ("body", "POST", "/v1/cases", ["x"]), ("revision", "PATCH", "/v1/cases/{case}", ANA),
    ("revision", "PATCH", "/v1/cases/{case}", {"revision": True, **ANA}),
    ("revision", "PATCH", "/v1/cases/{case}", {"revision": "1e9", **ANA}),
    ("at", "PATCH", "/v1/cases/{case}", {"revision": 1, "at": 0, **ANA}),
    ("about", "GET", "/v1/notes/alert/x", None), ("about", "POST", "/v1/notes/alert/x", {"text": "x", **ANA}),
    ("text", "POST", "/v1/notes/session/x", ANA), ("text", "POST", "/v1/notes/session/x", {"text": "x" * 10001, **ANA}),
    ("name", "POST", "/v1/notes/session/x", {"name": "y", **ANA}), ("by", "DELETE", "/v1/notes/case/x/{case}", None),
    ("query", "POST", "/v1/views", {"name": "x", **ANA}), ("name", "POST", "/v1/views", {"query": "x", **ANA}),
    ("by", "DELETE", "/v1/views/x", None),
)  # fmt: skip


def test_what_is_wrong_is_said_by_the_name_of_the_field(browser):
    case = opened(browser)["case_id"]
    for field, method, path, body in WRONG:
        assert fault(browser.call(method, path.format(case=case), body)) == (400, field), (method, path, body)
    assert len(browser.get("/v1/cases").json()["cases"]) == 1


def test_what_is_not_there_is_404(browser):
    for method, path, body in MISSING:
        assert browser.call(method, path, body).status_code == 404, path
    assert browser.get("/v1/notes/case/nope").json() == {"notes": []}


def signed_in(store, process, name, role="analyst", content=True):
    """A desk that has to know who asks, and the header of somebody with a key of that name."""
    text, one = keys.new(name, role, ["read", "write"], content=content, life="1h", by="test")
    access.write_key(store, one)
    desk = Browser(create(store, Settings(clickhouse="chdb://memory", request_rate=1e6), process))
    return desk, {"authorization": f"Bearer {text}"}


def test_with_a_login_it_is_the_login_that_speaks_whatever_a_form_or_a_body_says(store, process):
    desk, ana = signed_in(store, process, "key of ana")
    case = desk.call("POST", "/v1/cases", {"title": "x", "by": "the boss"}, headers=ana).json()
    assert (case["by"], case["owner"]) == ("key of ana", "key of ana")
    path = "/v1/cases/" + case["case_id"]
    desk.call("PATCH", path, {"revision": case["revision"], "state": "closed", "by": "the boss"}, headers=ana)
    note = desk.call("POST", "/v1/notes/session/s", {"text": "x", "by": "the boss"}, headers=ana).json()
    gone = desk.call("DELETE", f"/v1/notes/session/{note['note_id']}/s?by=the+boss", headers=ana).json()
    view = desk.call("POST", "/v1/views", {"name": "v", "query": "q", "by": "the boss"}, headers=ana).json()
    dropped = desk.call("DELETE", "/v1/views/v?by=the+boss", headers=ana).json()
    assert {one["by"] for one in (note, gone, view, dropped)} == {"key of ana"}
    desk.post(f"/cases/{case['case_id']}/notes", text="from a form", by="the boss", headers=ana)
    found = desk.get(path, headers=ana).json()
    assert (found["by"], [one["by"] for one in found["notes"]]) == ("key of ana", ["key of ana"])
    page = desk.get(f"/cases/{case['case_id']}", headers=ana).text
    assert 'name="by"' not in page


def test_a_viewer_reads_cases_and_says_nothing(store, process):
    case = casework.opened(store, "x", "ana")
    desk, viewer = signed_in(store, process, "viewer", role="viewer")
    assert desk.get("/v1/cases", headers=viewer).status_code == 200
    assert desk.get(f"/cases/{case.case_id}", headers=viewer).status_code == 200
    tried = [desk.call("POST", "/v1/cases", {"title": "y"}, headers=viewer),
             desk.call("PATCH", f"/v1/cases/{case.case_id}", {"revision": case.revision}, headers=viewer),
             desk.call("POST", f"/v1/notes/case/{case.case_id}", {"text": "y"}, headers=viewer),
             desk.post(f"/cases/{case.case_id}/notes", text="y", headers=viewer),
             desk.post("/views", name="y", query="y", headers=viewer)]  # fmt: skip
    assert {one.status_code for one in tried} == {403}
    assert (len(casework.cases(store)), casework.notes(store, "case", case.case_id)) == (1, [])


# The pages


def value(page: str, name: str) -> list[str]:
    """Values of the inputs of a name."""
    found = re.findall(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    return [html.unescape(one) for one in found]


def test_an_analyst_goes_from_an_alert_to_a_case_that_is_handed_over(browser, store):
    store.write_entries([entry("event-1", actor="bot")])
    store.write_alerts([example()], [])
    alert = browser.get("/alerts/" + example().alert_id).text
    said = {name: value(alert, name)[0] for name in ("title", "clue", "kind")}
    assert said["clue"] == example().alert_id
    place = browser.post("/cases", by="ana", **said)
    assert place.status_code == 303
    path = place.headers["location"]
    choices = browser.get("/pins", event_id="event-1").text
    assert f'<option value="{path.removeprefix("/cases/")}">' in choices
    pinned = browser.post("/pins", by="ana", event_id="event-1", case_id=path.removeprefix("/cases/"), text="the proof")
    assert pinned.headers["location"] == path
    browser.post(path + "/notes", by="bob", text="line one\nline two")
    page = browser.get(path).text
    assert "1 pinned entry<" in page
    assert "the proof" in page
    browser.post(path + "/change", by="ana", revision=value(page, "revision")[0], owner="bob", state="contained")
    page = browser.get(path).text
    assert re.search(r"<dt>Owner</dt><dd>bob</dd>", page)
    assert page.count('action="' + path + "/notes/") == 2
    remove = re.search(rf'action="({path}/notes/\w+/remove)"', page)[1]
    assert browser.post(remove, by="ana").status_code == 303
    assert "No entry is pinned" in browser.get(path).text


def test_an_entry_is_pinned_to_a_new_case_whose_clue_it_is(browser, store):
    store.write_entries([entry("event-1")])
    path = browser.post("/pins", by="ana", event_id="event-1", case_id="", text="odd").headers["location"]
    case = browser.get("/v1" + path).json()
    assert (case["clue"], case["kind"], case["notes"][0]["event_id"]) == ("event-1", "event", "event-1")
    assert "no such" not in browser.get(path + "/story").text
    assert browser.post("/pins", by="ana", event_id="event-1", case_id="nope").status_code == 400
    assert browser.post("/pins", by="ana", event_id="").status_code == 400


def test_the_second_of_two_is_told_what_to_do_and_keeps_what_was_typed(browser):
    case = opened(browser, title="Odd key")
    path = f"/cases/{case['case_id']}"
    mine, theirs = browser.get(path).text, browser.get(path).text
    browser.post(path + "/change", by="bob", revision=value(theirs, "revision")[0], title="Bob's", state="contained")
    typed = {"title": 'What <b>ana</b> "typed"', "owner": "carl", "state": "closed", "clue": "192.0.2.1", "kind": ""}
    refused = browser.post(path + "/change", by="ana", revision=value(mine, "revision")[0], **typed)
    assert refused.status_code == 409
    assert "bob has changed the case meanwhile; look at it and say it again" in refused.text
    assert "<h1>Bob" in refused.text
    assert {name: value(refused.text, name)[0] for name in ("title", "owner", "clue")} == {
        name: typed[name] for name in ("title", "owner", "clue")
    }
    assert "<option selected>closed" in refused.text
    again = browser.post(path + "/change", by="ana", revision=value(refused.text, "revision")[0], **typed)
    assert again.status_code == 303
    assert browser.get("/v1" + path).json()["title"] == typed["title"]


def test_what_a_form_says_wrongly_is_said_and_stays_in_it(browser):
    case = opened(browser)
    path = f"/cases/{case['case_id']}"
    nobody = browser.post(path + "/notes", by=" ", text="a long thought")
    assert nobody.status_code == 400
    assert "by: expected who says so" in nobody.text
    assert ">a long thought</textarea>" in nobody.text
    long = browser.post("/cases", by="ana", title="x" * 401, clue="the clue")
    assert (long.status_code, value(long.text, "clue")) == (400, ["the clue"])
    assert "title: expected 1 to 400 characters" in long.text
    assert browser.post("/cases", by="ana").status_code == 400
    other = browser.post("/notes/session/s", by="", text="a thought")
    assert (other.status_code, '<pre tabindex="0">a thought</pre>' in other.text) == (400, True)
    for wrong in ("/cases/nope/notes", "/cases/nope/change"):
        assert browser.post(wrong, by="ana", text="x").status_code in (400, 404), wrong
    assert browser.post("/notes/alert/s", by="ana", text="x").status_code == 400
    assert browser.post(path + "/notes", by="ana", text="x" * 70_000).status_code == 400
    assert browser.post(path + "/notes", **{f"f{number}": "x" for number in range(50)}).status_code == 400
    assert browser.get("/v1" + path).json()["notes"] == []


def test_whoever_takes_something_away_does_not_do_it_in_the_name_of_whoever_said_it(browser):
    path = f"/cases/{opened(browser)['case_id']}"
    browser.post(path + "/notes", by="ana@example.com", text="x")
    form = re.search(r'<form[^>]*/remove">.*?</form>', browser.get(path).text)[0]
    assert value(form.replace(' data-remember="by"', ""), "by") == ["console"]


def test_notes_of_identities_credentials_and_sessions_are_on_their_pages(browser, store):
    store.write_entries([entry("a", actor="arn:x/ana", credential="c/1", session="s/1")])
    for about, address in (("identity", "/identities/arn%3Ax%2Fana"), ("credential", "/credentials/c%2F1"),
                           ("session", "/sessions/s%2F1")):  # fmt: skip
        action = re.search(rf'action="(/notes/{about}/[^"]*)"', browser.get(address).text)[1]
        assert browser.post(action, by="ana", text=f"of this {about}").headers["location"] == address
        assert f"of this {about}" in browser.get(address).text


def test_forms_keep_and_drop_views(browser):
    assert (
        browser.post("/views", by="ana", name="v", query="actor:bot").headers["location"] == "/timeline?q=actor%3Abot"
    )
    assert [one["name"] for one in browser.get("/v1/views").json()["views"]] == ["v"]
    assert browser.post("/views/drop", by="ana", name="v", query="actor:bot").status_code == 303
    assert browser.get("/v1/views").json()["views"] == []
    assert browser.post("/views/drop", by="ana", name="v", query="").status_code == 400


def test_a_page_of_another_site_can_say_nothing(browser):
    for path in ("/cases", "/pins", "/views", "/notes/session/s"):
        answer = browser.post(path, origin="https://attacker.example.com", by="ana", title="x", text="x", name="x")
        assert answer.status_code == 403, path


def test_the_story_of_a_case_says_why_there_is_none(browser):
    case = opened(browser, clue="nothing-has-this-name")
    told = browser.get(f"/cases/{case['case_id']}/story")
    assert told.status_code == 200
    assert "Nothing is told: clue: expected" in told.text
    assert "has no clue" in browser.get(f"/cases/{opened(browser)['case_id']}/story").text


# The document


def test_a_case_is_taken_away_as_markdown_in_which_nothing_runs(browser, store):
    store.write_entries([entry("event-1", actor=HOSTILE)])
    case = opened(browser, title=HOSTILE, clue=HOSTILE)["case_id"]
    noted(browser, f"case/{case}", event_id="event-1", text=HOSTILE)
    noted(browser, f"case/{case}", event_id="gone", text="was there")
    noted(browser, f"case/{case}", text=HOSTILE)
    answer = browser.get(f"/v1/cases/{case}/export")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="whodid-case-{case}.md"'
    text = answer.text
    assert not re.search("[\x1b\u202e]", text)
    outside = re.sub(r"(?<![\\`])(`+) .*? \1(?!`)", "", text)
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[a|(?<!\\)`|www\.", outside)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        text.splitlines()[0], "## Pinned entries", "## Notes",
    ]  # fmt: skip
    assert "is not in the timeline any more: was there" in text
    assert text.count("event-1") == 1


def test_the_document_of_an_empty_case_says_so():
    case = {"case_id": "c", "title": "t", "clue": "", "kind": "", "state": "open", "owner": "ana", "by": "ana",
            "at": "2026-01-31T12:00:00Z", "opened": "2026-01-31T12:00:00Z", "notes": []}  # fmt: skip
    text = case_report.document(case, [])
    assert "clue: none." in text
    assert text.count("None.") == 2
