"""OpenTelemetry attributes become plain names and values, whichever convention wrote them.

Current and deprecated GenAI names (semantic-conventions-genai), OpenInference, OpenLLMetry (traceloop), MCP. The first
name that a span carries wins.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from pipeline.normalize.documents import mapping, sequence, string, text_of, too_deep
from pipeline.normalize.otel_names import strange

NAMES: dict[str, tuple[str, ...]] = {
    "session": ("gen_ai.conversation.id", "session.id", "conversation.id", "gen_ai.thread.id",
                "traceloop.association.properties.session_id", "traceloop.association.properties.thread_id",
                "langfuse.session.id", "langsmith.metadata.thread_id"),
    # The login that other logs know too comes before the ids that an application makes up.
    "human": ("user.email", "user.account_uuid", "user.account_id", "user.id", "enduser.id",
              "traceloop.association.properties.user_id", "langfuse.user.id", "gen_ai.user", "llm.user"),
    "agent": ("gen_ai.agent.id", "agent.id", "agent_id", "agent.instance.id", "gen_ai.agent.identity.id",
              "gen_ai.agent.name", "agent.name"),
    "agent_name": ("gen_ai.agent.name", "agent.name", "gen_ai.agent.identity.name"),
    "tool": ("gen_ai.tool.name", "tool.name", "tool_call.function.name", "tool_name", "mcp.tool.name"),
    "tool_call": ("gen_ai.tool.call.id", "tool_call.id", "tool.id", "tool_use_id"),
    "rpc": ("jsonrpc.request.id", "mcp.request.id"),
    "arguments": ("gen_ai.tool.call.arguments", "tool.parameters", "tool_call.function.arguments",
                  "mcp.request.argument", "tool_input", "tool_parameters", "traceloop.entity.input", "input.value",
                  "full_command", "file_path"),
    "result": ("gen_ai.tool.call.result", "mcp.response.value", "traceloop.entity.output", "output.value"),
    "input": ("gen_ai.input.messages", "gen_ai.prompt", "traceloop.entity.input", "gen_ai.task.input", "input.value",
              "user_prompt"),
    "output": ("gen_ai.output.messages", "gen_ai.completion", "traceloop.entity.output", "gen_ai.task.output",
               "output.value"),
    "model": ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.request.model.id", "llm.model_name",
              "llm.request.model_name", "llm.response.model_name"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "address": ("client.address", "client.socket.address", "net.peer.ip"),
    "request": ("aws.request_id", "aws.requestId"),
    "parent_session": ("parent_thread_id",),
    # What is read, remembered or asked of a server; the model never sees more of it than its name.
    "resource": ("mcp.resource.uri", "gen_ai.data_source.id", "gen_ai.memory.store.id"),
    "policy": ("gen_ai.guardrail.security.policy.id",),
}  # fmt: skip
_RANKS: dict[str, list[tuple[str, int]]] = {}
for _what, _names in NAMES.items():
    for _rank, _name in enumerate(_names):
        _RANKS.setdefault(_name, []).append((_what, _rank))
_KEPT = """
    gen_ai.usage.input_tokens gen_ai.usage.output_tokens gen_ai.usage.prompt_tokens gen_ai.usage.completion_tokens
    gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_creation.input_tokens gen_ai.usage.reasoning.output_tokens
    gen_ai.usage.cache_read_input_tokens llm.usage.total_tokens llm.token_count.prompt llm.token_count.completion
    llm.token_count.total gen_ai.response.id gen_ai.response.finish_reasons llm.finish_reason gen_ai.openai.api_base
    gen_ai.openai.response.system_fingerprint gen_ai.agent.version gen_ai.agent.identity.id gen_ai.agent.identity.name
    gen_ai.workflow.name gen_ai.prompt.name gen_ai.tool.type gen_ai.output.type gen_ai.data_source.id
    gen_ai.retrieval.query.text gen_ai.memory.store.id gen_ai.memory.record.id gen_ai.memory.query.text
    gen_ai.evaluation.name gen_ai.evaluation.score.value gen_ai.evaluation.score.label gen_ai.evaluation.explanation
    gen_ai.guardrail.target.type gen_ai.guardrail.verdict.type gen_ai.guardrail.action.type
    gen_ai.guardrail.security.policy.id gen_ai.guardrail.security.policy.rule.id
    gen_ai.guardrail.security.risk.category gen_ai.guardrail.security.risk.score
    gen_ai.guardrail.security.content.input.hash gen_ai.guardrail.security.external_finding_id
    agent.type.id agent.instance.id server.address server.port mcp.method.name mcp.session.id mcp.protocol.version
    mcp.resource.uri jsonrpc.request.id jsonrpc.protocol.version rpc.response.status_code network.transport
    traceloop.workflow.name traceloop.entity.name traceloop.entity.path traceloop.correlation.id graph.node.id
    graph.node.name graph.node.parent_id metadata tag.tags
