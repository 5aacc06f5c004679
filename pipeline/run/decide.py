"""A decision of an analyst goes to the stage that keeps alerts."""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.topics import full_name
from schemas.alert import Decision
from schemas.batch import Findings

#: Seconds for the broker to acknowledge a decision.
DECIDE = 10.0


def decided(settings: Settings, producer: Producer, decision: Decision) -> None:
    """Take a decision to the alert stage. Raises Transient unless the broker has it."""
    failed: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        failed.append(error.str() if error is not None else "")

    value = msgspec.msgpack.encode(Findings([], [], [decision]))
    producer.produce(full_name(settings, "findings"), value, partition=0, on_delivery=delivered)
    ends = time.monotonic() + DECIDE
    while not failed and time.monotonic() < ends:
        producer.poll(0.05)
    if not failed or failed[0]:
        raise Transient(f"kafka: the decision is not known to have arrived: {failed[0] if failed else 'no answer'}")
