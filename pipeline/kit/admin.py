"""Topics are created, and how far a group is behind is asked: what needs Kafka's admin interface."""

from __future__ import annotations

from collections import Counter

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.kit.topics import catalogue, full_name, kafka_config

TIMEOUT = 10.0


def ensure_topics(settings: Settings) -> None:
    """Create what is missing. Raises Transient when the broker is away, Invalid when partitions do not fit together."""
    admin = _admin(settings)
    known = _partitions(settings, admin)
    missing = {name: topic for name, topic in catalogue().items() if full_name(settings, name) not in known}
    if missing:
        requests = [
            NewTopic(
                full_name(settings, name),
                settings.partitions,
                settings.replication,
                config=kafka_config(settings, topic),
            )
            for name, topic in missing.items()
        ]
        for name, future in admin.create_topics(requests, request_timeout=TIMEOUT).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise Transient(f"kafka: cannot create topic {name}: {error.args[0].str()}") from error
        known = _partitions(settings, admin)
    for name, topic in catalogue().items():
        count = known.get(full_name(settings, name), settings.partitions)
        if topic.group == "joined" and count != settings.partitions:
            raise Invalid(
                f"topic {full_name(settings, name)}",
                f"{settings.partitions} partitions as WHODID_PARTITIONS says (all joined topics need the same number)",
                count,
            )


def lag(settings: Settings, group: str) -> dict[str, int]:
    """Messages between a group's committed offsets and the ends of its topics, by topic."""
    admin = _admin(settings)
    asked = ConsumerGroupTopicPartitions(group)
    try:
        offsets = admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT)[group].result().topic_partitions
    except KafkaException as error:
        raise Transient(f"kafka: {error.args[0].str()}") from error
    behind: Counter[str] = Counter()
    if not offsets:
        return behind
    ends = admin.list_offsets({TopicPartition(tp.topic, tp.partition): OffsetSpec.latest() for tp in offsets})
    for tp in offsets:
        try:
            end = ends[TopicPartition(tp.topic, tp.partition)].result().offset
        except KafkaException as error:
            raise Transient(f"kafka: {error.args[0].str()}") from error
        behind[tp.topic] += max(0, end - max(tp.offset, 0))
    return behind


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 2})


def _partitions(settings: Settings, admin: AdminClient) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=TIMEOUT).topics
    except KafkaException as error:
        raise Transient(
            f"kafka: no answer from {settings.bootstrap}: {error.args[0].str()}. Is the broker up? (WHODID_BOOTSTRAP)"
        ) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}
