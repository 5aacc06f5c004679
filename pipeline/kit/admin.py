"""The catalogue of topics becomes topics in Kafka; groups and their offsets become lag."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic, OffsetSpec

from pipeline.kit.broker import EMBEDDED_CLUSTER
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent, Transient
from pipeline.kit.topics import catalogue, kafka_config

#: Seconds for one answer of the broker, and for new topics to be seen everywhere.
ANSWER, APPEAR = 10.0, 30.0
#: librdkafka's mock cluster has no CreateTopics; it makes a topic when a client asks about it.
MOCK_CLUSTER = "mockCluster"
TANSU_CLUSTERS = (EMBEDDED_CLUSTER, "tansu_cluster")
Partition = tuple[str, int]


class Position(NamedTuple):
    """The next offset that a group will read after a restart, and the one that the next message will get."""

    committed: int
    end: int


_COORDINATOR = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def ensure_topics(settings: Settings) -> None:
    """Create what is missing and check that joined topics have `settings.partitions` partitions.

    May be called by any number of processes at once. Raises Transient when the broker is away, Permanent when it
    refuses or an existing joined topic has another number of partitions.
    """
    client = _client(settings)
    metadata = _metadata(client, settings)
    missing = [name for name in catalogue() if settings.prefix + name not in metadata.topics]
    if missing and str(metadata.cluster_id).startswith(MOCK_CLUSTER):
        for name in missing:
            client.list_topics(settings.prefix + name, timeout=ANSWER)
    elif missing:
        _create(client, settings, missing)
    _check_partitions(settings, _await_topics(client, settings))


def lag(settings: Settings, group: str, topics: Sequence[str] = ()) -> dict[str, int]:
    """Messages that a group has not yet committed, per topic without prefix (see `lag_by_partition`)."""
    result: dict[str, int] = {}
    for (topic, _), behind in lag_by_partition(settings, group, topics).items():
        result[topic] = result.get(topic, 0) + behind
    return result


def lag_by_partition(settings: Settings, group: str, topics: Sequence[str] = ()) -> dict[Partition, int]:
    """Messages between a group's committed offset and the end, per (topic without prefix, partition).

    See `positions` for the rest.
    """
    return {key: max(0, at.end - at.committed) for key, at in positions(settings, group, topics).items()}


def positions(settings: Settings, group: str, topics: Sequence[str] = ()) -> dict[Partition, Position]:
    """Where a group is and where its topics end, per (topic without prefix, partition).

    Args:
        settings: names the broker and the prefix.
        group: full name of the group.
        topics: topics it reads, without prefix; left out, those it has committed an offset of. A partition without
            a commit counts from its first message.

    Raises Transient when the broker is away or the group cannot be asked about.
    """
    client = _client(settings)
    metadata = _metadata(client, settings)
    names = [settings.prefix + name for name in topics or catalogue() if settings.prefix + name in metadata.topics]
    partitions = [TopicPartition(name, number) for name in names for number in metadata.topics[name].partitions]
    if not partitions:
        return {}
    committed = _committed(settings, group, partitions)
    read = {topic for (topic, _), offset in committed.items() if offset >= 0} if not topics else set(names)
    wanted = [part for part in partitions if part.topic in read]
    ends = _offsets(client, settings, wanted, OffsetSpec.latest())
    starts = _offsets(client, settings, wanted, OffsetSpec.earliest())
    if metadata.cluster_id in TANSU_CLUSTERS:
        ends = _second_look(settings, ends)
    cut = len(settings.prefix)
    return {
        (topic[cut:], number): Position(max(committed[topic, number], starts[topic, number], 0), end)
        for (topic, number), end in ends.items()
    }


def _client(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 2})


def _metadata(client: AdminClient, settings: Settings) -> ClusterMetadata:
    try:
        return client.list_topics(timeout=ANSWER)
    except KafkaException as error:
        raise _away(settings, error) from error


def _create(client: AdminClient, settings: Settings, names: Iterable[str]) -> None:
    entries = {settings.prefix + name: catalogue()[name] for name in names}
    wanted = [
        NewTopic(name, settings.partitions, settings.replication, config=kafka_config(settings, topic))
        for name, topic in entries.items()
    ]
    for name, future in client.create_topics(wanted, request_timeout=ANSWER).items():
        try:
            future.result()
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            if cause.retriable() or cause.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise _away(settings, error) from error
            raise Permanent(f"topic {name} cannot be created: {cause.str()}") from error


def _await_topics(client: AdminClient, settings: Settings) -> ClusterMetadata:
    """A topic is created before every broker tells of it."""
    deadline = time.monotonic() + APPEAR
    while True:
        metadata = _metadata(client, settings)
        hidden = [name for name in catalogue() if not _visible(metadata, settings.prefix + name)]
        if not hidden:
            return metadata
        if time.monotonic() > deadline:
            raise Transient(f"topics were created but did not appear within {APPEAR:.0f} s: {', '.join(hidden)}")
        time.sleep(0.1)


def _visible(metadata: ClusterMetadata, name: str) -> bool:
    topic = metadata.topics.get(name)
    return topic is not None and topic.error is None and bool(topic.partitions)


def _check_partitions(settings: Settings, metadata: ClusterMetadata) -> None:
    for name, topic in catalogue().items():
        found = len(metadata.topics[settings.prefix + name].partitions)
        if topic.group == "joined" and found != settings.partitions:
            raise Permanent(
                f"topic {settings.prefix + name} has {found} partitions, the settings say {settings.partitions}: set "
                f"WHODID_PARTITIONS={found}, or use another WHODID_PREFIX, or stop all workers and delete the topics "
                f"of the group 'joined'"
            )


def _committed(settings: Settings, group: str, partitions: list[TopicPartition]) -> dict[Partition, int]:
    # A consumer asks, not the admin client: on a fresh Kafka, whose offsets topic is made at the first question, the
    # admin client of librdkafka 2.16 waits for ever, and so does its end.
    reader = _reader(settings, group)
    deadline = time.monotonic() + ANSWER
    try:
        while True:
            try:
                found = reader.committed(partitions, timeout=ANSWER)
                break
            except KafkaException as error:
                # Kafka's protocol asks to ask again while the group's coordinator is being found or loads its offsets.
                if error.args[0].code() not in _COORDINATOR or time.monotonic() > deadline:
                    raise _away(settings, error) from error
                time.sleep(0.1)
    finally:
        reader.close()
    return {(part.topic, part.partition): part.offset for part in found}


def _offsets(
    client: AdminClient, settings: Settings, partitions: list[TopicPartition], spec: OffsetSpec
) -> dict[Partition, int]:
    if not partitions:
        return {}
    futures = client.list_offsets(dict.fromkeys(partitions, spec), request_timeout=ANSWER)
    try:
        return {(part.topic, part.partition): future.result().offset for part, future in futures.items()}
    except KafkaException as error:
        raise _away(settings, error) from error


def _second_look(settings: Settings, ends: dict[Partition, int]) -> dict[Partition, int]:
    """Tansu tells the start of the last batch plus one; read on from there to find the end."""
    reader = _reader(settings, settings.prefix + "whodid-lag")
    found = dict(ends)
    open_ends = {key for key, end in ends.items() if end > 0}
    try:
        reader.assign([TopicPartition(topic, number, ends[topic, number]) for topic, number in open_ends])
        deadline = time.monotonic() + ANSWER
        while open_ends and time.monotonic() < deadline:
            message = reader.poll(0.1)
            if message is None:
                continue
            key = (message.topic(), message.partition())
            if message.error() is None:
                found[key] = max(found[key], message.offset() + 1)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                found[key] = max(found[key], message.offset())
                open_ends.discard(key)
    finally:
        reader.close()
    return found


def _reader(settings: Settings, group: str) -> Consumer:
    """A consumer that never joins its group."""
    return Consumer(
        {
            "bootstrap.servers": settings.bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "log_level": 2,
        }
    )


def _away(settings: Settings, error: KafkaException) -> Transient:
    return Transient(f"Kafka at {settings.bootstrap} does not answer: {error.args[0].str()}")
