"""What clouds deliver by HTTP, envelopes around base64, becomes the bytes of the events within.

Amazon Data Firehose, "HTTP endpoint delivery request and response specifications"; Google Cloud Pub/Sub, "Push
subscriptions"; Amazon CloudWatch Logs, "Log group-level subscription filters" (gzip within Firehose's base64).

A wrong envelope is refused. What is within goes on as it is: a sender cannot mend it and would send it again for ever,
so that what cannot be understood has to become a dead letter.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from pipeline.sources import body
from pipeline.sources.body import Refused

_GZIP = b"\x1f\x8b"


class _Record(msgspec.Struct):
    data: str


class Firehose(msgspec.Struct, rename="camel"):
    """A request of Amazon Data Firehose."""

    request_id: str
    timestamp: int
    records: list[_Record]


class _Message(msgspec.Struct):
    #: Left out where a message has attributes only.
    data: str = ""


class PubSub(msgspec.Struct):
    """A push of Google Cloud Pub/Sub."""

    message: _Message
    subscription: str


class _LogEvent(msgspec.Struct):
    message: str


class _Subscription(msgspec.Struct, rename="camel"):
    """What a subscription filter of CloudWatch Logs sends; a CONTROL_MESSAGE only asks whether anybody is there."""

    message_type: str
    log_events: list[_LogEvent]


def firehose(given: bytes) -> Firehose:
    """The request. Raises Refused naming the wrong field."""
    try:
        return msgspec.json.decode(given, type=Firehose)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(400, f"body: expected requestId, timestamp and records of data: {error}") from error


def records(request: Firehose, limit: int) -> list[bytes]:
    """The events of a request of Firehose, no more than `limit` bytes of them."""
    found, room = list[bytes](), limit
    for number, record in enumerate(request.records):
        events = _values(record.data, f"records[{number}].data", room)
        room -= sum(map(len, events))
        found += events
    return found


def pushed(given: bytes, limit: int) -> list[bytes]:
    """The events of a push of Pub/Sub, no more than `limit` bytes of them. Raises Refused naming the wrong field."""
    try:
        push = msgspec.json.decode(given, type=PubSub)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(400, f"body: expected a message with data, and a subscription: {error}") from error
    return _values(push.message.data, "message.data", limit)


def _values(encoded: str, where: str, limit: int) -> list[bytes]:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{where}: expected base64: {error}") from error
    if data.startswith(_GZIP):
        data = body.unpacked(data, where, limit)
    if len(data) > limit:
        raise Refused(413, f"{where}: expected at most {limit} bytes (WHODID_MESSAGE_LIMIT) in all")
    try:
        found = body.values(data) if data.strip() else []
    except Refused:
        return [data]
    return [event for one in found for event in _logged(one)]


def _logged(value: bytes) -> list[bytes]:
    """The messages of a CloudWatch Logs subscription; anything else as it is."""
    if b'"logEvents"' not in value:
        return [value]
    try:
        subscription = msgspec.json.decode(value, type=_Subscription)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [value]
    if subscription.message_type != "DATA_MESSAGE":
        return []
    return [event.message.encode() for event in subscription.log_events]
