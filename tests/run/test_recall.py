"""Recalls: which events come again out of the store when their credential means something else."""

import time

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.clients import consumer_config
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.recall import Pending, Recaller
from pipeline.store import connect
from schemas.batch import Batch, Recall, Recalls
from schemas.event import head_of
from tests.flow.harness import settings_for, wait_until
from tests.store.entries import START, entry

CREDENTIAL = "aws:ASIA1"


@pytest.fixture
def settings(tmp_path):
    with EmbeddedBroker.start() as broker:
        settings = settings_for(broker, tmp_path)
        ensure_topics(settings)
        yield settings


def came_again(settings, seconds):
    """Ids of the events that were sent through the first hop again."""
    reader = Consumer(consumer_config(settings, "test"))
    reader.subscribe([full_name(settings, "events-by-credential")])
    ids, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        message = reader.poll(0.1)
        if message is not None and message.error() is None:
            ids += [head_of(item.event).event_id for item in msgspec.msgpack.decode(message.value(), type=Batch).items]
    reader.close()
    return sorted(ids)


def test_an_event_that_is_still_on_its_way_is_recalled_although_a_newer_one_is_there(settings):
    with connect(settings) as store:
        # `one` and `two` had been passed on when the credential came to mean something else; `three` came later. The
        # store, catching up, has `three` already and `two` not yet: it reads the partitions of `entries` as they come.
        store.write_entries(
            [entry("one", 1, credential=CREDENTIAL), entry("three", 3, credential=CREDENTIAL, revision=2048)]
        )
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        asked = Recalls([Recall(f"credential:{CREDENTIAL}", 2, 2048)])
        producer.produce(full_name(settings, "recalls"), msgspec.msgpack.encode(asked))
        producer.flush()
        metrics = Metrics()
        recaller = Recaller(settings, store, metrics)
        recaller.start()
        try:
            wait_until(lambda: metrics.counts.get("recalled", 0) >= 1)
            store.write_entries([entry("two", 2, credential=CREDENTIAL)])
            assert "two" in came_again(settings, 8)
        finally:
            recaller.close()


def test_what_is_kept_or_came_later_does_not_stand_in_for_what_is_still_on_its_way():
    pending = Pending({})
    pending.add(Recall(f"credential:{CREDENTIAL}", 2, 2048, kept=["kept"]))
    pending.sight([entry("one", 1), entry("kept", 2), entry("later", 3, revision=2048)])
    assert not pending.complete
    pending.sight([entry("two", 4)])
    assert pending.complete


def test_a_recall_of_a_stretch_of_time_counts_what_is_in_it():
    pending = Pending({})
    pending.add(Recall(f"credential:{CREDENTIAL}", 1, 2048, span=(START + 3_000_000, START + 5_000_000)))
    pending.sight([entry("one", 1)])
    assert not pending.complete
    pending.sight([entry("two", 4)])
    assert pending.complete


def test_a_bug_in_the_thread_is_raised_where_it_was_started(settings, monkeypatch):
    monkeypatch.setattr(Recaller, "_look", lambda *_: 1 / 0)
    with connect(settings) as store:
        recaller = Recaller(settings, store, Metrics())
        recaller.start()
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        asked = Recalls([Recall(f"credential:{CREDENTIAL}", 1, 2048)])
        producer.produce(full_name(settings, "recalls"), msgspec.msgpack.encode(asked))
        producer.flush()

        def raised():
            try:
                recaller.check()
            except ZeroDivisionError:
                return True

        try:
            wait_until(raised)
        finally:
            recaller.close()
