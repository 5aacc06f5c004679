"""OpenTelemetry attributes become plain names and values, whichever convention wrote them.

Current and deprecated GenAI names (semantic-conventions-genai), OpenInference, OpenLLMetry (traceloop), MCP. The first
name that a span carries wins.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pipeline.normalize.documents import mapping, sequence, string, text_of, too_deep

NAMES: dict[str, tuple[str, ...]] = {
    "session": ("gen_ai.conversation.id", "session.id", "conversation.id",
                "traceloop.association.properties.session_id", "langfuse.session.id"),
    "human": ("user.id", "enduser.id", "user.email", "user.account_uuid", "traceloop.association.properties.user_id",
              "langfuse.user.id"),
    "agent": ("gen_ai.agent.id", "agent.id", "agent_id", "gen_ai.agent.name", "agent.name"),
    "agent_name": ("gen_ai.agent.name", "agent.name"),
    "tool": ("gen_ai.tool.name", "tool.name", "tool_name", "mcp.tool.name"),
    "tool_call": ("gen_ai.tool.call.id", "tool_call.id", "tool_use_id"),
    "rpc": ("jsonrpc.request.id", "mcp.request.id"),
    "arguments": ("gen_ai.tool.call.arguments", "tool.parameters", "mcp.request.argument", "tool_parameters",
                  "traceloop.entity.input", "input.value"),
    "result": ("gen_ai.tool.call.result", "mcp.response.value", "traceloop.entity.output", "output.value"),
    "input": ("gen_ai.input.messages", "gen_ai.prompt", "traceloop.entity.input", "input.value"),
    "output": ("gen_ai.output.messages", "gen_ai.completion", "traceloop.entity.output", "output.value"),
    "model": ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "address": ("client.address", "client.socket.address", "net.peer.ip"),
    "request": ("aws.request_id", "aws.requestId"),
    "parent_session": ("parent_agent_id", "parent_thread_id"),
}  # fmt: skip
_RANKS: dict[str, list[tuple[str, int]]] = {}
for _what, _names in NAMES.items():
    for _rank, _name in enumerate(_names):
        _RANKS.setdefault(_name, []).append((_what, _rank))
#: Kept as attributes of the event when stated.
KEPT = frozenset((
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens", "gen_ai.agent.version", "gen_ai.response.id", "server.address",
    "gen_ai.response.finish_reasons", "mcp.session.id", "mcp.protocol.version", "network.transport", "gen_ai.tool.type",
))  # fmt: skip


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


#: Roles of whoever asks; a bare text has none.
USER = ("", "user", "human")
#: Types of message parts that are a tool's words, whoever's message they are in.
_RESULTS = ("tool_result", "tool_call_response", "function_call_output", "server_tool_call_response")
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


def parsed(text: str) -> Any:
    """Text that holds JSON as a structure; other text, and JSON too deep to be walked, as itself."""
    if text[:1] in ("{", "[") and not too_deep(text.encode("utf-8", "replace")):
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return text
    return text


def kept(attributes: Attributes) -> dict[str, str]:
    """The attributes that an event keeps."""
    raw = attributes.raw
    found = {name: text_of(raw[name]) for name in raw.keys() & KEPT if raw[name] is not None}
    for name in ("model", "provider"):
        if value := attributes.named(name):
            found[name] = value[:256]
    return found


def messages(attributes: Attributes, what: str) -> list[tuple[str, str]]:
    """(role, text) of the messages of a model call, in order; a bare text is one message without role."""
    text = attributes.named(what)
    if not text:
        return _indexed(attributes.raw, what)
    found = parsed(text)
    if isinstance(found, dict):
        found = found.get("messages", found)
    if not isinstance(found, list):
        return [("", text)]
    return [(role_of(mapping(message)), content(message)) for message in found]


def role_of(message: dict[str, Any]) -> str:
    """Who says a message. Some vendors send tool results as messages of the user, who never said them."""
    role, parts = string(message.get("role")), sequence(message.get("parts", message.get("content")))
    return "tool" if role in USER and any(_is_result(mapping(part)) for part in parts) else role


def _is_result(part: dict[str, Any]) -> bool:
    return part.get("type") in _RESULTS or "functionResponse" in part or "function_response" in part


def content(message: Any) -> str:
    """The text of one message: OpenTelemetry's parts, OpenAI's and Anthropic's content, or a bare text."""
    if isinstance(message, str):
        return message
    fields = mapping(message)
    inner = fields.get("parts", fields.get("content"))
    if isinstance(inner, str):
        return inner
    texts = []
    for part in sequence(inner):
        if isinstance(part, str):
            texts.append(part)
        else:
            fields = mapping(part)
            texts.append(string(fields.get("content")) or string(fields.get("text")) or string(fields.get("response")))
    return "\n".join(text for text in texts if text)


def _indexed(attributes: dict[str, Any], what: str) -> list[tuple[str, str]]:
    """OpenInference and old OpenLLMetry flatten messages into numbered names."""
    found: list[tuple[str, str]] = []
    for number in range(_NUMBERED):
        for base in (f"llm.{what}_messages.{number}.message.", f"gen_ai.{_OLD.get(what, what)}.{number}."):
            role, text = string(attributes.get(base + "role")), string(attributes.get(base + "content"))
            text = text or string(attributes.get(base + "contents.0.message_content.text"))
            if role or text:
                found.append((role, text))
                break
        else:
            break
    return found


_NUMBERED = 4096
_OLD = {"input": "prompt", "output": "completion"}
