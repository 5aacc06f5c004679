"""What Claude Code gives to its hooks becomes prompts, tool calls, and decisions of permission.

Source: Claude Code documentation, Hooks reference. A hook gets no time, so whoever forwards its input adds one
(`timestamp`). Session, sub-agent and call have the ids that transcripts and telemetry know.
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
from pipeline.normalize.otel_messages import content
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import STAMPS, stamped
from schemas.event import Event

FORMAT: Final = "claude-code.hook"
#: Hook → action of an event that is no tool call.
_ACTIONS = {
    "UserPromptSubmit": "user_message", "SessionStart": "session_start", "SessionEnd": "session_end",
    "SubagentStart": "spawn", "Stop": "answer", "SubagentStop": "answer", "PermissionRequest": "permission_request",
    "PermissionDenied": "tool_decision",
}  # fmt: skip
_CALLS = {"PreToolUse": "start", "PostToolUse": "end", "PostToolUseFailure": "end"}
_KEPT = (
    "cwd", "transcript_path", "agent_transcript_path", "permission_mode", "prompt_id", "agent_type", "model", "source",
    "reason", "duration_ms", "is_interrupt", "stop_hook_active", "effort",
)  # fmt: skip


class Hook(msgspec.Struct, gc=False):
    """The fields of a hook's input that are read."""

    hook_event_name: str | None = None
    session_id: str | None = None
    transcript_path: str | None = None
    cwd: str | None = None
    permission_mode: str | None = None
    prompt_id: str | None = None
    agent_id: str | None = None
    agent_type: str | None = None
    agent_transcript_path: str | None = None
    prompt: str | None = None
    tool_name: str | None = None
    tool_use_id: str | None = None
    tool_input: Any = None
    tool_response: Any = None
    error: str | None = None
    last_assistant_message: str | None = None
    model: str | None = None
    source: str | None = None
    reason: str | None = None
    duration_ms: Any = None
    is_interrupt: Any = None
    stop_hook_active: Any = None
    effort: Any = None
    #: Not Claude Code's: whoever forwards the input says when it was.
    timestamp: Any = None
    time: Any = None
    ts: Any = None
    #: Not Claude Code's: whoever forwards the input may say whose machine it is.
    user: str | None = None


_decode = msgspec.json.Decoder(Hook)


