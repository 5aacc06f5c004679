"""Argument origin: did a tool call's argument occur in the user's prompt, in an earlier tool result, or in neither?

The signal that tells a hijacked agent from a busy one. Normalization fingerprints every text before it is masked
or shortened; here, where the session is known, an argument's fingerprints are looked up among those seen before it.
"""

from __future__ import annotations

import msgspec

from schemas.event import Argument, Event

#: Fingerprints a session remembers; later ones are no longer noted.
TOKEN_LIMIT = 50_000
#: Share of an argument's tokens that must have occurred in a text; shorter arguments need all of theirs.
SHARE = 0.8
NEVER = 2**63 - 1


class Seen(msgspec.Struct, array_like=True, gc=False):
    """Earliest event time at which each fingerprint occurred, in prompts and in tool results of one session."""

    prompts: dict[int, int] = {}
    results: dict[int, int] = {}


def note(seen: Seen, event: Event) -> bool:
    """Remember the texts an event brings into the session; True if any is new or earlier than known."""
    if not event.tokens:
        return False
    if event.kind == "prompt":
        where = seen.prompts if event.action == "user_message" else None
    else:
        where = seen.results if event.kind == "tool_call" and event.phase != "start" else None
    if where is None:
        return False
    # A result reported with its call is known when the call ends.
    time = max(event.time, end_of(event))
    news = False
    for token in event.tokens:
        known = where.get(token)
        if known is None and len(where) >= TOKEN_LIMIT:
            continue
        if known is None or time < known:
            where[token] = time
            news = True
    return news


def end_of(event: Event) -> int:
    """When a span that is reported once ended, microseconds; 0 if not stated."""
    end = event.attributes.get("end_time", "")
    return int(end) if end.isdecimal() else 0


def trace_arguments(seen: Seen | None, event: Event) -> list[Argument]:
    """The event's arguments with their origin; unchanged where the session's texts were never seen."""
    if seen is None or not (seen.prompts or seen.results):
        return event.arguments
    return [
        Argument(argument.path, argument.value, _origin(seen, tokens, event.time))
        for argument, tokens in zip(event.arguments, event.argument_tokens, strict=True)
    ]


def _origin(seen: Seen, tokens: list[int], time: int) -> str:
    if not tokens:
        return ""
    prompt = _covered(seen.prompts, tokens, time)
    # A call's own result has the call's time or a later one, so it does not count as earlier.
    result = _covered(seen.results, tokens, time - 1)
    if prompt:
        return "both" if result else "prompt"
    return "result" if result else "agent"


def _covered(known: dict[int, int], tokens: list[int], until: int) -> bool:
    found = sum([known.get(token, NEVER) <= until for token in tokens])
    return found == len(tokens) or (len(tokens) > 3 and found >= SHARE * len(tokens))
