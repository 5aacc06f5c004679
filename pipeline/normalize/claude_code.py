"""Claude Code transcripts, line by line, become prompts and tool calls.

One line is one record. A sub-agent writes `agentId` on its lines: its session is `sessionId/agentId` under `sessionId`.
Which tool call spawned it is said by the parent's first `agent_progress` line (`parentToolUseID`, `data.agentId`).
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.kit.failures import Invalid
from pipeline.normalize.arguments import take_arguments
from pipeline.normalize.context import Context
from pipeline.normalize.documents import document, few, identify, mapping, sequence, string, text_of
from pipeline.normalize.mask import preview
from pipeline.normalize.origin import tokens
from pipeline.normalize.otel_messages import content
from pipeline.normalize.source import Source
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "claude-code"
_KEPT = ("cwd", "version", "gitBranch", "entrypoint", "sourceToolAssistantUUID")
_BOOKKEEPING = (
    "progress", "file-history-snapshot", "queue-operation", "system", "summary", "custom-title", "last-prompt",
    "agent-name", "tag", "attachment", "permission-mode",
)  # fmt: skip
#: What the client writes in the user's place. (`<command-…` is a slash command, which the user typed.)
_CLIENT = ("<local-command", "<bash-std", "<system-reminder", "<task-notification", "Caveat: ", "[Request interrupted")

_FIELDS = """
        type uuid parentUuid logicalParentUuid sessionId agentId timestamp message isMeta isCompactSummary isSidechain
        isVisibleInTranscriptOnly isApiErrorMessage userType entrypoint cwd version gitBranch slug requestId
        sourceToolAssistantUUID sourceToolUseID toolUseResult toolUseID parentToolUseID data thinkingMetadata todos
        permissionMode promptId error apiErrorStatus attributionSkill mcpMeta origin teamName agentName forkedFrom
        summary leafUuid operation content subtype level durationMs customTitle snapshot messageId isSnapshotUpdate
        attachment imagePasteIds planContent sessionKind effort
    """

SOURCE: Final = Source(
    name=FORMAT,
    title="Claude Code transcripts",
    group="Prompts and tool calls",
    documents=(
        "Anthropic: Claude Code, Manage sessions (where transcripts are stored)",
        "none of the lines themselves: their form is internal to Claude Code; read from transcripts of 2.0 and 2.1",
    ),
    enable="Transcripts are always written: `~/.claude/projects/*/*.jsonl`, sub-agents' in folders beside. Send them "
    "line by line. They hold prompts, arguments and results in full, without who the person is; send the telemetry "
    "(`otel.genai`) or hooks (`claude-code.hook`) too, for decisions and people. All name sessions and calls alike.",
    links={
        "actor": "`claude-code`, of a sub-agent `claude-code/` and its `agentId`",
        "session": "`sessionId`, of a sub-agent `sessionId/agentId` below it",
        "request": "`requestId` of the model's API",
        "tool_call": "`message.content[].id` and `tool_use_id`; a sub-agent names the call that spawned it "
        "(`parentToolUseID`, or `toolUseResult.agentId` of the call's result)",
    },
    needs={"request": "lines of the assistant"},
    never={
        "human": "the person is the owner of the file: transcripts do not say who",
        "credential": "transcripts hold none",
        "issued": "agents do not issue credentials",
        "trace": "transcripts hold no trace context",
        "policy": "decisions of permission are in the telemetry and in hooks",
        "address": "transcripts hold none",
    },
    lost=("a call that the person refused, beyond its result that says so", "what was deleted: old transcripts are"),
    ignores="the client's own bookkeeping (progress, snapshots, queue, system notes), no act of user or agent",
    known=frozenset(_FIELDS.split()),
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a line of a transcript."""
    line = "sessionId" in found and "type" in found and bool({"uuid", "operation", "message"} & found.keys())
    return line or found.get("type") == "file-history-snapshot"


