"""Parts of benchmarks that say whether something is right, or grows: each against what is known."""

import json
from itertools import islice

import pytest

from benchmarks import living
from benchmarks.feeding import Paced
from benchmarks.flooding import requests
from benchmarks.lasting import IN_USE, ISSUING, LIFE, Lasting
from benchmarks.load import Load
from benchmarks.scale_out import right, shapes
from benchmarks.soak import slope, sparkline
from benchmarks.volumes import mark
from benchmarks.watching import longest
from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.store import connect
from schemas.rejected import Record

STEP = 300.0


def lasting(count):
    load = Lasting(STEP, 1_700_000_000)
    return load, list(islice(load, count))


def test_a_lasting_load_is_joined_as_its_truth_says(tmp_path):
    load, messages = lasting(3000)
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path)
    with connect(settings) as store:
        Investigation(settings, store).run(
            Record(value, name, topic, 0, n) for n, (topic, name, value) in enumerate(messages)
        )
        actors = dict(store.rows("SELECT event_id, actor FROM entries FINAL"))
    assert len(actors) == load.truth.events
    assert len(load.truth.sample) == 2
    assert {event_id: actors[event_id] for event_id in load.truth.sample} == load.truth.sample


def test_what_a_lasting_load_issues_is_used_until_others_are_and_never_again():
    _, messages = lasting(4000)
    used, issued = {}, {}
    for n, (topic, _, value) in enumerate(messages):
        if topic == "tool-calls":
            continue
        record = json.loads(value)
        key = record["userIdentity"].get("accessKeyId")
        if key:
            used.setdefault(key, []).append(n)
        if topic == "token-issuance":
            issued[record["responseElements"]["credentials"]["accessKeyId"]] = n
    assert set(used) <= set(issued)
    # One use may be the issuance that ends it.
    assert max(max(those) - issued[key] for key, those in used.items()) <= IN_USE * 1.25 * ISSUING
    assert IN_USE * 1.25 * ISSUING * STEP < LIFE


def test_the_longest_time_without_progress_counts_the_ends_of_the_stretch():
    assert longest([1.0, 2.0, 6.0], 0.0, 7.0) == 4.0
    assert longest([1.0, 2.0, 6.0], 2.5, 12.0) == 6.0
    assert longest([], 1.0, 4.0) == 3.0


def test_growth_is_that_of_the_second_half():
    flat = [{"seconds": 15 * n, "memory": {"worker": 100.0 + min(n, 20) * 10}} for n in range(40)]
    assert slope(flat, "worker") == pytest.approx(0.0, abs=0.5)
    steady = [{"seconds": 15 * n, "memory": {"worker": 100.0 + n}} for n in range(40)]
    assert slope(steady, "worker") == pytest.approx(4.0)
    assert slope(steady[:3], "worker") == 0.0


def test_a_sparkline_begins_at_nothing_and_keeps_the_largest():
    assert sparkline([0.0, 1.0]) == "▁█"
    drawn = sparkline([0.0] * 99 + [5.0])
    assert len(drawn) <= 40
    assert drawn[-1] == "█"


def test_a_wrong_answer_of_any_shape_counts_as_zero():
    good = {"expected": 5, "entries": 5, "wrong": 0}
    assert right({"scale": {"1": {"check": good}}, "rebalance": {"holds": True}})
    assert not right({"scale": {"1": {"check": good}, "2": {"check": {**good, "entries": 4}}}})
    assert not right({"scale": {"1": {"check": {**good, "wrong": 1}}}})
    assert not right({"rebalance": {"holds": False}})


def test_shapes_are_so_many_workers_and_one_in_two_processes():
    found = shapes([1, 2])
    assert [len(crew) for crew in found.values()] == [1, 2, 2]
    assert [set().union(*crew.values()) for crew in found.values()] == [{"normalize", "correlate"}] * 3


def test_a_paced_feed_gives_everything_once_and_in_order():
    given = []
    paced = Paced(given.extend, iter(range(500)), 100_000)
    paced.start()
    paced.join(10)
    assert given == list(range(500))
    assert paced.given == 500


def test_requests_hold_every_event_once_by_topic_and_format():
    messages = list(Load(100))
    made = list(requests(messages))
    assert sum(count for _, _, count in made) == 100
    assert {path for path, _, _ in made} == {f"/v1/events/{topic}?format={name}" for topic, name, _ in messages}
    lines = [line for _, body, _ in made for line in body.split(b"\n")]
    assert sorted(lines) == sorted(value for _, _, value in messages)


@pytest.mark.parametrize("kind", ["session", "actor"])
def test_live_things_take_values_and_a_changelog(kind):
    found = {"session": living.sessions, "actor": living.actors}[kind](40)
    assert found[f"{kind}s"] == 40
    assert found[f"{kind}_values"] >= 40
    assert found[f"{kind}_changelog_each"] > 0


def test_a_mark_costs_something():
    found = mark()
    assert min(found["take_us"], found["look_us"]) > 0
    assert found["bytes"] > 10
