"""Traces of Amazon Bedrock agents become prompts and tool calls.

Source: Amazon Bedrock API reference, TracePart and Trace; user guide, Track agent's step-by-step reasoning process.
A part carries one step of one agent: what goes into a model or a tool, or what comes out. Both have the same `traceId`.
What the person said is not in the traces; `{"agentId", "sessionId", "inputText", "eventTime"}`, which whoever calls
InvokeAgent can log, says it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.bedrock_steps import guardrail, invoke, observe
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import content_id, mapping, string, text_of, typed
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import epoch, instant
from schemas.event import Event

FORMAT: Final = "aws.bedrock-agent"
_STEPS = {
    "preProcessingTrace", "orchestrationTrace", "postProcessingTrace", "customOrchestrationTrace",
    "routingClassifierTrace", "guardrailTrace", "failureTrace",
}  # fmt: skip


class Caller(msgspec.Struct, gc=False):
    """One of callerChain."""

    agentAliasArn: str | None = None


class Part(msgspec.Struct, gc=False):
    """The fields of a TracePart, or of a logged InvokeAgent, that are read."""

    agentId: str | None = None
    agentAliasId: str | None = None
    agentVersion: str | None = None
    agentName: str | None = None
    collaboratorName: str | None = None
    sessionId: str | None = None
    eventTime: str | int | float | None = None
    callerChain: list[Caller] | None = None
    trace: dict[str, Any] | None = None
    inputText: str | None = None
    #: Not Amazon's: whoever calls InvokeAgent knows the person.
    user: str | None = None


class Chunk(msgspec.Struct, gc=False):
    """An event of InvokeAgent's stream."""

    sessionId: Any = None
    trace: msgspec.Raw = msgspec.Raw()


_decode, _chunk = msgspec.json.Decoder(Part), msgspec.json.Decoder(Chunk)


