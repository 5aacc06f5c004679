"""Settings of the Kafka clients at the stateless ends, in librdkafka's names."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from pipeline.kit.config import Settings
from pipeline.kit.connection import librdkafka

#: Milliseconds that a broker may wait for more before it answers a fetch.
FETCH_WAIT = 50
#: Heartbeats within a session timeout: a member learns from its next one that another is gone, and waits no longer.
HEARTBEATS = 10


def producer_config(settings: Settings) -> dict[str, Any]:
    """Durable and ordered: acknowledged by all replicas, retried until delivered, one request after the other.

    Not idempotent: an idempotent client that is told for a moment that a topic is not there begins its sequence numbers
    anew, and what it sends next is taken for duplicates: acknowledged, without an offset, and never written
    (librdkafka#3712; seen with Apache Kafka 4 right after topics are made, docs/chaos.md). A record that is there
    twice changes nothing here; one that is not there is lost.
    """
    return {
        **librdkafka(settings),
        "acks": "all",
        "enable.idempotence": False,
        "max.in.flight.requests.per.connection": 1,
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": settings.transport_limit,
        "message.timeout.ms": 0,
        "queue.buffering.max.kbytes": 262_144,
        "log_level": 0,
    }


def consumer_config(settings: Settings, group: str) -> dict[str, Any]:
    """A member of a group that commits by hand; a store that is away for hours must not cost its partitions."""
    return {
        **librdkafka(settings),
        "group.id": settings.prefix + group,
        **({"group.instance.id": settings.instance} if settings.instance else {}),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": int(settings.session_timeout * 1000),
        "heartbeat.interval.ms": int(settings.session_timeout * 1000 / HEARTBEATS),
        "max.poll.interval.ms": 86_400_000,
        "fetch.message.max.bytes": settings.transport_limit,
        "fetch.max.bytes": max(52_428_800, settings.transport_limit),
        "fetch.wait.max.ms": FETCH_WAIT,
        "log_level": 0,
    }


def check_alive(error: KafkaError) -> None:
    """Raise KafkaException for an error after which a client does nothing any more, as when another took its name.

    librdkafka hands that over with a code of its own, and then does not call it fatal.
    """
    if error.fatal() or error.code() == KafkaError._FATAL:
        raise KafkaException(error)
