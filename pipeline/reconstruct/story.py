"""Facts become a story: first sign, entry, escalation, lateral steps, objective, last sign, a sentence each.

Sentences are made of facts, each with the entries that show it; they quote no prompt and no argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.reconstruct.deeds import how_of, tactic_of, words_of
from pipeline.reconstruct.facts import Facts
from pipeline.reconstruct.spread import Chosen
from pipeline.reconstruct.strands import Key
from pipeline.reconstruct.times import iso, lasting
from schemas.incident import Step

#: Stage of a story by the tactic that a strand's acts tell.
_STAGES = {
    "credential-access": "escalation", "persistence": "escalation", "privilege-escalation": "escalation",
    "defense-evasion": "escalation", "lateral-movement": "lateral step", "collection": "objective",
    "exfiltration": "objective", "impact": "objective",
}  # fmt: skip
#: Entries and names that a sentence has; sentences that a story has.
EVIDENCE, NAMES, STEPS = 20, 3, 60


def story(facts: Facts) -> list[Step]:
    """The sentences, in the order of time."""
    if not facts.acts:
        return []
    steps: list[Step] = []
    for number, (key, acts) in enumerate(sorted(facts.by_strand.items(), key=_begun)):
        steps.append(_entry(facts, key, acts, first=number == 0))
        other = "entry" if number == 0 else "lateral step"
        steps += [_step(facts, key, tactic, those, other) for tactic, those in facts.tactics(key).items()]
    if len(steps) > STEPS:
        facts.case.limit(f"story: the {STEPS} steps of {len(steps)} with the most entries are told")
        steps = sorted(steps, key=lambda step: -len(step.entries))[:STEPS]
    return [_first(facts), *sorted(steps, key=lambda step: step.time), _last(facts)]


def _begun(pair: tuple[Key, list[Chosen]]) -> tuple[int, Key]:
    return pair[1][0].entry.event.time, pair[0]


def _first(facts: Facts) -> Step:
    act = facts.acts[0]
    found = sorted(facts.findings.values(), key=lambda one: one.time)
    told = (
        f"; the first detection, {found[0].detection}, came at {iso(found[0].time)}"
        if found
        else "; nothing detected it"
    )
    return _of(
        facts, act.key, [act], "first sign", f"The first act was {_did(act)} at {iso(act.entry.event.time)}{told}."
    )


def _last(facts: Facts) -> Step:
    act = facts.acts[-1]
    length = (act.entry.event.time - facts.acts[0].entry.event.time) / 1e6
    sentence = f"The last act was {_did(act)} at {iso(act.entry.event.time)}, {lasting(length)} after the first."
    return _of(facts, act.key, [act], "last sign", sentence)


def _entry(facts: Facts, key: Key, acts: list[Chosen], *, first: bool) -> Step:
    """How a strand came to be part of it."""
    thread = facts.spread.threads[key]
    why = facts.why(key)[1]
    where = f" from {_some(thread.addresses)}" if thread.addresses else ""
    program = f" with {key.program}" if key.program else ""
    new = ", another hand than its usual one" if thread.foreign else ""
    sentence = f"{_who(key, acts)} acted{where}{program}{new}: {why}." if not first else (
        f"It came in as {_who(key, acts)}{where}{program}{new}: {why}."
    )  # fmt: skip
    return _of(facts, key, acts[:1], "entry" if first else "lateral step", sentence)


def _step(facts: Facts, key: Key, tactic: str, acts: list[Chosen], other: str) -> Step:
    names = Counter(one.entry.event.action for one in acts)
    actions = ", ".join(f"{name} ({amount})" if amount > 1 else name for name, amount in names.most_common(NAMES))
    more = f" and {len(names) - NAMES} other actions" if len(names) > NAMES else ""
    length = (acts[-1].entry.event.time - acts[0].entry.event.time) / 1e6
    during = f" within {lasting(length)}" if len(acts) > 1 else ""
    refused = sum(how_of(one.entry) == "refused" for one in acts)
    denied = f"; {refused} of {len(acts)} were refused" if refused else ""
    things = list(dict.fromkeys(name for one in acts for name in one.entry.event.resources))
    what = f" on {_some(things)}" if things else ""
    sentence = (
        f"{_who(key, acts)} {words_of(tactic, [one.entry for one in acts])}: {actions}{more}{what}{during}{denied}."
    )
    return _of(facts, key, acts, _STAGES.get(tactic, other), sentence)


def _of(facts: Facts, key: Key, acts: Sequence[Chosen], stage: str, sentence: str) -> Step:
    first = acts[0].entry
    policy = next((one.entry.event.policy for one in acts if one.entry.event.policy), "")
    tempo = facts.tempos.get(key, "")
    detected = sorted({found.detection for one in acts for found in facts.found.get(one.entry.event.event_id, [])})
    extra = f" Under {policy}." if policy else ""
    extra += f" At the pace of {'an' if tempo == 'agent' else 'a'} {tempo}." if tempo and stage != "last sign" else ""
    extra += f" Found by {', '.join(detected)}." if detected and stage not in ("first sign", "last sign") else ""
    return Step(
        stage=stage, time=first.event.time, sentence=sentence + extra, actor=key.actor, human=first.human,
        credential=key.credential or first.event.credential, policy=policy, tempo=tempo, tactic=tactic_of(first),
        entries=[one.entry.event.event_id for one in acts[:EVIDENCE]],
    )  # fmt: skip


def _who(key: Key, acts: Sequence[Chosen]) -> str:
    human = next((one.entry.human for one in acts if one.entry.human), "")
    for_ = f" for {human}" if human and human != key.actor and not key.actor.endswith(f":{human}") else ""
    with_ = f" with {key.credential}" if key.credential else ""
    return f"{key.actor or 'an unknown actor'}{for_}{with_}"


def _did(act: Chosen) -> str:
    event = act.entry.event
    return f"{event.action}{f' on {event.resources[0]}' if event.resources else ''} by {_who(act.key, [act])}"


def _some(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 80 else name[:79] + "…" for name in names[:NAMES]]
    return ", ".join(shown) + (f" and {len(names) - NAMES} others" if len(names) > NAMES else "")
