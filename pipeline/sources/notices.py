"""A message that tells of new objects becomes their names: S3's own, through SNS, or through EventBridge."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.sources.objects import Found

_DEPTH = 3


def objects_in(body: str) -> list[Found]:
    """The objects that were made; none for a test message, a deletion, a folder. Raises Invalid.

    Shapes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
    .../userguide/ev-events.html. Keys are URL-encoded in the first and not in the second.
    """
    return [found for found in _of(_decoded(body), _DEPTH) if found.key and not found.key.endswith("/")]


def _of(told: dict[str, Any], depth: int) -> list[Found]:
    if told.get("Event") == "s3:TestEvent":
        return []
    if isinstance(told.get("Records"), list):
        return [one for record in told["Records"] for one in _notification(record)]
    if told.get("Type") == "Notification" and isinstance(told.get("Message"), str) and depth:
        return _of(_decoded(told["Message"]), depth - 1)
    if told.get("source") == "aws.s3":
        if told.get("detail-type") != "Object Created":
            return []
        bucket, made = _at(told, "detail", "bucket"), _at(told, "detail", "object")
        return [Found(_text(bucket, "name"), _text(made, "key"), str(made.get("etag", "")))]
    raise Invalid("body", "an event of S3, as it is, through SNS or through EventBridge", sorted(told)[:8])


def _notification(record: Any) -> list[Found]:  # noqa: ANN401  (whatever JSON holds)
    if not isinstance(record, dict):
        raise Invalid("Records", "objects", record)
    if not str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated"):
        return []
    bucket, made = _at(record, "s3", "bucket"), _at(record, "s3", "object")
    return [Found(_text(bucket, "name"), unquote_plus(_text(made, "key")), str(made.get("eTag", "")))]


def _decoded(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Invalid("body", "a JSON object", text) from error


def _at(told: dict[str, Any], *path: str) -> dict[str, Any]:
    found: Any = told
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise Invalid(".".join(path), "an object", found)
    return found


def _text(told: dict[str, Any], name: str) -> str:
    if not isinstance(told.get(name), str) or not told[name]:
        raise Invalid(name, "a text", told.get(name))
    return str(told[name])
