"""The stream against the same stages without a broker, on three brokers; and what it does with poison and kills."""

import json
import random
import time

import pytest

from benchmarks.load import Load
from pipeline.kit.topics import PUBLIC
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import connect
from schemas.rejected import Record
from tests.flow.harness import drain, kill, rows, running, send, settings_for, timeline, wait_until

START = 1_767_225_600_000_000


def investigated(settings, messages):
    """The timeline of the same records, in order, without a broker."""
    with connect(settings.model_copy(update={"clickhouse": "chdb://memory"})) as store:
        Investigation(settings, store).run(
            Record(value, name, topic, 0, n) for n, (topic, name, value) in enumerate(messages)
        )
        return rows(store)


@pytest.fixture(scope="session")
def story():
    return [(topic, record.format, record.value) for topic, record in incident.records(START)]


def test_streaming_gives_the_same_timeline_as_investigating(broker, tmp_path, story):
    settings = settings_for(broker, tmp_path)
    send(settings, story)
    counts = drain(settings)
    assert counts["records"] == len(story)
    assert timeline(settings) == investigated(settings, story)


def test_the_order_of_topics_and_partitions_makes_no_difference(embedded, tmp_path, story):
    shuffled = list(story)
    random.Random(3).shuffle(shuffled)
    settings = settings_for(embedded, tmp_path)
    send(settings, shuffled)
    drain(settings, [["normalize"], ["correlate"], ["store"]])
    assert timeline(settings) == investigated(settings, story)


def test_sending_the_same_twice_changes_nothing(embedded, tmp_path, story):
    settings = settings_for(embedded, tmp_path)
    send(settings, story)
    drain(settings)
    once = timeline(settings)
    send(settings, story)
    drain(settings)
    assert timeline(settings) == once


POISON = {
    "not json": b"{nope",
    "a number": b"7",
    "wrong types": json.dumps({"eventID": 5, "eventTime": [], "eventName": {}}).encode(),
    "20 MB": b'{"eventName": "' + b"x" * 20_000_000 + b'"}',
    "lone surrogate": b'{"eventName": "\\ud800"}',
    "not utf-8": b'{"eventName": "\xff\xfe"}',
    "NaN": b'{"eventTime": NaN}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "1970": b'{"eventID": "7d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e", "eventTime": "1970-01-01T00:00:00Z", '
    b'"eventName": "GetObject", "eventSource": "s3.amazonaws.com", "userIdentity": {}}',
    "2262": b'{"eventID": "7d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4f", "eventTime": "2262-01-01T00:00:00Z", '
    b'"eventName": "GetObject", "eventSource": "s3.amazonaws.com", "userIdentity": {}}',
    "empty": b"",
}


def test_poison_on_every_topic_becomes_dead_letters_and_the_rest_goes_on(embedded, tmp_path, story):
    poison = [(topic, name, value) for topic in PUBLIC for value in POISON.values() for name in ("aws.cloudtrail", "")]
    settings = settings_for(embedded, tmp_path)
    mixed = poison + story
    random.Random(5).shuffle(mixed)
    send(settings, mixed)
    counts = drain(settings)
    assert counts["records"] == len(story) + len(poison)
    assert counts["rejected"] == len(poison)
    assert timeline(settings) == investigated(settings, story)
    with connect(settings) as store:
        letters = store.rows("SELECT topic, reason, value FROM dead_letters FINAL", binary=["value"])
    assert len(letters) == len(poison)
    assert {topic.removeprefix(settings.prefix) for topic, _, _ in letters} == set(PUBLIC)
    assert {bytes(value) for _, _, value in letters} == set(POISON.values())
    assert all(": " in reason for _, reason, _ in letters), "a reason names the field at fault"


@pytest.fixture(scope="session")
def load():
    made = Load(50_000)
    return list(made), made.truth.events


@pytest.fixture(scope="session")
def undisturbed(embedded, tmp_path_factory, load):
    settings = settings_for(embedded, tmp_path_factory.mktemp("undisturbed"))
    send(settings, load[0])
    drain(settings)
    return timeline(settings)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_worker_killed_in_the_middle_of_50000_events_leaves_the_same_timeline(embedded, tmp_path, load, undisturbed):
    """On Apache Kafka workers are killed in `test_chaos`."""
    settings = settings_for(embedded, tmp_path)
    send(settings, load[0])
    chance = random.Random("kills")
    with running(settings, ["store"]) as desk:
        for _ in range(3):
            with running(settings, ["normalize", "correlate"]) as worker:
                time.sleep(4 + 2 * chance.random())
                assert worker.poll() is None
                kill(worker)
        kill(desk)
    drain(settings)
    assert len(undisturbed) == load[1]
    assert timeline(settings) == undisturbed


def test_what_arrived_while_nothing_ran_is_worked_off(embedded, tmp_path, story):
    settings = settings_for(embedded, tmp_path)
    with running(settings, ["normalize", "correlate", "store"]) as everything:
        send(settings, story[:50])
        wait_until(lambda: everything.poll() is None)
        kill(everything)
    send(settings, story[50:])
    drain(settings)
    assert timeline(settings) == investigated(settings, story)
