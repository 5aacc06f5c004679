import pytest

from pipeline.console.app import create
from pipeline.store import columns
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from schemas.rejected import Rejected
from tests.console.browser import Browser
from tests.store.entries import entry

REJECTED = Rejected(
    rejected_id="a/b c", stage="normalize", reason="time: expected a number", format="aws.cloudtrail",
    topic="cloud-audit", partition=0, offset=7, time=1_700_000_000_000_000, value=b"{}",
)  # fmt: skip


def test_a_timeline_has_entries_in_order_and_the_next_page(browser, store):
    store.write_entries([entry(name, number) for number, name in enumerate("abc")])
    first = browser.get("/v1/timeline", actor="bot", limit=2).json()
    assert [item["event_id"] for item in first["entries"]] == ["a", "b"]
    assert (first["pivot"], first["value"]) == ("actor", "bot")
    second = browser.get("/v1/timeline", actor="bot", limit=2, after=first["next"]).json()
    assert [item["event_id"] for item in second["entries"]] == ["c"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2023-11-14T22:13:21Z", "", "bc"),
        ("2023-11-14T23:13:21+01:00", "2023-11-14T22:13:22", "b"),
        ("", "2023-11-14 22:13:20.000001", "a"),
        ("2023-11-14", "2023-11-15", "abc"),
    ],
)
def test_bounds_are_iso_times_and_utc_without_a_zone(browser, store, since, until, expected):
    store.write_entries([entry(name, number) for number, name in enumerate("abc")])
    found = browser.get("/v1/timeline", actor="bot", since=since, until=until).json()
    assert "".join(item["event_id"] for item in found["entries"]) == expected


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "actor|session|credential|human|address"),
        ({"actor": "a", "human": "b"}, "actor|session|credential|human|address"),
        ({"actor": ""}, "actor"),
        ({"actor": "x" * 5000}, "actor"),
        ({"actor": "a", "untill": "2026-01-01"}, "untill"),
        ({"actor": "a", "since": "yesterday"}, "since"),
        ({"actor": "a", "until": "2026-13-01"}, "until"),
        ({"actor": "a", "since": "9" * 400}, "since"),
        ({"actor": "a", "limit": "0"}, "limit"),
        ({"actor": "a", "limit": "10001"}, "limit"),
        ({"actor": "a", "limit": "1e3"}, "limit"),
        ({"actor": "a", "limit": "٣"}, "limit"),
        ({"actor": "a", "limit": "9" * 5000}, "limit"),
        ({"actor": "a", "after": "here"}, "after"),
        ({"actor": "a", "after": "9" * 5000 + ":x"}, "after"),
    ],
)
def test_a_wrong_parameter_is_named(browser, parameters, named):
    answer = browser.get("/v1/timeline", **parameters)
    assert answer.status_code == 400
    assert answer.json()["error"]["parameter"] == named
    assert named in answer.json()["error"]["message"]


def test_an_entry_has_every_column_as_json(browser, store):
    event = Event(
        event_id="e/1?x#y", kind="tool_call", time=1_700_000_000_123_456, format="otel.genai", action="send_mail",
        arguments=[Argument("to", "x@example.com", "result")], argument_tokens=[[1, 2]], attributes={"k": "v"},
        issued_expires=1_700_000_001_000_000,
    )  # fmt: skip
    links = [Link("actor", "trace", 0.8, ["i"], ["other"])]
    store.write_entries(
        [Entry(event=event, links=links, unbound="no issuance", credential_revoked=1_700_000_000_000_000)]
    )
    found = browser.get("/v1/events/e%2F1%3Fx%23y").json()
    assert {*found} == {*columns.COLUMNS} - {"tokens", "argument_tokens"}
    assert found["time"] == "2023-11-14T22:13:20.123456Z"
    assert found["issued_expires"] == "2023-11-14T22:13:21Z"
    assert (found["credential_expires"], found["credential_revoked"]) == (None, "2023-11-14T22:13:20Z")
    assert found["arguments"] == [{"path": "to", "value": "x@example.com", "origin": "result"}]
    assert found["links"] == [
        {"target": "actor", "method": "trace", "confidence": 0.8, "evidence": ["i"], "candidates": ["other"]}
    ]
    assert (found["link"], found["confidence"], found["unbound"]) == ("trace", 0.8, "no issuance")


def test_a_policy_is_told_or_said_to_be_missing_where_one_may_be_expected(browser, store):
    store.write_entries([entry("a", policy="admins"), entry("b")])
    policies = [browser.get(f"/v1/events/{name}").json()["policy"] for name in ("a", "b")]
    assert policies == ["admins", "not stated by the source"]


def test_what_is_not_there_is_404(browser):
    assert browser.get("/v1/events/nope").json()["error"]["message"] == "event_id: no event has the id 'nope'"
    assert [browser.get(path).status_code for path in ("/v1/events/x", "/v1/dead-letters/x", "/nope")] == [404] * 3


def test_dead_letters_are_listed_and_shown(browser, store):
    store.write_rejected([REJECTED])
    listed = browser.get("/v1/dead-letters", stage="normalize", limit=5).json()["dead_letters"]
    assert [(item["rejected_id"], item["size"], item["time"]) for item in listed] == [
        ("a/b c", 2, "2023-11-14T22:13:20Z")
    ]
    assert "value" not in listed[0]
    shown = browser.get("/v1/dead-letters/a%2Fb%20c").json()
    assert (shown["value"], shown["encoding"]) == ("{}", "utf-8")
    assert browser.get("/v1/dead-letters", stage="other").json() == {"dead_letters": []}
    assert browser.get("/v1/dead-letters", offset="-1").json()["error"]["parameter"] == "offset"


def test_bytes_that_are_no_text_come_as_base64(browser, store):
    item = Rejected(**{name: getattr(REJECTED, name) for name in REJECTED.__struct_fields__} | {"value": b"\xff\0"})
    store.write_rejected([item])
    shown = browser.get("/v1/dead-letters/a%2Fb%20c").json()
    assert (shown["value"], shown["encoding"], shown["size"]) == ("/wA=", "base64", 2)


def test_the_status_is_of_the_process_and_the_store(browser, store):
    store.write_entries([entry("a")])
    found = browser.get("/v1/status").json()
    assert found["lag"] == {"normalize": 2, "store": 1}
    assert found["store"] == {
        "entries": 1, "unbound": 0, "records": 0, "rejected": 0, "last_event": "2023-11-14T22:13:20Z", "findings": 0,
        "open_alerts": 0,
        "links": {"credential": 1}, "rejections": [],
    }  # fmt: skip


def test_health_is_green_until_a_part_has_trouble(browser, process):
    assert browser.get("/healthz").status_code == 200
    process.report["troubles"] = {"kafka": "no broker"}
    answer = browser.get("/healthz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["kafka: no broker"])


def test_while_the_store_is_away_every_question_says_so(browser, store):
    store.close()
    assert browser.get("/healthz").json()["reasons"] == ["store: closed"]
    answer = browser.get("/v1/timeline", actor="x")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "store: closed")
    assert browser.get("/v1/status").json()["store"] == {"error": "store: closed"}
    page = browser.get("/sessions/x")
    assert page.status_code == 503
    assert "store: closed" in page.text


def test_a_destination_that_is_away_makes_nothing_of_ours_ill(store, settings):
    troubles = {"destination siem": "HTTP 503", "store": "away"}
    found = Browser(create(store, settings, lambda: {"troubles": troubles})).get("/healthz").json()
    assert found["reasons"] == ["store: away"]
