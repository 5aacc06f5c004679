"""The fault runner: it finds the timeline exact under faults, and would notice if it were not."""

import itertools
import json
import signal
import subprocess
import sys
import time

import pytest
from confluent_kafka import Consumer, Producer

from pipeline.kit.admin import ensure_topics, positions
from pipeline.kit.broker import ApacheKafka
from pipeline.kit.clients import consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.kit.topics import full_name
from pipeline.run import proof
from pipeline.run.chaos import Chaos
from pipeline.run.disturb import GUEST, Groups, Kind, left_behind, marker_of, plan
from pipeline.run.feed import Feed, arrivals
from pipeline.run.ordered import CLUSTER, Order, possible
from pipeline.run.receiver import Receiver
from pipeline.run.unreliable import AWAY, FULL, Unreliable
from pipeline.store import connect
from pipeline.store.alerts import alerts_block
from schemas.alert import Alert
from schemas.rejected import Record
from tests.flow.harness import settings_for, wait_until
from tests.store.entries import entry

#: All that can be done to processes beside an embedded broker.
KINDS = (Kind.KILL, Kind.STOP, Kind.REBALANCE, Kind.STORE, Kind.DISK)


def played(order):
    """Records, faults and moments follow from the seed, which is printed."""
    said = []
    print(f"seed {order.seed}")
    outcome = Chaos(Settings(), order, said.append, lambda *_: None).run()
    assert outcome.holds, json.dumps([outcome.shown(), said], indent=1, default=str)
    assert len(outcome.disturbances) == order.disturbances
    assert {one["kind"] for one in outcome.disturbances} == set(order.kinds)
    assert outcome.told > 0
    return outcome


@pytest.mark.timeout(400)
def test_the_timeline_is_exact_whatever_happens_to_the_processes(tmp_path):
    played(Order(seed=5, events=3_000, seconds=14, disturbances=7, kinds=KINDS, home=tmp_path / "chaos"))


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_the_timeline_is_exact_while_one_of_three_brokers_after_the_other_is_lost(tmp_path):
    if missing := ApacheKafka.missing():
        pytest.skip(missing)
    kinds = (*KINDS, Kind.BROKER)
    order = Order(
        seed=5, events=3_000, seconds=25, disturbances=12, kinds=kinds, broker=CLUSTER, home=tmp_path / "chaos"
    )
    outcome = played(order)
    assert len({one["target"] for one in outcome.disturbances if one["kind"] is Kind.BROKER}) == 2


def test_ctrl_c_ends_everything_that_was_started(tmp_path):
    home = tmp_path / "interrupted"
    command = [sys.executable, "-m", "pipeline", "chaos", "--events", "500", "--faults", "stop", "--keep", str(home)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: len(left_behind(marker_of(home))) >= 4)
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err.decode()
    wait_until(lambda: not left_behind(marker_of(home)), 10)


def test_the_same_seed_plans_the_same_and_nothing_is_done_twice_at_once():
    kinds = tuple(Kind)
    planned = plan(3, kinds, 60, 120.0)
    assert planned == plan(3, kinds, 60, 120.0) != plan(4, kinds, 60, 120.0)
    assert {one.kind for one in planned} == set(kinds)
    assert any(one.target == GUEST for one in planned)
    for target in {one.target for one in planned}:
        mine = [one for one in planned if one.target == target]
        assert all(one.at + one.lasts < other.at for one, other in itertools.pairwise(mine))
    assert plan(3, (), 60, 120.0) == []


def test_of_three_brokers_one_is_away_at_a_time_and_each_has_its_turn():
    planned = plan(3, (Kind.BROKER,), 20, 300.0, 3)
    assert {one.target for one in planned} == {"broker 1", "broker 2", "broker 3"}
    assert all(one.at + one.lasts < other.at for one, other in itertools.pairwise(planned))
    assert {one.target for one in plan(3, (Kind.BROKER,), 20, 300.0)} == {"broker"}


def test_an_alert_that_was_not_told_and_one_that_is_none_are_named():
    def alert(name, **more):
        return Alert(alert_id=name, **more)

    def told(name):
        return json.dumps({"data": {"alert_id": name}}).encode()

    receiver = Receiver()
    with connect(Settings(clickhouse="chdb://memory")) as store, receiver:
        store.insert(alerts_block([alert("a"), alert("b"), alert("c", part_of="a"), alert("d", suppressed="window")]))
        assert "2 untold: a" in receiver.check(store).seen
        answers = [receiver.take(told(name)) for name in ["a", "a", "a", "a", "a", "a", "b"]]
        assert answers == [200] * 6 + [503]
        assert "1 untold: b" in receiver.check(store).seen
        assert receiver.take(told("b")) == 200
        assert receiver.check(store).holds
        receiver.take(told("x"))
        assert "1 unknown: x" in receiver.check(store).seen


def test_arrivals_are_the_records_out_of_order_some_twice_and_some_broken():
    story = [Record(f'{{"n": {n}}}'.encode(), "", "prompts", 0, n) for n in range(5000)]
    came = arrivals(story, 1)
    assert came == arrivals(story, 1)
    whole = [record for record in came if record.offset % 2 == 0]
    assert {record.value for record in whole} == {record.value for record in story}
    assert 100 < len(whole) - len(story) < 200
    assert 2 <= len(came) - len(whole) <= 30
    assert [record.offset for record in came] != sorted(record.offset for record in came)


