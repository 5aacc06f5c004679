"""OpenTelemetry spans and log records of agents become prompts and tool calls.

A native record is one span or one log record with its resource and scope, as OTLP/JSON has them:
`{"resource": {…}, "scope": {…}, "span": {…}}`. Who runs a span is often said only by its parent, which ends (and is
sent) later: that is for `pipeline.correlate.traces`, which has the whole trace.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import document, mapping, sequence
from pipeline.normalize.otel_attributes import plain
from pipeline.normalize.otel_logs import log_event
from pipeline.normalize.otel_spans import span_events
from pipeline.normalize.source import Source
from schemas.event import Event

FORMAT: Final = "otel.genai"
#: Bytes that the spans of one envelope may come to once each carries its resource.
_UNFOLDED = 256 * 1024 * 1024


SOURCE: Final = Source(
    name=FORMAT,
    title="OpenTelemetry: GenAI, MCP, OpenInference, OpenLLMetry, coding agents",
    group="Prompts and tool calls",
    documents=(
        "OpenTelemetry: Semantic conventions for generative AI, 1.26 to 1.41, and semantic-conventions-genai",
        "OpenTelemetry: Semantic conventions for Model Context Protocol",
        "Arize: OpenInference semantic conventions",
        "Traceloop: OpenLLMetry semantic conventions",
        "Anthropic: Claude Code, Monitoring usage",
        "OpenAI: Codex, telemetry (`codex-rs/otel`)",
        "Google: Gemini CLI, Observability with OpenTelemetry",
        "OpenTelemetry Protocol: specification of OTLP/HTTP",
    ),
    enable="Point the exporter at `/v1/traces` and `/v1/logs` (OTLP/HTTP, protobuf or JSON). Contents are off by "
    "default: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true` (GenAI), `TRACELOOP_TRACE_CONTENT=true`. "
    "Claude Code: `CLAUDE_CODE_ENABLE_TELEMETRY=1`, `OTEL_LOGS_EXPORTER=otlp`, `OTEL_LOG_USER_PROMPTS=1`, "
    "`OTEL_LOG_TOOL_DETAILS=1`, for spans `CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1`. Codex: `[otel]` in "
    "`config.toml` with `log_user_prompt = true`. Gemini CLI: "
    "`telemetry` in `settings.json`. AutoGen, CrewAI and LangGraph: their own spans, or those of OpenInference or "
    "OpenLLMetry. Have the AWS SDK instrumented too: its spans carry the ids that CloudTrail logs.",
    links={
        "actor": "`gen_ai.agent.id`, `agent.id`, `agent_id`, `gen_ai.agent.identity.id`, `gen_ai.agent.name`, else the "
        "resource's `service.name`; a tool's span has none and inherits it from its parents",
        "human": "`user.email`, `user.account_uuid`, `user.id`, `enduser.id`, association properties",
        "session": "`gen_ai.conversation.id`, `session.id`, `conversation.id`, association properties; Claude Code's "
        "sub-agents (`agent_id`) have one of their own below it; `mcp.session.id` for a span without parent only",
        "request": "`aws.request_id` of spans of the AWS SDK; `request_id` of Claude Code",
        "trace": "`traceId`, `spanId`, `parentSpanId`",
        "tool_call": "`gen_ai.tool.call.id`, `tool_call.id`, `tool.id`, `tool_use_id`, `call_id`; else trace, tool and "
        "`jsonrpc.request.id`, which client and server share; else the span",
        "policy": "`gen_ai.guardrail.security.policy.id` and rule; of coding agents who let a tool run: "
        "`claude-code:config`, `claude-code:hook`, `claude-code:user_reject`, `codex:user`, …",
        "address": "`client.address`",
    },
    needs={
        "actor": "the agent's instrumentation names it, or the service",
        "human": "the application sets the user",
        "session": "the application or the framework sets the conversation; a trace alone groups its spans",
        "request": "the AWS SDK is instrumented",
        "policy": "guardrail spans (a draft), or decisions of a coding agent",
        "address": "spans of a server",
    },
    never={
        "credential": "conventions have no attribute for it: the AWS SDK's request id leads to the credential",
        "issued": "agents do not issue credentials",
    },
    lost=(
        "prompts, arguments and results, unless contents are switched on",
        "that a client's and a server's MCP span are the same call, where only one of them states "
        "`gen_ai.tool.call.id`: the server's is then a call within the client's",
        "the tools of CrewAI in OpenLLMetry, which has no span for them: use OpenInference",
        "spans that were sampled away",
        "the names of guardrail attributes, of `gen_ai.agent.identity.*` and `agent.*` are drafts",
    ),
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
        return log_event(mapping(found["logRecord"]), resource, value, context)
    return span_events(mapping(found.get("span", found)), resource, value, context)
