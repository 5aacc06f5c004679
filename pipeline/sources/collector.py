"""The HTTP collector: JSON and OTLP become messages; a request is answered when the broker has acknowledged them all.

    POST /v1/events/{topic}     JSON object, array or JSON lines, perhaps gzip; ?format= or header x-whodid-format
    POST /v1/traces, /v1/logs   OTLP/HTTP, protobuf or JSON, perhaps gzip

400 names the position of the fault and nothing is sent; 413 too large, also after decompression; 415 another content
type; 429 with Retry-After when the broker cannot keep up; 503 when it is away.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.topics import PUBLIC, full_name
from pipeline.sources import otlp
from pipeline.sources.detect import topic_of

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_JSON_TYPES = (JSON, "application/x-ndjson", "application/jsonl", "application/json-lines", "text/plain", "")
_RESPONSES = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}
#: Messages that may wait in the client before new requests are turned away.
QUEUE = 50_000
#: Seconds that the broker has to acknowledge.
PATIENCE = 10.0


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    def response(self) -> Response:
        """As JSON, in the shape of the API's other errors."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return JSONResponse({"error": {"parameter": "", "message": str(self)}}, self.status, headers)


def router(settings: Settings, producer: Producer) -> APIRouter:
    """The collector's routes. `producer` is polled here; its queue bound is what turns load away."""
    routes = APIRouter()

    @routes.post("/v1/events/{topic}")
    async def events(topic: str, request: Request) -> Response:
        """Take events for one of the public topics."""
        try:
            if topic not in PUBLIC:
                raise Refused(404, f"topic: expected one of {', '.join(PUBLIC)}, got {topic!r}")
            _content_type(request, _JSON_TYPES)
            values = _values(await _body(request, settings))
            name = request.query_params.get("format") or request.headers.get("x-whodid-format", "")
            await _publish(settings, producer, [(topic, name, value) for value in values])
        except Refused as refused:
            return refused.response()
        return JSONResponse({"accepted": len(values)})

    @routes.post("/v1/traces")
    async def traces(request: Request) -> Response:
        """Take spans as any OpenTelemetry exporter sends them."""
        return await _otlp("traces", request, settings, producer)

    @routes.post("/v1/logs")
    async def logs(request: Request) -> Response:
        """Take log records as any OpenTelemetry exporter sends them."""
        return await _otlp("logs", request, settings, producer)

    return routes


async def _otlp(signal: str, request: Request, settings: Settings, producer: Producer) -> Response:
    try:
        kind = _content_type(request, (PROTOBUF, JSON))
        body = await _body(request, settings)
        try:
            document = otlp.decode(body, signal) if kind == PROTOBUF else _document(body)
            values = [msgspec.json.encode(one) for one in otlp.split(document)]
        except Permanent as failure:
            raise Refused(400, str(failure)) from failure
        await _publish(settings, producer, [(topic_of(value), "otel.genai", value) for value in values])
    except Refused as refused:
        return refused.response()
    if kind == PROTOBUF:
        return Response(_RESPONSES[signal]().SerializeToString(), media_type=PROTOBUF)
    return JSONResponse({})


def _content_type(request: Request, known: Iterable[str]) -> str:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in known:
        raise Refused(415, f"content-type: expected {' or '.join(name for name in known if name)}, got {kind!r}")
    return kind


async def _body(request: Request, settings: Settings) -> bytes:
    """The body, decompressed, with the limit enforced while it is read: a small gzip may hold a large nothing."""
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise Refused(415, f"content-encoding: expected gzip or none, got {coding!r}")
    unpacker = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    parts: list[bytes] = []
    room = settings.message_limit
    async for chunk in request.stream():
        try:
            part = unpacker.decompress(chunk, room + 1) if unpacker else chunk
        except zlib.error as error:
            raise Refused(400, f"body: expected gzip: {error}") from error
        room -= len(part)
        if room < 0 or (unpacker is not None and unpacker.unconsumed_tail):
            raise Refused(413, f"body: expected at most {settings.message_limit} bytes (WHODID_MESSAGE_LIMIT)")
        parts.append(part)
    if unpacker is not None and not unpacker.eof:
        raise Refused(400, "body: the gzip stream ends in the middle")
    return b"".join(parts)


def _document(body: bytes) -> Any:  # noqa: ANN401  (whatever JSON holds)
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise Refused(400, f"body: expected UTF-8, byte {error.start} is none") from error
    except json.JSONDecodeError as error:
        raise Refused(400, f"body: expected JSON, line {error.lineno} column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise Refused(400, "body: expected fewer levels of nesting") from error


def _values(body: bytes) -> list[bytes]:
    """The events of a body, each as its own bytes: an object, an array's elements, or the lines of JSON lines."""
    stripped = body.strip()
    if not stripped:
        raise Refused(400, "body: expected JSON, got nothing")
    try:
        if stripped[:1] == b"[":
            elements = [bytes(one) for one in msgspec.json.decode(stripped, type=list[msgspec.Raw])]
            for number, element in enumerate(elements):
                _object(element, f"[{number}]")
            return elements
        msgspec.json.decode(stripped, type=dict[str, msgspec.Raw])
        return [stripped]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        lines = [(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
        if len(lines) == 1 or stripped[:1] == b"[":
            _document(stripped)
            raise Refused(400, "body: expected an object or an array of objects") from None
    for number, line in lines:
        _object(line, f"line {number}")
    return [line for _, line in lines]


def _object(value: bytes, where: str) -> None:
    try:
        msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"body: {where}: expected a JSON object: {error}") from error


async def _publish(settings: Settings, producer: Producer, messages: list[tuple[str, str, bytes]]) -> None:
    """Send and wait for every acknowledgement without blocking the loop."""
    if len(producer) + len(messages) > QUEUE:
        raise Refused(429, "the broker cannot keep up, try again later", 2)
    left, failed = len(messages), []

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal left
        left -= 1
        if error is not None:
            failed.append(f"{message.topic()}: {error.str()}")

    for topic, name, value in messages:
        headers = {"format": name} if name else {}
        try:
            producer.produce(full_name(settings, topic), value, headers=headers, on_delivery=delivered)
        except BufferError as error:
            raise Refused(429, "the broker cannot keep up, try again later", 2) from error
        except KafkaException as error:
            raise Refused(413, f"body: {error.args[0].str()}") from error
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while left:
        producer.poll(0)
        if left and asyncio.get_running_loop().time() > deadline:
            raise Refused(503, f"the broker at {settings.bootstrap} does not acknowledge; send again", 5)
        await asyncio.sleep(0.002)
    if failed:
        raise Refused(503, f"not acknowledged: {failed[0]}", 5)