SOURCE: Final = Source(
    name=FORMAT,
    title="Claude Code hooks",
    group="Prompts and tool calls",
    documents=("Anthropic: Claude Code, Hooks reference",),
    enable="In `settings.json` (managed settings, so that nobody leaves it out) give the events UserPromptSubmit, "
    "PreToolUse, PostToolUse, PostToolUseFailure, PermissionRequest, PermissionDenied, SubagentStart, SubagentStop, "
    "Stop, SessionStart and SessionEnd a hook of type `command` that adds the time, which a hook's input lacks, and "
    'the user (as other logs write the login): `jq -c --arg user "$USER" '
    "'. + {timestamp: (now * 1000 | floor), user: $user}' | curl -s --json @- "
    "'http://127.0.0.1:8470/v1/events/tool-calls?format=claude-code.hook' >/dev/null`. Give PreToolUse and PostToolUse "
    "both: only the first has the time at which a call began.",
    links={
        "actor": "`claude-code`, of a sub-agent `claude-code/` and its `agent_id`",
        "human": "`user`, which the forwarder adds",
        "session": "`session_id`, of a sub-agent `session_id/agent_id` below it",
        "tool_call": "`tool_use_id`; the result of the call that started a sub-agent names it "
        "(`tool_response.agentId`)",
        "policy": "`claude-code:` and what decided: `permission_prompt` of a PermissionRequest, `auto` of a "
        "PermissionDenied",
    },
    needs={
        "human": "the command adds it",
        "tool_call": "a version of Claude Code that passes `tool_use_id` (those of 2026 do)",
    },
    never={
        "credential": "hooks are not told of any",
        "issued": "agents do not issue credentials",
        "request": "hooks are not told the model's request ids",
        "trace": "hooks are not told the trace",
        "address": "hooks run where the agent runs",
    },
    lost=(
        "what the person answered to a permission prompt: a call that begins was allowed; the telemetry says by whom",
        "what another hook decided: it is in the telemetry (`claude-code:hook`)",
        "the model's turns between the calls",
        "`tool_response.agentId`, `PermissionDenied`, `PostToolUseFailure`: checked against others' captures only",
    ),
    ignores="a hook about housekeeping (compaction, notifications, configuration, tasks, worktrees), no act",
    known=fields(
        Hook,
        "scratchpad_dir background_tasks session_crons permission_suggestions message title"
        " notification_type trigger custom_instructions command_name command_source expansion_type file_path"
        " load_reason memory_type task_id tool_calls session_title last_message denial_reason",
    ),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a hook's input."""
    return "hook_event_name" in found and "session_id" in found


def split(value: bytes) -> list[bytes]:
    """A hook's input is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The event of a hook, and of a call that started a sub-agent that sub-agent; none for housekeeping. Raises
    Invalid."""
    hook: Hook = typed(_decode, value)
    name = hook.hook_event_name or ""
    if not name:
        raise Invalid("hook_event_name", "the hook's event, e.g. PreToolUse", "nothing")
    if name not in _CALLS and name not in _ACTIONS:
        return []
    if not hook.session_id:
        raise Invalid("session_id", "the session's id", "nothing")
    event = _event(hook, hook.agent_id or "", value, context)
    if name in _CALLS:
        _call(event, hook, _CALLS[name], context)
        return [event, *_spawned(event, hook, value, context)]
    event.action = _ACTIONS[name]
    _said(event, hook, context)
    return [event]


def _event(hook: Hook, agent: str, value: bytes, context: Context) -> Event:
    session = hook.session_id or ""
    kept = {name: text_of(getattr(hook, name)) for name in _KEPT}
    return Event(
        event_id=content_id(value),
        kind="prompt",
        time=_time(hook, context),
        format=FORMAT,
        actor=f"claude-code/{agent}" if agent else "claude-code",
        actor_kind="agent",
        actor_name="Claude Code",
        human=hook.user or "",
        session=f"{session}/{agent}" if agent else session,
        parent_session=session if agent else "",
        attributes={name: text for name, text in kept.items() if text},
    )


def _time(hook: Hook, context: Context) -> int:
    found = {name: getattr(hook, name, None) for name in STAMPS}
    if all(stamp is None for stamp in found.values()):
        raise Invalid("timestamp", "a time that the hook's command adds (docs/sources/claude-code.hook.md)", "nothing")
    return stamped(found, context)


def _call(event: Event, hook: Hook, phase: str, context: Context) -> None:
    event.kind, event.phase = "tool_call", phase
    event.tool = event.action = hook.tool_name or ""
    event.tool_call = hook.tool_use_id or ""
    if phase == "start":
        take_arguments(event, hook.tool_input, context)
        return
    event.outcome, event.error = ("failure", hook.error[:2048]) if hook.error else ("success", "")
    text = _result(hook.tool_response)
    event.text, event.tokens = preview(text, context), tokens(text, context)


def _result(response: Any) -> str:
    """A result's words: of a command what it printed, of an MCP tool its content, else the structure as JSON."""
    if isinstance(response, str):
        return response
    fields_ = mapping(response)
    printed = [string(fields_.get(name)) for name in ("stdout", "stderr")]
    text = "\n".join(part for part in printed if part) or content(response if fields_ else {"content": response})
    return text or ("" if response is None else msgspec.json.encode(response).decode()[:200_000])


def _said(event: Event, hook: Hook, context: Context) -> None:
    text = hook.prompt or hook.last_assistant_message or ""
    if event.action in ("permission_request", "tool_decision"):
        event.tool, event.tool_call = hook.tool_name or "", hook.tool_use_id or ""
        denied = event.action == "tool_decision"
        event.policy = "claude-code:auto" if denied else "claude-code:permission_prompt"
        event.outcome = "denied" if denied else ""
        text = "" if hook.tool_input is None else msgspec.json.encode(hook.tool_input).decode()
    event.text = preview(text, context)
    # A sub-agent is asked by the agent that started it: words that must not pass for the user's.
    event.tokens = tokens(text, context) if event.action == "user_message" and not event.parent_session else []


def _spawned(event: Event, hook: Hook, value: bytes, context: Context) -> list[Event]:
    agent = string(mapping(hook.tool_response).get("agentId")) if event.phase == "end" else ""
    if not agent or not event.tool_call:
        return []
    spawn = _event(hook, agent, value, context)
    spawn.event_id += "#spawn"
    spawn.action, spawn.parent_tool_call = "spawn", event.tool_call
    return [spawn]
