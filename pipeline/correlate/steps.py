"""Entries of sessions become Steps: what the scoring stage is told of prompts, tool calls and requests."""

from __future__ import annotations

from pipeline.correlate.keys import ACTOR
from pipeline.correlate.links import CLOUD
from schemas.entry import PackedEntry
from schemas.event import Event, Head
from schemas.prints import WORD
from schemas.step import EXPLAINED, Step

#: Words of a prompt that tell which task it is.
WORDS = 128


def matters(step: Step, event: Head, *, revised: bool) -> bool:
    """Whether the scoring stage is told: of prompts, calls, and requests that no call explains, or one does now."""
    if not step.actor:
        # Its past cannot be told from that of others; when it is known who acts, the entry is revised.
        return False
    if event.kind in CLOUD:
        return revised or step.explained < EXPLAINED
    return bool(step.words) or step.flow is not None


def step_of(entry: PackedEntry, event: Head) -> Step:
    """What the scoring stage is told of an entry of a session."""
    step = Step(
        key=ACTOR + entry.actor,
        session=entry.session,
        event_id=event.event_id,
        revision=0,
        time=event.time,
        actor=entry.actor,
        actor_kind=entry.actor_kind,
        human=entry.human,
        tool=event.action,
    )
    if isinstance(event, Event):
        step.words = [token for token in event.tokens if token & WORD][:WORDS] if event.kind == "prompt" else []
    else:
        step.explained = next((link.confidence for link in entry.links if link.target == "tool_call"), 0.0)
    return step
