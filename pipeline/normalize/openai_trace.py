"""Traces of the OpenAI Agents SDK, and Responses, become prompts and tool calls.

Source: OpenAI Agents SDK, Tracing (`Trace.export`, `Span.export`, span data); OpenAI API reference, Responses. A trace
names workflow and conversation (`group_id`), its spans do not: of a batch (`{"data": […]}`) each span is taken with its
trace. Responses are read in `openai_response.py`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, document, few, mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.openai_response import response_events
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import parsed
from pipeline.normalize.otel_messages import USER, content, role_of
from pipeline.normalize.source import Source
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "openai.trace"
_ACTIONS = {"agent": "invoke_agent", "generation": "chat", "response": "chat", "mcp_tools": "tools/list"}
_SPAN = "object id trace_id parent_id started_at ended_at span_data error metadata workflow_name group_id"
_RESPONSE = """
    object id created_at completed_at status background error incomplete_details instructions max_output_tokens
    max_tool_calls model output output_text parallel_tool_calls previous_response_id conversation prompt
    prompt_cache_key prompt_cache_retention reasoning safety_identifier
    service_tier store temperature text tool_choice tools
    top_logprobs top_p truncation usage user metadata billing context_management presence_penalty frequency_penalty
"""


SOURCE: Final = Source(
    name=FORMAT,
    title="OpenAI Agents SDK traces and Responses",
    group="Prompts and tool calls",
    documents=(
        "OpenAI Agents SDK: Tracing; `Trace.export`, `Span.export` and the kinds of span data",
        "OpenAI: API reference, Responses (the response object and its items)",
    ),
    enable="Add a trace processor (`add_trace_processor`) that writes `export()` of traces and spans, best as a batch "
    '`{"data": [trace, span, …]}` per flush, since only the trace says which conversation (`group_id`) it is. '
    "`trace_include_sensitive_data` must be on for arguments and results. Without the SDK, log each response object of "
    "the Responses API (`response.model_dump_json()`).",
    links={
        "actor": "of spans of type agent `span_data.name`, of a handoff `from_agent`; spans below inherit it",
        "human": "of a response `user`; of a trace `metadata.user_id`",
        "session": "`group_id` of the trace, else the trace; of a response `conversation.id`",
        "request": "`response_id` of a span, `id` of a response",
        "trace": "`trace_id`, `id`, `parent_id`",
        "tool_call": "of a function span its `id`; of a response `call_id`, or the item's `id`",
        "policy": "`span_data.name` of a guardrail",
    },
    needs={
        "human": "the application sets it",
        "session": "the application sets `group_id`, or uses conversations",
        "policy": "guardrails of the SDK",
    },
    never={
        "credential": "neither traces nor responses hold any",
        "issued": "agents do not issue credentials",
        "address": "not stated",
    },
    lost=(
        "the id of the model's tool call: a function span has an id of its own",
        "what a span of type response was asked: spans of type generation say it",
        "results of functions that an application runs itself, in Responses: they are inputs of the next request",
    ),
    ignores="a trace by itself, which has no time: its spans carry it",
    known=frozenset(
        (
            *_SPAN.split(),
            *_RESPONSE.split(),
            "trace",
            *(f"span.{name}" for name in _SPAN.split()),
            "data",
        )
    ),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a trace, a span, a response, or a batch of them."""
    data = found.get("data")
    one = mapping(data[0]) if isinstance(data, list) and data else found
    kind = one.get("object")
    return kind in ("trace", "trace.span") or (kind == "response" and isinstance(one.get("output"), list))


def split(value: bytes) -> list[bytes]:
    """The spans and responses of a batch, each span with its trace."""
    if b'"data"' not in value:
        return [value]
    found = document(value)
    data = found.get("data") if isinstance(found, dict) else None
    if not isinstance(data, list) or "object" in found:
        return [value]
    ones = [mapping(one) for one in few("data", data)]
    traces = {string(one.get("id")): one for one in ones if one.get("object") == "trace"}
    others = [one for one in ones if one.get("object") != "trace"]
    # Traces alone say nothing, so one of them is enough.
    return [_record(one, traces) for one in others] or [msgspec.json.encode(one) for one in ones[:1]] or [value]


