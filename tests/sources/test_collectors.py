"""The configurations in docs/collectors/: they parse, name topics and formats that exist, and what they send is taken.

What the tools themselves say to them is on the page (docs/collectors.md), with what could not be asked.
"""

import gzip
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.normalize.context import Context
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.stage import process
from pipeline.sources import otlp
from schemas.rejected import Record
from tests.sources.kafka import messages

PAGE = Path(__file__).parents[2] / "docs" / "collectors.md"
FILES = sorted((PAGE.parent / "collectors").iterdir())
KUBERNETES = {
    "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a-1", "verb": "list",
    "stage": "ResponseComplete", "requestURI": "/api/v1/pods", "user": {"username": "ana@example.com"},
    "sourceIPs": ["192.0.2.1"], "objectRef": {"resource": "pods", "apiVersion": "v1"}, "responseStatus": {"code": 200},
    "requestReceivedTimestamp": "2026-01-31T12:00:00.000000Z", "stageTimestamp": "2026-01-31T12:00:00.000000Z",
}  # fmt: skip
VAULT = {
    "time": "2026-01-31T12:00:00.123456789Z", "type": "response",
    "auth": {"client_token": "hmac-sha256:aa", "accessor": "hmac-sha256:bb", "display_name": "token-ci"},
    "request": {"id": "11111111-2222-3333-4444-555555555555", "operation": "read", "mount_type": "kv",
                "client_token": "hmac-sha256:aa", "path": "secret/data/x", "remote_address": "192.0.2.1"},
    "response": {"mount_type": "kv"},
}  # fmt: skip


def read(name):
    text = (PAGE.parent / "collectors" / name).read_text(encoding="utf-8")
    if name.endswith(".yaml"):
        return yaml.safe_load(text)
    lines = [line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")]
    found = {key.strip(): value.strip() for key, value in lines}
    assert len(found) == len(lines), "a property is stated twice"
    return found


def otel():
    """Topic and header of each signal."""
    made = read("otel-collector-kafka.yaml")
    for pipeline, exporter, signal in (
        ("traces", "kafka/agents", "traces"), ("logs", "kafka/agents", "logs"), ("logs/vault", "kafka/vault", "logs"),
    ):  # fmt: skip
        assert made["service"]["pipelines"][pipeline]["exporters"] == [exporter]
        ((header, value),) = [(one["name"], one["value"]) for one in made["exporters"][exporter]["record_headers"]]
        yield made["exporters"][exporter][signal]["topic"], {header: value}


def sent():
    """What each tool puts into Kafka: (topic, headers, value)."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    span = spans.add(name="execute_tool", start_time_unix_nano=10**18, trace_id=b"t" * 16, span_id=b"s" * 8)
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "execute_tool"
    span.attributes.add(key="gen_ai.tool.name").value.string_value = "send"
    traces, _, vault = otel()
    yield *traces, json.dumps(otlp.jsonable(request))
    yield *vault, json.dumps(VAULT)
    connect = read("kafka-connect-file.properties")
    header = {connect["transforms.format.header"]: connect["transforms.format.value.literal"]}
    yield connect["topic"], header, json.dumps(KUBERNETES)
    vector = read("vector-kafka.yaml")
    ((header, value),) = re.findall(r'\.headers = {"(\w+)": "([\w.-]+)"}', vector["transforms"]["named"]["source"])
    assert vector["sinks"]["whodid"]["headers_key"] == "headers"
    yield vector["sinks"]["whodid"]["topic"], {header: value}, json.dumps(VAULT)
    (output,) = read("fluent-bit-kafka.yaml")["pipeline"]["outputs"]
    assert (output["format"], output["raw_log_key"]) == ("raw", "log")
    yield output["topics"], {}, json.dumps(KUBERNETES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses_and_is_on_the_page(path):
    assert read(path.name)
    assert f"(collectors/{path.name})" in PAGE.read_text(encoding="utf-8")


def test_the_page_names_no_file_that_is_not_there():
    named = re.findall(r"\((collectors/[^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert {PAGE.parent / name for name in named} == set(FILES)


def test_topics_have_no_prefix_unless_it_is_set():
    assert Settings.model_fields["prefix"].default == ""
    assert {topic for topic, _ in otel()} | {topic for topic, _, _ in sent()} <= set(PUBLIC)


@pytest.mark.parametrize(("topic", "headers", "value"), list(sent()))
def test_what_a_tool_writes_is_understood(topic, headers, value):
    assert set(headers) <= {"format"}
    assert set(headers.values()) <= set(FORMATS)
    (one,) = process(Record(value.encode(), headers.get("format", ""), topic), Context(b"k"))
    assert one.rejected is None, one.rejected
    expected = headers.get("format", "kubernetes.audit")
    assert [event.format for event in one.events] == [expected]


def vector():
    sink = read("vector-http.yaml")["sinks"]["whodid"]
    assert (sink["encoding"]["codec"], sink["framing"]["method"]) == ("text", "newline_delimited")
    assert (sink["compression"], sink["auth"]["strategy"]) == ("gzip", "bearer")
    return urlsplit(sink["uri"]), sink["request"]["headers"]


def fluent_bit():
    (output,) = read("fluent-bit-http.yaml")["pipeline"]["outputs"]
    assert (output["format"], output["json_date_key"], output["compress"]) == ("json_lines", "false", "gzip")
    headers = dict(line.split(" ", 1) for line in output["header"])
    assert headers.pop("Authorization").startswith("Bearer ")
    where = urlsplit(f"http://{output['host']}:{output['port']}{output['uri']}")
    # Its own, for `json_lines`.
    return where, {**headers, "content-type": "application/x-ndjson"}


@pytest.mark.parametrize("tool", [vector, fluent_bit])
def test_what_a_tool_sends_by_http_is_taken_with_its_format(tool, address, settings):
    where, headers = tool()
    assert where.netloc == f"{settings.host}:{settings.port}"
    body = "\n".join(json.dumps({**KUBERNETES, "auditID": f"a-{at}"}) for at in range(3)) + "\n"
    answer = httpx.post(
        f"{address}{where.path}?{where.query}", content=gzip.compress(body.encode()),
        headers={**headers, "content-encoding": "gzip"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, {"accepted": 3})
    assert [name for name, _ in messages(settings, where.path.rpartition("/")[2])] == ["kubernetes.audit"] * 3


def test_the_opentelemetry_collector_sends_to_where_the_collector_listens():
    made = read("otel-collector-http.yaml")["exporters"]["otlphttp"]
    assert made["endpoint"] == f"http://{Settings.model_fields['host'].default}:{Settings.model_fields['port'].default}"
    assert made["headers"] == {"authorization": "Bearer ${env:WHODID_API_KEY}"}
