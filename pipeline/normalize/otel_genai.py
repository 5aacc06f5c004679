"""OpenTelemetry spans and log records of agents become prompts and tool calls.

A native record is one span or one log record with its resource and scope, as OTLP/JSON has them:
`{"resource": {…}, "scope": {…}, "span": {…}}`. Who runs a span is often said only by its parent, which ends (and is
sent) later: that is for `pipeline.correlate.traces`, which has the whole trace.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, document, mapping, sequence, string
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import USER, Attributes, kept, messages, parsed, plain
from pipeline.normalize.otel_logs import log_event
from pipeline.normalize.source import LINKS, Source
from pipeline.normalize.times import epoch
from schemas.event import Event

FORMAT: Final = "otel.genai"
_OPENINFERENCE = {
    "TOOL": "execute_tool", "LLM": "chat", "AGENT": "invoke_agent", "RETRIEVER": "retrieval", "EMBEDDING": "embeddings",
    "GUARDRAIL": "guardrail", "CHAIN": "chain",
}  # fmt: skip
_TRACELOOP = {"tool": "execute_tool", "agent": "invoke_agent", "workflow": "invoke_workflow", "task": "task"}
#: Operations whose input is somebody's message. (What is retrieved, embedded or guarded, the agent chose.)
_ASKED = ("chat", "generate_content", "text_completion", "invoke_agent", "invoke_workflow")
#: Bytes that the spans of one envelope may come to once each carries its resource.
_UNFOLDED = 256 * 1024 * 1024
_TRACE_ID, _SPAN_ID = re.compile(r"(?!0{32})[0-9a-fA-F]{32}"), re.compile(r"(?!0{16})[0-9a-fA-F]{16}")


SOURCE: Final = Source(
    name=FORMAT,
    title="OpenTelemetry GenAI, OpenInference, OpenLLMetry",
    group="Prompts and tool calls",
    documents=(),
    enable="",
    links={link: "TODO" for link in LINKS},
    ignores="a span or log record that is neither an agent's, a model's nor a tool's",
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object is an OTLP envelope, or one span or log record of it."""
    return bool({"resourceSpans", "resourceLogs"} & found.keys()) or ("span" in found and "resource" in found) or (
        "logRecord" in found
    ) or ("traceId" in found and "spanId" in found)  # fmt: skip


def split(value: bytes) -> list[bytes]:
    """The spans and log records of an envelope, each with its resource and scope."""
    # A single span is decoded once, where it is read.
    if b'"resourceSpans"' not in value and b'"resourceLogs"' not in value:
        return [value]
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    if "resourceSpans" not in found and "resourceLogs" not in found:
        return [value]
    parts: list[bytes] = []
    unfolded = 0
    for outer, inner, many, one in (
        ("resourceSpans", "scopeSpans", "spans", "span"),
        ("resourceLogs", "scopeLogs", "logRecords", "logRecord"),
    ):
        for by_resource in sequence(found.get(outer)):
            for by_scope in sequence(mapping(by_resource).get(inner)):
                around = {"resource": mapping(mapping(by_resource).get("resource")),
                          "scope": mapping(mapping(by_scope).get("scope"))}  # fmt: skip
                for item in sequence(mapping(by_scope).get(many)):
                    parts.append(msgspec.json.encode({**around, one: item}))
                    unfolded += len(parts[-1])
                    if unfolded > _UNFOLDED:
                        raise Invalid(outer, f"at most {_UNFOLDED} bytes when each span carries its resource")
    return parts


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one span or log record; none if it is not an agent's. Raises Invalid."""
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    resource = plain(mapping(found.get("resource")).get("attributes"))
    if "logRecord" in found:
        return log_event(mapping(found["logRecord"]), resource, value, context, FORMAT)
    span = mapping(found.get("span", found))
    attributes = Attributes(plain(span.get("attributes")))
    operation = _operation(attributes)
    if not operation:
        return []
    return _span(span, attributes, resource, operation, value, context)


def _operation(attributes: Attributes) -> str:
    stated = attributes.text("gen_ai.operation.name")
    if stated:
        return stated
    method = attributes.text("mcp.method.name")
    if method:
        return "execute_tool" if method == "tools/call" else method
    inference = _OPENINFERENCE.get(attributes.text("openinference.span.kind").upper())
    loop = _TRACELOOP.get(attributes.text("traceloop.span.kind"))
    if inference or loop:
        return inference or loop or ""
    if attributes.named("provider") or attributes.text("llm.request.type"):
        return "chat"
    if attributes.text("rpc.system") == "aws-api" and attributes.named("request"):
        return "aws-api"
    return ""


