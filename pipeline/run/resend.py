"""Dead letters go back to the topic they came from."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.producers import AUTHENTICATE
from pipeline.kit.signing import Headers, Signer, unsigned
from pipeline.kit.topics import PUBLIC, full_name

TIMEOUT = 30.0
#: Of what a destination did not take: a batch of `alerts` that is for it alone.
ALERTS_FORMAT = "whodid.alerts"


def resend(settings: Settings, letters: Iterable[dict[str, Any]], topic: str, native: str | None) -> int:
    """Send letters (shapes of the desk) again; returns how many the broker acknowledged. Raises Transient if away.

    A letter that came from a public topic goes back to it, one of a destination to that destination, any other to
    `topic`.
    """
    signer = Signer.own(settings, "replay")
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
        back = came_from in PUBLIC or letter["format"] == ALERTS_FORMAT
        target = full_name(settings, came_from if back else topic)
        headers = _headers(signer, letter, target.removeprefix(settings.prefix), name, value)
        try:
            producer.produce(target, value, headers=headers, on_delivery=delivered)
        except KafkaException as error:
            raise Transient(f"kafka: {error}") from error
        producer.poll(0)
    producer.flush(TIMEOUT + 5)
    if failed:
        raise Transient(f"kafka: {len(failed)} not delivered, e.g. {failed[0]}")
    return sent


def _headers(signer: Signer, letter: dict[str, Any], topic: str, name: str, value: bytes) -> Headers:
    """Whoever sends a record again vouches for it, but not for one that was refused because of whose it was not."""
    if letter["format"] == ALERTS_FORMAT:
        return {}
    return unsigned(name) if letter["stage"] == AUTHENTICATE else signer.headers(topic, name, value)
