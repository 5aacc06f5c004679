"""Bytes become JSON documents, with limits that stop hostile input before it can hurt; fields become text."""

from __future__ import annotations

import hashlib
import json
import re
from itertools import accumulate
from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context

#: Nesting that no vendor's record comes near, and parts that one message or record may have. What comes out of a
#: message must not be much larger than the message.
DEPTH, PARTS = 64, 100_000
UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_array = msgspec.json.Decoder(list[msgspec.Raw])
_AT = re.compile(r" - at `\$\.?(.*?)`$")


def check(value: bytes, context: Context) -> None:
    """Refuse what must not reach a parser: too large, empty, not UTF-8, or nested too deeply."""
    if len(value) > context.message_limit:
        raise Invalid("value", f"at most {context.message_limit} bytes (WHODID_MESSAGE_LIMIT)", len(value))
    if not value or value.isspace():
        raise Invalid("value", "a JSON document", value)
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Invalid("value", "UTF-8", f"{value[error.start : error.start + 4]!r} at byte {error.start}") from error
    if too_deep(value):
        raise Invalid("value", f"at most {DEPTH} levels of nesting")


def too_deep(value: bytes) -> bool:
    """Whether JSON is nested more deeply than DEPTH."""
    # Counting brackets costs; only a document with many of them can be deep.
    if value.count(b"[") + value.count(b"{") <= DEPTH:
        return False
    # Without what is escaped, every other piece between quotation marks is outside of texts.
    outside = b"".join(value.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = outside.translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > DEPTH


def document(value: bytes) -> Any:
    """The JSON document in `value`; Invalid says where it is none (strict: no NaN, no lone surrogates, UTF-8 only)."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("value", "a JSON document", str(error)) from error


def few(field: str, parts: list[Any]) -> list[Any]:
    """The parts themselves; Invalid if there are more than PARTS."""
    if len(parts) > PARTS:
        raise Invalid(field, f"at most {PARTS} parts", len(parts))
    return parts


def elements(value: bytes) -> list[bytes]:
    """The elements of a JSON array, each as its own bytes."""
    return [bytes(element) for element in typed(_array, value)]


def typed(decoder: msgspec.json.Decoder[Any], value: bytes) -> Any:
    """Decode with types; a field of another type is named."""
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        text = str(error)
        at = _AT.search(text)
        field = at[1] if at else "value"
        raise Invalid(field or "value", _AT.sub("", text).removeprefix("Expected ")) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("value", "a JSON document", str(error)) from error


def identify(stated: object, value: bytes) -> str:
    """The source's own id if it is a UUID, else a hash of the record: test data and forgers use `1` for everything."""
    # The length first: it spares most of the others the expression.
    if isinstance(stated, str) and len(stated) == 36 and UUID.fullmatch(stated):
        return stated.lower()
    return content_id(value)


def content_id(value: bytes) -> str:
    """A hash of the record that does not depend on the order of keys or on white space."""
    try:
        canonical = json.dumps(msgspec.json.decode(value), sort_keys=True, separators=(",", ":")).encode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        canonical = value
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def text_of(value: object, limit: int = 256) -> str:
    """A scalar or a small structure as text, for attributes."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:limit]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)[:limit]


def string(value: object) -> str:
    """A string, or nothing if it is something else."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one if it is something else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """A JSON array, or an empty one if it is something else."""
    return value if isinstance(value, list) else []
