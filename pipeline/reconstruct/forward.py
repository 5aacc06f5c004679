"""What was done becomes what followed: credentials it issued, identities it made, what its tools did, other victims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.reconstruct.links import Follower, Lead
from pipeline.reconstruct.sitting import Weighed
from pipeline.reconstruct.strands import Thread
from pipeline.reconstruct.suspicion import assess
from pipeline.score.deeds import GRAVE, MINT, POWER, deed_of
from schemas.entry import Entry

#: How sure belongs what used a credential that the incident issued, or acted as an identity that it made; what came
#: from the same address; another hand with the same credential.
ISSUED, CREATED, OPENED = 0.97, 0.95, 0.95
SAME_ADDRESS, SAME_ADDRESS_ALONE, SAME_CREDENTIAL, USUAL = 0.85, 0.35, 0.85, 0.2
#: What an agent's credential did without a tool call in a session that turned.
UNEXPLAINED = 0.75
#: What a tool call is said to have made and does not name, beside what nothing explains; how near (microseconds).
MISTAKEN, _NEAR = 0.6, 60_000_000
#: Identities behind an address from which on it is nobody's own: an office, a gateway.
CROWD = 6
Way = Callable[[Follower, Thread, Sequence[Weighed]], None]


def issued(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Whatever used a credential that was issued by it."""
    for one in acts:
        event = one.entry.event
        if not event.issued or event.issued == event.credential or event.outcome in ("failure", "denied"):
            continue
        for user in spread.case.by("credential", event.issued):
            if user.key.credential == event.issued:
                why = f"it used {event.issued}, which {event.action} issued"
                sure, shows = one.confidence * ISSUED, [event.event_id]
                spread.lead(Lead(user, sure, why, "issued", thread.key.name, [], shows, whole=True))


