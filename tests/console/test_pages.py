"""What every page owes to its readers: headings, labels, right plurals, room for long names, no contents of others."""

import json
import re
from itertools import pairwise

import msgspec
import pytest

from pipeline.alert.example import example
from pipeline.console import incidents, links
from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.console.inert import inert
from pipeline.console.pages.frame import counted
from pipeline.kit.config import Settings
from pipeline.store import access, cadence, casework
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from schemas.rejected import Rejected
from tests.console.browser import Browser
from tests.console.test_page import Tags
from tests.store.entries import START, entry, issuance
from tests.store.findings import finding

#: In prompts, arguments, results, errors, attributes, and in what findings and alerts quote of them; nowhere else.
SECRET = "periwinkle-submarine"
LISTS = (
    "/", "/alerts", "/findings", "/cases", "/inventory?of=identities", "/inventory?of=credentials",
    "/inventory?of=sessions", "/coverage", "/status", "/dead-letters", "/settings", "/reconstruct",
)  # fmt: skip


def filled(store, text: str, actor: str = "bot") -> list[str]:
    """A row of everything that has a page, quoting `text` where contents are quoted; returns the pages of them."""
    said = {"text": f"say {text}", "error": f"no {text}", "attributes": {"k": f"x {text}"}}
    prompt = Event(event_id="p", kind="prompt", time=START, format="test", session="s", action="user_message", **said)
    call = Event(event_id="c", kind="tool_call", time=START + 1, format="test", session="s", tool_call="t", **said,
                 action="send_mail", tool="send_mail", arguments=[Argument("to", text, "prompt")])  # fmt: skip
    links_ = [Link("actor", "trace", 0.9)]
    rows = [Entry(event=one, actor=actor, actor_kind="agent", human="ana", session="s", links=links_)
            for one in (prompt, call)]  # fmt: skip
    store.write_entries([*rows, entry("r", 2, actor=actor, session="s", credential="k", tool_call="t", error=text),
                         issuance("k", "root", 1, actor=actor)])  # fmt: skip
    store.write_findings([finding("f", actor=actor, session="s", sentence=f"it got '{text}'", details={"v": text},
                                  quotes=[text], entries=["c"])])  # fmt: skip
    alert = msgspec.structs.replace(example(START), alert_id="a", actor=actor, session="s", unusual=[f"to = '{text}'"],
                                    sentence=f"it got '{text}'", quotes=[text], entries=["c"], changes=[],
                                    credentials=["k"])  # fmt: skip
    store.write_alerts([alert], [])
    letter = {"stage": "normalize", "format": "mcp", "topic": "t", "partition": 0, "offset": 7, "time": START}
    store.write_rejected([Rejected(rejected_id="d", reason=f"time: not '{text}'", value=text.encode(), **letter)])
    case = casework.opened(store, "Odd mail", "ana", "a", "alert")
    for event_id in ("p", "c"):
        casework.noted(store, "case", case.case_id, "ana", "look", event_id)
    for about, name in (("identity", actor), ("session", "s"), ("credential", "k"), ("case", case.case_id)):
        casework.noted(store, about, name, "ana", "a note")
    return [
        *LISTS, "/sessions/s", links.identity(actor), "/credentials/k", "/findings/f", "/alerts/a", "/dead-letters/d",
        f"/cases/{case.case_id}", f"/cases/{case.case_id}/story", f"/v1/cases/{case.case_id}",
        f"/v1/cases/{case.case_id}/export", "/v1/notes/session/s", "/reconstruct?clue=a&kind=alert", "/pins?event_id=c",
    ]  # fmt: skip


# Contents


def headers(store, **content: bool) -> dict[str, dict[str, str]]:
    """Of one key a role, with or without the right to read contents."""
    found = {}
    for role, given in content.items():
        text, one = keys.new(f"a {role}", role, ["read", "write"], content=given, life="1h", by="test")
        access.write_key(store, one)
        found[role] = {"authorization": f"Bearer {text}"}
    return found


def test_contents_are_shown_to_whoever_may_read_them_and_to_nobody_else(store, process):
    paths = filled(store, SECRET)
    header = headers(store, viewer=True, analyst=False, admin=False, responder=True)
    desk = Browser(create(store, Settings(clickhouse="chdb://memory", request_rate=1e6), process))
    quoting = set()
    for path in paths:
        for role in ("viewer", "analyst", "admin"):
            answer = desk.get(path, headers=header[role])
            assert answer.status_code in (200, 403), (path, role)
            assert SECRET not in answer.text, (path, role)
        if SECRET in desk.get(path, headers=header["responder"]).text:
            quoting.add(path.partition("?")[0])
    # The secret was there to be seen.
    assert quoting >= {"/sessions/s", "/findings", "/findings/f", "/alerts/a", "/dead-letters", "/dead-letters/d",
                       "/reconstruct"}  # fmt: skip


