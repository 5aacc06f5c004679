"""Messages of a model call, in whichever shape they come, become (role, text)."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.normalize.context import Context
from pipeline.normalize.documents import mapping, sequence, string
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import Attributes, parsed
from schemas.event import Event

#: Roles of whoever asks; a bare text has none.
USER = ("", "user", "human")
#: Types of message parts that are a tool's words, whoever's message they are in.
_RESULTS = ("tool_result", "tool_call_response", "function_call_output", "server_tool_call_response")
#: Operations whose input is somebody's message. (What is retrieved, embedded or guarded, the agent chose.)
_ASKED = ("chat", "generate_content", "text_completion", "invoke_agent", "invoke_workflow")


def model_call(event: Event, attributes: Attributes, context: Context) -> list[Event]:
    """A model's or an agent's turn: the answer, and before it the user's message that it answers, if it carries one."""
    answer = "\n".join(text for _, text in messages(attributes, "output"))
    event.text = preview(answer, context)
    asked = [(role, text) for role, text in messages(attributes, "input") if role != "system"]
    if event.action not in _ASKED or not asked or asked[-1][0] not in USER:
        return [event]
    text = asked[-1][1]
    message = msgspec.structs.replace(
        event, event_id=event.event_id + "#prompt", action="user_message", text=preview(text, context),
        tokens=tokens(text, context), span="", parent_span=event.span or event.parent_span, attributes={},
        policy="", resources=[],
    )  # fmt: skip
    return [message, event]


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