def _span(
    span: dict[str, Any],
    attributes: Attributes,
    resource: dict[str, Any],
    operation: str,
    value: bytes,
    context: Context,
) -> list[Event]:
    trace, name = string(span.get("traceId")), string(span.get("spanId"))
    if not trace or not name:
        raise Invalid("span.traceId" if not trace else "span.spanId", "hexadecimal digits", span.get("traceId"))
    start = epoch("span.startTimeUnixNano", span.get("startTimeUnixNano"), 1_000_000_000, context)
    event = Event(
        event_id=f"{trace}:{name}" if _TRACE_ID.fullmatch(trace) and _SPAN_ID.fullmatch(name) else content_id(value),
        kind="prompt",
        time=start,
        format=FORMAT,
        action=operation,
        actor=_agent(attributes, resource, operation),
        actor_name=attributes.named("agent_name"),
        human=attributes.named("human"),
        session=attributes.named("session") or _connection(span, attributes),
        trace=trace,
        span=name,
        parent_span=string(span.get("parentSpanId")),
        request=attributes.named("request"),
        address=attributes.named("address"),
        attributes=kept(attributes),
    )
    event.actor_kind = "agent" if event.actor else ""
    _outcome(event, span, attributes)
    if span.get("endTimeUnixNano"):
        end = epoch("span.endTimeUnixNano", span["endTimeUnixNano"], 1_000_000_000, context)
        event.attributes["end_time"] = str(end)
    if operation == "execute_tool":
        return [_tool_call(event, span, attributes, context)]
    if operation == "aws-api":
        event.kind, event.actor, event.actor_kind = "cloud_audit", "", ""
        event.action = f"{attributes.text('rpc.service').lower()}:{attributes.text('rpc.method')}"
        return [event]
    if attributes.text("mcp.method.name") == operation:
        event.kind = "tool_call"
        return [event]
    return _model_call(event, attributes, context)


def _connection(span: dict[str, Any], attributes: Attributes) -> str:
    """An MCP connection is a session only for a server that knows no other; elsewhere the parents name the session."""
    return "" if span.get("parentSpanId") else attributes.text("mcp.session.id")


def _agent(attributes: Attributes, resource: dict[str, Any], operation: str) -> str:
    agent = attributes.named("agent")
    if agent or operation == "execute_tool":
        return agent
    service = string(resource.get("service.name"))
    return "" if service.startswith("unknown_service") else service


def _outcome(event: Event, span: dict[str, Any], attributes: Attributes) -> None:
    status = mapping(span.get("status"))
    error = attributes.text("error.type") or string(status.get("message"))
    failed = status.get("code") in (2, "STATUS_CODE_ERROR") or bool(attributes.raw.get("error.type"))
    event.outcome, event.error = ("failure", error) if failed else ("success", "")


def _tool_call(event: Event, span: dict[str, Any], attributes: Attributes, context: Context) -> Event:
    tool = attributes.named("tool") or attributes.text("traceloop.entity.name")
    event.kind = "tool_call"
    event.tool = tool or string(span.get("name")).removeprefix("execute_tool ")
    event.action = event.tool
    event.tool_call = attributes.named("tool_call") or event.span
    if not attributes.named("tool_call") and attributes.named("rpc"):
        # Every client counts its requests from one. Client and server have a span each for the same call.
        event.tool_call = f"{event.trace}|{event.tool}|{attributes.named('rpc')}"
    asked = attributes.named("arguments")
    if asked:
        take_arguments(event, parsed(asked), context)
    result = attributes.named("result")
    event.text, event.tokens = preview(result, context), tokens(result, context)
    return event


def _model_call(event: Event, attributes: Attributes, context: Context) -> list[Event]:
    """A model's or an agent's turn: the answer, and before it the user's message that it answers, if it carries one."""
    answer = "\n".join(text for _, text in messages(attributes, "output"))
    event.text = preview(answer, context)
    asked = [(role, text) for role, text in messages(attributes, "input") if role != "system"]
    if event.action not in _ASKED or not asked or asked[-1][0] not in USER:
        return [event]
    text = asked[-1][1]
    message = msgspec.structs.replace(
        event, event_id=event.event_id + "#prompt", action="user_message", text=preview(text, context),
        tokens=tokens(text, context), span="", parent_span=event.span, attributes={},
    )  # fmt: skip
    return [message, event]
