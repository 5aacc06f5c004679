"""Alerts in the API and on the console's pages; decisions, and who may not make them."""

import asyncio
import json

import httpx
import msgspec
import pytest

from pipeline.alert.example import example
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.store import connect
from schemas.alert import Alert, Change, Delivery, Request, Response

AT = 1_772_442_000_000_000
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def alert(name: str, **more) -> Alert:
    return msgspec.structs.replace(example(AT), alert_id=name, first=AT, last=AT, changes=[], **more)


def response(name: str, of: str, **more) -> Response:
    request = Request("POST", "https://soar.example.com/x", {"Authorization": "<secret /run/soar>"}, '{"a": 1}')
    changes = [Change("request", "whodid", AT)]
    return Response(response_id=name, alert_id=of, hook="revoke", title="revoke it", request=request, at=AT,
                    changes=changes, **more)  # fmt: skip


@pytest.fixture(scope="module")
def store():
    with connect(Settings(clickhouse="chdb://memory")) as store:
        store.write_alerts(
            [
                alert("a1", fingerprint="f", actor="bot"),
                alert("a1", fingerprint="f", actor="bot", revision=1, state="closed", verdict="benign"),
                alert("a2", fingerprint="f", severity="critical", title=HOSTILE, actor=HOSTILE, unusual=[HOSTILE]),
                alert("hidden", suppressed="the scanner"),
                alert("member", part_of="storm"),
                alert("storm", storm=True, family="storm", actor=""),
            ],
            [response("r1", "a2")],
        )
        store.write_deliveries([
            Delivery(destination="siem", alert_id="a2", revision=0, key="a2.0", attempt=1, at=AT, outcome="retry",
                     status=503, latency=12.5, reason="HTTP 503"),
            Delivery(destination="siem", alert_id="a2", revision=0, key="a2.0", attempt=2, at=AT + 9,
                     outcome="delivered", status=200, latency=3.0),
        ])  # fmt: skip
        yield store


class Client:
    """Requests as a browser or a program on this machine makes them."""

    def __init__(self, app) -> None:
        self._app = app

    def get(self, path):
        return asyncio.run(self._send("GET", path, {}))

    def post(self, path, **more):
        return asyncio.run(self._send("POST", path, more))

    async def _send(self, method, path, more):
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470") as client:
            return await client.request(method, path, **more)


class Decided(list):
    away = False

    def __call__(self, decision) -> None:
        if self.away:
            raise Transient("kafka: the decision is not known to have arrived")
        self.append(decision)


@pytest.fixture
def decided():
    return Decided()


@pytest.fixture
def client(store, decided):
    app = create(store, Settings(), dict, decided)
    return Client(app)


def ids(answer) -> set[str]:
    return {one["alert_id"] for one in answer.json()["alerts"]}


def test_alerts_are_listed_as_they_are_now_without_those_that_nobody_was_told_of(client):
    assert ids(client.get("/v1/alerts")) == {"a1", "a2", "storm"}
    assert ids(client.get("/v1/alerts?everything=true")) == {"a1", "a2", "storm", "hidden", "member"}
    assert ids(client.get("/v1/alerts?part_of=storm")) == {"member"}
    assert ids(client.get("/v1/alerts?state=closed")) == {"a1"}
    assert ids(client.get("/v1/alerts?verdict=benign&severity=high")) == {"a1"}
    assert ids(client.get("/v1/alerts?actor=bot")) == {"a1"}
    detection = next(iter(example().detections))
    assert len(ids(client.get(f"/v1/alerts?detection={detection}"))) == 3
    assert ids(client.get("/v1/alerts?detection=nothing")) == set()


def test_pages_follow_each_other(client):
    first = client.get("/v1/alerts?limit=2").json()
    second = client.get(f"/v1/alerts?limit=2&after={first['next']}").json()
    assert len(first["alerts"]) == 2
    assert len(second["alerts"]) == 1
    assert second["next"] is None


