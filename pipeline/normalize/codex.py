"""Codex rollouts (session files), line by line, become prompts and tool calls.

Source: Codex, `codex-rs/protocol` (RolloutItem, ResponseItem, EventMsg). One line is one record: `{"timestamp", "type",
"payload"}`. Only the first line, `session_meta`, names the session, so whoever sends the others adds `session_id`.
What the model was given and said is `response_item`; `event_msg` repeats it, and adds what the person typed.
Codex' telemetry is OpenTelemetry (`otel.genai`), with the same ids of conversation and call.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, mapping, string, text_of, typed
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import parsed
from pipeline.normalize.otel_messages import content
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "codex"
_TYPES = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "web_search_call", "mcp_call", "tool_search_call")
_RESULTS = ("function_call_output", "custom_tool_call_output", "tool_search_output")
_META = ("cwd", "originator", "cli_version", "model_provider", "thread_source", "agent_role", "agent_nickname")
#: What the client writes in the user's place.
_CLIENT = (
    "<environment_context",
    "<user_instructions",
    "<permissions instructions",
    "# AGENTS.md instructions",
    "<turn_aborted",
)


class Line(msgspec.Struct, gc=False):
    """The fields of a line that are read."""

    timestamp: str | None = None
    type: str | None = None
    payload: dict[str, Any] | None = None
    #: Not Codex': whoever sends the lines of a session adds its id.
    session_id: str | None = None


_decode = msgspec.json.Decoder(Line)


SOURCE: Final = Source(
    name=FORMAT,
    title="Codex rollouts",
    group="Prompts and tool calls",
    documents=("OpenAI: Codex, rollouts (`codex-rs/protocol`, `codex-rs/rollout`)", "OpenAI: Responses API, items"),
    enable="Rollouts are always written: `$CODEX_HOME/sessions/YYYY/MM/DD/rollout-*.jsonl`. Only the first line has "
    'the session\'s id, so add it: `jq -c --arg id "$(head -1 "$f" | jq -r .payload.id)" \'. + {session_id: $id}\' '
    '"$f" | whodid send - --format codex --topic prompts`. For who the person is and who let a call happen, have the '
    "telemetry sent too (`otel.genai`): its `conversation.id` and `call_id` are the same.",
    links={
        "actor": "`codex`",
        "session": "`session_id` as added, of `session_meta` its `id`; a sub-agent's parent is "
        "`source.subagent.thread_spawn.parent_thread_id`",
        "tool_call": "`payload.call_id`: call and output share it",
    },
    needs={"session": "`session_id` is added, or the line is the first"},
    never={
        "human": "rollouts do not say who; the telemetry has `user.email`",
        "credential": "rollouts hold none",
        "issued": "agents do not issue credentials",
        "request": "rollouts do not keep the model's request ids",
        "trace": "rollouts hold no trace context",
        "policy": "decisions are in the telemetry (`codex:config`, `codex:user`); an approval policy is no decision",
        "address": "rollouts hold none",
    },
    lost=(
        "the session of a line to which it was not added",
        "whether a call succeeded, where its output does not say (`success`, `exit_code`)",
        "what an encrypted reasoning or message says",
    ),
    ignores="a line that repeats others (interface, token counts, compactions, reasoning) or sets up a turn",
    known=fields(Line, "ordinal payload"),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a line of a rollout."""
    return found.get("type") in _TYPES and isinstance(found.get("payload"), dict) and "timestamp" in found


def split(value: bytes) -> list[bytes]:
    """A line is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event of one line; none for what repeats others. Raises Invalid."""
    line: Line = typed(_decode, value)
    if line.type not in _TYPES:
        raise Invalid("type", "one of " + ", ".join(_TYPES), line.type or "nothing")
    payload = line.payload
    if payload is None:
        raise Invalid("payload", "a JSON object", "nothing")
    kind = "session_meta" if line.type == "session_meta" else string(payload.get("type"))
    event = Event(
        event_id=content_id(value),
        kind="prompt",
        time=instant("timestamp", line.timestamp, context),
        format=FORMAT,
        actor="codex",
        actor_kind="agent",
        actor_name="Codex",
        session=(line.session_id or "").lower(),
    )
    if kind == "session_meta":
        _begin(event, payload)
    elif line.type != "response_item" or not _item(event, kind, payload, context):
        return []
    return [event]


def _begin(event: Event, payload: dict[str, Any]) -> None:
    """A session's first line; that of a sub-agent names the session that spawned it."""
    event.action = "session_start"
    event.session = (string(payload.get("id")) or string(payload.get("session_id"))).lower() or event.session
    spawn = mapping(mapping(mapping(payload.get("source")).get("subagent")).get("thread_spawn"))
    parent = string(spawn.get("parent_thread_id")) or string(payload.get("parent_thread_id"))
    event.parent_session = parent.lower()
    kept = {name: text_of(payload.get(name) or spawn.get(name)) for name in _META}
    kept["source"] = text_of(payload.get("source")) if not spawn else "subagent"
    kept["branch"] = text_of(mapping(payload.get("git")).get("branch"))
    event.attributes = {name: text for name, text in kept.items() if text}


def _item(event: Event, kind: str, payload: dict[str, Any], context: Context) -> bool:
    """Set what an item of the conversation says; False if it says nothing."""
    if kind == "message":
        _message(event, payload, context)
    elif kind in _CALLS:
        _call(event, kind, payload, context)
    elif kind in _RESULTS:
        _result(event, payload, context)
    else:
        return False
    return True


def _message(event: Event, payload: dict[str, Any], context: Context) -> None:
    role, text = string(payload.get("role")), content(payload)
    mine = role == "user" and not text.startswith(_CLIENT)
    event.action = "answer" if role == "assistant" else "user_message" if mine else "context"
    event.text = preview(text, context)
    event.tokens = tokens(text, context) if mine else []


def _call(event: Event, kind: str, payload: dict[str, Any], context: Context) -> None:
    event.kind, event.phase = "tool_call", "start"
    event.tool = string(payload.get("name")) or kind.removesuffix("_call")
    if space := string(payload.get("namespace")):
        event.attributes["namespace"] = space[:256]
    event.action = event.tool
    event.tool_call = string(payload.get("call_id")) or string(payload.get("id")) or event.event_id
    asked: Any = payload.get("arguments", payload.get("input", payload.get("action")))
    take_arguments(event, parsed(asked) if isinstance(asked, str) else asked, context)


def _result(event: Event, payload: dict[str, Any], context: Context) -> None:
    event.kind, event.phase, event.action = "tool_call", "end", "tool_result"
    event.tool_call = string(payload.get("call_id"))
    output: Any = payload.get("output", payload.get("tools"))
    found = parsed(output) if isinstance(output, str) else output
    # Older versions write JSON into the text: the output, and how the command ended.
    fields_, code = mapping(found), mapping(mapping(found).get("metadata")).get("exit_code")
    success = fields_.get("success")
    if isinstance(success, bool) or isinstance(code, int):
        event.outcome = "success" if success is True or code == 0 else "failure"
    text = string(fields_.get("output")) or (output if isinstance(output, str) else _text(output))
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _text(output: Any) -> str:
    said = content({"content": output}) if isinstance(output, list) else string(mapping(output).get("content"))
    return said or ("" if output in (None, [], {}) else msgspec.json.encode(output).decode()[:200_000])
