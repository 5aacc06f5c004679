"""The body of an HTTP request becomes the bytes of its events, or a refusal that says where the fault is."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect

from pipeline.kit.failures import Permanent
from pipeline.sources import otlp
from pipeline.sources.room import Share

#: Seconds after which a request for which there was no room may be sent again, and that a body may take to come: one
#: that never ends would keep its room from others.
AGAIN, SLOWEST = 2, 60.0
_FAULTS = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Refused(Exception):
    """A request that is answered with an error. Its text is for whoever sent it."""

    def __init__(self, status: int, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        #: Seconds; 0 = sending the same again is of no use.
        self.retry_after = retry_after


async def read(request: Request, limit: int, share: Share) -> bytes:
    """The body, decompressed. The limits hold while it is read: a small gzip may hold a large nothing.

    Of a body for which there is no room nothing is kept, but it is read to its end: whoever sends it would not see the
    answer before, but a connection that was reset.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise Refused(415, f"content-encoding: expected gzip or none, got {coding!r}")
    packed = _Packed(limit)
    plain, received, fits = bytearray(), 0, True
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.stream():
                received += len(chunk)
                if fits:
                    plain += packed.unpack(chunk, limit - len(plain)) if coding == "gzip" else chunk
                if max(received, len(plain)) > limit:
                    raise Refused(413, f"body: expected at most {limit} bytes (WHODID_MESSAGE_LIMIT)")
                if fits and not share.reach(len(plain)):
                    fits, plain = False, bytearray()
    except ClientDisconnect as error:
        raise Refused(400, "body: the connection was closed in the middle") from error
    except TimeoutError as error:
        raise Refused(429, f"body: expected its end within {SLOWEST:.0f} s", AGAIN) from error
    if not fits:
        raise Refused(429, "more is being received than can be passed on, try again later", AGAIN)
    if coding == "gzip" and not packed.complete:
        raise Refused(400, "body: the gzip stream ends in the middle")
    return bytes(plain)


def unpacked(packed: bytes, where: str, limit: int) -> bytes:
    """What gzip within a body holds, cut off one byte behind the limit. Raises Refused naming where it is."""
    unpacker = _Packed(limit)
    try:
        plain = unpacker.unpack(packed, limit)
    except Refused as refused:
        raise Refused(400, f"{where}: {refused}") from refused
    if len(plain) <= limit and not unpacker.complete:
        raise Refused(400, f"{where}: the gzip stream ends in the middle")
    return plain


def values(body: bytes) -> list[bytes]:
    """The events of a body, each as its own bytes: an object, an array's elements, or the lines of JSON lines."""
    body = body.strip()
    if not body:
        raise Refused(400, "body: expected JSON, got nothing")
    try:
        if body[:1] == b"[":
            elements = [bytes(one) for one in msgspec.json.decode(body, type=list[msgspec.Raw])]
            for number, element in enumerate(elements):
                _object(element, f"[{number}]")
            return elements
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return [body]
    except _FAULTS as error:
        lines = _lines(body)
        if lines is None:
            raise _fault(body, error) from error
    for number, line in lines:
        _object(line, f"line {number}")
    return [line for _, line in lines]


def envelopes(body: bytes, signal: str, protobuf: bool, limit: int) -> tuple[list[bytes], int]:
    """One OTLP/JSON envelope per span or log record, and how many were too large for a message.

    Each carries its resource and scope again, so a small body could become a very large answer: the sum is bounded too.
    """
    try:
        document = otlp.decode(body, signal) if protobuf else _document(body)
        parts, oversized, total = list[bytes](), 0, 0
        for envelope in otlp.split(document):
            encoded = msgspec.json.encode(envelope)
            total += len(encoded)
            if total > 8 * limit:
                raise Refused(413, "body: the resource's attributes are too large for so many records; send fewer")
            if len(encoded) > limit:
                oversized += 1
            else:
                parts.append(encoded)
    except Permanent as failure:
        raise Refused(400, str(failure)) from failure
    return parts, oversized


class _Packed:
    """Unpacks gzip, also of several members one after the other."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unpacker = zlib.decompressobj(wbits=31)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether nothing of a member is missing."""
        return self._begun and self._unpacker.eof

    def unpack(self, chunk: bytes, room: int) -> bytes:
        """What a chunk holds, cut off one byte behind `room`."""
        plain = bytearray()
        while chunk and len(plain) <= room:
            if self._unpacker.eof:
                self._unpacker = zlib.decompressobj(wbits=31)
            self._begun = True
            try:
                plain += self._unpacker.decompress(chunk, room + 1 - len(plain))
            except zlib.error as error:
                raise Refused(400, f"body: expected gzip: {error}") from error
            chunk = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        return bytes(plain)


def _lines(body: bytes) -> list[tuple[int, bytes]] | None:
    """Numbered lines, if the first is a whole value: else it is one document with a fault in it."""
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    try:
        msgspec.json.decode(lines[0][1])
    except _FAULTS:
        return None
    return lines if len(lines) > 1 and body[:1] == b"{" else None


def _document(body: bytes) -> Any:  # noqa: ANN401  (whatever JSON holds)
    try:
        return msgspec.json.decode(body)
    except _FAULTS as error:
        raise _fault(body, error) from error


def _object(value: bytes, where: str) -> None:
    try:
        msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except _FAULTS as error:
        raise Refused(400, f"body: {where}: expected a JSON object: {error}") from error


def _fault(body: bytes, found: Exception) -> Refused:
    """Where a document is wrong, by line and column where the standard parser agrees that it is."""
    try:
        parsed = json.loads(body)
    except UnicodeDecodeError as error:
        return Refused(400, f"body: expected UTF-8, byte {error.start} is none")
    except json.JSONDecodeError as error:
        return Refused(400, f"body: expected JSON, line {error.lineno} column {error.colno}: {error.msg}")
    except (RecursionError, ValueError) as error:
        return Refused(400, f"body: expected JSON of sensible depth and numbers: {error}")
    if isinstance(parsed, dict | list):
        return Refused(400, f"body: expected strict JSON, without NaN and lone surrogates: {found}")
    return Refused(400, "body: expected an object, an array of objects or JSON lines")
