"""Topics are created once, and lag is exact, on every broker."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.kit.admin import ensure_topics, lag, lag_by_partition
from pipeline.kit.broker import ApacheKafka, EmbeddedBroker, MockBroker
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent, Transient
from pipeline.kit.topics import catalogue


@pytest.fixture(
    params=[MockBroker, EmbeddedBroker, pytest.param(ApacheKafka, marks=pytest.mark.kafka)],
    ids=["mock", "embedded", "kafka"],
    scope="module",
)
def bootstrap(request):
    if request.param is ApacheKafka and (reason := ApacheKafka.missing()):
        pytest.skip(reason)
    with request.param.start() as broker:
        yield broker.bootstrap


@pytest.fixture
def settings(bootstrap, request):
    return Settings(bootstrap=bootstrap, prefix=f"t{abs(hash(request.node.name))}.")


def topics_of(settings):
    return AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 2}).list_topics(timeout=10).topics


def test_all_topics_exist_afterwards_and_a_second_call_changes_nothing(settings):
    for _ in range(2):
        ensure_topics(settings)
        found = {name: len(topic.partitions) for name, topic in topics_of(settings).items()}
        assert {settings.prefix + name for name in catalogue()} <= found.keys()
        assert all(found[settings.prefix + name] == settings.partitions for name in catalogue())


def test_another_number_of_partitions_of_a_joined_topic_is_refused_with_the_way_out(settings):
    ensure_topics(settings)
    more = settings.model_copy(update={"partitions": settings.partitions + 1})
    with pytest.raises(
        Permanent, match=f"partitions is {settings.partitions}, expected .*WHODID_PARTITIONS={settings.partitions}"
    ):
        ensure_topics(more)


def test_a_public_topic_may_have_any_number_of_partitions(settings):
    client = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 2})
    if str(client.list_topics(timeout=10).cluster_id).startswith("mockCluster"):
        pytest.skip("the mock cluster cannot create topics")
    for future in client.create_topics([NewTopic(settings.prefix + "prompts", 1, 1)]).values():
        future.result()
    ensure_topics(settings)
    assert len(topics_of(settings)[settings.prefix + "prompts"].partitions) == 1


def test_lag_counts_what_is_not_committed_message_by_message(settings):
    ensure_topics(settings)
    topic = settings.prefix + "prompts"
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 50, "log_level": 2})
    for number in range(300):
        producer.produce(topic, b"x", partition=number % 2)
    assert producer.flush(10) == 0
    assert lag(settings, "g") == {}
    assert lag(settings, "g", ["prompts", "tool-calls"]) == {"prompts": 300, "tool-calls": 0}
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "g", "log_level": 2})
    consumer.commit(offsets=[TopicPartition(topic, 0, 150), TopicPartition(topic, 1, 40)], asynchronous=False)
    consumer.close()
    assert lag(settings, "g") == {"prompts": 110}
    behind = lag_by_partition(settings, "g")
    assert behind["prompts", 0] == 0
    assert behind["prompts", 1] == 110


def test_a_broker_that_is_away_is_named(monkeypatch):
    monkeypatch.setattr("pipeline.kit.admin.ANSWER", 0.5)
    with pytest.raises(Transient, match=r"127\.0\.0\.1:1 does not answer"):
        ensure_topics(Settings(bootstrap="127.0.0.1:1"))
    with pytest.raises(Transient, match=r"127\.0\.0\.1:1 does not answer"):
        lag(Settings(bootstrap="127.0.0.1:1"), "g")
