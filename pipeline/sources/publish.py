"""Records become messages, without their secrets, that the broker has acknowledged, or are counted as what they are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.signing import signer, unsigned
from pipeline.kit.topics import full_name
from pipeline.normalize.context import Context
from pipeline.normalize.mask import mask_bytes
from schemas.batch import DeadLetters
from schemas.rejected import Record, Rejected

DEAD_LETTERS = "dead-letters"
#: What is kept of a record that the broker itself finds too large; Kafka's own default limit is 1 MB.
KEPT = 256 * 1024
#: How long the broker may take to acknowledge before it counts as away (seconds).
PATIENCE = 60.0


class Publisher:
    """Sends Records with their format in a header; the same record always goes to the same partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = Context.of(settings)
        self._signer = signer(settings)
        self._producer = Producer({**producer_config(settings), "message.timeout.ms": int(PATIENCE * 1000)})
        self._failed: list[str] = []
        #: Records that came back because the broker allows less than the settings say.
        self._returned: list[tuple[Record, str]] = []
        self.sent = 0
        self.rejected = 0

    def send(self, record: Record, topic: str) -> None:
        """Hand one record to the client; too large ones become dead letters. Raises Transient if the broker is away."""
        self._bury()
        record = msgspec.structs.replace(record, value=mask_bytes(record.value, self._context))
        limit = self._settings.message_limit
        if len(record.value) > limit:
            # A dead letter has to fit into a message too; the rest is where it came from.
            self._reject(record, topic, f"at most {limit} bytes (WHODID_MESSAGE_LIMIT)", limit // 2)
            return
        key = hashlib.blake2b(record.value, digest_size=8).digest()
        headers = self._signer.headers(topic, record.format, record.value) if self._signer else unsigned(record.format)

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._returned.append((record, topic))
            else:
                self._delivered(error, message)

        self._produce(full_name(self._settings, topic), record.value, key, headers, delivered)

    def flush(self) -> None:
        """Wait until all is acknowledged. Raises Transient with the first reason why not."""
        left = self._producer.flush(PATIENCE + 5)
        if self._returned:
            self._bury()
            left = self._producer.flush(PATIENCE + 5)
        if left or self._failed:
            reason = self._failed[0] if self._failed else f"no answer from {self._settings.bootstrap}"
            raise Transient(f"kafka: {len(self._failed) or left} records were not acknowledged: {reason}")

    def _produce(
        self, topic: str, value: bytes, key: bytes | None, headers: dict[str, str],
        delivered: Callable[[KafkaError | None, Message], None],
    ) -> None:  # fmt: skip
        while True:
            if self._failed:
                raise Transient(f"kafka: {self._failed[0]}")
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise Transient(f"kafka: {topic}: {error.args[0].str()}") from error

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.sent += 1
        else:
            self._failed.append(f"{message.topic()}: {error.str()}")

    def _bury(self) -> None:
        while self._returned:
            record, topic = self._returned.pop()
            self._reject(record, topic, "what the broker's max.message.bytes allows", KEPT)

    def _reject(self, record: Record, topic: str, expected: str, kept: int) -> None:
        name = f"{record.topic}\0{record.offset}\0".encode() + record.value
        rejected = Rejected(
            rejected_id=hashlib.blake2b(name, digest_size=16).hexdigest(),
            stage="send",
            reason=f"value: expected {expected}, got {len(record.value)} bytes",
            format=record.format,
            topic=record.topic or topic,
            partition=0,
            offset=record.offset,
            time=int(time.time() * 1e6),
            value=record.value[:kept],
        )
        value = msgspec.msgpack.encode(DeadLetters([rejected]))
        self._produce(full_name(self._settings, DEAD_LETTERS), value, None, {}, self._delivered)
        self.sent -= 1
        self.rejected += 1