def _record(one: dict[str, Any], traces: dict[str, dict[str, Any]]) -> bytes:
    trace = traces.get(string(one.get("trace_id")))
    if one.get("object") != "trace.span" or trace is None:
        return msgspec.json.encode(one)
    # What a conversation is called is short; the rest of the trace would be repeated with each span.
    short = {name: text_of(trace.get(name), 512) for name in ("id", "workflow_name", "group_id")}
    user = text_of(mapping(trace.get("metadata")).get("user_id"), 512)
    return msgspec.json.encode({"trace": {**short, "metadata": {"user_id": user}}, "span": one})


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one span or response; none for a trace. Raises Invalid."""
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    span, trace = mapping(found.get("span", found)), mapping(found.get("trace"))
    kind = span.get("object")
    if kind == "response":
        return response_events(found, value, context, FORMAT)
    if kind == "trace":
        return []
    if kind != "trace.span":
        raise Invalid("object", "trace, trace.span or response", kind)
    return _span(span, trace, value, context)


def _span(span: dict[str, Any], trace: dict[str, Any], value: bytes, context: Context) -> list[Event]:
    data = mapping(span.get("span_data"))
    kind = string(data.get("type"))
    event = _event(span, trace, value, context)
    event.action = _ACTIONS.get(kind, kind or "custom")
    if kind == "function":
        _function(event, data, context)
    elif kind == "generation":
        return _generation(event, data, context)
    elif kind == "mcp_tools":
        event.kind, server = "tool_call", string(data.get("server"))
        event.resources = [f"mcp:{server[:256]}"] if server else []
        event.attributes["tools"] = ", ".join(string(name) for name in sequence(data.get("result")))[:256]
    else:
        _step(event, kind, data)
    return [event]


def _event(span: dict[str, Any], trace: dict[str, Any], value: bytes, context: Context) -> Event:
    name, identifier = string(span.get("trace_id")), string(span.get("id"))
    if not name or not identifier:
        raise Invalid("trace_id" if identifier else "id", "the ids of the span and of its trace", span.get("trace_id"))
    error = mapping(span.get("error"))
    event = Event(
        event_id=f"{name}:{identifier}" if name.startswith("trace_") else content_id(value),
        kind="prompt",
        time=instant("started_at", span.get("started_at"), context),
        format=FORMAT,
        outcome="failure" if error else "success",
        error=text_of(error.get("message"), 2048),
        human=text_of(mapping(trace.get("metadata")).get("user_id"), 2048),
        session=string(trace.get("group_id")) or f"trace:{name}",
        trace=name,
        span=identifier,
        parent_span=string(span.get("parent_id")),
    )
    if workflow := string(trace.get("workflow_name")):
        event.attributes["workflow"] = workflow[:256]
    if span.get("ended_at"):
        event.attributes["end_time"] = str(instant("ended_at", span["ended_at"], context))
    return event


def _function(event: Event, data: dict[str, Any], context: Context) -> None:
    event.kind, event.tool = "tool_call", string(data.get("name"))
    event.action, event.tool_call = event.tool, event.span
    server = text_of(mapping(data.get("mcp_data")).get("server"))
    event.resources = [f"mcp:{server}"] if server else []
    asked = data.get("input")
    take_arguments(event, parsed(asked) if isinstance(asked, str) else asked, context)
    text = text_of(data.get("output"), 1_000_000)
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _generation(event: Event, data: dict[str, Any], context: Context) -> list[Event]:
    event.attributes["model"] = text_of(data.get("model"))
    usage = mapping(data.get("usage"))
    event.attributes |= {f"gen_ai.usage.{name}": text_of(usage[name]) for name in ("input_tokens", "output_tokens")
                         if name in usage}  # fmt: skip
    event.text = preview("\n".join(content(mapping(one)) for one in sequence(data.get("output"))), context)
    asked = [one for one in map(mapping, sequence(data.get("input"))) if one.get("role") not in ("system", "developer")]
    if not asked or role_of(asked[-1]) not in USER or asked[-1].get("type") == "function_call_output":
        return [event]
    text = content(asked[-1])
    message = msgspec.structs.replace(
        event, event_id=event.event_id + "#prompt", action="user_message", text=preview(text, context),
        tokens=tokens(text, context), span="", parent_span=event.span, attributes={},
    )  # fmt: skip
    return [message, event]


def _step(event: Event, kind: str, data: dict[str, Any]) -> None:
    """A span that says who runs, who takes over, or whether a guardrail let something pass."""
    name = text_of(data.get("name"), 2048)
    if kind in ("agent", "handoff"):
        event.actor = name or text_of(data.get("from_agent"), 2048)
        event.actor_kind = "agent" if event.actor else ""
        event.attributes |= {
            field: text_of(data[field]) for field in ("tools", "handoffs", "to_agent") if data.get(field)
        }
    elif kind == "guardrail":
        event.policy = name[:512]
        event.outcome = "denied" if data.get("triggered") is True else event.outcome
    elif kind == "response":
        event.request = text_of(data.get("response_id"), 256)
    else:
        event.actor = text_of(mapping(data.get("data")).get("agent_name"), 2048)
        event.actor_kind = "agent" if event.actor else ""
        event.attributes["name"] = name[:256]
