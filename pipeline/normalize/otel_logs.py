"""OpenTelemetry log records of agents: one message, one model call or one tool call each.

The GenAI conventions' events, current (`gen_ai.client.inference.operation.details`) and those per message that it
replaced; those of coding agents are in `coding_agents.py`.
"""

from __future__ import annotations

from typing import Any

from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.coding_agents import fill, name_of
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, mapping, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import Attributes, kept, parsed, plain
from pipeline.normalize.otel_messages import content, messages, model_call, role_of
from pipeline.normalize.times import epoch
from schemas.event import Event

#: Event name → (kind, action, phase).
_EVENTS = {
    "gen_ai.user.message": ("prompt", "user_message", ""),
    "gen_ai.system.message": ("prompt", "context", ""),
    "gen_ai.assistant.message": ("prompt", "answer", ""),
    "gen_ai.choice": ("prompt", "answer", ""),
    "gen_ai.tool.message": ("tool_call", "", "end"),
    "gen_ai.client.inference.operation.details": ("prompt", "chat", ""),
    "gen_ai.client.operation.exception": ("prompt", "chat", ""),
    "gen_ai.evaluation.result": ("prompt", "evaluation", ""),
}


def log_event(record: dict[str, Any], resource: dict[str, Any], value: bytes, context: Context) -> list[Event]:
    """The events of a log record; none if its name is not an agent's. Raises Invalid."""
    attributes = Attributes(plain(record.get("attributes")))
    service = string(resource.get("service.name"))
    coding = name_of(record, attributes, service)
    name = string(record.get("eventName"))
    known = _EVENTS.get(name) or _EVENTS.get(attributes.text("event.name"))
    if known is None and not coding:
        return []
    event = _event(record, attributes, service, value, context)
    if coding or known is None:
        fill(event, coding, attributes, context)
        return [event]
    event.kind, event.action, event.phase = known
    if event.action == "chat":
        return _details(event, attributes, context)
    body = _body(record.get("body"))
    if event.action == "user_message" and role_of({"role": "user", **mapping(body)}) != "user":
        event.action = "context"
    said = body if isinstance(body, str) else mapping(mapping(body).get("message")) or body
    text = content(said) or attributes.text("gen_ai.event.content") or attributes.named("result")
    text = text or "\n".join(said for _, said in messages(attributes, "output"))
    event.text, event.tokens = preview(text, context), tokens(text, context)
    if event.kind == "tool_call":
        _tool(event, mapping(body), attributes, context)
    return [event]


def _event(record: dict[str, Any], attributes: Attributes, service: str, value: bytes, context: Context) -> Event:
    stamp = record.get("timeUnixNano") or record.get("observedTimeUnixNano")
    # Zero means unknown.
    if stamp in (0, "0"):
        stamp = record.get("observedTimeUnixNano")
    agent = attributes.named("agent") or service
    event = Event(
        event_id=content_id(value),
        kind="prompt",
        time=epoch("logRecord.timeUnixNano", stamp, 1_000_000_000, context),
        format="otel.genai",
        actor="" if agent.startswith("unknown_service") else agent,
        actor_name=attributes.named("agent_name"),
        human=attributes.named("human"),
        session=attributes.named("session"),
        parent_session=attributes.named("parent_session"),
        trace=string(record.get("traceId")),
        parent_span=string(record.get("spanId")),
        attributes=kept(attributes),
    )
    event.actor_kind = "agent" if event.actor else ""
    return event


def _details(event: Event, attributes: Attributes, context: Context) -> list[Event]:
    error = attributes.text("error.type") or attributes.text("exception.type")
    event.outcome, event.error = ("failure", error) if error else ("success", "")
    return model_call(event, attributes, context)


def _body(body: Any) -> Any:
    if isinstance(body, dict) and len(body) == 1 and next(iter(body)).endswith("Value"):
        return plain([{"key": "body", "value": body}])["body"]
    return body


def _tool(event: Event, body: dict[str, Any], attributes: Attributes, context: Context) -> None:
    event.tool = attributes.named("tool") or string(body.get("name"))
    event.action = event.tool or "tool_result"
    event.tool_call = attributes.named("tool_call") or string(body.get("id"))
    asked = attributes.named("arguments")
    if asked:
        take_arguments(event, parsed(asked), context)
    success = text_of(attributes.raw.get("success")).lower()
    event.outcome = {"true": "success", "false": "failure"}.get(success, "")
