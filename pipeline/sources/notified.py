"""Messages that S3 sends when an object was made become names of objects.

As S3 sends them itself (Records), through an SNS topic (wrapped as a text, or raw), and through EventBridge; and those
that CloudTrail sends to an SNS topic when it has written files (`s3Bucket`, `s3ObjectKey`).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and .../ev-events.html
"""

from __future__ import annotations

from urllib.parse import unquote_plus

import msgspec

from pipeline.sources.objects import Object

#: A notice in a notice in a notice: EventBridge to SNS to SQS.
DEPTH = 3


class Strange(Exception):
    """A message that is no notice. Its text says what was expected."""


class _Thing(msgspec.Struct):
    key: str = ""
    size: int = 0
    etag: str = msgspec.field(default="", name="eTag")


class _Event(msgspec.Struct):
    """One of `Records`."""

    class S3(msgspec.Struct):
        class Bucket(msgspec.Struct):
            name: str

        bucket: Bucket
        object: _Thing

    eventName: str
    s3: S3


class _Bridged(msgspec.Struct):
    """What EventBridge calls `detail`."""

    class Thing(msgspec.Struct):
        key: str
        size: int = 0
        etag: str = ""

    bucket: _Event.S3.Bucket
    object: Thing


class _Message(msgspec.Struct):
    Records: list[msgspec.Raw] | None = None
    #: `s3:TestEvent`, when notifications are switched on.
    Event: str = ""
    #: Of SNS.
    Type: str = ""
    Message: str = ""
    source: str = ""
    detail_type: str = msgspec.field(default="", name="detail-type")
    detail: msgspec.Raw = msgspec.Raw(b"null")
    #: Of CloudTrail.
    s3Bucket: str = ""
    s3ObjectKey: list[str] = []


def objects(body: str, depth: int = DEPTH) -> list[Object]:
    """The objects that were made, none if a message tells of something else in a bucket. Raises Strange."""
    try:
        message = msgspec.json.decode(body, type=_Message)
        if message.Records is not None:
            return [one for record in message.Records for one in _recorded(record)]
        if message.source == "aws.s3":
            return _bridged(message.detail_type, message.detail)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Strange(f"expected a notification of S3, got {error}") from error
    if message.Type == "Notification" and depth:
        return objects(message.Message, depth - 1)
    if message.s3Bucket and message.s3ObjectKey:
        return [one for key in message.s3ObjectKey for one in _named(message.s3Bucket, key, "", 0)]
    if message.Event == "s3:TestEvent":
        return []
    raise Strange("expected a notification of S3: Records, detail of aws.s3, or an SNS message with one of them")


def _recorded(record: msgspec.Raw) -> list[Object]:
    event = msgspec.json.decode(record, type=_Event)
    if not event.eventName.removeprefix("s3:").startswith("ObjectCreated:"):
        return []
    thing = event.s3.object
    # `red flower.log` is sent as `red+flower.log`.
    return _named(event.s3.bucket.name, unquote_plus(thing.key), thing.etag, thing.size)


def _bridged(kind: str, detail: msgspec.Raw) -> list[Object]:
    if kind != "Object Created":
        return []
    event = msgspec.json.decode(detail, type=_Bridged)
    return _named(event.bucket.name, event.object.key, event.object.etag, event.object.size)


def _named(bucket: str, key: str, tag: str, size: int) -> list[Object]:
    return [Object(f"s3://{bucket}/{key}", tag, size)]