SOURCE: Final = Source(
    name=FORMAT,
    title="Amazon Bedrock agents' traces",
    group="Prompts and tool calls",
    documents=(
        "Amazon Bedrock: API reference, agent-runtime TracePart, OrchestrationTrace, InvocationInput, Observation, "
        "GuardrailTrace, FailureTrace",
        "Amazon Bedrock: User guide, Track agent's step-by-step reasoning process using trace",
    ),
    enable="Call InvokeAgent with `enableTrace=True` and log the `trace` of each event of the stream as JSON (times in "
    "ISO 8601), and beside them the call: `agentId`, `agentAliasId`, `sessionId`, `inputText`, `eventTime`, `user` and "
    "`callerChain` (the alias' ARN). "
    "Bedrock writes traces nowhere by itself. The agent's requests to AWS are in CloudTrail, its models' in the model "
    "invocation log.",
    links={
        "actor": "the agent's alias ARN in `callerChain`, else `agentId/agentAliasId`",
        "human": "`user` of the logged call",
        "session": "`sessionId`",
        "request": "`metadata.clientRequestId` of a model's or a tool's output",
        "tool_call": "`invocationId`, else session and `traceId`, which a call and its observation share",
        "policy": "what of a guardrail matched: `topicPolicy: …`, `contentPolicy: …`",
    },
    needs={
        "human": "the application logs its calls",
        "request": "outputs with metadata (2025 and later)",
        "policy": "the agent has a guardrail and it intervened",
    },
    never={
        "credential": "traces hold none: the agent's role is in CloudTrail",
        "issued": "agents do not issue credentials",
        "trace": "`traceId` numbers the steps of an answer and is no trace context",
        "address": "traces hold none",
    },
    lost=(
        "what the person said, unless the call is logged: the model's input mixes it with everything else",
        "which session of a collaborator belongs to which of its supervisor: only the chain of agents is stated",
        "that `callerChain` begins or ends with the agent itself is not documented: it is looked for at both ends",
    ),
    ignores="a step that says nothing of its own (a model's input, which repeats all that came before)",
    known=fields(Part, "trace"),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a TracePart, a stream's event with one, or a logged InvokeAgent."""
    if "agentId" in found and "sessionId" in found and "inputText" in found:
        return True
    trace = mapping(found.get("trace"))
    return bool(_STEPS & trace.keys()) or bool(_STEPS & mapping(trace.get("trace")).keys())


def split(value: bytes) -> list[bytes]:
    """The TracePart of a stream's event."""
    if b'"trace"' not in value:
        return [value]
    chunk: Chunk = typed(_chunk, value)
    part = bytes(chunk.trace)
    return [part] if chunk.sessionId is None and b'"sessionId"' in part else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event of one part; none for a step that says nothing of its own. Raises Invalid."""
    part: Part = typed(_decode, value)
    if not part.sessionId:
        raise Invalid("sessionId", "the id of the session with the agent", "nothing")
    event = _event(part, value, context)
    if part.inputText is not None:
        event.action, event.text = "user_message", preview(part.inputText, context)
        event.tokens = tokens(part.inputText, context)
        return [event]
    trace = part.trace or {}
    name = next((name for name in trace if name in _STEPS), "")
    if not name:
        raise Invalid("trace", "one of " + ", ".join(sorted(_STEPS)), list(trace)[:8])
    return [event] if _step(event, name, mapping(trace[name]), context) else []


def _event(part: Part, value: bytes, context: Context) -> Event:
    arns = [caller.agentAliasArn for caller in part.callerChain or () if caller.agentAliasArn]
    own = f"/{part.agentId}/{part.agentAliasId}"
    if len(arns) > 1 and not arns[0].endswith(own) and arns[-1].endswith(own):
        arns.reverse()
    stated = bool(arns) and arns[0].endswith(own)
    actor = arns[0] if stated else "/".join(text for text in (part.agentId, part.agentAliasId) if text)
    where = (arns[0] if arns else "").split(":")
    kept = {"agentId": part.agentId, "agentVersion": part.agentVersion, "collaborator": part.collaboratorName}
    return Event(
        event_id=content_id(value),
        kind="prompt",
        time=_time(part.eventTime, context),
        format=FORMAT,
        actor=actor,
        actor_kind="agent" if actor else "",
        actor_name=part.collaboratorName or part.agentName or "",
        human=part.user or "",
        session=part.sessionId or "",
        account=where[4] if len(where) > 5 else "",
        region=where[3] if len(where) > 5 else "",
        attributes={**{name: text[:256] for name, text in kept.items() if text}, **delegation(arns if stated else ())},
    )


def _time(stated: str | float | None, context: Context) -> int:
    if isinstance(stated, str):
        # boto3's datetimes, written with str().
        return instant("eventTime", stated.replace(" ", "T", 1), context)
    if stated is None:
        raise Invalid("eventTime", "a time in ISO 8601", "nothing")
    return epoch("eventTime", stated, 1 if stated < 1e11 else 1000, context)


def _step(event: Event, name: str, step: dict[str, Any], context: Context) -> bool:
    """Set what a step says; False if it says nothing of its own."""
    inner = next((mapping(inner) for key, inner in step.items() if isinstance(inner, dict) and key != "metadata"), {})
    identifier = string(step.get("traceId")) or string(inner.get("traceId"))
    event.attributes |= {"step": name, "traceId": identifier[:256]} if identifier else {"step": name}
    if name == "guardrailTrace":
        guardrail(event, step)
    elif name == "failureTrace":
        event.action, event.outcome = "failure", "failure"
        event.error = text_of(step.get("failureReason"), 2048)
    elif "invocationInput" in step:
        invoke(event, mapping(step["invocationInput"]), identifier, context)
    elif "observation" in step:
        observe(event, mapping(step["observation"]), identifier, context)
    elif "rationale" in step or "event" in step:
        event.action = "thinking"
        event.text = preview(string(inner.get("text")), context)
    elif "modelInvocationOutput" in step:
        _model(event, mapping(step["modelInvocationOutput"]), context)
    else:
        return False
    return True


def _model(event: Event, output: dict[str, Any], context: Context) -> None:
    metadata, parsed = mapping(output.get("metadata")), mapping(output.get("parsedResponse"))
    usage = mapping(metadata.get("usage"))
    event.action, event.outcome = "chat", "success"
    event.request = string(metadata.get("clientRequestId")).lower()
    text = string(parsed.get("text")) or string(parsed.get("rationale"))
    event.text = preview(text or string(mapping(output.get("rawResponse")).get("content")), context)
    counts = {
        "gen_ai.usage.input_tokens": usage.get("inputTokens"),
        "gen_ai.usage.output_tokens": usage.get("outputTokens"),
    }
    event.attributes |= {name: text_of(count) for name, count in counts.items() if count is not None}