def test_what_a_client_cannot_keep_while_its_broker_is_away_is_sent_later(mock, tmp_path):
    settings = settings_for(mock, tmp_path)
    ensure_topics(settings)
    story = [Record(str(n).encode(), "", "prompts", 0, n) for n in range(300)]
    feed = Feed(settings, story, 1)
    feed._producer = Producer({**producer_config(settings), "queue.buffering.max.messages": 100, "linger.ms": 1000})
    feed.send(1.0)
    assert 0 < feed.left < 300
    wait_until(lambda: feed.send(1.0) or not feed.left)
    feed.close()
    assert sum(at.end for at in positions(settings, "none", ["prompts"]).values()) == 300


def test_a_broker_that_keeps_nothing_is_not_restarted():
    assert Kind.BROKER not in possible("embedded")
    assert Kind.BROKER in possible("kafka")
    assert Kind.BROKER in possible(CLUSTER)
    order = Order(kinds=(Kind.BROKER,), events=10)
    with pytest.raises(Invalid, match="--broker kafka"):
        Chaos(Settings(), order, print, lambda *_: None).run()


def member(settings):
    consumer = Consumer({**consumer_config(settings, "whodid-normalize"), "log_level": 0})
    consumer.subscribe([full_name(settings, "prompts")])
    return consumer


def assigned(*members, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(one.assignment() for one in members):
        for one in members:
            one.poll(0.05)
    return all(one.assignment() for one in members)


def test_a_group_whose_leader_the_embedded_broker_waits_for_is_mended(embedded, tmp_path, monkeypatch):
    settings = settings_for(embedded, tmp_path)
    ensure_topics(settings)
    leader = member(settings)
    assert assigned(leader)
    follower = member(settings)
    assert assigned(leader, follower)
    follower.close()
    leader.close()
    later = member(settings)
    monkeypatch.setattr(Groups, "LOOK_EVERY", 0.5)
    monkeypatch.setattr(Groups, "JOINING", 4.0)
    groups = Groups(settings)
    wait_until(lambda: groups.look() or assigned(later, seconds=0.1), 30)
    assert groups.deleted == 1, "this broker can be trusted again: Groups is no longer needed"
    later.close()


WANTED = proof.Expected(events={"a", "b"}, records={"r"})
WANTED.letters["prompts", b"{"] = 1


def found(entries, records=("r",), letters=((("prompts", b"{"), 1),), twice=()):
    return proof.Found(dict(entries), list(twice), set(records), proof.Counter(dict(letters)))


RIGHT = {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("got", "complaint"),
    [
        (found({"a": 1}), "1 missing: b"),
        (found({**RIGHT, "c": 3}), "1 of no event: c"),
        (found(RIGHT, twice=["a"]), "1 with two current entries: a"),
        (found(RIGHT, records=()), "1 records missing: r"),
        (found(RIGHT, records=("r", "x")), "1 records that nobody sent: x"),
        (found(RIGHT, letters=()), "1 dead letters missing: prompts"),
        (found(RIGHT, letters=((("prompts", b"{"), 2),)), "1 dead letters too many: prompts"),
    ],
)
def test_what_was_lost_or_made_up_is_named(got, complaint):
    assert all(check.holds for check in proof.conservation(WANTED, found(RIGHT)))
    broken = [check for check in proof.conservation(WANTED, got) if not check.holds]
    assert [complaint in check.seen for check in broken] == [True]


def test_a_row_that_differs_is_named_with_its_fields():
    check, differing = proof.timeline(found(RIGHT), found({"a": 1, "b": 3}))
    assert not check.holds
    assert differing == ["b"]
    assert proof.differences({"actor": "ana", "human": ""}, {"actor": "ben", "human": ""}) == {"actor": ["ana", "ben"]}


def test_two_current_entries_of_one_event_are_seen_and_revisions_are_not():
    with connect(Settings(clickhouse="chdb://memory")) as store:
        store.write_entries([entry("a", 1, revision=1), entry("a", 1, revision=2), entry("b", 1)])
        once = proof.found(store)
        store.write_entries([entry("a", 1, revision=3), entry("b", 2)])
        assert once.twice == []
        assert proof.found(store).twice == ["b"]
        assert proof.found(store).entries["a"] == once.entries["a"]


def test_a_store_can_be_told_to_be_away(tmp_path):
    with connect(Settings(clickhouse="chdb://memory")) as real:
        store = Unreliable(real, tmp_path)
        (tmp_path / AWAY).touch()
        for name in ("refused", "broken off"):
            with pytest.raises(Transient):
                store.write_entries([entry(name)])
        for ask in (store.rows, lambda sql: store.raw(sql, {})):
            with pytest.raises(Transient):
                ask("SELECT 1")
        (tmp_path / AWAY).unlink()
        assert store.raw("SELECT 1 AS one", {})
        assert store.rows("SELECT event_id FROM entries") == [("broken off",)]
        (tmp_path / FULL).touch()
        with pytest.raises(Transient, match="No space left"):
            store.write_entries([entry("full")])
        (tmp_path / FULL).unlink()
        store.write_entries([entry("again")])
        assert store.rows("SELECT count() FROM entries") == [(2,)]
