"""Findings become alerts that reach a receiver, whatever breaks on the way."""

import json
import threading
import time

import msgspec
import pytest
from confluent_kafka import Producer

from pipeline.alert.destinations.webhook import Webhook
from pipeline.alert.example import example
from pipeline.kit.admin import ensure_topics
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run import alert
from pipeline.run.ending import Ending
from pipeline.store import alerts, connect, queries
from schemas.alert import Decision
from schemas.batch import Alerts, Findings
from tests.alert.findings import decision, finding
from tests.flow import harness
from tests.flow.harness import kill, running, settings_for, wait_until
from tests.flow.receiver import receiving

ALL = ["correlate", "store", "alert"]
#: Seconds of silence after which all has come: nothing here waits for a grace.
IDLE = 2.5


def drain(settings, shape):
    return harness.drain(settings, shape, IDLE)


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


def configured(broker, home, receiver, *more, **file):
    """Settings with one webhook, and further destinations or parts of the file."""
    home.mkdir(exist_ok=True)
    webhook = {"name": "siem", "kind": "webhook", "url": receiver.url + "/siem", "allow": ["127.0.0.0/8"]}
    path = home / "alerts.yml"
    path.write_text(json.dumps({"destinations": [webhook, *more], "console": "https://whodid.example.com", **file}))
    return settings_for(broker, home, alerts=path)


def tell(settings, items):
    """Findings and decisions, as the scoring stage and the desk send them."""
    ensure_topics(settings)
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    for place in range(0, len(items), 50):
        value = msgspec.msgpack.encode(Findings.of(items[place : place + 50]))
        producer.produce(full_name(settings, "findings"), value, partition=0)
    producer.flush()


def test_a_finding_becomes_a_webhook_a_row_and_a_recorded_attempt(broker, tmp_path, receiver):
    settings = configured(broker, tmp_path, receiver)
    tell(settings, [finding("f1")])
    drain(settings, [ALL])
    ((key, said),) = receiver.got
    assert said["type"] == "alert.opened"
    assert said["data"]["sentence"].startswith("invoice-bot (agent), for ana@example.com, did bedrock:InvokeModel")
    assert said["key"] == key == f"{said['data']['alert_id']}.0"
    assert said["data"]["link"] == f"https://whodid.example.com/alerts/{said['data']['alert_id']}"
    with connect(settings) as store:
        (kept,) = alerts.alerts(store).alerts
        (attempt,) = alerts.deliveries(store)
    assert kept.sentence == said["data"]["sentence"]
    assert (attempt.destination, attempt.outcome, attempt.status, attempt.key) == ("siem", "delivered", 200, key)


def test_one_that_is_down_delays_no_other_and_gets_all_when_it_is_back(embedded, tmp_path, receiver):
    with receiving() as other:
        down = {"name": "down", "kind": "webhook", "url": other.url + "/x", "allow": ["127.0.0.0/8"]}
        settings = configured(embedded, tmp_path, receiver, down)
        other.down = True
        tell(settings, [finding(f"f{n}", actor=f"a{n}", session=f"s{n}", severity="high") for n in range(8)])
        with running(settings, ALL) as child:
            wait_until(lambda: len(receiver.got) == 8)
            assert not other.got
            other.down = False
            wait_until(lambda: len(other.keys) == 8)
            kill(child)


def test_killed_while_it_tells_it_loses_none_and_repeats_only_with_the_same_key(embedded, tmp_path, receiver):
    settings = configured(embedded, tmp_path, receiver, storm=10_000)
    expected = 400
    tell(settings, [finding(f"f{n}", actor=f"a{n}", session=f"s{n}") for n in range(expected)])
    for share in (0.1, 0.4, 0.7):
        with running(settings, ALL) as child:
            wait_until(lambda share=share: len(receiver.keys) >= share * expected)
            kill(child)
    drain(settings, [ALL])
    assert len(receiver.keys) == expected
    alerts_told = {said["data"]["alert_id"]: said for _, said in receiver.got}
    assert len(alerts_told) == expected
    for key in receiver.keys:
        assert len({json.dumps(said["data"]["sentence"]) for other, said in receiver.got if other == key}) == 1


def test_what_is_refused_is_a_dead_letter_that_can_be_told_again(embedded, tmp_path, receiver):
    settings = configured(embedded, tmp_path, receiver)
    receiver.answers = [400]
    tell(settings, [finding("f1")])
    drain(settings, [ALL])
    assert not receiver.got
    with connect(settings) as store:
        (letter,) = queries.dead_letters(store)
        (attempt,) = alerts.deliveries(store)
    assert letter.stage == "alert"
    assert "destination siem refused it" in letter.reason
    assert (attempt.outcome, attempt.status) == ("refused", 400)


