"""Langfuse traces, as its API exports them, become prompts and tool calls.

One trace with its observations is one record: `{"trace": {…}, "observations": [{…}]}`, or the trace with
`observations` inside.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import document, few, mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import parsed
from pipeline.normalize.otel_messages import USER, content, role_of
from pipeline.normalize.source import Source
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "langfuse"
_MODEL = ("GENERATION", "EMBEDDING")
_AGENT = ("AGENT", "CHAIN", "RETRIEVER", "EVALUATOR", "GUARDRAIL")
_KEPT = ("model", "level", "version", "environment", "release", "promptName", "promptVersion")

_FIELDS = """
        trace.id trace.timestamp trace.name trace.input trace.output trace.sessionId trace.userId trace.projectId
        trace.release trace.version trace.metadata trace.tags trace.public trace.environment trace.bookmarked
        trace.createdAt trace.updatedAt trace.externalId trace.latency trace.totalCost trace.htmlPath trace.scores
        trace.observations trace.corrections observations id timestamp name input output sessionId userId projectId
        release version metadata tags public environment bookmarked createdAt updatedAt externalId latency totalCost
        htmlPath scores corrections
    """

SOURCE: Final = Source(
    name=FORMAT,
    title="Langfuse traces",
    group="Prompts and tool calls",
    documents=("Langfuse: Public API, traces and observations", "Langfuse: Data model", "Langfuse: Observation types"),
    enable="Export traces with their observations: `GET /api/public/traces/{id}`, or a blob storage export, and send "
    "one trace a line. An application that already sends OpenTelemetry to Langfuse can send the same spans here "
    "(`otel.genai`), sooner.",
    links={
        "actor": "the `name` of the observation of type AGENT, else of the trace, else `projectId`",
        "human": "`trace.userId`",
        "session": "`trace.sessionId`, else the trace itself",
        "trace": "`trace.id`, with `observations[].id` and `parentObservationId`",
        "tool_call": "the `id` of an observation of type TOOL",
    },
    needs={
        "human": "the application sets the user",
        "tool_call": "the framework's integration makes observations of type TOOL, or spans named `execute_tool …`",
    },
    never={
        "credential": "traces hold none",
        "issued": "traces hold none",
        "request": "model providers' request ids are not kept",
        "policy": "guardrails are observations without the name of a policy",
        "address": "Langfuse does not see it",
    },
    lost=("ids of the model's tool calls: an observation has an id of its own", "what happens after the export"),
    ignores="a trace without input and without observations that act",
    known=frozenset(_FIELDS.split()),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a trace of Langfuse."""
    return "observations" in found and ("trace" in found or "projectId" in found)


def split(value: bytes) -> list[bytes]:
    """A trace is one record: its observations refer to it."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The trace's prompt, and an event for each model call and tool call in it. Raises Invalid."""
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    trace = mapping(found.get("trace", found))
    name = string(trace.get("id"))
    if not name:
        raise Invalid("trace.id", "the trace's id", trace.get("id"))
    listed = sequence(found.get("observations", trace.get("observations")))
    observations = [mapping(one) for one in few("observations", listed)]
    agent = _agent(trace, observations)
    events = [_prompt(trace, name, agent, context)] if trace.get("input") not in (None, "") else []
    for number, observation in enumerate(observations):
        event = _observation(observation, number, trace, name, agent, context)
        if event is not None:
            events.append(event)
    return events


def _agent(trace: dict[str, Any], observations: list[dict[str, Any]]) -> str:
    named = next((string(one.get("name")) for one in observations if one.get("type") == "AGENT"), "")
    return named or string(trace.get("name")) or string(trace.get("projectId"))


def _base(trace: dict[str, Any], name: str, agent: str, event_id: str, time: int) -> Event:
    return Event(
        event_id=event_id, kind="prompt", time=time, format=FORMAT, trace=name, actor=agent,
        actor_kind="agent" if agent else "", human=string(trace.get("userId")),
        session=string(trace.get("sessionId")) or f"trace:{name}", account=string(trace.get("projectId")),
    )  # fmt: skip


def _prompt(trace: dict[str, Any], name: str, agent: str, context: Context) -> Event:
    event = _base(trace, name, agent, f"{name}#prompt", instant("trace.timestamp", trace.get("timestamp"), context))
    event.action, text = "user_message", _asked(trace.get("input"))
    event.text, event.tokens = preview(text, context), tokens(text, context)
    return event


def _observation(
    one: dict[str, Any], number: int, trace: dict[str, Any], name: str, agent: str, context: Context
) -> Event | None:
    kind = string(one.get("type")).upper()
    tool = kind == "TOOL" or (kind == "SPAN" and string(one.get("name")).startswith(("execute_tool", "tool")))
    if not tool and kind not in (*_MODEL, *_AGENT):
        return None
    where = f"observations[{number}]"
    identifier = string(one.get("id"))
    if not identifier:
        raise Invalid(f"{where}.id", "the observation's id", one.get("id"))
    time = instant(f"{where}.startTime", one.get("startTime"), context)
    event = _base(trace, name, agent, f"{name}:{identifier}", time)
    event.span, event.parent_span = identifier, string(one.get("parentObservationId"))
    event.attributes = {key: text_of(one[key]) for key in _KEPT if one.get(key) not in (None, "")}
    if one.get("endTime"):
        event.attributes["end_time"] = str(instant(f"{where}.endTime", one["endTime"], context))
    failed = one.get("level") == "ERROR"
    event.outcome, event.error = ("failure", text_of(one.get("statusMessage"))) if failed else ("success", "")
    output = _text(one.get("output"))
    event.text = preview(output, context)
    if tool:
        event.kind, event.tool_call = "tool_call", identifier
        event.tool = event.action = string(one.get("name")).removeprefix("execute_tool ")
        take_arguments(event, _structure(one.get("input")), context)
        event.tokens = tokens(output, context)
    else:
        event.action = "chat" if kind in _MODEL else kind.lower()
    return event


def _structure(value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else value


def _asked(value: Any) -> str:
    """What the user says in an input, which may be a whole conversation with the tools' results in it."""
    found = _structure(value)
    if isinstance(found, dict):
        found = found.get("messages", found.get("contents", found.get("prompt", found)))
    if isinstance(found, list) and any("role" in mapping(message) for message in found):
        return "\n".join(content(message) for message in found if role_of(mapping(message)) in USER)
    return _text(found)


def _text(value: Any) -> str:
    """The words of an input or output: a text, JSON in a text, or messages."""
    found = _structure(value)
    if isinstance(found, str):
        return found
    if isinstance(found, list):
        return "\n".join(content(message) for message in found if content(message)) or text_of(found, 100_000)
    if isinstance(found, dict):
        return content(found) or (_text(found["messages"]) if "messages" in found else text_of(found, 100_000))
    return text_of(found)