@pytest.mark.parametrize("wrong", ["state=gone", "severity=worst", "nonsense=1", "limit=0", "verdict=maybe", "after=x"])
def test_a_wrong_question_is_answered_with_what_is_expected(client, wrong):
    answer = client.get("/v1/alerts?" + wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["parameter"] == wrong.partition("=")[0]


def test_one_alert_has_all_that_belongs_to_it(client):
    found = client.get("/v1/alerts/a2").json()
    assert [one["outcome"] for one in found["deliveries"]] == ["delivered", "retry"]
    assert [one["response_id"] for one in found["responses"]] == ["r1"]
    assert [one["alert_id"] for one in found["similar"]] == ["a1"]
    assert found["missing"] == example().entries
    assert client.get("/v1/alerts/none").status_code == 404
    (retry,) = client.get("/v1/deliveries?outcome=retry").json()["deliveries"]
    assert (retry["status"], retry["reason"]) == (503, "HTTP 503")
    assert len(client.get("/v1/responses?state=proposed").json()["responses"]) == 1


def test_a_decision_is_accepted_when_it_is_safe(client, decided):
    said = {"what": "close", "verdict": "true", "by": "ana@example.com", "reason": "seen in a paste"}
    answer = client.post("/v1/alerts/a2/decisions", json=said)
    assert answer.status_code == 202
    (decision,) = decided
    assert (decision.about, decision.what, decision.verdict, decision.by) == ("a2", "close", "true", "ana@example.com")
    assert decision.alert.alert_id == "a2"
    assert client.post("/v1/responses/r1/decisions", json={"what": "approve", "by": "ben"}).status_code == 202


@pytest.mark.parametrize(
    ("about", "said", "code", "parameter"),
    [
        ("a2", {"what": "close", "by": "ana"}, 400, "verdict"),
        ("a2", {"what": "acknowledge"}, 400, "by"),
        ("a2", {"what": "approve", "by": "ana"}, 400, "what"),
        ("r1", {"what": "close", "by": "ana", "verdict": "true"}, 400, "what"),
        ("a2", {"what": "acknowledge", "by": 7}, 400, "by"),
        ("a2", {"what": "acknowledge", "by": "ana", "admin": "yes"}, 400, "admin"),
        ("none", {"what": "acknowledge", "by": "ana"}, 404, "about"),
        ("a2", {"what": "note", "by": "ana", "reason": "\ud800"}, 400, "reason"),
        ("a2", {"what": "note", "by": "x" * 300, "reason": "r"}, 400, "by"),
    ],
)
def test_a_decision_that_is_none_is_refused_by_its_field(client, decided, about, said, code, parameter):
    body = json.dumps(said).encode()
    answer = client.post(f"/v1/alerts/{about}/decisions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (code, parameter)
    assert not decided


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 10_000, b'{"what": "' + b"x" * 70_000 + b'"}']
)
def test_what_is_no_decision_is_refused(client, decided, body):
    answer = client.post("/v1/alerts/a2/decisions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert not decided


def test_pages_of_others_decide_nothing(client, decided):
    said = json.dumps({"what": "acknowledge", "by": "ana"})
    # What a page may send without asking: a form, or text.
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert client.post("/v1/alerts/a2/decisions", content=said, headers={"content-type": kind}).status_code == 415
    form = {"what": "acknowledge", "by": "ana"}
    for headers in ({}, {"origin": "https://evil.example.com"}, {"origin": "null"},
                    {"origin": "http://127.0.0.1:8470", "sec-fetch-site": "cross-site"}):  # fmt: skip
        assert client.post("/alerts/a2/decide", data=form, headers=headers).status_code == 403
    assert not decided


def test_the_broker_is_away_and_whoever_decides_is_told(client, decided):
    decided.away = True
    answer = client.post("/v1/alerts/a2/decisions", json={"what": "acknowledge", "by": "ana"})
    assert answer.status_code == 503
    assert "kafka" in answer.json()["error"]["message"]
    html = client.post(
        "/alerts/a2/decide", data={"what": "acknowledge", "by": "ana"}, headers={"origin": "http://127.0.0.1:8470"}
    )
    assert html.status_code == 503
    assert "kafka" in html.text


def test_the_pages_show_hostile_text_as_text(client):
    for path in ("/alerts", "/alerts/a2", "/alerts?actor=%3Cscript%3E"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert "\x1b" not in answer.text
        assert "\u202e" not in answer.text


def test_the_page_of_an_alert_says_what_to_do_and_takes_decisions(client, decided):
    text = client.get("/alerts/a2").text
    assert "Acknowledge" in text
    assert "Approve: send this request" in text
    assert "&lt;secret /run/soar&gt;" in text
    form = {"what": "close", "verdict": "false", "by": "ana", "reason": "a test"}
    answer = client.post("/alerts/a2/decide", data=form, headers={"origin": "http://127.0.0.1:8470"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/a2")
    approve = {"what": "approve", "by": "ben", "about": "r1"}
    client.post("/alerts/a2/decide", data=approve, headers={"origin": "http://127.0.0.1:8470"})
    assert [(one.about, one.what) for one in decided] == [("a2", "close"), ("r1", "approve")]


def test_a_form_that_is_wrong_shows_the_page_with_the_reason(client):
    answer = client.post(
        "/alerts/a2/decide", data={"what": "note", "by": "ana"}, headers={"origin": "http://127.0.0.1:8470"}
    )
    assert answer.status_code == 400
    assert "reason: expected some words to note" in answer.text


def test_an_alert_that_is_not_there_has_a_page_that_says_so(client):
    answer = client.get("/alerts/none")
    assert answer.status_code == 404
    assert "No alert of this name" in answer.text


def test_a_closed_alert_offers_to_be_opened_again(client):
    text = client.get("/alerts/a1").text
    assert "Reopen" in text
    assert "Close as" not in text


def test_without_a_broker_nothing_can_be_decided(store):
    client = Client(create(store, Settings(), dict))
    assert client.post("/v1/alerts/a2/decisions", json={"what": "acknowledge", "by": "ana"}).status_code == 503