def split(value: bytes) -> list[bytes]:
    """A line is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one line, in order; none for bookkeeping. Raises Invalid."""
    line = document(value)
    if not isinstance(line, dict):
        raise Invalid("value", "a JSON object", line)
    kind = string(line.get("type"))
    if kind in _BOOKKEEPING:
        return _spawn(line, value, context)
    if kind not in ("user", "assistant"):
        raise Invalid("type", "user, assistant or a known kind of bookkeeping", kind or "nothing")
    message = line.get("message")
    if not isinstance(message, dict):
        raise Invalid("message", "a JSON object", message)
    session = string(line.get("sessionId"))
    if not session:
        raise Invalid("sessionId", "the session's id", line.get("sessionId"))
    base = identify(line.get("uuid"), value)
    time = instant("timestamp", line.get("timestamp"), context)
    parts = message.get("content")
    blocks = [{"type": "text", "text": parts}] if isinstance(parts, str) else few("message.content", sequence(parts))
    events = []
    for number, block in enumerate(blocks):
        event = _event(line, session, base if number == 0 else f"{base}#{number}", time)
        _fill(event, line, kind, mapping(block), context)
        event.request = string(line.get("requestId"))
        if number == 0:
            _usage(event, message)
        events.append(event)
    return events + _spawned(line, blocks, session, base, time)


def _spawned(line: dict[str, Any], blocks: list[Any], session: str, base: str, time: int) -> list[Event]:
    """The result of a call that started a sub-agent names it, where no line of progress does."""
    agent = string(mapping(line.get("toolUseResult")).get("agentId"))
    result = next((block for block in map(mapping, blocks) if block.get("type") == "tool_result"), {})
    if not agent or not result:
        return []
    event = _event({**line, "agentId": agent}, session, f"{base}#spawn", time)
    event.action, event.parent_tool_call = "spawn", string(result.get("tool_use_id"))
    return [event]


def _spawn(line: dict[str, Any], value: bytes, context: Context) -> list[Event]:
    """The one progress line of a sub-agent that carries its first prompt says which tool call started it."""
    data = mapping(line.get("data"))
    session, agent = string(line.get("sessionId")), string(data.get("agentId"))
    first = mapping(data.get("message"))
    spawns = data.get("type") == "agent_progress" and first.get("type") == "user" and session and agent
    blocks = sequence(mapping(first.get("message")).get("content"))
    if not spawns or any(mapping(block).get("type") == "tool_result" for block in blocks):
        return []
    time = instant("timestamp", line.get("timestamp"), context)
    event = _event({**line, "agentId": agent}, session, identify(line.get("uuid"), value), time)
    event.action, event.parent_tool_call = "spawn", string(line.get("parentToolUseID"))
    return [event]


def _event(line: dict[str, Any], session: str, event_id: str, time: int) -> Event:
    agent = string(line.get("agentId"))
    attributes = {name: text_of(line[name]) for name in _KEPT if line.get(name)}
    if parent := string(line.get("parentUuid")):
        attributes["parent"] = parent[:256]
    return Event(
        event_id=event_id,
        kind="prompt",
        time=time,
        format=FORMAT,
        actor="claude-code" if not agent else f"claude-code/{agent}",
        actor_kind="agent",
        actor_name="Claude Code",
        session=f"{session}/{agent}" if agent else session,
        parent_session=session if agent else "",
        attributes=attributes,
    )


def _fill(event: Event, line: dict[str, Any], role: str, block: dict[str, Any], context: Context) -> None:
    what = block.get("type")
    if what == "tool_use":
        event.kind, event.phase = "tool_call", "start"
        event.tool = event.action = string(block.get("name"))
        event.tool_call = string(block.get("id"))
        take_arguments(event, block.get("input"), context)
    elif what == "tool_result":
        event.kind, event.phase, event.action = "tool_call", "end", "tool_result"
        event.tool_call = string(block.get("tool_use_id"))
        event.outcome = "failure" if block.get("is_error") is True else "success"
        text = content(block)
        event.text, event.tokens = preview(text, context), tokens(text, context)
    elif what in ("thinking", "redacted_thinking"):
        event.action = "thinking"
    else:
        text = string(block.get("text"))
        event.action = _said(line, role, text)
        event.text = preview(text or text_of(what), context)
        # A sub-agent is asked by the agent that spawned it: words that must not pass for the user's.
        by_user = event.action == "user_message" and not event.parent_session
        event.tokens = tokens(text, context) if by_user else []


def _said(line: dict[str, Any], role: str, text: str) -> str:
    if role == "assistant":
        return "answer"
    meta = line.get("isMeta") is True or line.get("isCompactSummary") is True or text.startswith(_CLIENT)
    return "context" if meta else "user_message"


def _usage(event: Event, message: dict[str, Any]) -> None:
    if model := string(message.get("model")):
        event.attributes["model"] = model[:256]
    for name in ("input_tokens", "output_tokens"):
        if (count := mapping(message.get("usage")).get(name)) is not None:
            event.attributes[name] = text_of(count)