def test_a_story_that_quotes_is_covered_for_whoever_may_not_read_it(store, process, monkeypatch):
    story = next(path for path in filled(store, SECRET) if path.endswith("/story"))
    whole = incidents.reconstruct

    def quoting(*given):
        incident, entries = whole(*given)
        return msgspec.structs.replace(incident, summary=[f"say {SECRET}"]), entries

    monkeypatch.setattr(incidents, "reconstruct", quoting)
    header = headers(store, viewer=True, responder=True)
    desk = Browser(create(store, Settings(clickhouse="chdb://memory", request_rate=1e6), process))
    assert SECRET not in desk.get(story, headers=header["viewer"]).text
    assert SECRET in desk.get(story, headers=header["responder"]).text


def test_no_secret_is_among_the_settings(store, process):
    given = Settings(
        clickhouse="http://me:hush@clickhouse/x", hash_key="hush", api_key="hush", oidc_client_secret="hush"
    )
    page = Browser(create(store, given, process)).get("/settings").text
    assert "hush" not in page
    assert page.count("<b>set</b>") == 3


def test_forms_are_shown_to_whoever_may_send_them(store, process):
    shown = [path for path in filled(store, "text") if not path.startswith("/v1/")]
    header = headers(store, viewer=True, analyst=True)
    desk = Browser(create(store, Settings(clickhouse="chdb://memory", request_rate=1e6), process, [].append))
    actions = {role: set() for role in header}
    for role, found in actions.items():
        for path in shown:
            tags = Tags(desk.get(path, headers=header[role]).text).found
            found |= {one["action"] for tag, one in tags if tag == "form" and one.get("method") == "post"}
    assert actions["viewer"] == {"/logout"}
    said = {
        re.sub(r"/cases/\w+", "/cases/ID", re.sub(r"/notes/\w+/remove", "/remove", one)) for one in actions["analyst"]
    }
    assert said == {"/logout", "/cases", "/cases/ID/notes", "/cases/ID/change", "/cases/ID/remove", "/pins",
                    "/alerts/a/decide", "/notes/session/s", "/notes/identity/bot", "/notes/credential/k"}  # fmt: skip


# Form


def heads(page: str) -> list[int]:
    return [int(level) for level in re.findall(r"<h([1-6])", page)]


def unlabelled(page: str) -> list[dict]:
    """Fields that nothing names: they are in no label, and no label is for them."""
    named = set(Tags(page).of("label", "for"))
    free = re.sub(r"<label\b.*?</label>", "", page, flags=re.DOTALL)
    fields = [found for tag, found in Tags(free).found if tag in ("input", "select", "textarea")]
    shown = [found for found in fields if found.get("type") != "hidden"]
    return [found for found in shown if found.get("id") not in named and "aria-label" not in found]


def check(page: str, path: str) -> None:
    main = page[page.index("<main") : page.index("</main>")]
    levels = heads(main)
    assert levels[:1] == [1], path
    assert levels.count(1) == 1, path
    assert all(after <= before + 1 for before, after in pairwise(levels)), (path, levels)
    assert not unlabelled(page), path
    ids = [found["id"] for _, found in Tags(page).found if "id" in found]
    assert len(ids) == len(set(ids)), path
    for table in re.findall(r"<table.*?</table>", main, re.DOTALL):
        assert "<th scope=" in table, path
    for head in re.findall(r"<th\b[^>]*>(.*?)</th>", main, re.DOTALL):
        assert re.sub("<[^>]*>", "", head).strip(), path
    for tag, found in Tags(main).found:
        if tag == "svg":
            assert (found.get("role"), bool(found.get("aria-label"))) == ("img", True), path
        if "scroll" in found.get("class", "").split():
            assert (found.get("tabindex"), bool(found.get("aria-label"))) == ("0", True), path


def plurals(page: str) -> list[str]:
    """`1 things`, as people see it."""
    shown = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", page))
    return re.findall(r"(?<![\d.,:])1 (?:more )?(?:alerts|findings|cases|entries|acts|silences|credentials|identities|"
                      r"sessions|formats|events|messages|weeks|others|open sessions)\b", shown)  # fmt: skip


def test_every_page_has_headings_labels_names_and_right_plurals(browser, store):
    for path in filled(store, "text"):
        # Documents of their own, and a part whose sentences the reconstruction makes.
        if path.startswith("/v1/") or "clue=" in path or path.endswith("/story"):
            continue
        page = browser.get(path)
        assert page.status_code == 200, path
        check(page.text, path)
        assert not plurals(page.text), path


