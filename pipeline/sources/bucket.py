"""Objects of a bucket become deliveries: all of a prefix that were not sent yet, or those that a queue tells of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.kit.failures import Invalid, Transient
from pipeline.sources.checkpoint import Checkpoint
from pipeline.sources.delivery import Delivery
from pipeline.sources.files import records_of
from pipeline.sources.notices import objects_in
from pipeline.sources.objects import S3, Found, Gone, Objects, client
from pipeline.sources.streams import Stream, Unreadable
from schemas.rejected import Record

#: Bytes of an unreadable object that its dead letter keeps.
KEPT = 64 * 1024
#: Seconds for which a message is ours, and after which it is asked for anew.
HIDDEN, EXTEND = 300, 60.0
#: A message that failed so often becomes a dead letter.
RECEIVES = 5
#: Seconds before a failed message comes again, and that one question to a queue may wait.
AGAIN, WAIT = 30, 1


class Listed:
    """The objects below `s3://bucket/prefix` by key, without those whose key and ETag were sent already."""

    def __init__(self, address: str, store: Objects, kept: Checkpoint, native: str = "") -> None:
        self._bucket, _, self._prefix = address.removeprefix(S3).partition("/")
        if not self._bucket:
            raise Invalid("address", "s3://bucket or s3://bucket/prefix", address)
        self._store, self._kept, self._native = store, kept, native
        self.faults: list[str] = []
        self.waiting = False

    def poll(self) -> Iterator[Delivery]:
        """One delivery an object."""
        for found in self._store.listing(self._bucket, self._prefix):
            if self._kept.get(found.key) == found.etag:
                continue

            def acknowledged(found: Found = found) -> None:
                self._kept.put(found.key, found.etag)

            delivery = Delivery(iter(()), acknowledged)
            delivery.records = read(self._store, found, self._native, delivery, self.faults)
            yield delivery

    def close(self) -> None:
        """Close the checkpoint."""
        self._kept.close()


class Queue:
    """An SQS queue that S3 tells of new objects; a message is deleted when all of its objects are acknowledged."""

    def __init__(self, url: str, store: Objects, native: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Raises Invalid without boto3."""
        self._client, self._away = client("sqs")
        self._url, self._store, self._native, self._clock = url, store, native, clock
        self.faults: list[str] = []
        self.waiting = False

    def poll(self) -> Iterator[Delivery]:
        """One delivery a message, until the queue has none. Raises Transient when it is away."""
        while message := self._receive():
            yield self._delivery(message)

    def close(self) -> None:
        """Nothing is open: what was not deleted comes again by itself."""

    def _receive(self) -> dict[str, Any] | None:
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=1, VisibilityTimeout=HIDDEN, WaitTimeSeconds=WAIT,
                AttributeNames=["ApproximateReceiveCount"],
            )  # fmt: skip
        except self._away as error:
            raise Transient(f"{self._url}: {error}") from error
        return next(iter(answer.get("Messages", ())), None)

    def _delivery(self, message: dict[str, Any]) -> Delivery:
        receipt = str(message["ReceiptHandle"])
        delivery = Delivery(iter(()), lambda: self._call("delete_message", receipt))
        delivery.failed = lambda failure: self._back(message, failure)
        tries = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
        body = Record(str(message["Body"]).encode(), self._native, self._url)
        try:
            delivery.records = self._records(objects_in(str(message["Body"])), receipt, body, delivery, tries)
        except Invalid as failure:
            delivery.broken.append((body, str(failure)))
        return delivery

    def _records(
        self, objects: list[Found], receipt: str, body: Record, delivery: Delivery, tries: int
    ) -> Iterator[Record]:
        extended = self._clock()
        for found in objects:
            try:
                for record in read(self._store, found, self._native, delivery, self.faults):
                    yield record
                    if self._clock() - extended > EXTEND:
                        self._call("change_message_visibility", receipt, VisibilityTimeout=HIDDEN)
                        extended = self._clock()
            except Transient as failure:
                if tries < RECEIVES:
                    raise
                delivery.broken.append((body, f"{failure} (tried {tries} times)"))

    def _back(self, message: dict[str, Any], failure: Transient) -> None:
        self.faults.append(f"{failure}; the message comes again")
        self._call("change_message_visibility", str(message["ReceiptHandle"]), VisibilityTimeout=AGAIN)

    def _call(self, name: str, receipt: str, **given: int) -> None:
        try:
            getattr(self._client, name)(QueueUrl=self._url, ReceiptHandle=receipt, **given)
        except self._away as error:
            # It comes again, which changes nothing downstream.
            self.faults.append(f"{self._url}: {name}: {error}")


def read(store: Objects, found: Found, native: str, delivery: Delivery, faults: list[str]) -> Iterator[Record]:
    """The records of an object, as of a file. One that is gone is told; one that breaks off becomes a dead letter.

    Raises Transient when the store is away.
    """
    try:
        yield from records_of(Stream(found.name, lambda _: None, store.open(found)), native)
    except Gone as failure:
        faults.append(str(failure))
    except Unreadable as fault:
        with store.open(found) as file:
            head = file.read(KEPT) or b""
        delivery.broken.append((Record(head, native, found.name), f"object: {fault}"))
