"""Facts become where it began: a prompt, what an agent read, a stolen credential, or an identity and nothing before."""

from __future__ import annotations

from pipeline.reconstruct.facts import Facts
from pipeline.reconstruct.spread import Chosen
from pipeline.reconstruct.strands import Key
from pipeline.reconstruct.times import iso
from schemas.entry import Entry
from schemas.incident import Root

#: What a tool-chain detection finds is what an agent was talked into.
_TALKED = "tool-chain-drift"
#: Roots of one strand that are told.
_MOST = 5
#: Links by which one strand makes another, and does not only resemble it.
_LEADS = ("issued", "created", "called", "delegated")


def roots(facts: Facts) -> list[Root]:
    """Where it began, surest first: of every strand that nothing else of the incident led to."""
    own = {key.name for key in facts.by_strand}
    led = {edge.target for edge in facts.spread.edges.values() if edge.source in own and edge.kind in _LEADS}
    first = [key for key in facts.by_strand if key.name not in led] or list(facts.by_strand)
    found: dict[tuple[str, str], Root] = {}
    for key in first:
        acts = facts.by_strand[key]
        prompted = _prompted(facts, key, acts)
        for root in [prompted] if prompted else [*_taken(key, acts), _held(facts, key, acts)]:
            found.setdefault((root.kind, root.name), root)
    return sorted(found.values(), key=lambda one: (-one.confidence, one.kind, one.name))


def _prompted(facts: Facts, key: Key, acts: list[Chosen]) -> Root | None:
    """An agent's doing began with what it was asked, or with what it read on the way."""
    if not key.part:
        return None
    first = next((one for one in acts if one.entry.prompt_event), None)
    prompt = facts.case.entries([first.entry.prompt_event]) if first else []
    if not prompt or first is None:
        return None
    asked = prompt[0]
    sure = min(first.confidence, next((link.confidence for link in first.entry.links if link.target == "prompt"), 1.0))
    read, name = _read(facts, acts), asked.event.event_id
    root = Root(kind="prompt", name=name, sentence="", confidence=round(sure, 4), credential=_deepest(acts),
                actor=key.actor, human=asked.human, entries=[name])  # fmt: skip
    if read is not None:
        root.kind, root.entries = "injection", [name, read.event.event_id]
        root.sentence = (
            f"{key.actor} was asked by {asked.human or 'somebody'} at {iso(asked.event.time)}, and from"
            f" {iso(read.event.time)} on did what the result of a tool had told it"
        )
    else:
        root.sentence = f"{asked.human or 'Somebody'} asked {key.actor} at {iso(asked.event.time)}"
    return root


def _read(facts: Facts, acts: list[Chosen]) -> Entry | None:
    """The first act of a conversation whose argument came out of a tool's result, or that drift detection found."""
    for one in acts:
        drifted = any(found.detection == _TALKED for found in facts.found.get(one.entry.event.event_id, []))
        told = any(argument.origin == "result" for argument in one.entry.event.arguments)
        if one.entry.event.kind == "tool_call" and drifted and (told or len(acts) > 1):
            return one.entry
    return None


def _taken(key: Key, acts: list[Chosen]) -> list[Root]:
    """Credentials that somebody got without one: what a login, or a pipeline's or a pod's token, was exchanged for."""
    found: list[Root] = []
    for one in acts:
        event = one.entry.event
        if event.issued and not event.credential and len(found) < _MOST:
            sentence = f"{key.actor or 'An unknown actor'} took {event.issued} at {iso(event.time)}"
            found.append(Root(kind="credential", name=event.issued, sentence=sentence, confidence=one.confidence,
                              credential=event.issued, actor=key.actor, human=one.entry.human,
                              entries=[event.event_id]))  # fmt: skip
    return found


def _held(facts: Facts, key: Key, acts: list[Chosen]) -> Root:
    """Somebody held a credential: where it came from, and whose it is."""
    first = acts[0]
    thread = facts.spread.threads[key]
    human = first.entry.human
    whose = f"{key.actor}" + (f" for {human}" if human and human != key.actor else "")
    deepest, begun = _deepest(acts), iso(first.entry.event.time)
    root = Root(kind="identity", name=key.actor or key.network, sentence="", confidence=first.confidence,
                credential=deepest, actor=key.actor, human=human, entries=[first.entry.event.event_id])  # fmt: skip
    if not deepest:
        root.sentence = f"{whose or 'An unknown actor'} began at {begun}; its records name no credential"
        return root
    another = ", by another hand than its usual one" if thread.foreign else ""
    chained = f", which rests on {deepest}" if key.credential and deepest != key.credential else ""
    root.kind, root.name = "credential", key.credential or deepest
    root.sentence = f"{root.name} of {whose}{chained} was used from {begun} on{another}"
    return root


def _deepest(acts: list[Chosen]) -> str:
    """The credential that all of it rests on, as far as issuances were seen."""
    chain = next((one.entry.credential_chain for one in acts if one.entry.credential_chain), [])
    if chain:
        return chain[-1]
    return next((one.entry.event.credential for one in acts if one.entry.event.credential), "")
