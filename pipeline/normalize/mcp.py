"""Model Context Protocol messages (JSON-RPC), as a proxy or a server logs them, become tool calls.

Taken bare or wrapped: `{"timestamp": …, "session": …, "client": …, "server": …, "message": {"jsonrpc": "2.0", …}}`.
Sessions were removed from the protocol on 2026-07-28; where none is logged, client and server name the conversation.
A request may carry a trace context in `_meta` (W3C, as the GenAI conventions have it).
"""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, document, mapping, string, text_of
from pipeline.normalize.mcp_messages import METHODS, answer, ask, by_server
from pipeline.normalize.source import Source
from pipeline.normalize.times import STAMPS, stamped
from schemas.event import Event

FORMAT: Final = "mcp"
_KEPT = ("direction", "protocolVersion", "transport")
#: In `_meta` of each request, since there is no initialization any more.
_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_WRAPPER = (*STAMPS, *_KEPT, "session", "sessionId", "client", "agent", "user", "server", "address", "credential")
_MESSAGE = ("jsonrpc", "id", "method", "params", "result", "error")


SOURCE: Final = Source(
    name=FORMAT,
    title="Model Context Protocol messages",
    group="Prompts and tool calls",
    documents=(
        "Model Context Protocol: Specification, 2024-11-05 to 2026-07-28",
        "OpenTelemetry: Semantic conventions for Model Context Protocol (trace context in `_meta`)",
    ),
    enable="Have the gateway, proxy or server write each JSON-RPC message as it passes, requests and answers, with the "
    'time beside it: `{"timestamp": …, "session": …, "client": …, "server": …, "message": {…}}`. `agent`, `user`, '
    "`address`, `credential` (an id or hash of the token presented, never the token), `direction`, `transport` and "
    "`protocolVersion` are understood too.",
    links={
        "actor": "`agent`, else `client`, else the client's name in `clientInfo`",
        "human": "`user`",
        "session": "`session`, `sessionId`, or `params._meta.sessionId`",
        "credential": "`credential`",
        "trace": "`params._meta.traceparent`",
        "tool_call": "session, server and `id`: request and answer share it",
        "address": "`address`",
    },
    needs={
        "human": "the proxy knows the person and writes it",
        "session": "up to protocol 2025-11-25, or where the proxy has sessions of its own; without one, client and "
        "server stand for it",
        "credential": "the proxy authenticates clients and writes an id or a hash of the token",
        "trace": "the client propagates its trace",
        "address": "the proxy writes it",
    },
    never={
        "issued": "MCP issues no credentials: its authorization server does",
        "request": "ids of JSON-RPC are counters of one connection",
        "policy": "a refusal says that, not why; a gateway's decisions are logs of their own (`authz.decision`)",
    },
    lost=(
        "which method an answer answers, unless its request is logged too: told by the answer's shape",
        "the model's turn around the calls: that is in the agent's telemetry",
    ),
    ignores="a protocol message that neither calls, reads, asks, introduces, lists nor answers anything (pings, "
    "progress, lists of resources and prompts)",
    known=frozenset((*_WRAPPER, *_MESSAGE, *(f"message.{name}" for name in _MESSAGE))),
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
    """The event of one message; none for what does not act. Raises Invalid."""
    found = document(value)
    if not isinstance(found, dict):
        raise Invalid("value", "a JSON object", found)
    message = mapping(found.get("message")) if "jsonrpc" not in found else found
    method = string(message.get("method"))
    if method and method not in METHODS:
        return []
    if not method and message.get("result") is None and "error" not in message:
        raise Invalid("method", "a JSON-RPC method, or a result or an error", message)
    event = _event(found, message, value, context)
    event.tool_call = _call_id(event, message)
    if method:
        ask(event, method, mapping(message.get("params")), context)
        return [event]
    return [event] if answer(event, message, context) else []


def _event(found: dict[str, Any], message: dict[str, Any], value: bytes, context: Context) -> Event:
    client, server = string(found.get("client")), string(found.get("server"))
    meta = mapping(mapping(message.get("params")).get("_meta"))
    actor = string(found.get("agent")) or client or string(mapping(meta.get(_CLIENT_INFO)).get("name"))
    traced = _TRACEPARENT.fullmatch(string(meta.get("traceparent")))
    return Event(
        event_id=content_id(value),
        kind="tool_call",
        time=stamped(found, context),
        format=FORMAT,
        actor=actor,
        actor_kind="agent" if actor else "",
        human=string(found.get("user")),
        session=string(found.get("session")) or string(found.get("sessionId")) or string(meta.get("sessionId")),
        credential=string(found.get("credential")),
        trace=traced[1] if traced else "",
        parent_span=traced[2] if traced else "",
        address=string(found.get("address")),
        resources=[f"mcp:{server}"] if server else [],
        attributes={name: text_of(found[name]) for name in _KEPT if name in found},
    )


def _call_id(event: Event, message: dict[str, Any]) -> str:
    """Request ids are small numbers that every client counts from one, so they are told apart by session."""
    identifier = text_of(message.get("id"))
    server = event.resources[0] if event.resources else ""
    asker = "|server" if by_server(message) else ""
    return f"{event.session or event.actor}|{server}|{identifier}{asker}" if identifier else ""
