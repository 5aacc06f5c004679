"""Kafka's committed offset may be ahead of the state, since Faust acknowledges what it never handed over."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from benchmarks.load import Load
from pipeline.kit.admin import positions
from pipeline.kit.clients import consumer_config
from pipeline.kit.topics import full_name
from tests.flow.harness import drain, send, settings_for, timeline
from tests.flow.test_stream import investigated

FIRST = "events-by-credential"


@pytest.fixture(scope="module")
def load():
    return list(Load(8_000))


def commit_the_end(settings):
    """As if nearly everything of the first hop had been handled."""
    group = "whodid-correlate"
    ends = positions(settings, settings.prefix + group, [FIRST])
    consumer = Consumer(consumer_config(settings, group))
    consumer.commit(
        offsets=[
            TopicPartition(full_name(settings, FIRST), number, max(0, at.end - 3)) for (_, number), at in ends.items()
        ],
        asynchronous=False,
    )
    consumer.close()


def test_what_the_committed_offset_passed_over_is_fetched_again(embedded, tmp_path, load):
    settings = settings_for(embedded, tmp_path)
    send(settings, load)
    drain(settings, [["normalize"]])
    commit_the_end(settings)
    counts = drain(settings)
    assert counts["gaps"] >= 1
    assert timeline(settings) == investigated(settings, load)
