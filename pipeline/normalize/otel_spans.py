"""One OpenTelemetry span of an agent becomes its events: a tool call, a model's turn, a request to AWS, a step.

Which convention wrote it is told by the attributes: current and older GenAI conventions, MCP, OpenInference,
OpenLLMetry, Claude Code's own.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.coding_agents import deepen
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, mapping, sequence, string
from pipeline.normalize.mask import preview
from pipeline.normalize.mentions import mentions
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import Attributes, kept, parsed, plain
from pipeline.normalize.otel_messages import model_call
from pipeline.normalize.times import epoch
from schemas.event import Event

#: What each convention says of what a span is, and what that is here.
_KINDS = {
    "openinference.span.kind": {
        "tool": "execute_tool", "llm": "chat", "agent": "invoke_agent", "retriever": "retrieval",
        "embedding": "embeddings", "guardrail": "guardrail", "chain": "chain", "reranker": "rerank",
        "evaluator": "evaluation", "prompt": "prompt",
    },
    "traceloop.span.kind": {
        "tool": "execute_tool", "agent": "invoke_agent", "workflow": "invoke_workflow", "task": "task",
    },
    "langsmith.span.kind": {
        "tool": "execute_tool", "llm": "chat", "retriever": "retrieval", "embedding": "embeddings", "chain": "chain",
    },
}  # fmt: skip
#: Claude Code's `span.type`; its other spans are steps, kept since spans below them name them as parents.
_CLAUDE = {
    "interaction": "invoke_agent", "llm_request": "chat", "tool": "execute_tool",
    "tool.blocked_on_user": "tool_decision",
}  # fmt: skip
#: Older conventions put a span's texts into its events.
_IN_EVENTS = ("gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.client.inference.operation.details")
_DENIED = ("deny", "block")
_TRACE_ID, _SPAN_ID = re.compile(r"(?!0{32})[0-9a-fA-F]{32}"), re.compile(r"(?!0{16})[0-9a-fA-F]{16}")


def span_events(span: dict[str, Any], resource: dict[str, Any], value: bytes, context: Context) -> list[Event]:
    """The events of a span; none if it is not an agent's. Raises Invalid."""
    attributes = Attributes(_attributes(span))
    operation = _operation(attributes, span)
    if not operation:
        return []
    event = _event(span, attributes, resource, operation, value, context)
    if span.get("endTimeUnixNano"):
        end = epoch("span.endTimeUnixNano", span["endTimeUnixNano"], 1_000_000_000, context)
        event.attributes["end_time"] = str(end)
    method = attributes.text("mcp.method.name")
    if operation == "execute_tool":
        _tool_call(event, span, attributes, context)
    elif operation == "aws-api":
        event.kind, event.actor, event.actor_kind = "cloud_audit", "", ""
        event.action = f"{attributes.text('rpc.service').lower()}:{attributes.text('rpc.method')}"
    elif method == operation:
        event.kind, event.mentions = "tool_call", mentions(event.resources, context)
        event.tool_call = _rpc_id(event, method, attributes)
    else:
        return model_call(event, attributes, context)
    return [event]


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    found = plain(span.get("attributes"))
    for happening in sequence(span.get("events")):
        name = mapping(happening).get("name")
        if name in _IN_EVENTS:
            found = {**plain(mapping(happening).get("attributes")), **found}
        elif name == "tool.output":
            # Claude Code's: what came out of a tool.
            said = plain(mapping(happening).get("attributes"))
            found = {"output.value": said.get("content") or said.get("output"), **found}
    return found


def _operation(attributes: Attributes, span: dict[str, Any]) -> str:
    stated = attributes.text("gen_ai.operation.name")
    method = attributes.text("mcp.method.name")
    if stated or method:
        return stated or ("execute_tool" if method == "tools/call" else method)
    kinds = (known.get(attributes.text(name).lower(), "") for name, known in _KINDS.items())
    if kind := next(filter(None, kinds), ""):
        return kind
    if string(span.get("name")).startswith("claude_code."):
        kind = attributes.text("span.type")
        return _CLAUDE.get(kind, kind)
    if "gen_ai.guardrail.verdict.type" in attributes.raw:
        return "guardrail"
    if attributes.named("provider") or attributes.text("llm.request.type"):
        return "chat"
    return "aws-api" if attributes.text("rpc.system") == "aws-api" and attributes.named("request") else ""


