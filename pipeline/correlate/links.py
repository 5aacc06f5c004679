"""Links inside a session: which prompt and which tool call an event belongs to.

`stated` and exact ids first; then the prompt before it in the same session; then, for a cloud event that the
session's credential made, the tool call that was in flight (`inflight.py`).
"""

from __future__ import annotations

import bisect

import msgspec

from pipeline.correlate.belonging import Belonging
from pipeline.correlate.inflight import RESOLUTION, Model
from pipeline.correlate.origins import end_of
from schemas.batch import Attribution, Call
from schemas.entry import Link, PackedEntry
from schemas.event import Event, Head

CLOUD = ("cloud_audit", "token_issuance")
#: The prompt before an event in its own session is its cause unless the agent acts without one.
PROMPT_CONFIDENCE = 0.95
#: The same for a cloud event that no tool call of its session explains; that of a session which shows none.
UNEXPLAINED_CONFIDENCE, UNSHOWN_CONFIDENCE = 0.2, 0.9
#: What is less likely than not is a candidate and not a claim; what is less likely than this is not even that.
CLAIMED, POSSIBLE = 0.5, 0.01
#: Why a tool call is bound to nothing further, where its session is known.
NO_PROMPT = "no prompt seen in its session"
#: Candidates that a link lists.
LISTED = 8

Weighed = list[tuple[float, str, Call]]


class Owner(msgspec.Struct, array_like=True, gc=False):
    """What is known of one root session."""

    #: User prompts by session, sorted: (time, event id).
    prompts: dict[str, list[tuple[int, str]]] = {}
    calls: dict[str, Call] = {}
    #: The tool call that started a sub-agent, by the sub-agent's session.
    spawned: dict[str, str] = {}
    #: Whose each session is, and what the first hop was told of it.
    sessions: dict[str, Belonging] = {}
    #: What the sure links between its calls and requests teach about the others, as of when it last settled.
    model: Model | None = None
    #: Event time (microseconds) whose grace it waits for to settle again; 0 = it has.
    settles: int = 0
    #: How many cloud events there are whose credential belongs to a session of this owner.
    credentialed: int = 0


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


def note_call(owner: Owner, event: Event, attribution: Attribution) -> int:
    """Remember the start or the end of a tool call; returns the event time from which on that is news (0 = it is none).

    A call within another one (a sub-agent's) marks that one as the outer.
    """
    if event.kind != "tool_call" or not event.tool_call:
        return 0
    call = owner.calls.get(event.tool_call) or Call(attribution.session, own=owner.credentialed > 0)
    before = msgspec.structs.astuple(call)
    # One call may be reported twice, by client and server: it begins with the first and ends with the last report.
    begun, ended = (call.start, call.start_event), (call.end, call.end_event)
    if event.phase != "end" and (not call.start_event or (event.time, event.event_id) <= begun):
        call.start, call.start_event, call.mentions = event.time, event.event_id, event.mentions
        call.session, call.parent_session = attribution.session, attribution.parent_session
        call.actor, call.actor_kind, call.actor_name = (
            attribution.actor, attribution.actor_kind, attribution.actor_name
        )  # fmt: skip
        call.tool = event.tool or event.action
    end = max(event.time, end_of(event)), event.event_id
    if event.phase != "start" and (not call.end_event or end >= ended):
        call.end, call.end_event = end
    owner.calls[event.tool_call] = call
    return call.start or event.time if msgspec.structs.astuple(call) != before else 0


def note_outer(owner: Owner, event: Event, attribution: Attribution) -> int:
    """Mark the call that an agent's event happens within; returns what `note_call` does."""
    within = attribution.tool_call or event.parent_tool_call
    if not within or within == event.tool_call:
        return 0
    call = owner.calls.get(within) or Call(attribution.session, own=owner.credentialed > 0)
    news = not call.outer
    call.outer = True
    owner.calls[within] = call
    return (call.start or event.time) if news else 0