def test_decisions_change_the_alert_and_are_events_of_the_timeline(embedded, tmp_path, receiver):
    settings = configured(embedded, tmp_path, receiver)
    tell(settings, [finding("f1")])
    drain(settings, [ALL])
    alert_id = receiver.got[0][1]["data"]["alert_id"]
    tell(settings, [decision(alert_id, "acknowledge"), decision(alert_id, "close", by="ben", verdict="benign")])
    drain(settings, [["normalize", *ALL]])
    assert [said["type"] for _, said in receiver.got] == ["alert.opened", "alert.acknowledged", "alert.closed"]
    with connect(settings) as store:
        kept = alerts.alert(store, alert_id)
        acts = store.rows("SELECT actor, action, resources FROM entries FINAL ORDER BY action")
    assert (kept.state, kept.verdict, [one.by for one in kept.changes]) == ("closed", "benign", ["ana", "ben"])
    assert acts == [("ana", "whodid:alert.acknowledge", [alert_id]), ("ben", "whodid:alert.close", [alert_id])]


HOOK = {
    "name": "revoke", "only": [{"detection": "llmjacking"}], "severity": "medium",
    "title": "revoke {{ alert.credentials | first }}", "allow": ["127.0.0.0/8"],
    "body": '{"key": {{ alert.credentials | first | tojson }}}',
}  # fmt: skip


def test_a_response_is_called_only_when_enough_others_approved_it(embedded, tmp_path, receiver):
    hook = {**HOOK, "url": receiver.url + "/revoke", "approvals": 2}
    settings = configured(embedded, tmp_path, receiver, hooks=[hook])
    tell(settings, [finding("f1")])
    drain(settings, [ALL])
    with connect(settings) as store:
        (proposed,) = alerts.responses(store)
    assert (proposed.state, proposed.title) == ("proposed", "revoke aws:AKIAEXAMPLE")
    assert not receiver.path["/revoke"]

    def approve(by, name) -> Decision:
        return decision(proposed.response_id, "approve", by=by, decision_id=name)

    tell(settings, [approve("ana", "1"), approve("ana", "2")])
    drain(settings, [ALL])
    assert not receiver.path["/revoke"], "one person, however often"
    tell(settings, [approve("ben", "3")])
    drain(settings, [["normalize", *ALL]])
    assert receiver.path["/revoke"] == [{"key": "aws:AKIAEXAMPLE"}]
    drain(settings, [["normalize", *ALL]])
    with connect(settings) as store:
        (done,) = alerts.responses(store)
        acts = {row[0] for row in store.rows("SELECT action FROM entries FINAL")}
    assert (done.state, [one.what for one in done.changes]) == (
        "done", ["request", "approve", "approve", "report"],
    )  # fmt: skip
    assert acts == {"whodid:response.proposed", "whodid:response.approve", "whodid:response.report"}


def test_destinations_come_and_go_while_it_runs(embedded, tmp_path, receiver):
    settings = configured(embedded, tmp_path, receiver)
    with running(settings, ALL) as child:
        tell(settings, [finding("f1")])
        wait_until(lambda: receiver.path["/siem"])
        webhook = {"name": "other", "kind": "webhook", "url": receiver.url + "/other", "allow": ["127.0.0.0/8"]}
        settings.alerts.write_text(json.dumps({"destinations": [webhook]}))
        time.sleep(4)
        tell(settings, [finding("f2", actor="b", session="s2")])
        wait_until(lambda: len(receiver.path["/other"]) == 2)
        assert len(receiver.path["/siem"]) == 1
        kill(child)


def test_a_bug_in_one_destination_ends_that_one_only_and_it_begins_again(embedded, tmp_path, receiver, monkeypatch):
    other = {"name": "other", "kind": "ocsf", "url": receiver.url + "/other", "allow": ["127.0.0.0/8"]}
    settings = configured(embedded, tmp_path, receiver, other)
    bugs = []
    sends = Webhook.send

    async def buggy(self, one, wire):
        if not bugs:
            bugs.append(one.key)
            raise KeyError("no such thing")
        return await sends(self, one, wire)

    monkeypatch.setattr(Webhook, "send", buggy)
    monkeypatch.setattr(alert, "AGAIN", 0.2)
    ensure_topics(settings)
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    told = msgspec.structs.replace(example(int(time.time() * 1e6)), alert_id="a1")
    producer.produce(full_name(settings, "alerts"), msgspec.msgpack.encode(Alerts([told])), partition=0)
    producer.flush()
    metrics, stop = Metrics(), threading.Event()
    role = threading.Thread(target=alert.AlertRole(settings, metrics).run, args=(Ending(stop),))
    role.start()
    try:
        wait_until(lambda: receiver.path["/other"] and receiver.path["/siem"], 40)
    finally:
        stop.set()
        role.join()
    assert len(bugs) == metrics.counts["bugs"] == 1