def _event(
    span: dict[str, Any],
    attributes: Attributes,
    resource: dict[str, Any],
    operation: str,
    value: bytes,
    context: Context,
) -> Event:
    trace, name = string(span.get("traceId")), string(span.get("spanId"))
    if not trace or not name:
        raise Invalid("span.traceId" if not trace else "span.spanId", "hexadecimal digits", span.get("traceId"))
    event = Event(
        event_id=f"{trace}:{name}" if _TRACE_ID.fullmatch(trace) and _SPAN_ID.fullmatch(name) else content_id(value),
        kind="prompt",
        time=epoch("span.startTimeUnixNano", span.get("startTimeUnixNano"), 1_000_000_000, context),
        format="otel.genai",
        action=operation,
        actor=_agent(attributes, resource, operation),
        actor_name=attributes.named("agent_name"),
        human=attributes.named("human"),
        session=attributes.named("session") or _connection(span, attributes),
        parent_session=attributes.named("parent_session"),
        trace=trace,
        span=name,
        parent_span=string(span.get("parentSpanId")),
        request=attributes.named("request"),
        resources=_resources(attributes),
        address=attributes.named("address"),
        policy=policy_of(attributes),
        attributes=kept(attributes),
    )
    event.actor_kind = "agent" if event.actor else ""
    _outcome(event, span, attributes)
    if string(span.get("name")).startswith("claude_code."):
        deepen(event, attributes)
    return event


def _connection(span: dict[str, Any], attributes: Attributes) -> str:
    """An MCP connection is a session only for a server that knows no other; elsewhere the parents name the session."""
    return "" if span.get("parentSpanId") else attributes.text("mcp.session.id")


def _agent(attributes: Attributes, resource: dict[str, Any], operation: str) -> str:
    agent = attributes.named("agent")
    if agent or operation == "execute_tool":
        return agent
    service = string(resource.get("service.name"))
    return "" if service.startswith("unknown_service") else service


def _resources(attributes: Attributes) -> list[str]:
    server = attributes.text("server.address") if attributes.text("mcp.method.name") else ""
    return [name for name in (f"mcp:{server}" if server else "", attributes.named("resource")) if name]


def policy_of(attributes: Attributes) -> str:
    """The policy of a guardrail, and the rule of it that decided."""
    rule = attributes.text("gen_ai.guardrail.security.policy.rule.id")
    return " / ".join(name for name in (attributes.named("policy"), rule) if name)[:512]


def _outcome(event: Event, span: dict[str, Any], attributes: Attributes) -> None:
    status = mapping(span.get("status"))
    error = attributes.text("error.type") or string(status.get("message"))
    failed = status.get("code") in (2, "STATUS_CODE_ERROR") or bool(attributes.raw.get("error.type"))
    event.outcome, event.error = ("failure", error) if failed else ("success", "")
    if attributes.text("gen_ai.guardrail.verdict.type").lower() in _DENIED:
        event.outcome = "denied"


def _tool_call(event: Event, span: dict[str, Any], attributes: Attributes, context: Context) -> None:
    tool = attributes.named("tool") or attributes.text("traceloop.entity.name")
    event.kind = "tool_call"
    event.tool = tool or string(span.get("name")).removeprefix("tools/call ").removeprefix("execute_tool ")
    event.action = event.tool
    event.tool_call = attributes.named("tool_call") or _rpc_id(event, event.tool, attributes) or event.span
    asked = attributes.named("arguments")
    if asked:
        take_arguments(event, parsed(asked), context)
    result = attributes.named("result")
    event.text, event.tokens = preview(result, context), tokens(result, context)


def _rpc_id(event: Event, what: str, attributes: Attributes) -> str:
    """Every client counts its requests from one. Client and server have a span each for the same call."""
    number = attributes.named("rpc")
    return f"{event.trace}|{what}|{number}" if number else ""