"""
#: Kept as attributes of the event when stated.
KEPT = frozenset(_KEPT.split())


#: Where OpenInference and OpenLLMetry list, by number, the tools that a model is shown.
_TOOLS = ("llm.tools", "llm.request.functions")


def plain(attributes: Any) -> dict[str, Any]:
    """OTLP's list of key and typed value as a dict; a dict is taken as it is."""
    if isinstance(attributes, dict):
        return attributes
    found: dict[str, Any] = {}
    for attribute in sequence(attributes):
        if not isinstance(attribute, dict):
            continue
        name, value = attribute.get("key"), attribute.get("value")
        if isinstance(name, str):
            # Nearly all are texts.
            found[name] = value["stringValue"] if isinstance(value, dict) and "stringValue" in value else _value(value)
    return found


def _value(value: Any) -> Any:
    for name, inner in mapping(value).items():
        if name == "intValue":
            return int(inner) if isinstance(inner, str) and _INT64.fullmatch(inner) else inner
        if name == "arrayValue":
            return [_value(item) for item in sequence(mapping(inner).get("values"))]
        if name == "kvlistValue":
            return plain(mapping(inner).get("values"))
        return inner
    return None


_INT64 = re.compile(r"-?\d{1,19}")


class Attributes:
    """A span's attributes: by their own names, and by what NAMES says they mean."""

    __slots__ = ("names", "raw")

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        #: Every field of NAMES that is stated, as text, whichever name it has; found in one pass.
        self.names: dict[str, str] = {}
        ranks: dict[str, int] = {}
        for name, value in raw.items():
            meanings = _RANKS.get(name)
            if not meanings:
                continue
            text = value if isinstance(value, str) else "" if value in ([], {}) else text_of(value, 1_000_000)
            for what, rank in meanings if text else ():
                if what not in ranks or rank < ranks[what]:
                    ranks[what] = rank
                    self.names[what] = text

    def named(self, what: str) -> str:
        """A field of NAMES; empty if not stated."""
        return self.names.get(what, "")

    def text(self, name: str) -> str:
        """An attribute by its own name if it is a text."""
        return string(self.raw.get(name))


def fingerprint_of(definition: Any) -> str:
    """A hash of what a model is told of tools, as JSON or as structure; the order of fields does not matter."""
    found = parsed(definition) if isinstance(definition, str) else definition
    return hashlib.sha256(msgspec.json.encode(found, order="sorted")).hexdigest()


def parsed(text: str) -> Any:
    """Text that holds JSON as a structure; other text, and JSON too deep to be walked, as itself."""
    if text[:1] in ("{", "[") and not too_deep(text.encode("utf-8", "replace")):
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return text
    return text


def kept(attributes: Attributes) -> dict[str, str]:
    """The attributes that an event keeps; the tools that a model is shown as a hash, which changes when they do."""
    raw = attributes.raw
    found = strange(raw)
    found |= {name: text_of(raw[name]) for name in sorted(raw.keys() & KEPT) if raw[name] is not None}
    if shown := raw.get("gen_ai.tool.definitions") or {name: raw[name] for name in raw if name.startswith(_TOOLS)}:
        found["toolDefinitions"] = fingerprint_of(shown)
    for name in ("model", "provider"):
        if value := attributes.named(name):
            found[name] = value[:256]
    return found
