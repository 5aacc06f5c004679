"""What was done with the desk itself goes to the topic `cloud-audit`: who signed in, who read whose contents."""

from __future__ import annotations

import threading
from collections import deque

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.kit.config import Settings
from pipeline.kit.signing import Signer
from pipeline.kit.topics import full_name

TOPIC = "cloud-audit"
#: Events that wait while the broker is away. Older ones are told by their rows alone (`reads`, `logins`).
MOST = 10_000


class Audit:
    """Tells the broker, and again what it did not take. Waits for nothing: the rows are written already."""

    def __init__(self, settings: Settings, producer: Producer) -> None:
        self._topic = full_name(settings, TOPIC)
        self._signer = Signer.own(settings, "desk")
        self._producer = producer
        self._waiting: deque[bytes] = deque(maxlen=MOST)
        self._lock = threading.Lock()

    def __call__(self, body: bytes) -> None:
        """Tell of an event (canonical JSON), and of those before it that the broker did not take."""
        self._waiting.append(body)
        with self._lock:
            for _ in range(len(self._waiting)):
                self._send(self._waiting.popleft())
        self._producer.poll(0)

    def _send(self, body: bytes) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._waiting.append(body)

        try:
            self._producer.produce(
                self._topic, body, headers=self._signer.headers(TOPIC, "", body), on_delivery=delivered
            )
        except (BufferError, KafkaException):
            self._waiting.append(body)