def created(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Whatever acted as an identity that it made, or made credentials for, where the credential is not named."""
    for one in acts:
        event = one.entry.event
        if event.outcome in ("failure", "denied") or not deed_of(event.action).flags & (MINT | POWER):
            continue
        for name in dict.fromkeys([event.issued_subject, *event.resources]):
            if not name or name in (thread.key.actor, event.actor):
                continue
            for user in spread.case.by("actor", name):
                if user.first >= event.time and not user.key.credential:
                    why = f"it acted as {name}, which {event.action} made or changed"
                    sure, shows = one.confidence * CREATED, [event.event_id]
                    spread.lead(Lead(user, sure, why, "created", thread.key.name, [], shows, whole=True))


def opened(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Sub-agents' sessions, and requests that its tool calls made."""
    if thread.key.part != "agent" or not acts or not thread.key.session:
        return
    calls = {one.entry.event.event_id: one.confidence for one in acts if one.entry.event.kind == "tool_call"}
    since = min(one.entry.event.time for one in acts)
    for name in spread.case.children(thread.key.session):
        for one in spread.case.by("session", name):
            if one.key.part == "agent" and one.last >= since:
                why = f"its session was opened by {thread.key.session}"
                spread.lead(Lead(one, acts[0].confidence * OPENED, why, "delegated", thread.key.name, []))
    for one in spread.case.by("session", thread.key.session):
        if one.key.part == "called":
            _called(spread, thread, one, calls)
            _before(spread, one, since, acts[0].confidence)
        elif one.key.part == "" and not one.foreign:
            _unexplained(spread, thread, one, since, acts[0].confidence)


def _called(spread: Follower, thread: Thread, requests: Thread, calls: dict[str, float]) -> None:
    since = min((one.event.time for one in spread.case.entries(list(calls))), default=0)
    rows = spread.case.rows(requests, since - 10_000_000)
    ids = [one.event.event_id for one in rows if one.tool_call_event in calls]
    if ids:
        sure = max(calls.values())
        why = "tool calls of the incident made these requests"
        spread.lead(Lead(requests, sure, why, "called", thread.key.name, ids, list(calls)[:8]))


def _before(spread: Follower, requests: Thread, since: int, confidence: float) -> None:
    """What its tool calls asked for before the conversation turned led to it."""
    for one in spread.case.rows(requests, None, since):
        spread.choose(one, requests.key, "cause", confidence)


def _unexplained(spread: Follower, thread: Thread, requests: Thread, since: int, confidence: float) -> None:
    ids = [
        one.event.event_id for one in spread.case.rows(requests)
        if one.event.time >= since or one.event.event_id in requests.findings
        or deed_of(one.event.action).flags & GRAVE
    ]  # fmt: skip
    if ids:
        why = "the session's credential did it after the session turned, and no tool call explains it"
        spread.lead(Lead(requests, confidence * UNEXPLAINED, why, "caused", thread.key.name, ids, ids[:8]))


def mistaken(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Requests beside unexplained ones of an agent's credential whose tool call does not name what they are of: a link
    that rests on time alone."""
    if thread.key.part or not thread.key.session or thread.foreign or not acts:
        return
    begin, end = (pick(one.entry.event.time for one in acts) for pick in (min, max))
    confidence = max(one.confidence for one in acts)
    for one in spread.case.by("session", thread.key.session):
        if one.key.part != "called" or (one.key.network, one.key.program) != (thread.key.network, thread.key.program):
            continue
        rows = spread.case.rows(one, begin - _NEAR, end + _NEAR)
        calls = {call.event.event_id: call for call in spread.case.entries([row.tool_call_event for row in rows])}
        ids = [row.event.event_id for row in rows if not _names(calls.get(row.tool_call_event), row)]
        if ids:
            why = "beside requests that nothing explains, and the tool call said to have made it does not name it"
            one.doubted.update(ids)
            spread.lead(Lead(one, confidence * MISTAKEN, why, "continued", thread.key.name, ids, ids[:8]))


def _names(call: Entry | None, request: Entry) -> bool:
    if call is None:
        return False
    said = [one.value for one in call.event.arguments]
    return any(value and value in name for name in request.event.resources for value in said)


def same_credential(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Other hands with the same credential: more of the same, or whom it belongs to."""
    if not thread.key.credential or thread.key.part or not acts:
        return
    confidence = max(one.confidence for one in acts)
    for one in spread.case.by("credential", thread.key.credential):
        if one.key == thread.key or one.key.credential != thread.key.credential:
            continue
        spread.case.past([one.key.actor])
        assess(spread.case, one)
        if one.foreign and thread.foreign and one.suspicion >= 0.5:
            why = f"another hand used the same credential, and {one.reasons[0]}"
            spread.lead(Lead(one, confidence * SAME_CREDENTIAL, why, "continued", thread.key.name, []))
        else:
            spread.leave(one, USUAL * confidence, _usual(one))


def _usual(thread: Thread) -> str:
    hand = f"{thread.key.network or 'no address'}, {thread.key.program or 'no program stated'}"
    return f"the same credential in its usual hand: {hand}, {thread.events:,} entries"


def same_address(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Whatever else came from an address that only the incident uses."""
    if not thread.elsewhere or not acts:
        return
    confidence = max(one.confidence for one in acts)
    for address in thread.addresses:
        others = [one for one in spread.case.by("address", address) if one.key.credential != thread.key.credential]
        actors = {one.key.actor for one in others}
        if len(actors) > CROWD:
            spread.case.limit(f"{address} is used by {len(actors)} other identities: it was not followed")
            continue
        spread.case.past(actors)
        for one in others:
            assess(spread.case, one)
            wrong = one.foreign or bool(one.findings)
            sure = confidence * (SAME_ADDRESS if wrong else SAME_ADDRESS_ALONE)
            spread.lead(Lead(one, sure, f"it came from {address} too", "same-address", thread.key.name, []))


WAYS: tuple[Way, ...] = (issued, created, opened, mistaken, same_credential, same_address)
