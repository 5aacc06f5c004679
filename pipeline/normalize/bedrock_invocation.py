"""Amazon Bedrock model invocation logs: messages become prompts and answers, tool use and tool results tool calls.

Source: Amazon Bedrock User Guide, Monitor model invocation using CloudWatch Logs and Amazon S3; Amazon Bedrock API
reference, Converse; Anthropic Messages API. Links: `requestId` is CloudTrail's `requestID`, `identity.arn` its caller.
A request repeats the whole conversation: only what came after the model's last answer is new, and becomes events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.bedrock_messages import Block, answered, asked
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, few, mapping, string, text_of, typed
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "aws.bedrock-invocation"
_SCHEMA: Final = "ModelInvocationLog"
#: Fields of the caller's own that are kept.
_METADATA = 16


class Caller(msgspec.Struct, gc=False):
    """identity."""

    arn: str | None = None


class Input(msgspec.Struct, gc=False):
    """input."""

    inputBodyJson: Any = None
    inputBodyS3Path: str | None = None
    inputContentType: str | None = None
    inputTokenCount: int | None = None
    cacheReadInputTokenCount: int | None = None
    cacheWriteInputTokenCount: int | None = None


class Output(msgspec.Struct, gc=False):
    """output."""

    outputBodyJson: Any = None
    outputBodyS3Path: str | None = None
    outputContentType: str | None = None
    outputTokenCount: int | None = None


class Invocation(msgspec.Struct, gc=False):
    """A record."""

    schemaType: str | None = None
    timestamp: str | None = None
    accountId: str | None = None
    region: str | None = None
    requestId: str | None = None
    operation: str | None = None
    modelId: str | None = None
    inferenceRegion: str | None = None
    errorCode: str | None = None
    status: str | None = None
    identity: Caller | None = None
    requestMetadata: dict[str, Any] | None = None
    input: Input | None = None
    output: Output | None = None


_decode = msgspec.json.Decoder(Invocation)

SOURCE: Final = Source(
    name=FORMAT,
    title="Amazon Bedrock model invocations",
    group="Prompts and tool calls",
    documents=(
        "Amazon Bedrock User Guide: Monitor model invocation using CloudWatch Logs and Amazon S3",
        "Amazon Bedrock API reference: Converse, ToolUseBlock, ToolResultBlock",
        "Anthropic: Messages API",
    ),
    enable="Model invocation logging is off until it is switched on in each Region (Settings, or "
    "`PutModelInvocationLoggingConfiguration`), with text. Send the log group's messages or the bucket's files, one "
    "record a line. `DeleteModelInvocationLoggingConfiguration` blinds this source.",
    links={
        "actor": "`identity.arn`, the caller as CloudTrail names it",
        "request": "`requestId`, CloudTrail's `requestID`",
        "tool_call": "`toolUseId` of Converse, `tool_use_id` and `id` of Anthropic's messages",
    },
    never={
        "human": "the log knows the AWS caller only; what the caller says itself is in `requestMetadata`",
        "session": "invocations have no conversation's id; callers may put one into `requestMetadata`",
        "credential": "it is in CloudTrail's record of the same request",
        "issued": "invocations issue nothing",
        "trace": "trace contexts are not logged",
        "policy": "which policy allowed an invocation is not logged",
        "address": "it is in CloudTrail's record of the same request",
    },
    lost=(
        "bodies beyond 100 KB, which are files of their own: where they are is kept (`inputBodyS3Path`)",
        "messages of earlier requests, which each request repeats, are not made events again",
        "bodies of models other than Converse's, Anthropic's, OpenAI's, Titan's and Llama's shapes",
    ),
    known=fields(Invocation, "schemaVersion performanceConfig guardrailConfig serviceTier"),
    topic="prompts",
    mark=rb'"ModelInvocationLog"|"inputBodyJson"|"inputBodyS3Path"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an invocation."""
    return found.get("schemaType") == _SCHEMA or ({"modelId", "requestId", "operation"} <= found.keys())


def split(value: bytes) -> list[bytes]:
    """A line is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one invocation, in order. Raises Invalid."""
    record: Invocation = typed(_decode, value)
    if not record.modelId and not record.operation:
        raise Invalid("modelId", "the model's id", "nothing")
    time = instant("timestamp", record.timestamp, context)
    base = content_id(value)
    events = []
    for number, block in enumerate(_blocks(record)):
        event = _event(record, time)
        event.event_id = base if not number else f"{base}#{number}"
        _fill(event, block, context)
        events.append(event)
    events[0].attributes.update(_usage(record))
    return events


def _blocks(record: Invocation) -> Iterator[Block]:
    """What is new to the model, then what it answered; at least one, that of a request whose bodies are elsewhere."""
    found = [
        *asked((record.input or Input()).inputBodyJson),
        *answered((record.output or Output()).outputBodyJson),
    ]
    yield from few("input.inputBodyJson", found) or [Block("", "text")]


def _event(record: Invocation, time: int) -> Event:
    arn = (record.identity or Caller()).arn or ""
    kept = {
        "model": record.modelId or "",
        "operation": record.operation or "",
        "inferenceRegion": record.inferenceRegion or "",
    }
    return Event(
        event_id="",
        kind="prompt",
        time=time,
        format=FORMAT,
        action="invocation",
        outcome="failure" if record.errorCode else "",
        error=record.errorCode or "",
        actor=arn,
        account=record.accountId or "",
        session_name=arn.rsplit("/", 1)[1] if ":assumed-role/" in arn and arn.count("/") >= 2 else "",
        request=record.requestId or "",
        region=record.region or "",
        attributes={name: text[:256] for name, text in kept.items() if text},
    )


def _fill(event: Event, block: Block, context: Context) -> None:
    if block.what == "tool_use":
        event.kind, event.phase = "tool_call", "start"
        event.tool = event.action = block.name
        event.tool_call = block.id
        take_arguments(event, block.value, context)
        return
    event.text, event.tokens = preview(block.text, context), tokens(block.text, context)
    if block.what == "tool_result":
        event.kind, event.phase, event.action, event.tool_call = "tool_call", "end", "tool_result", block.id
        event.outcome = "failure" if block.failed else "success"
    elif block.role:
        event.action = "user_message" if block.role == "user" else "answer"
        if event.action == "answer":
            event.tokens = []


def _usage(record: Invocation) -> dict[str, str]:
    """Token counts, where bodies are that the record does not hold, and what the caller says of itself."""
    given, made = record.input or Input(), record.output or Output()
    kept = {
        "input_tokens": given.inputTokenCount,
        "output_tokens": made.outputTokenCount,
        "inputBodyS3Path": given.inputBodyS3Path,
        "outputBodyS3Path": made.outputBodyS3Path,
        "status": record.status,
    }
    kept |= {f"requestMetadata.{name}"[:128]: mapping(record.requestMetadata)[name]
             for name in list(record.requestMetadata or {})[:_METADATA]}  # fmt: skip
    return {name: text_of(value) for name, value in kept.items() if string(value) or isinstance(value, int)}