def test_a_page_without_rows_says_what_to_do(browser):
    for path in LISTS:
        page = browser.get(path)
        assert page.status_code == 200, path
        check(page.text, path)
        assert not plurals(page.text), path
        if path not in ("/status", "/settings", "/reconstruct"):
            assert 'class="empty"' in page.text, path


def test_a_page_that_refuses_has_a_heading_and_a_way_on(browser):
    for path in ("/sessions/nope", "/findings?x=1", "/inventory?of=x", "/cases?state=x", "/identities/nope"):
        page = browser.get(path)
        assert page.status_code in (400, 404), path
        check(page.text, path)
        assert 'role="alert"' in page.text


@pytest.mark.parametrize("actor", ["x" * 4096, "ä\u202e" * 1000, "<b>" * 800, "a/../../b?c#d"])
def test_a_very_long_or_strange_name_breaks_no_page(browser, store, actor):
    for path in filled(store, "text " * 200_000 if actor.startswith("x") else "text", actor):
        page = browser.get(path)
        assert page.status_code == 200, path[:80]
        assert "\u202e" not in re.sub(r'(value|data-copy)="[^"]*"', "", page.text), path[:80]
    named = browser.get(links.identity(actor)).text
    assert inert(actor)[:50] in named.replace("&lt;", "<").replace("&gt;", ">")


def test_times_out_of_any_calendar_break_no_page(browser, store):
    far = {"issued_expires": 2**62, "issued_kind": "session"}
    store.write_entries([issuance("k", "root", 1, **far), issuance("k2", "k", 2, **far), entry("u", 3, credential="k")])
    for path in ("/credentials/k", "/credentials/k2", "/credentials/root", "/inventory?of=credentials"):
        assert browser.get(path).status_code == 200, path


def test_an_alert_with_a_long_title_becomes_a_case(browser, store):
    store.write_alerts([msgspec.structs.replace(example(START), alert_id="a", title="\x1b" * 300)], [])
    (title,) = [found["value"] for tag, found in Tags(browser.get("/alerts/a").text).found
                if tag == "input" and found.get("name") == "title"]  # fmt: skip
    assert len(title) == 400
    assert browser.post("/cases", by="ana", title=title, clue="a", kind="alert").status_code == 303


@pytest.mark.parametrize(
    ("amount", "told"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (1200, "1,200 entries")]
)
def test_one_is_no_plural(amount, told):
    assert counted(amount, "entry", "entries") == told
    assert counted(1, "case") == "1 case"
    assert counted(3, "case") == "3 cases"


def test_an_identity_is_held_against_its_own_past_and_its_peers(browser, store, monkeypatch):
    week = 7 * 86_400
    acts = [entry(f"{name} {number}", seconds + number, actor=name, actor_kind="agent")
            for name, seconds in (("bot", 0), ("bot", -week), ("other", 0)) for number in range(3)
            if not (name == "other" and number)]  # fmt: skip
    rows = [msgspec.structs.replace(one, actor_kind="agent") for one in acts]
    for number, row in enumerate(rows):
        row.event.event_id = f"e{number}"
    store.write_entries(rows)
    (series, *_) = Tags(browser.get("/identities/bot").text).of("div", "data-series")
    drawn = {line["name"]: line["values"] for line in json.loads(series)["lines"]}
    assert list(drawn) == ["this week", "its own past, mean of 1 week", "mean of 1 other of its kind"]
    assert [values[-1] for values in drawn.values()] == [3, 3, 1]
    assert [sum(values) for values in drawn.values()] == [3, 3, 1]
    assert "acts the latest" not in browser.get("/identities/bot").text
    monkeypatch.setattr(cadence, "MOST", 2)
    assert "of more than 2 acts the latest" in browser.get("/identities/bot").text


def test_a_chart_says_the_same_as_a_table(browser, store):
    store.write_entries([entry("a"), entry("b", 1), entry("c", -7200)])
    page = browser.get("/").text
    table = re.search(r"<details.*?</details>", page, re.DOTALL)[0]
    rows = re.findall(r'<th scope="row"><time datetime="([^"]*)">([^<]*)</time></th>((?:<td[^>]*>\d+</td>)+)', table)
    assert [(at, shown, re.findall(r">(\d+)<", cells)) for at, shown, cells in rows] == [
        ("2023-11-14T20:00:00Z", "2023-11-14 20:00:00", ["1"]), ("2023-11-14T22:00:00Z", "2023-11-14 22:00:00", ["2"]),
    ]  # fmt: skip
    assert "cloud audit</th>" in table
