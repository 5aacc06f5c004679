"""OpenTelemetry log events of coding agents (Claude Code, Codex, Gemini CLI) become prompts, decisions and tool calls.

Sources: Claude Code documentation, Monitoring; Codex, `codex-rs/otel`; Gemini CLI documentation, Observability.
The event of a call is written when it is over and says how long it took, so the call began that much earlier. Who let
a call happen (a rule, a hook, the person) is its policy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import DAY, Context
from pipeline.normalize.documents import mapping, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_attributes import Attributes, parsed
from schemas.event import Event


class Told(NamedTuple):
    """What an event of a coding agent is: kind, action, and the attributes that hold its text."""

    kind: str
    action: str
    texts: tuple[str, ...] = ()


#: By the agent's prefix and the event's name. What repeats others (raw bodies, streams, timings) is left out.
EVENTS: dict[str, Told] = {
    "claude_code.user_prompt": Told("prompt", "user_message", ("prompt",)),
    "claude_code.assistant_response": Told("prompt", "answer", ("response",)),
    "claude_code.api_request": Told("prompt", "chat"),
    "claude_code.api_error": Told("prompt", "chat"),
    "claude_code.api_refusal": Told("prompt", "chat"),
    "claude_code.tool_decision": Told("prompt", "tool_decision"),
    "claude_code.tool_result": Told("tool_call", "", ("tool_result", "output")),
    "claude_code.permission_mode_changed": Told("prompt", "permission_mode_changed"),
    "claude_code.auth": Told("prompt", "auth"),
    "claude_code.mcp_server_connection": Told("prompt", "mcp_server_connection"),
    "claude_code.plugin_installed": Told("prompt", "plugin_installed"),
    "claude_code.skill_activated": Told("prompt", "skill_activated"),
    "codex.conversation_starts": Told("prompt", "session_start"),
    "codex.user_prompt": Told("prompt", "user_message", ("prompt",)),
    "codex.api_request": Told("prompt", "chat"),
    "codex.tool_decision": Told("prompt", "tool_decision"),
    "codex.tool_result": Told("tool_call", "", ("output",)),
    "gemini_cli.user_prompt": Told("prompt", "user_message", ("prompt",)),
    "gemini_cli.api_response": Told("prompt", "chat", ("response_text",)),
    "gemini_cli.api_error": Told("prompt", "chat"),
    "gemini_cli.tool_call": Told("tool_call", ""),
}
_AGENTS = {"claude_code": "claude-code", "codex": "codex", "gemini_cli": "gemini-cli"}
_NAMES = {"claude-code": "Claude Code", "codex": "Codex", "gemini-cli": "Gemini CLI"}
_TOOL, _CALL = ("tool_name", "function_name"), ("tool_use_id", "call_id")
_ARGUMENTS = ("tool_input", "tool_parameters", "arguments", "function_args")
_REQUEST, _ERROR = ("request_id",), ("error", "error.message", "error_type", "error_name")
#: Who decided: of a decision, of a call, and of Gemini's calls what was decided only.
_SOURCE, _DECISION = ("source", "decision_source"), ("decision", "decision_type")
_REFUSED = ("reject", "denied", "abort", "timed_out")
_REDACTED = ("<REDACTED>", "[REDACTED]")
_NAMED = """
    decision decision_type source decision_source tool_source query_source prompt.id prompt_id message.uuid command_name
    command_source client_request_id cost_usd duration_ms attempt status_code http.response.status_code error_type
    has_category category from_mode to_mode trigger action auth_method auth_mode auth_type model input_tokens
    output_tokens cache_read_tokens cache_creation_tokens input_token_count output_token_count total_token_count
    mcp_server mcp_server_name mcp_server_origin mcp_server_scope server_name server_scope transport_type status
    skill.name plugin.name tool_type approval_policy sandbox_policy active_approval_mode originator session_source depth
    terminal.type app.version app.entrypoint event.sequence workflow.run_id
