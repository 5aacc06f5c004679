"""HTTP in: a real server, a real broker, the real OpenTelemetry exporter."""

import asyncio
import gzip
import json

import httpx
import pytest
from confluent_kafka import Producer
from fastapi import FastAPI
from google.protobuf.any_pb2 import Any
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from pipeline.kit.clients import producer_config
from pipeline.kit.producers import Trust
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.sources import collector
from schemas.rejected import Record
from tests.sources.kafka import messages, whole


@pytest.mark.parametrize(
    ("body", "count"), [(b'{"a": 1}', 1), (b'[{"a": 1}, {"a": 2}]', 2), (b'{"a": 1}\n{"a": 2}\n\n{"a": 3}', 3)]
)
def test_what_is_answered_with_200_is_on_the_topic(address, settings, body, count):
    answer = httpx.post(
        f"{address}/v1/events/prompts?format=mcp", content=gzip.compress(body),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, {"accepted": count})
    found = messages(settings, "prompts")
    assert [name for name, _ in found] == ["mcp"] * count


#: Few bytes, but the resource goes along with each of its spans.
WIDE = json.dumps(
    {"resourceSpans": [{"resource": {"x": "y" * 10_000}, "scopeSpans": [{"spans": [{"name": "n"}] * 500}]}]}
).encode()


def told(answer):
    """The error's text: OTLP wants a google.rpc.Status in the request's encoding, `/v1/events` has the API's shape."""
    if answer.headers["content-type"] == "application/x-protobuf":
        return Any.FromString(answer.content).value.decode()
    return answer.json().get("message") or answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "says"),
    [
        ("events/nothing", b"{}", {}, 404, "prompts, tool-calls, token-issuance, cloud-audit"),
        ("events/prompts", b'{"a": 1', {}, 400, "line 1 column 8"),
        ("events/prompts", b'{"a": 1}\n{"a" 2}', {}, 400, "line 2"),
        ("events/prompts", b'[{"a": 1}, 7]', {}, 400, "[1]"),
        ("events/prompts", b"", {}, 400, "got nothing"),
        ("events/prompts", b"7", {}, 400, "object"),
        ("events/prompts", b'"\xff"', {}, 400, "body"),
        ("events/prompts", b"{}", {"content-type": "text/html"}, 415, "content-type"),
        ("events/prompts", b"{}", {"content-type": "text/plain"}, 415, "content-type"),
        ("events/prompts", b"{}", {"content-type": ""}, 415, "content-type"),
        ("events/prompts", b"{}", {"content-encoding": "br"}, 415, "content-encoding"),
        ("events/prompts", b"{}", {"content-encoding": "gzip"}, 400, "gzip"),
        ("events/prompts", b"x" * 30_000, {}, 413, "20000 bytes"),
        ("events/prompts", gzip.compress(b"x" * 30_000_000, mtime=0), {"content-encoding": "gzip"}, 413, "20000 bytes"),
        ("events/prompts", gzip.compress(b"{}", mtime=0)[:-4], {"content-encoding": "gzip"}, 400, "ends in the middle"),
        ("events/prompts", b'{\n  "a": 1,\n  "b" 2\n}', {}, 400, "line 3 column 7"),
        ("events/prompts", b'{"a": "\\ud800"}', {}, 400, "surrogate"),
        ("events/prompts", b'{"a": NaN}', {}, 400, "body"),
        ("events/prompts", b"[" * 15_000, {}, 400, "body"),
        ("events/prompts", b"[" + b"{}," * 1100 + b"{}]", {}, 413, "1000 events"),
        ("events/prompts", gzip.compress(b"{}", mtime=0) + b"\0junk", {"content-encoding": "gzip"}, 400, "gzip"),
        ("events/prompts", gzip.compress(b"", mtime=0) * 2000, {"content-encoding": "gzip"}, 413, "20000 bytes"),
        ("traces", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}', {}, 400, "surrogate"),
        ("traces", b"1" * 5000, {}, 400, "body"),
        ("traces", WIDE, {}, 413, "resource"),
        ("traces", b"{}", {"content-type": "text/plain"}, 415, "x-protobuf"),
        ("traces", b"\xff\xff", {"content-type": "application/x-protobuf"}, 400, "protobuf"),
        ("traces", b'{"resourceSpans": 7}', {}, 400, "resourceSpans"),
        ("logs", b"{", {}, 400, "line 1"),
    ],
)  # fmt: skip
def test_a_bad_request_says_where_the_fault_is_and_sends_nothing(
    address, settings, path, body, headers, status, says, monkeypatch
):
    monkeypatch.setattr(collector, "QUEUE", 1000)
    answer = httpx.post(f"{address}/v1/{path}", content=body, headers={"content-type": "application/json", **headers})
    assert answer.status_code == status, answer.text
    assert says in told(answer)
    assert messages(settings, "prompts") == []


