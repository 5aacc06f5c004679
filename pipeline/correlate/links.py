"""Links inside a session: which prompt and which tool call an event belongs to.

`stated` and exact ids first; then the prompt before it in the same session; then, for a cloud event that the
session's credential made, the tool call that was open at that moment. Still to come (their place is here): the
same for credentials that several agents share, with skew between clocks estimated and candidates weighed.
"""

from __future__ import annotations

import bisect

import msgspec

from pipeline.correlate.belonging import Belonging
from pipeline.correlate.origins import end_of
from schemas.entry import Link, PackedEntry
from schemas.event import Event, Head

#: The prompt before an event in its own session is its cause unless the agent acts without one.
PROMPT_CONFIDENCE = 0.95
#: One tool call of the session was open when the cloud event happened.
IN_FLIGHT_CONFIDENCE = 0.8
#: CloudTrail notes the completion of a request, in whole seconds.
RESOLUTION = 1_000_000
#: A tool call without a result is taken to be over after this long (microseconds).
OPEN_LIMIT = 600_000_000


class Call(msgspec.Struct, array_like=True, gc=False):
    """One tool call: ids and times (microseconds, 0 = not seen) of its start and its end."""

    session: str
    tool: str = ""
    start: int = 0
    end: int = 0
    start_event: str = ""
    end_event: str = ""


class Owner(msgspec.Struct, array_like=True, gc=False):
    """What is known of one root session."""

    #: User prompts by session, sorted: (time, event id).
    prompts: dict[str, list[tuple[int, str]]] = {}
    calls: dict[str, Call] = {}
    #: The tool call that started a sub-agent, by the sub-agent's session.
    spawned: dict[str, str] = {}
    #: Whose each session is, and what the first hop was told of it.
    sessions: dict[str, Belonging] = {}


def note_prompt(owner: Owner, event: Event, session: str) -> bool:
    """Remember a user's prompt; True if it is news."""
    if event.kind != "prompt" or event.action != "user_message":
        return False
    prompts = owner.prompts.setdefault(session, [])
    entry = (event.time, event.event_id)
    at = bisect.bisect_left(prompts, entry)
    if at < len(prompts) and prompts[at] == entry:
        return False
    prompts.insert(at, entry)
    return True


def note_spawn(owner: Owner, event: Event, session: str) -> bool:
    """Remember which tool call started a sub-agent's session; True if it is news."""
    if not event.parent_tool_call:
        return False
    known = owner.spawned.get(session)
    owner.spawned[session] = min(known or event.parent_tool_call, event.parent_tool_call)
    return owner.spawned[session] != known


def note_call(owner: Owner, event: Event, session: str) -> bool:
    """Remember the start or the end of a tool call; True if it is news."""
    if event.kind != "tool_call" or not event.tool_call:
        return False
    call = owner.calls.get(event.tool_call) or Call(session)
    before = msgspec.structs.astuple(call)
    if event.phase != "end":
        call.start, call.start_event, call.session = event.time, event.event_id, session
        call.tool = event.tool or event.action
    if event.phase != "start":
        call.end, call.end_event = max(event.time, end_of(event)), event.event_id
    owner.calls[event.tool_call] = call
    return msgspec.structs.astuple(call) != before


def causes(owner: Owner | None, event: Head, entry: PackedEntry) -> bool:
    """Fill in the Entry's causing tool call and prompt; False if something expected has not been seen (yet)."""
    if owner is None:
        return event.kind in ("cloud_audit", "token_issuance")
    called, prompted = _tool_call(owner, event, entry), _prompt(owner, event, entry)
    return called and prompted


def _tool_call(owner: Owner, event: Head, entry: PackedEntry) -> bool:
    if event.kind == "tool_call" and event.tool_call:
        call = owner.calls.get(event.tool_call)
        started = call is not None and bool(call.start_event)
        if call is not None and event.phase == "end" and started:
            entry.tool_call_event = call.start_event
            entry.links.append(Link("tool_call", "stated", 1.0, [call.start_event]))
        return started or event.phase != "end"
    if entry.tool_call and entry.tool_call in owner.calls:
        entry.tool_call_event = owner.calls[entry.tool_call].start_event
        return True
    if event.kind in ("cloud_audit", "token_issuance"):
        _in_flight(owner, event.time, entry)
    else:
        parent = owner.calls.get(owner.spawned.get(entry.session, ""))
        if parent is not None and parent.start_event:
            entry.tool_call_event = parent.start_event
            entry.links.append(Link("tool_call", "stated", 1.0, [entry.tool_call_event]))
    return True


def _in_flight(owner: Owner, time: int, entry: PackedEntry) -> None:
    open_calls = sorted(
        (call.start, name)
        for name, call in owner.calls.items()
        if call.start_event
        and call.session == entry.session
        and call.start - RESOLUTION <= time <= (call.end or call.start + OPEN_LIMIT) + RESOLUTION
    )
    if not open_calls:
        return
    names = [name for _, name in reversed(open_calls)]
    entry.tool_call = names[0]
    entry.tool_call_event = owner.calls[names[0]].start_event
    confidence = IN_FLIGHT_CONFIDENCE / len(names)
    entry.links.append(Link("tool_call", "in-flight", confidence, [entry.tool_call_event], names[1:]))


def _prompt(owner: Owner, event: Head, entry: PackedEntry) -> bool:
    if event.kind == "prompt" and event.action == "user_message":
        return True
    prompts = owner.prompts.get(entry.session) or owner.prompts.get(entry.parent_session) or []
    at = bisect.bisect_right(prompts, (event.time, "\U0010ffff")) - 1
    if at < 0:
        if event.kind == "tool_call" and not entry.unbound:
            entry.unbound = "no prompt seen in its session"
        return event.kind in ("cloud_audit", "token_issuance")
    entry.prompt_event = prompts[at][1]
    entry.links.append(Link("prompt", "stated", PROMPT_CONFIDENCE, [entry.prompt_event]))
    return True
