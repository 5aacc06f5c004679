"""Spans of a trace tell each other who runs them: agent, user and conversation come down from parent spans.

OpenTelemetry exporters send children before their parents (a span ends when its work ends), and `execute_tool`
spans carry no agent and no user at all, so a trace is resolved again whenever one of its spans becomes known.
"""

from __future__ import annotations

import msgspec

from schemas.batch import Attribution
from schemas.entry import Link
from schemas.event import Head

#: Parents are exact ids; "the only conversation of this trace" is an inference.
PARENT_CONFIDENCE = 0.99
ONLY_CONFIDENCE = 0.9
#: Spans a trace may have before further ones are no longer remembered as parents.
SPAN_LIMIT = 10_000
TRACE_SESSION = "trace:"


class Span(msgspec.Struct, array_like=True, gc=False):
    """What one span states of who runs it."""

    event_id: str
    parent: str
    session: str
    actor: str
    actor_kind: str
    actor_name: str
    human: str
    #: Event id and id of the tool call this span is, if it is one.
    tool_call: str


class Trace(msgspec.Struct, array_like=True, gc=False):
    """All spans of one trace by span id."""

    spans: dict[str, Span] = {}
    #: Events that wait for a span to become known, by that span's id.
    waiting: dict[str, list[str]] = {}
    #: Events whose session is only inferred from the others of the trace.
    adrift: list[str] = []


def remember(trace: Trace, event: Head) -> list[str] | None:
    """Note what an agent's span states; returns the events it is news to (None = maybe all)."""
    if not event.span or (event.kind == "cloud_audit" and not event.request):
        return []
    tool_call = (event.tool_call or event.span) if event.kind == "tool_call" else ""
    span = Span(
        event.event_id, event.parent_span, event.session, event.actor,
        event.actor_kind, event.actor_name, event.human, tool_call,
    )  # fmt: skip
    known = trace.spans.get(event.span)
    if known == span or len(trace.spans) >= SPAN_LIMIT:
        return []
    trace.spans[event.span] = span
    if known is not None:
        return None
    concerned = trace.waiting.pop(event.span, [])
    return concerned + trace.adrift if span.session else concerned


def inherit(trace: Trace, event: Head, before: Attribution) -> tuple[Attribution, bool]:
    """Attribution of an event inside a trace, and whether nothing that is still missing can improve it."""
    line, missing = _ancestors(trace, event)
    if missing and event.event_id not in trace.waiting.setdefault(missing, []):
        trace.waiting[missing].append(event.event_id)
    session = event.session or next((span.session for span in line if span.session), "")
    agent = next((span for span in line if span.actor), None)
    human = event.human or next((span.human for span in line if span.human), "") or before.human
    method, confidence, evidence = "trace", PARENT_CONFIDENCE, [span.event_id for span in line if span.session][:1]
    agent_plane = event.kind in ("prompt", "tool_call")
    if not session and event.event_id not in trace.adrift:
        trace.adrift.append(event.event_id)
    if not session and agent_plane:
        named = sorted({span.session for span in trace.spans.values() if span.session})
        session = named[0] if len(named) == 1 else TRACE_SESSION + event.trace
        confidence = ONLY_CONFIDENCE if len(named) == 1 else 0.5
        evidence = []
    links = list(before.links)
    if session:
        links = [link for link in before.links if link.target != "session"]
        links.append(Link("session", "stated", 1.0) if event.session else Link("session", method, confidence, evidence))
    actor = _actor(event, before, agent)
    if agent is not None and actor not in (event.actor, before.actor):
        links.append(Link("actor", "trace", PARENT_CONFIDENCE, [agent.event_id]))
    elif not before.links:
        links.append(Link("actor", "stated", 1.0) if actor else Link("actor", "none", 0.0))
    caller = next((span for span in line if span.tool_call and span.event_id != event.event_id), None)
    if caller is not None:
        links.append(Link("tool_call", "trace", PARENT_CONFIDENCE, [caller.event_id]))
    source = agent if agent is not None and actor == agent.actor else None
    attribution = Attribution(
        actor=actor,
        actor_kind=source.actor_kind if source else event.actor_kind or before.actor_kind,
        actor_name=source.actor_name if source else event.actor_name or before.actor_name,
        human=human,
        on_behalf_of=list(dict.fromkeys(name for name in [*before.on_behalf_of, actor, human] if name)),
        credential_chain=before.credential_chain,
        session=session or before.session,
        parent_session=event.parent_session or before.parent_session,
        tool_call=caller.tool_call if caller else event.tool_call,
        links=links,
        unbound="" if agent_plane else before.unbound,
        rooted=before.rooted,
        credential_expires=before.credential_expires,
        credential_revoked=before.credential_revoked,
    )
    return attribution, not missing and bool(session) and not session.startswith(TRACE_SESSION)


def _actor(event: Head, before: Attribution, agent: Span | None) -> str:
    if event.kind in ("prompt", "tool_call"):
        return event.actor or (agent.actor if agent else "")
    return agent.actor if agent else before.actor or event.actor


def _ancestors(trace: Trace, event: Head) -> tuple[list[Span], str]:
    """Known spans from the event's own up to the root, and the id of the first that is missing ("" = none)."""
    line: list[Span] = []
    seen: set[str] = set()
    span_id = event.span or event.parent_span
    while span_id and span_id not in seen:
        seen.add(span_id)
        span = trace.spans.get(span_id)
        if span is None:
            if span_id == event.span and event.parent_span:
                span_id = event.parent_span
                continue
            return line, span_id
        line.append(span)
        span_id = span.parent
    return line, ""
