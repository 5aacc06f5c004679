"""Three brokers: any one of them may go while messages flow, and nothing is lost."""

import itertools
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from pipeline.kit.admin import ensure_topics, topics
from pipeline.kit.broker import ApacheKafka
from pipeline.kit.clients import consumer_config, producer_config
from pipeline.kit.cluster import MIN_INSYNC, REPLICATION, Cluster
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name
from tests.flow.harness import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(240)]
#: Messages before, during and after the loss of a broker.
BLOCK = 500


@pytest.fixture(scope="module")
def cluster():
    if reason := ApacheKafka.missing():
        pytest.skip(reason)
    with Cluster.start() as started:
        yield started


def test_a_broker_is_lost_and_comes_back_while_messages_flow_and_every_one_is_there(cluster):
    settings = Settings(bootstrap=cluster.bootstrap, replication=REPLICATION)
    ensure_topics(settings)
    made = topics(settings)[full_name(settings, "prompts")]
    assert (made.replication, made.config["min.insync.replicas"]) == (REPLICATION, str(MIN_INSYNC))
    producer = Producer(producer_config(settings))
    numbers, errors = itertools.count(), []

    def send():
        for _ in range(BLOCK):
            n = next(numbers)
            producer.produce(
                full_name(settings, "prompts"), str(n).encode(), partition=n % settings.partitions,
                on_delivery=lambda error, _: errors.append(error) if error else None,
            )  # fmt: skip
        producer.poll(0)

    victim = leader(settings)
    send()
    cluster.kill(victim)
    send()
    assert producer.flush(60) == 0, "two brokers did not take what the third was to have"
    assert leader(settings) != victim
    cluster.resume(victim)
    send()
    assert producer.flush(60) == 0
    assert errors == []
    sent = next(numbers)
    assert sorted({int(value) for value in read(settings, sent)}) == list(range(sent))
    wait_until(lambda: min(in_sync(settings)) == REPLICATION)


def partitions(settings):
    client = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 0})
    return client.list_topics(timeout=10).topics[full_name(settings, "prompts")].partitions


def leader(settings):
    """Number of the broker that leads the first partition."""
    return partitions(settings)[0].leader - 1


def in_sync(settings):
    return [len(one.isrs) for one in partitions(settings).values()]


def read(settings, count, seconds=60):
    """What is in the topic, until there are so many different ones."""
    consumer = Consumer({**consumer_config(settings, "proof"), "enable.partition.eof": True})
    consumer.subscribe([full_name(settings, "prompts")])
    found, deadline = set(), time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None or (message.error() and message.error().code() == KafkaError._PARTITION_EOF):
            continue
        if message.error() is None:
            found.add(message.value())
    consumer.close()
    return found
