"""What an exporter sends in protobuf reads like what it sends in JSON."""

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.kit.failures import Invalid, Permanent
from pipeline.sources import otlp


def request():
    made = ExportTraceServiceRequest()
    by_resource = made.resource_spans.add()
    by_resource.resource.attributes.add(key="service.name").value.string_value = "billing"
    by_scope = by_resource.scope_spans.add()
    by_scope.scope.name = "scope"
    span = by_scope.spans.add(
        trace_id=bytes(range(16)), span_id=bytes(range(8)), parent_span_id=bytes(range(8, 16)), name="n", kind=3,
        start_time_unix_nano=2**60 + 1, flags=1,
    )  # fmt: skip
    span.status.code = 2
    value = span.attributes.add(key="all").value.kvlist_value
    value.values.add(key="text").value.string_value = "ü"
    value.values.add(key="zero").value.int_value = 0
    value.values.add(key="large").value.int_value = 2**53 + 1
    value.values.add(key="false").value.bool_value = False
    value.values.add(key="half").value.double_value = 0.5
    value.values.add(key="bytes").value.bytes_value = b"123"
    value.values.add(key="list").value.array_value.values.add().string_value = "x"
    value.values.add(key="nothing")
    return made


def test_ids_are_hexadecimal_enums_are_numbers_and_long_integers_are_texts():
    document = otlp.decode(request().SerializeToString(), "traces")
    (by_resource,) = document["resourceSpans"]
    assert by_resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "billing"}}]
    (span,) = by_resource["scopeSpans"][0]["spans"]
    assert span["traceId"] == "000102030405060708090a0b0c0d0e0f"
    assert (span["spanId"], span["parentSpanId"]) == ("0001020304050607", "08090a0b0c0d0e0f")
    assert (span["kind"], span["flags"], span["status"]) == (3, 1, {"code": 2})
    assert span["startTimeUnixNano"] == str(2**60 + 1)
    values = span["attributes"][0]["value"]["kvlistValue"]["values"]
    assert {entry["key"]: entry["value"] for entry in values} == {
        "text": {"stringValue": "ü"}, "zero": {"intValue": "0"}, "large": {"intValue": str(2**53 + 1)},
        "false": {"boolValue": False}, "half": {"doubleValue": 0.5}, "bytes": {"bytesValue": "MTIz"},
        "list": {"arrayValue": {"values": [{"stringValue": "x"}]}}, "nothing": {},
    }  # fmt: skip


def test_each_log_record_carries_its_resource_and_scope():
    made = ExportLogsServiceRequest()
    for resource in "ab":
        by_resource = made.resource_logs.add()
        by_resource.resource.attributes.add(key="r").value.string_value = resource
        for scope in "cd":
            by_scope = by_resource.scope_logs.add()
            by_scope.scope.name = scope
            for body in "ef":
                by_scope.log_records.add().body.string_value = body
    found = []
    for part in otlp.split(otlp.decode(made.SerializeToString(), "logs")):
        (by_resource,) = part["resourceLogs"]
        (by_scope,) = by_resource["scopeLogs"]
        (record,) = by_scope["logRecords"]
        resource = by_resource["resource"]["attributes"][0]["value"]["stringValue"]
        found.append(resource + by_scope["scope"]["name"] + record["body"]["stringValue"])
    assert found == ["ace", "acf", "ade", "adf", "bce", "bcf", "bde", "bdf"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (7, "body: expected an object"),
        ({"spans": []}, "body: expected resourceSpans or resourceLogs"),
        ({"resourceSpans": {}}, "resourceSpans: expected a list"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{}, 7]}]}]}, r"resourceSpans\[0\].scopeSpans\[0\].spans\[1\]: "),
    ],
)
def test_a_wrong_field_is_named_by_its_path(document, says):
    with pytest.raises(Invalid, match=says):
        list(otlp.split(document))


def test_bytes_that_are_no_request_are_told_by_the_name_of_what_was_expected():
    with pytest.raises(Permanent, match="ExportTraceServiceRequest"):
        otlp.decode(b"\xff", "traces")


def test_an_empty_export_holds_nothing():
    assert list(otlp.split(otlp.decode(b"", "traces"))) == []


def test_an_envelope_is_recognised_by_its_beginning():
    assert otlp.looks_like(msgspec.json.encode(otlp.decode(request().SerializeToString(), "traces")))
    assert not otlp.looks_like(b'{"Records": []}')