def test_an_opentelemetry_exporter_can_be_pointed_at_it(address, settings):
    provider = TracerProvider(resource=Resource.create({"service.name": "billing"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{address}/v1/traces")))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("invoke_agent") as outer:
        outer.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "bot"})
        with tracer.start_as_current_span("execute_tool") as inner:
            inner.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "send"})
    provider.shutdown()
    ((name, tool),) = messages(settings, "tool-calls")
    ((_, agent),) = messages(settings, "prompts")
    context = Context(settings.hashing_key)
    (called,), (invoked,) = (
        [event for one in process(Record(value, name), context) for event in one.events] for value in (tool, agent)
    )
    assert (called.tool, invoked.actor) == ("send", "bot")
    assert called.parent_span == invoked.span
    assert called.trace == invoked.trace


def test_joined_gzip_members_are_one_body(address, settings):
    body = gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"a": 2}')
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    answer = httpx.post(f"{address}/v1/events/prompts", content=body, headers=headers)
    assert answer.json() == {"accepted": 2}
    assert len(messages(settings, "prompts")) == 2


@pytest.mark.parametrize("protobuf", [True, False])
def test_a_span_too_large_for_a_message_is_reported_and_the_others_are_taken(address, settings, protobuf):
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(name="small", trace_id=bytes(16), span_id=bytes(8))
    attribute = spans.add(name="large", trace_id=bytes(16), span_id=bytes(8)).attributes.add(key="k")
    # As JSON with base64 and key names it no longer fits.
    attribute.value.bytes_value = bytes(18_000)
    if protobuf:
        answer = httpx.post(
            f"{address}/v1/traces",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        )
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (answer.status_code, partial.rejected_spans) == (200, 1)
        assert "WHODID_MESSAGE_LIMIT" in partial.error_message
        assert len(messages(settings, "prompts")) == 1
    else:
        answer = httpx.post(f"{address}/v1/traces", json={"resourceSpans": []})
        assert (answer.status_code, answer.json()) == (200, {})


def waiting(settings, **config):
    """An application whose broker is away, and a client for it."""
    away = settings.model_copy(update={"bootstrap": "127.0.0.1:9"})
    app = FastAPI()
    app.include_router(collector.router(away, Producer({**producer_config(away), **config})))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


def test_more_than_the_client_can_hold_is_turned_away_for_now(settings):
    async def ask():
        async with waiting(settings, **{"queue.buffering.max.messages": 1}) as client:
            return await client.post("/v1/events/prompts", json=[{"a": 1}, {"a": 2}])

    answer = asyncio.run(ask())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_the_other_requests_are_answered_while_one_waits_for_the_broker(settings, monkeypatch):
    monkeypatch.setattr(collector, "PATIENCE", 1.0)

    async def ask():
        async with waiting(settings) as client:
            slow = asyncio.create_task(client.post("/v1/events/prompts", json={"a": 1}))
            await asyncio.sleep(0.1)
            quick = await client.post("/v1/events/nothing", json={"a": 1})
            assert not slow.done()
            return quick, await slow

    quick, slow = asyncio.run(ask())
    assert (quick.status_code, slow.status_code) == (404, 503)
    assert int(slow.headers["retry-after"]) > 0


def test_a_broker_that_is_away_is_told(settings, monkeypatch):
    monkeypatch.setattr(collector, "PATIENCE", 0.5)

    async def ask():
        async with waiting(settings) as client:
            return await client.post("/v1/events/prompts", json={"a": 1})

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert "127.0.0.1:9" in answer.json()["error"]["message"]


def test_what_is_taken_is_signed_as_from_whoever_sent_it(address, settings):
    httpx.post(f"{address}/v1/events/prompts?format=mcp", json={"password": "hunter2 hunter2"}).raise_for_status()
    ((headers, value),) = whole(settings, "prompts")
    assert b"hunter2" not in value
    assert Trust(settings).producer(headers, "prompts", value) == "whodid/collect/ana@example.com"
