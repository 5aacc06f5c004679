"""Model Context Protocol messages (JSON-RPC), as a proxy or a server logs them, become tool calls.

Taken bare or wrapped: `{"timestamp": …, "session": …, "client": …, "server": …, "message": {"jsonrpc": "2.0", …}}`.
Sessions were removed from the protocol on 2026-07-28; where none is logged, client and server name the conversation.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, document, mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import content
from pipeline.normalize.source import LINKS, Source
from pipeline.normalize.times import epoch, instant
from schemas.event import Event

FORMAT: Final = "mcp"
_KEPT = ("direction", "protocolVersion", "transport")
_TIMES = ("timestamp", "time", "ts", "@timestamp")


SOURCE: Final = Source(
    name=FORMAT,
    title="Model Context Protocol messages",
    group="Prompts and tool calls",
    documents=(),
    enable="",
    links={link: "TODO" for link in LINKS},
    ignores="a protocol message that neither calls, lists nor answers a tool",
    mark=rb'"jsonrpc"',
    topic="tool-calls",
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a JSON-RPC message, bare or wrapped."""
    return "jsonrpc" in found or "jsonrpc" in mapping(found.get("message"))


def split(value: bytes) -> list[bytes]:
    """One message is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event of one message; none for other methods than tools'. Raises Invalid."""
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    message = mapping(found.get("message")) if "jsonrpc" not in found else found
    method, parameters = string(message.get("method")), mapping(message.get("params"))
    result = message.get("result")
    if method and method not in ("tools/call", "tools/list", "notifications/tools/list_changed"):
        return []
    if not method and result is None and "error" not in message:
        raise Invalid("method", "a JSON-RPC method, or a result or an error", message)
    event = _event(found, value, context)
    event.tool_call = _call_id(event, message)
    if method == "tools/call":
        event.phase, event.tool = "start", string(parameters.get("name"))
        event.action = event.tool
        take_arguments(event, parameters.get("arguments"), context)
    elif method:
        event.action, event.tool_call = method, ""
    else:
        _answer(event, mapping(result), message, context)
    return [event]


def _event(found: dict[str, Any], value: bytes, context: Context) -> Event:
    client, server = string(found.get("client")), string(found.get("server"))
    meta = mapping(mapping(mapping(found.get("message", found)).get("params")).get("_meta"))
    return Event(
        event_id=content_id(value),
        kind="tool_call",
        time=_time(found, context),
        format=FORMAT,
        actor=string(found.get("agent")) or client,
        actor_kind="agent" if found.get("agent") or client else "",
        human=string(found.get("user")),
        session=string(found.get("session")) or string(found.get("sessionId")) or string(meta.get("sessionId")),
        address=string(found.get("address")),
        resources=[f"mcp:{server}"] if server else [],
        attributes={name: text_of(found[name]) for name in _KEPT if name in found},
    )


def _call_id(event: Event, message: dict[str, Any]) -> str:
    """Request ids are small numbers that every client counts from one, so they are told apart by session."""
    identifier = text_of(message.get("id"))
    server = event.resources[0] if event.resources else ""
    return f"{event.session or event.actor}|{server}|{identifier}" if identifier else ""


def _answer(event: Event, result: dict[str, Any], message: dict[str, Any], context: Context) -> None:
    event.phase = "end"
    tools = result.get("tools")
    if isinstance(tools, list):
        event.phase, event.action, event.tool_call = "", "tools/list", ""
        for tool in sequence(tools)[:200]:
            encoded = msgspec.json.encode(tool, order="sorted")
            name = string(mapping(tool).get("name"))[:128]
            event.attributes[f"definition.{name}"] = hashlib.sha256(encoded).hexdigest()
        return
    text = content(result) or (text_of(result.get("structuredContent"), 100_000) if result else "")
    event.text, event.tokens = preview(text, context), tokens(text, context)
    error = mapping(message.get("error"))
    event.outcome = "failure" if error or result.get("isError") is True else "success"
    event.error = text_of(error.get("message"))


def _time(found: dict[str, Any], context: Context) -> int:
    for name in _TIMES:
        value = found.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return epoch(name, value, 1 if value < 1e11 else 1000 if value < 1e14 else 1_000_000, context)
        if value is not None:
            return instant(name, value, context)
    raise Invalid("timestamp", "a time in ISO 8601 beside or in the message", "nothing")
