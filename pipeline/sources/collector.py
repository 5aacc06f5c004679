"""The HTTP collector: JSON and OTLP become messages; a request is answered when the broker has acknowledged them all.

    POST /v1/events/{topic}     JSON object, array or JSON lines, perhaps gzip; ?format= or header x-whodid-format
    POST /v1/traces, /v1/logs   OTLP/HTTP, protobuf or JSON, perhaps gzip
    POST /v1/firehose/{topic}   Amazon Data Firehose, with what it wants to be answered
    POST /v1/pubsub/{topic}     a push subscription of Google Cloud Pub/Sub

400 names the position of the fault and nothing is sent; 413 too large, also after decompression; 415 another content
type; 429 with Retry-After when the broker, or this process, cannot keep up: bodies wait for nothing in memory; 503 when
the broker is away. Sending again is always safe: the same bytes give the same events.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pipeline.kit.config import Settings
from pipeline.kit.signing import Headers, Signer
from pipeline.kit.topics import PUBLIC, full_name
from pipeline.normalize.context import Context
from pipeline.normalize.mask import mask_bytes
from pipeline.sources import body, deliveries, otlp
from pipeline.sources.body import Refused
from pipeline.sources.detect import topic_of
from pipeline.sources.room import Room, Share

PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: Not text/plain, nor none at all: any web page may send those to a loopback port without the browser asking first.
_JSON_TYPES = (JSON, "application/x-ndjson", "application/jsonl", "application/json-lines")
#: Messages that may wait in the client before new requests are turned away.
QUEUE = 50_000
#: Bytes of bodies that are dealt with at once. What is made of them takes some three times as much.
ROOM = 48 * 1024 * 1024
#: Seconds that the broker has to acknowledge.
PATIENCE = 10.0


class Sender(NamedTuple):
    """What the collector sends with. `producer` is polled there; its queue bound is what turns load away."""

    settings: Settings
    producer: Producer
    signer: Signer
    #: Who a request is from.
    who: Callable[[Request], str]


def router(settings: Settings, producer: Producer, who: Callable[[Request], str] = lambda _: "") -> APIRouter:
    """The collector's routes. Records are signed, as being from whoever sent them here."""
    routes, room = APIRouter(), Room(ROOM)
    sender = Sender(settings, producer, Signer.own(settings, "collect"), who)

    @routes.post("/v1/events/{topic}")
    async def events(topic: str, request: Request) -> Response:
        """Take events for one of the public topics."""
        try:
            with room.shared() as share:
                given = await _taken(topic, request, settings, _JSON_TYPES, share)
                # Parsing megabytes takes a while, and the console answers from the same loop.
                values = await asyncio.to_thread(body.values, given)
                await _publish(sender, request, _named(topic, request, values))
        except Refused as refused:
            return _refusal(refused)
        return JSONResponse({"accepted": len(values)})

    @routes.post("/v1/traces")
    async def traces(request: Request) -> Response:
        """Take spans as any OpenTelemetry exporter sends them."""
        with room.shared() as share:
            return await _otlp("traces", request, sender, share)

    @routes.post("/v1/logs")
    async def logs(request: Request) -> Response:
        """Take log records as any OpenTelemetry exporter sends them."""
        with room.shared() as share:
            return await _otlp("logs", request, sender, share)

    @routes.post("/v1/firehose/{topic}")
    async def firehose(topic: str, request: Request) -> Response:
        """Take what Amazon Data Firehose delivers."""
        # It takes any answer without the id of its request for a failure.
        answer: dict[str, object] = {"requestId": request.headers.get("x-amz-firehose-request-id", "")}
        try:
            with room.shared() as share:
                given = await _taken(topic, request, settings, (JSON,), share)
                delivery = await asyncio.to_thread(deliveries.firehose, given)
                answer["requestId"] = delivery.request_id
                values = await asyncio.to_thread(deliveries.records, delivery, settings.message_limit)
                await _publish(sender, request, _named(topic, request, values))
        except Refused as refused:
            answer |= {"timestamp": time.time_ns() // 1_000_000, "errorMessage": str(refused)}
            return JSONResponse(answer, refused.status, _retry(refused))
        return JSONResponse(answer | {"timestamp": time.time_ns() // 1_000_000})

    @routes.post("/v1/pubsub/{topic}")
    async def pubsub(topic: str, request: Request) -> Response:
        """Take what a push subscription of Google Cloud Pub/Sub delivers."""
        try:
            with room.shared() as share:
                given = await _taken(topic, request, settings, (JSON,), share)
                values = await asyncio.to_thread(deliveries.pushed, given, settings.message_limit)
                await _publish(sender, request, _named(topic, request, values))
        except Refused as refused:
            return _refusal(refused)
        return JSONResponse({"accepted": len(values)})

    return routes


async def _taken(topic: str, request: Request, settings: Settings, kinds: Iterable[str], share: Share) -> bytes:
    """The body of a request that is for one of the public topics, and of one of these content types."""
    if topic not in PUBLIC:
        raise Refused(404, f"topic: expected one of {', '.join(PUBLIC)}, got {topic!r}")
    _content_type(request, kinds)
    return await body.read(request, settings.message_limit, share)


def _named(topic: str, request: Request, values: list[bytes]) -> list[tuple[str, str, bytes]]:
    name = request.query_params.get("format") or request.headers.get("x-whodid-format", "")
    return [(topic, name, value) for value in values]


def _refusal(refused: Refused) -> Response:
    return JSONResponse({"error": {"parameter": "", "message": str(refused)}}, refused.status, _retry(refused))


async def _otlp(signal: str, request: Request, sender: Sender, share: Share) -> Response:
    """Answers are in the encoding of the request, errors as a google.rpc.Status, as the OTLP specification wants it."""
    kind = JSON
    try:
        kind = _content_type(request, (PROTOBUF, JSON))
        limit = sender.settings.message_limit
        received = await body.read(request, limit, share)
        values, oversized = await asyncio.to_thread(body.envelopes, received, signal, kind == PROTOBUF, limit)
        await _publish(sender, request, [(topic_of(value), "otel.genai", value) for value in values])
    except Refused as refused:
        if kind == PROTOBUF:
            return Response(otlp.status(str(refused)), refused.status, _retry(refused), PROTOBUF)
        return JSONResponse({"message": str(refused)}, refused.status, _retry(refused))
    answer = otlp.accepted(signal, oversized, f"larger than {limit} bytes (WHODID_MESSAGE_LIMIT)")
    if kind == PROTOBUF:
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    return JSONResponse(otlp.jsonable(answer))


def _retry(refused: Refused) -> dict[str, str]:
    return {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}


def _content_type(request: Request, known: Iterable[str]) -> str:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in known:
        raise Refused(415, f"content-type: expected {' or '.join(known)}, got {kind!r}")
    return kind


async def _publish(sender: Sender, request: Request, messages: list[tuple[str, str, bytes]]) -> None:
    """Send, without secrets, and wait for every acknowledgement without blocking the loop."""
    settings, producer, by = sender.settings, sender.producer, sender.who(request)
    if len(messages) > QUEUE:
        raise Refused(413, f"body: expected at most {QUEUE} events in a request, got {len(messages)}")
    if len(producer) + len(messages) > QUEUE:
        raise Refused(429, "the broker cannot keep up, try again later", 2)
    context = Context.of(settings)
    hidden = await asyncio.to_thread(lambda: [_signed(sender, context, by, message) for message in messages])
    left, failed = len(messages), list[str]()

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal left
        left -= 1
        if error is not None:
            failed.append(f"{message.topic()}: {error.str()}")

    _hand_over(sender, hidden, delivered)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while left:
        producer.poll(0)
        if left and loop.time() > deadline:
            raise Refused(503, f"the broker at {settings.bootstrap} does not acknowledge; send again", 5)
        await asyncio.sleep(0.002)
    if failed:
        raise Refused(503, f"not acknowledged: {failed[0]}", 5)


def _signed(sender: Sender, context: Context, by: str, message: tuple[str, str, bytes]) -> tuple[str, Headers, bytes]:
    topic, name, value = message
    value = mask_bytes(value, context)
    return topic, sender.signer.headers(topic, name, value, by), value


def _hand_over(
    sender: Sender,
    messages: list[tuple[str, Headers, bytes]],
    delivered: Callable[[KafkaError | None, Message], None],
) -> None:
    for topic, headers, value in messages:
        key, name = hashlib.blake2b(value, digest_size=8).digest(), full_name(sender.settings, topic)
        try:
            sender.producer.produce(name, value, key, headers=headers, on_delivery=delivered)
        except BufferError as error:
            raise Refused(429, "the broker cannot keep up, try again later", 2) from error
        except KafkaException as error:
            raise Refused(413, f"body: {error.args[0].str()}") from error
