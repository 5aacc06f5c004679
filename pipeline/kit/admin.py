"""The catalogue of topics becomes topics in Kafka; groups and their offsets become lag."""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, ConfigResource, NewTopic, OffsetSpec

from pipeline.kit.broker import EMBEDDED_CLUSTER
from pipeline.kit.config import Settings
from pipeline.kit.connection import Reasons, librdkafka, refused_token
from pipeline.kit.failures import Permanent, Transient
from pipeline.kit.fitting import Found, misfits, possible
from pipeline.kit.topics import catalogue, kafka_config

#: Seconds for one answer of the broker, and for new topics to be seen everywhere.
ANSWER, APPEAR = 10.0, 30.0
#: Seconds after which it is looked for the first time why there is no answer yet.
ASK = 1.0
#: librdkafka's mock cluster has no CreateTopics; it makes a topic when a client asks about it.
MOCK_CLUSTER = "mockCluster"
TANSU_CLUSTERS = (EMBEDDED_CLUSTER, "tansu_cluster")
Partition = tuple[str, int]
log = logging.getLogger("whodid")


class Position(NamedTuple):
    """The next offset that a group will read after a restart, and the one that the next message will get."""

    committed: int
    end: int


_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
_COORDINATOR = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def ensure_topics(settings: Settings) -> None:
    """Create what is missing, if the settings allow it, and check what is there (`pipeline.kit.fitting`).

    May be called by any number of processes at once. Raises Transient when the broker is away, Permanent when it
    refuses or when a topic would lose or corrupt data; the rest is logged.
    """
    if settings.create_topics:
        create_topics(settings)
    unfit = misfits(settings, topics(settings))
    if fatal := [str(one) for one in unfit if one.fatal]:
        raise Permanent("\n".join(fatal))
    for one in unfit:
        log.warning("%s", one)


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing and wait until it is seen everywhere; full names of what was missing.

    Raises as `ensure_topics`.
    """
    possible(settings)
    client = _Admin(settings)
    metadata = _metadata(client, settings)
    missing = missing_topics(settings, metadata.topics)
    if missing and str(metadata.cluster_id).startswith(MOCK_CLUSTER):
        for name in missing:
            client.list_topics(settings.prefix + name, timeout=ANSWER)
    elif missing:
        _create(client, settings, missing)
    _await_topics(client, settings)
    return [settings.prefix + name for name in missing]


def missing_topics(settings: Settings, there: Container[str]) -> list[str]:
    """Names without prefix of the topics of the catalogue that are not there."""
    return [name for name in catalogue() if settings.prefix + name not in there]


def topics(settings: Settings) -> dict[str, Found]:
    """The topics of the catalogue that are there, as the broker tells of them, by full name. Raises Transient."""
    client = _Admin(settings)
    metadata = _metadata(client, settings)
    names = [settings.prefix + name for name in catalogue() if _visible(metadata, settings.prefix + name)]
    silent = metadata.cluster_id in TANSU_CLUSTERS or str(metadata.cluster_id).startswith(MOCK_CLUSTER)
    configs = {} if silent else _configs(client, settings, names)
    return {
        name: Found(
            len(metadata.topics[name].partitions),
            min(len(one.replicas) for one in metadata.topics[name].partitions.values()),
            configs.get(name, {}),
        )
        for name in names
    }


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
    client = _Admin(settings)
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


class _Admin(AdminClient):  # type: ignore[misc]
    """An AdminClient that knows why it is not connected."""

    def __init__(self, settings: Settings) -> None:
        self.reasons = Reasons()
        super().__init__({**librdkafka(settings), "error_cb": self.reasons, "log_level": 0})


def _metadata(client: _Admin, settings: Settings) -> ClusterMetadata:
    deadline = time.monotonic() + ANSWER
    patience = ASK
    while True:
        try:
            return client.list_topics(timeout=max(0.1, min(patience, deadline - time.monotonic())))
        except KafkaException as error:
            client.poll(0)
            if client.reasons.refused:
                raise Permanent(
                    f"Kafka at {settings.bootstrap} and whodid do not trust each other: {client.reasons.last} "
                    "(settings: docs/kafka.md)"
                ) from error
            if time.monotonic() > deadline:
                raise _away(settings, error, client.reasons.last or refused_token(settings)) from error
            # A broker that has much to do may need longer.
            patience *= 2


def _create(client: _Admin, settings: Settings, names: Iterable[str]) -> None:
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


def _await_topics(client: _Admin, settings: Settings) -> ClusterMetadata:
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


def _configs(client: _Admin, settings: Settings, names: list[str]) -> dict[str, dict[str, str]]:
    """Settings of topics; of those that we may not ask about, none."""
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for resource, future in (client.describe_configs(asked, request_timeout=ANSWER) if asked else {}).items():
        try:
            found[resource.name] = {key: str(entry.value) for key, entry in future.result().items()}
        except KafkaException as error:
            if error.args[0].code() not in _FORBIDDEN:
                raise _away(settings, error) from error
    return found


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
    client: _Admin, settings: Settings, partitions: list[TopicPartition], spec: OffsetSpec
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
            **librdkafka(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "log_level": 2,
        }
    )


def _away(settings: Settings, error: KafkaException, reason: str = "") -> Transient:
    return Transient(f"Kafka at {settings.bootstrap} does not answer: {reason or error.args[0].str()}")
