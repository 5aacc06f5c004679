"""Dead letters go back to the topic they came from."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.topics import PUBLIC, full_name

TIMEOUT = 30.0


def replay(settings: Settings, letters: Iterable[dict[str, Any]], topic: str, native: str | None) -> int:
    """Send letters (shapes of the desk) again; returns how many the broker acknowledged. Raises Transient if away.

    A letter that came from a public topic goes back to it, any other to `topic`.
    """
    producer = Producer({**producer_config(settings), "message.timeout.ms": int(TIMEOUT * 1000)})
    failed: list[str] = []
    sent = 0

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal sent
        if error is None:
            sent += 1
        else:
            failed.append(f"{message.topic()}: {error.str()}")

    for letter in letters:
        raw = letter["value"]
        value = base64.b64decode(raw) if letter["encoding"] == "base64" else raw.encode()
        came_from = letter["topic"].removeprefix(settings.prefix)
        name = letter["format"] if native is None else native
        target = full_name(settings, came_from if came_from in PUBLIC else topic)
        try:
            producer.produce(target, value, headers={"format": name} if name else {}, on_delivery=delivered)
        except KafkaException as error:
            raise Transient(f"kafka: {error}") from error
        producer.poll(0)
    producer.flush(TIMEOUT + 5)
    if failed:
        raise Transient(f"kafka: {len(failed)} not delivered, e.g. {failed[0]}")
    return sent