"""
_KEPT = frozenset(_NAMED.split())


def name_of(record: dict[str, Any], attributes: Attributes, service: str) -> str:
    """Which of EVENTS a log record is; empty if none. Names stand in the record, in an attribute, or as its body."""
    stated = attributes.text("event.name")
    body = string(mapping(record.get("body")).get("stringValue"))
    names = [stated, string(record.get("eventName")), body]
    if service.startswith("claude-code"):
        # Claude Code leaves its prefix out of the attribute.
        names.append(f"claude_code.{stated}")
    return next((name for name in names if name in EVENTS), "")


def fill(event: Event, name: str, attributes: Attributes, context: Context) -> None:
    """Set what an event of a coding agent says; time, session and who are set already."""
    told, agent = EVENTS[name], _AGENTS[name.partition(".")[0]]
    raw = attributes.raw
    event.kind, event.action = told.kind, told.action
    event.actor, event.actor_kind, event.actor_name = agent, "agent", _NAMES[agent]
    event.account = text_of(raw.get("organization.id"))
    nest(event, attributes)
    event.request = _first(raw, _REQUEST)
    event.attributes |= {key: text_of(raw[key]) for key in sorted(raw.keys() & _KEPT) if raw[key] not in (None, "")}
    text = _first(raw, told.texts)
    text = "" if text in _REDACTED else text
    event.text, event.tokens = preview(text, context), tokens(text, context)
    _outcome(event, name, raw)
    if told.kind == "tool_call" or told.action == "tool_decision":
        _tool(event, agent, raw, context)
    if server := _first(raw, ("mcp_server_name", "mcp_server", "server_name")):
        event.resources = [f"mcp:{server}"]


def deepen(event: Event, attributes: Attributes) -> None:
    """What a span of Claude Code says beyond the conventions: its session, the request to the model, a permission."""
    nest(event, attributes)
    event.request = _first(attributes.raw, _REQUEST)[:2048]
    if event.action == "tool_decision":
        _decide(event, "claude-code", attributes.raw)


def nest(event: Event, attributes: Attributes) -> None:
    """A sub-agent of Claude Code works in a session of its own, below its parent's: as in the transcripts."""
    agent, session = attributes.text("agent_id"), event.session
    event.actor, event.actor_kind = event.actor or "claude-code", "agent"
    if not agent or not session:
        return
    parent = attributes.text("parent_agent_id")
    event.actor = f"claude-code/{agent}"
    event.session = f"{session}/{agent}"
    event.parent_session = f"{session}/{parent}" if parent else session


def _first(raw: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for text in (text_of(raw.get(name), 1_000_000) for name in names) if text), "")


def _outcome(event: Event, name: str, raw: dict[str, Any]) -> None:
    success = text_of(raw.get("success")).lower()
    event.outcome = {"true": "success", "false": "failure"}.get(success, "")
    if name.endswith("api_refusal"):
        event.outcome, event.error = "denied", f"refused {_first(raw, ('category',))}".strip()
    elif name.endswith("api_error") or event.outcome == "failure" or _first(raw, ("error.message",)):
        event.outcome, event.error = "failure", _first(raw, _ERROR)[:2048]
    elif event.action == "chat":
        event.outcome = "success"


def _tool(event: Event, agent: str, raw: dict[str, Any], context: Context) -> None:
    event.tool = _first(raw, _TOOL)
    # Gemini CLI states no id of a call.
    event.tool_call = _first(raw, _CALL) or event.event_id
    _decide(event, agent, raw)
    asked = _first(raw, _ARGUMENTS)
    if event.action == "tool_decision":
        event.text = preview(asked, context)
        return
    event.action = event.tool or "tool_result"
    if asked:
        take_arguments(event, parsed(asked), context)
    took = _duration(raw.get("duration_ms"))
    event.attributes["end_time"], event.time = str(event.time), event.time - took


def _decide(event: Event, agent: str, raw: dict[str, Any]) -> None:
    """Who let a call happen, or did not. That a call ran says no more than that it was allowed."""
    decided, source = _first(raw, _DECISION).lower(), _first(raw, _SOURCE) or _first(raw, ("decision",))
    event.policy = f"{agent}:{source}"[:512] if source else ""
    if decided in _REFUSED:
        event.outcome = "denied"
    elif event.action == "tool_decision":
        event.outcome = "success" if decided else ""


def _duration(milliseconds: Any) -> int:
    """Microseconds; 0 for what is none, or longer than a day."""
    try:
        took = int(float(milliseconds) * 1000)
    except (TypeError, ValueError, OverflowError):
        return 0
    return took if 0 <= took <= DAY else 0
