"""What was done becomes what led to it: how its credential came to be, which tool call and which prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from pipeline.reconstruct.links import Follower, Lead
from pipeline.reconstruct.sitting import MINUTE, Weighed
from pipeline.reconstruct.strands import Thread, key_of
from pipeline.score.deeds import MINT, POWER, deed_of
from schemas.entry import Entry
from schemas.incident import Edge

#: How sure what issued a credential belongs: the same hand, a key made for nothing but the incident, any other.
SAME_HAND, FOR_NOTHING_ELSE, CAUSED = 0.95, 0.9, 0.3
#: Issuances that are followed back, one from the other.
GENERATIONS = 12
#: How long before its issuance a chain of roles is the same doing.
_CLOSE = 60 * MINUTE
DAY = 24 * 60 * MINUTE
Way = Callable[[Follower, Thread, Sequence[Weighed]], None]


def issuances(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """The issuance of a strand's credential, that of the credential it was made with, and so on to the root."""
    credential = thread.key.credential
    if not credential or not acts:
        return
    confidence = max(one.confidence for one in acts)
    spread.connect(Edge(f"credential:{credential}", thread.key.name, "used", 1.0, f"{thread.told()} used it"))
    for generation in range(GENERATIONS):
        made = spread.case.issuing(credential)
        if made is None:
            return
        maker = spread.case.thread(made)
        same = generation == 0 and not _agents(thread) and _same_hand(maker, thread)
        spread.choose(made, maker.key, "act" if same else "cause", confidence, f"it issued {credential}")
        spread.connect(_issued(made, maker, credential))
        if generation == 0:
            _maker(spread, thread, made, maker, confidence, same=same)
        credential = made.event.credential
        if not credential:
            return


def _issued(made: Entry, maker: Thread, credential: str) -> Edge:
    source = f"credential:{made.event.credential}" if made.event.credential else maker.key.name
    to = made.event.issued_subject or "whoever asked"
    said = f"{made.event.action} issued {credential} to {to}"
    return Edge(source, f"credential:{credential}", "issued", 1.0, said, [made.event.event_id])


def _agents(thread: Thread) -> bool:
    """Whether it is an agent's own: whoever starts an agent issues what it acts with, which is no part of its doing."""
    return bool(thread.key.part) or any(hand.actor_kind == "agent" for hand in thread.hands)


def _same_hand(one: Thread, other: Thread) -> bool:
    return one.key.network == other.key.network and one.key.program == other.key.program


def _maker(spread: Follower, thread: Thread, made: Entry, maker: Thread, confidence: float, *, same: bool) -> None:
    """Whether what issued the credential is part of it: the same hand, or a key made for nothing else."""
    name, ids = thread.key.credential, [made.event.event_id]
    if same and made.event.credential and made.event.time - maker.first < _CLOSE:
        sure, why = SAME_HAND, f"the same hand issued {name} with it"
    elif deed_of(made.event.action).flags & MINT and _only_here(spread, thread):
        sure, why = FOR_NOTHING_ELSE, f"{name}, which it made, was used for nothing else"
    else:
        if made.event.credential:
            spread.leave(maker, CAUSED * confidence, f"it issued {name}, which another hand used")
        return
    spread.lead(Lead(maker, confidence * sure, why, "issued", thread.key.name, ids, ids, back=True))


def _only_here(spread: Follower, thread: Thread) -> bool:
    """Whether a credential was never used by another hand."""
    name = thread.key.credential
    return all(_same_hand(one, thread) for one in spread.case.by("credential", name) if one.key.credential == name)


def causes(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """The tool calls that made requests, and the prompts that agents were given."""
    calls: dict[str, float] = {}
    prompts: dict[str, float] = {}
    for one in acts:
        sure = {link.target: link.confidence for link in one.entry.links}
        if one.entry.event.kind != "tool_call" and one.entry.event.event_id not in thread.doubted:
            _most(calls, one.entry.tool_call_event, one.confidence * sure.get("tool_call", 1.0))
        _most(prompts, one.entry.prompt_event, one.confidence * sure.get("prompt", 1.0))
    for entry in spread.case.entries(list(prompts)):
        _prompted(spread, thread, entry, prompts[entry.event.event_id])
    by_thread: dict[str, list[Entry]] = defaultdict(list)
    for entry in spread.case.entries(list(calls)):
        by_thread[key_of(entry).name].append(entry)
    for entries in by_thread.values():
        ids = [entry.event.event_id for entry in entries]
        why = "its tool calls made requests of the incident"
        caller, confidence = spread.case.thread(entries[0]), max(calls[name] for name in ids)
        spread.lead(Lead(caller, confidence, why, "called", thread.key.name, ids, ids, back=True))


def _most(into: dict[str, float], name: str, confidence: float) -> None:
    if name:
        into[name] = max(into.get(name, 0.0), confidence)


def _prompted(spread: Follower, thread: Thread, prompt: Entry, confidence: float) -> None:
    name = prompt.event.event_id
    if confidence >= spread.cutoff:
        spread.choose(prompt, key_of(prompt), "cause", confidence, "it was asked there")
    said = f"{prompt.human or 'somebody'} asked {prompt.actor or 'an agent'}"
    spread.connect(Edge(f"prompt:{name}", thread.key.name, "prompted", round(confidence, 4), said, [name]))


def asked(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """What an agent itself did in the session whose credential another hand used."""
    if not thread.key.session or thread.key.part or not thread.foreign or not acts:
        return
    confidence = max(one.confidence for one in acts)
    for one in spread.case.by("session", thread.key.session):
        if one.key.part == "agent":
            spread.leave(one, 0.4 * confidence, "what the agent itself did in the session whose credential was used")


def makers(spread: Follower, thread: Thread, acts: Sequence[Weighed]) -> None:
    """Who made an identity that was not there before, and acts without a credential that its records name."""
    actor = thread.key.actor
    if thread.key.credential or thread.key.part or not actor or not acts:
        return
    if min(one.first for one in spread.case.by("actor", actor)) < thread.first:
        return
    confidence, name = max(one.confidence for one in acts), actor.rpartition("/")[2]
    for maker in spread.case.by("resource", name):
        ids = [
            one.event.event_id for one in spread.case.rows(maker, thread.first - 30 * DAY, thread.first)
            if deed_of(one.event.action).flags & (MINT | POWER) and name in one.event.resources
        ]  # fmt: skip
        if ids:
            why = f"it made {actor}"
            sure = confidence * FOR_NOTHING_ELSE
            spread.lead(Lead(maker, sure, why, "created", thread.key.name, ids, ids, back=True))


WAYS: tuple[Way, ...] = (issuances, makers, causes, asked)
