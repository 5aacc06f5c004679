"""OTLP envelopes, protobuf or JSON, become one OTLP/JSON envelope per span or log record.

OTLP/JSON writes trace and span ids as hex, enums as numbers and 64-bit integers as strings
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.any_pb2 import Any as ProtobufAny
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from pipeline.kit.failures import Invalid, Permanent

Document = dict[str, Any]


class Signal(NamedTuple):
    """Names of one signal's lists, from the outside in."""

    request: type[Message]
    resources: str
    scopes: str
    items: str


SIGNALS = {
    "traces": Signal(ExportTraceServiceRequest, "resourceSpans", "scopeSpans", "spans"),
    "logs": Signal(ExportLogsServiceRequest, "resourceLogs", "scopeLogs", "logRecords"),
}


def looks_like(value: bytes) -> bool:
    """Whether bytes are likely an OTLP/JSON envelope; looks at their beginning only."""
    return any(signal.resources.encode() in value[:256] for signal in SIGNALS.values())


def decode(body: bytes, signal: str) -> Document:
    """A protobuf export request becomes an OTLP/JSON document. Raises Permanent when it is none."""
    try:
        return jsonable(SIGNALS[signal].request.FromString(body))
    except DecodeError as error:
        raise Permanent(f"body: expected an {SIGNALS[signal].request.DESCRIPTOR.name} in protobuf: {error}") from error


def split(document: object) -> Iterator[Document]:
    """One envelope per span or log record, each with its resource and scope. Raises Invalid naming the wrong field."""
    fields = _object(document, "body")
    signal = next((known for known in SIGNALS.values() if known.resources in fields), None)
    if signal is None:
        if fields:
            raise Invalid("body", " or ".join(known.resources for known in SIGNALS.values()), sorted(fields))
        return
    for resource, where in _objects(fields, signal.resources, ""):
        for scope, inner in _objects(resource, signal.scopes, where):
            for item, _ in _objects(scope, signal.items, inner):
                narrow = {**scope, signal.items: [item]}
                yield {signal.resources: [{**resource, signal.scopes: [narrow]}]}


def accepted(signal: str, rejected: int, reason: str) -> Message:
    """The answer to an export of which `rejected` spans or log records were not taken."""
    if signal == "traces":
        traces = ExportTraceServiceResponse()
        if rejected:
            traces.partial_success.rejected_spans = rejected
            traces.partial_success.error_message = reason
        return traces
    logs = ExportLogsServiceResponse()
    if rejected:
        logs.partial_success.rejected_log_records = rejected
        logs.partial_success.error_message = reason
    return logs


def status(message: str) -> bytes:
    """A google.rpc.Status in protobuf, whose field 2 is the message; the package that has the class is not needed."""
    # `Any.value` is field 2 with the same wire type.
    return ProtobufAny(value=message.encode()).SerializeToString()


def _objects(parent: Document, name: str, where: str) -> Iterator[tuple[Document, str]]:
    path = f"{where}.{name}".lstrip(".")
    listed = parent.get(name, [])
    if not isinstance(listed, list):
        raise Invalid(path, "a list", listed)
    for number, entry in enumerate(listed):
        yield _object(entry, f"{path}[{number}]"), f"{path}[{number}]"


def _object(value: object, path: str) -> Document:
    if not isinstance(value, dict):
        raise Invalid(path, "an object", value)
    return value


def jsonable(message: Message) -> Document:
    """A protobuf message in OTLP's JSON; unlike `json_format`, ids are hex and enums are numbers."""
    result: Document = {}
    for field, value in message.ListFields():
        if isinstance(value, str | int | float):
            # CPPTYPE_INT64 and CPPTYPE_UINT64; JSON numbers lose digits beyond 53 bits.
            result[field.json_name] = str(value) if field.cpp_type in (2, 4) else value
        elif isinstance(value, Message):
            result[field.json_name] = _any(value) if isinstance(value, AnyValue) else jsonable(value)
        elif isinstance(value, bytes):
            result[field.json_name] = value.hex()
        else:
            result[field.json_name] = [_entry(entry) for entry in value]
    return result


def _entry(entry: Any) -> Any:  # noqa: ANN401  (whatever a repeated field holds)
    # Most of any envelope is attributes, so they take the short way.
    if isinstance(entry, KeyValue):
        return {"key": entry.key, "value": _any(entry.value)}
    return jsonable(entry) if isinstance(entry, Message) else entry


def _any(value: AnyValue) -> Document:
    kind: str = value.WhichOneof("value") or ""
    plain = _SCALARS.get(kind)
    if plain:
        return {plain: getattr(value, kind)}
    if kind == "int_value":
        return {"intValue": str(value.int_value)}
    if kind == "bytes_value":
        return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
    if kind == "array_value":
        return {"arrayValue": {"values": [_any(entry) for entry in value.array_value.values]}}
    return {"kvlistValue": {"values": [_entry(entry) for entry in value.kvlist_value.values]}} if kind else {}


_SCALARS = {"string_value": "stringValue", "bool_value": "boolValue", "double_value": "doubleValue"}