def causes(owner: Owner | None, event: Head, entry: PackedEntry, weighed: Weighed | None) -> bool:
    """Fill in the Entry's causing tool call and prompt; False if something expected has not been seen (yet).

    `weighed` are the calls that a cloud event may come from; None where the session shows no calls.
    """
    if owner is None:
        return event.kind in CLOUD
    belonging = owner.sessions.get(entry.session)
    if event.kind in CLOUD and not entry.human and belonging is not None and belonging.human is not None:
        entry.human = belonging.human[2]
        entry.on_behalf_of = list(dict.fromkeys([*entry.on_behalf_of, entry.human]))
    called = _tool_call(owner, event, entry, weighed or [])
    prompted = _prompt(owner, event, entry, None if weighed is None else sum(chance for chance, _, _ in weighed))
    return called and prompted


def _tool_call(owner: Owner, event: Head, entry: PackedEntry, weighed: Weighed) -> bool:
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
    if event.kind in CLOUD:
        if weighed:
            _in_flight(entry, weighed)
    else:
        parent = owner.calls.get(owner.spawned.get(entry.session, ""))
        if parent is not None and parent.start_event:
            entry.tool_call_event = parent.start_event
            entry.links.append(Link("tool_call", "stated", 1.0, [entry.tool_call_event]))
    return True


def _in_flight(entry: PackedEntry, weighed: Weighed) -> None:
    chance, name, call = weighed[0]
    possible = [other for likely, other, _ in weighed[:LISTED] if likely >= POSSIBLE]
    # Whose session it is may be a guess itself.
    confidence = round(chance * _session_confidence(entry), 4)
    if confidence < CLAIMED:
        if possible:
            entry.links.append(Link("tool_call", "in-flight", confidence, [call.start_event], possible))
        return
    entry.tool_call, entry.tool_call_event = name, call.start_event
    entry.links.append(Link("tool_call", "in-flight", confidence, [call.start_event], possible[1:]))
    if call.session != entry.session:
        entry.session, entry.parent_session = call.session, call.parent_session
        entry.links = [link for link in entry.links if link.target != "session"]
        entry.links.append(Link("session", "in-flight", confidence, [call.start_event]))
    if call.actor and call.actor != entry.actor:
        before = [entry.actor] if entry.actor else []
        entry.links = [link for link in entry.links if link.target != "actor"]
        entry.links.insert(0, Link("actor", "in-flight", confidence, [call.start_event], before))
        entry.actor, entry.actor_kind, entry.actor_name = call.actor, call.actor_kind, call.actor_name
        entry.on_behalf_of = list(dict.fromkeys([call.actor, *entry.on_behalf_of]))


def _session_confidence(entry: PackedEntry) -> float:
    guessed = [link.confidence for link in entry.links if link.target == "session" and link.method == "in-flight"]
    return guessed[0] if guessed else 1.0


def _prompt(owner: Owner, event: Head, entry: PackedEntry, explained: float | None) -> bool:
    """`explained` is the probability that some call of the session caused this cloud event; None: it shows none."""
    if event.kind == "prompt" and event.action == "user_message":
        return True
    cloud = event.kind in CLOUD
    time = event.time + (RESOLUTION if cloud and event.time % RESOLUTION == 0 else 0)
    call = owner.calls.get(entry.tool_call) if cloud else None
    if call is not None and call.start:
        time = call.start
    prompts = owner.prompts.get(entry.session) or owner.prompts.get(entry.parent_session) or []
    at = bisect.bisect_right(prompts, (time, "\U0010ffff")) - 1
    if at < 0:
        if event.kind == "tool_call" and not entry.unbound:
            entry.unbound = NO_PROMPT
        return cloud
    confidence = PROMPT_CONFIDENCE
    if cloud and explained is None:
        confidence = UNSHOWN_CONFIDENCE
    elif cloud and explained is not None:
        confidence = round(explained * PROMPT_CONFIDENCE + (1 - explained) * UNEXPLAINED_CONFIDENCE, 4)
    confidence = round(confidence * _session_confidence(entry), 4)
    found = prompts[at][1]
    if confidence < CLAIMED:
        entry.links.append(Link("prompt", "stated", confidence, [found], [found]))
        return True
    entry.prompt_event = found
    entry.links.append(Link("prompt", "stated", confidence, [found]))
    return True
