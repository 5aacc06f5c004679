"""Spans of the pipeline itself, as a collector gets them: one trace over all hops, and no content in it."""

import builtins
import gzip
import http.server
import json
import threading
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError
from starlette.testclient import TestClient

from pipeline.kit import measured, tracing
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.metrics import Metrics
from pipeline.run.traced import Traced
from tests.flow.harness import drain, send, settings_for

PROMPT = "Please pay the invoice of the penguins"
ASKED = {
    "event_id": "e1", "kind": "prompt", "time": "2026-01-01T00:00:00Z", "action": "user_message", "session": "s-secret",
    "actor": {"id": "bot", "kind": "agent"}, "text": PROMPT,
}  # fmt: skip


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans."""

    bodies: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def collecting():
    """Where a collector is, and the bodies that it got."""
    bodies = []
    handler = type("Handler", (Collector,), {"bodies": bodies})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", bodies
        server.shutdown()


def spans(bodies):
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def test_a_batch_is_one_trace_from_its_records_to_its_rows(embedded, tmp_path):
    with collecting() as (url, bodies):
        settings = settings_for(embedded, tmp_path, traces=url, trace_share=1.0)
        send(settings, [("prompts", "canonical", json.dumps(ASKED).encode())])
        assert drain(settings, idle=2)["events"] == 1
    by_trace: dict[bytes, list] = {}
    for span in spans(bodies):
        by_trace.setdefault(span.trace_id, []).append(span)
    (whole,) = [found for found in by_trace.values() if any(span.name == "store" for span in found)]
    assert {"normalize", "events-by-actor", "store"} <= {span.name for span in whole}
    roots = [span for span in whole if not span.parent_span_id]
    assert [span.name for span in roots] == ["normalize"]
    known = {span.span_id for span in whole}
    assert all(span.parent_span_id in known for span in whole if span.parent_span_id)
    sent = b"".join(bodies)
    assert b"invoice" not in sent
    assert b"s-secret" not in sent


def test_requests_of_the_desk_are_spans_of_their_route_and_not_of_their_address():
    app = FastAPI()
    app.get("/v1/identities/{name}")(lambda name: {"name": name})
    metrics = Metrics()
    app.add_middleware(Traced, metrics=metrics)
    with collecting() as (url, bodies):
        with tracing.running(Settings(traces=url, trace_share=1.0), ["console"]), TestClient(app) as client:
            client.get("/v1/identities/ana@example.com?q=secret")
        (span,) = spans(bodies)
    said = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    assert said == {
        "http.request.method": "GET", "http.route": "/v1/identities/{name}", "http.response.status_code": 200,
    }  # fmt: skip
    assert b"ana@example.com" not in b"".join(bodies)
    (timed,) = metrics.samples()
    assert (timed.metric, timed.labels, sum(timed.buckets)) == (measured.HTTP, ("GET", "2xx"), 1)


def test_without_a_collector_nothing_is_made_and_with_a_share_of_none_nothing_is_sent():
    assert not tracing.on()
    assert tracing.span("a") is tracing.span("b"), "one that does nothing"
    assert tracing.headers() == {}
    with collecting() as (url, bodies):
        with tracing.running(Settings(traces=url, trace_share=0.0), []):
            with tracing.span("a") as span:
                assert not span.is_recording()
            carried = [(name, value.encode()) for name, value in tracing.headers().items()]
            assert int(tracing.parent_of(carried)[-2:], 16) & 1 == 0, "whoever reads it makes no spans of it, either"
        assert bodies == []
    assert not tracing.on()


def test_what_is_missing_or_wrong_is_said(monkeypatch):
    with pytest.raises(ValidationError, match=r"http://127.0.0.1:4318/v1/traces"):
        Settings(traces="localhost:4318")
    real = builtins.__import__

    def absent(name, *given):
        if name.startswith("opentelemetry.sdk"):
            raise ImportError(name)
        return real(name, *given)

    monkeypatch.setattr(builtins, "__import__", absent)
    wanted = tracing.running(Settings(traces="http://x"), [])
    with pytest.raises(Invalid, match=r"pip install 'whodid\[otel\]'"), wanted:
        pass
