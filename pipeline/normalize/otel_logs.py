"""OpenTelemetry log records of agents: one message or one tool call each."""

from __future__ import annotations

from typing import Any

from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, mapping, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import Attributes, content, kept, messages, parsed, plain, role_of
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
    "claude_code.user_prompt": ("prompt", "user_message", ""),
    "claude_code.api_request": ("prompt", "chat", ""),
    "claude_code.tool_result": ("tool_call", "", ""),
    "claude_code.tool_decision": ("prompt", "tool_decision", ""),
}


def log_event(
    record: dict[str, Any], resource: dict[str, Any], value: bytes, context: Context, form: str
) -> list[Event]:
    """The event of a log record; none if its name is not an agent's. Raises Invalid."""
    attributes = Attributes(plain(record.get("attributes")))
    name = string(record.get("eventName")) or attributes.text("event.name")
    known = _EVENTS.get(name) or _EVENTS.get(f"claude_code.{name}")
    if known is None:
        return []
    kind, action, phase = known
    stamp = record.get("timeUnixNano") or record.get("observedTimeUnixNano")
    time = epoch("logRecord.timeUnixNano", stamp, 1_000_000_000, context)
    body = _body(record.get("body"))
    if action == "user_message" and role_of({"role": "user", **mapping(body)}) != "user":
        action = "context"
    text = content(body) or attributes.text("prompt") or attributes.named("result")
    text = text or "\n".join(said for _, said in messages(attributes, "output"))
    agent = attributes.named("agent") or string(resource.get("service.name"))
    event = Event(
        event_id=content_id(value),
        kind=kind,
        time=time,
        format=form,
        action=action,
        phase=phase,
        actor="" if agent.startswith("unknown_service") else agent,
        actor_name=attributes.named("agent_name"),
        human=attributes.named("human"),
        session=attributes.named("session"),
        trace=string(record.get("traceId")),
        parent_span=string(record.get("spanId")),
        text=preview(text, context),
        tokens=tokens(text, context),
        attributes=kept(attributes),
    )
    event.actor_kind = "agent" if event.actor else ""
    if kind == "tool_call":
        _tool(event, mapping(body), attributes, context)
    return [event]


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
