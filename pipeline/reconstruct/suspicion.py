"""A strand becomes what looks wrong about it: what was found, another hand than usual, things never done before.

The numbers are how sure each sign alone would make somebody who knows nothing else; signs are taken as independent.
They only choose where to begin when a clue leaves that open: what belongs to an incident is decided by links.
"""

from __future__ import annotations

from pipeline.reconstruct.case import Case
from pipeline.reconstruct.strands import Thread
from pipeline.score.deeds import GRAVE, deed_of

#: By the severity of a finding that has an entry of the strand as evidence.
FOUND = {"critical": 0.9, "high": 0.8, "medium": 0.6, "low": 0.3}
#: A network and a program that its actor and its credential never had before; one of both.
ELSEWHERE, NEW_NETWORK, NEW_PROGRAM = 0.6, 0.35, 0.4
#: An action that the actor never did before, of those that attackers are after; any other; a policy it never had.
NEW_GRAVE, NEW_ACTION, NEW_POLICY = 0.4, 0.05, 0.4
#: What was found in another strand of the same conversation counts so much.
BESIDE = 0.75
#: An actor that was not there, though the store goes back for a day and more; newness of a hand that has stayed longer.
NEW_ACTOR, STAYED = 0.35, 0.6
#: Entries a minute beyond what its actor ever did, by this factor, in a strand of so many.
FASTER, PACE, ENOUGH = 0.4, 2.0, 20
#: New actions that count; days of an actor's past that make what is new half as telling, and all of it.
_NEW = 6
_SETTLED = 3
_DAY, _MINUTE = 86_400_000_000, 60_000_000
#: How long before its strand a credential is issued (microseconds), at most, for both to be one beginning.
_ISSUED = 5 * _MINUTE
#: Where to begin: what is clearly wrong, what is of one plain sign beside it, and what is of a faint one where there is
#: nothing better.
CLEAR, PLAIN, FAINT = 0.5, 0.38, 0.3


def assess(case: Case, thread: Thread) -> None:
    """Fill in why a strand looks wrong. `case.past` has to know its actor."""
    signs: list[tuple[float, str]] = []
    signs += [(FOUND.get(level, 0.3), f"{name} ({level}) has found it") for name, level in _found(thread)]
    for one in case.by("actor", thread.key.actor) if thread.key.session and thread.key.actor else []:
        if one.key.session == thread.key.session and one is not thread and not one.foreign:
            signs += [
                (BESIDE * FOUND.get(level, 0.3), f"{name} ({level}) has found something in its session")
                for name, level in _found(one)
            ]
    before = _before(case, thread)
    if not before and thread.key.part != "agent" and thread.first - case.began > _DAY:
        signs.append((NEW_ACTOR, "its actor was not there before"))
    days = {hand.first // _DAY for one in before for hand in one.hands}
    known = min(1.0, len(days) / _SETTLED)
    if thread.key.part != "agent":
        signs += [
            (chance * known, text)
            for chance, text in (*_hand(thread, before, case.by("actor", thread.key.actor)), *_pace(thread, before))
        ]
    signs += [(chance * known, text) for chance, text in _deeds(case, thread)]
    left = 1.0
    for chance, _ in signs:
        left *= 1 - chance
    thread.suspicion, thread.reasons = round(1 - left, 4), [text for _, text in signs]


def _found(thread: Thread) -> list[tuple[str, str]]:
    """Detections that have entries of a strand as evidence, with their severities."""
    return sorted({(one.detection, one.severity) for those in thread.findings.values() for one in those})


def _hand(thread: Thread, before: list[Thread], others: list[Thread]) -> list[tuple[float, str]]:
    """Whether it is another hand than those that came before it."""
    key = thread.key
    if not before:
        return []
    network = key.network not in {one.key.network for one in before}
    program = key.program not in {one.key.program for one in before} and bool(key.program)
    thread.foreign = (network or program) and not _brought(thread, before, others)
    thread.elsewhere = network and thread.foreign
    if not thread.foreign:
        return []
    share = STAYED if thread.last - thread.first > _DAY else 1.0
    if network and program:
        return [
            (share * ELSEWHERE, f"neither its network {key.network} nor its program {key.program} was known before")
        ]
    if network:
        return [(share * NEW_NETWORK, f"its network {key.network or '(none)'} was not known before")]
    return [(share * NEW_PROGRAM, f"its program {key.program} was not known before")] if program else []


def _before(case: Case, thread: Thread) -> list[Thread]:
    """Strands of the same actor that began before it, without what agents report themselves."""
    same = case.by("actor", thread.key.actor) if thread.key.actor else []
    return [one for one in same if one.key.part != "agent" and one.first < thread.first]


def _brought(thread: Thread, before: list[Thread], others: list[Thread]) -> bool:
    """Whether it was the first to use a credential that others used later: what is new there are those."""
    name = thread.key.credential
    return bool(name) and all(one.key.credential != name for one in before) and any(
        one.key.credential == name and one.first > thread.first for one in others
    )  # fmt: skip


def _pace(thread: Thread, before: list[Thread]) -> list[tuple[float, str]]:
    """Whether it works faster than its actor ever did."""
    known = max((pace_of(one) for one in before if one.events >= ENOUGH), default=0.0)
    pace = pace_of(thread)
    if thread.events < ENOUGH or not known or pace < PACE * known:
        return []
    return [(FASTER, f"{pace:,.0f} entries a minute, where its actor never made more than {known:,.0f}")]


def pace_of(thread: Thread) -> float:
    """Entries a minute of a strand, taken as lasting a minute at least."""
    return thread.events / max(1.0, (thread.last - thread.first) / _MINUTE)


def _deeds(case: Case, thread: Thread) -> list[tuple[float, str]]:
    """What its actor did for the first time in it."""
    firsts = case.first_time(thread.key.actor)
    if not firsts or min(firsts.values()) >= thread.first:
        return []
    done = {action for hand in thread.hands for action in hand.actions}
    new = sorted(action for action in done if _new(thread, firsts.get(action, 0)))
    grave = [action for action in new if deed_of(action).flags & GRAVE]
    other = [action for action in new if action not in grave]
    signs = [(NEW_GRAVE, f"its actor never did {action} before") for action in grave[:_NEW]]
    signs += [(NEW_ACTION, f"its actor never did {action} before") for action in other[:_NEW]]
    policies = sorted({policy for hand in thread.hands for policy in hand.policies})
    fresh = [one for one in policies if _new(thread, firsts.get(f"policy {one}", 0))]
    return [*signs, *((NEW_POLICY, f"its actor never acted under {one} before") for one in fresh[:1])]


def _new(thread: Thread, first: int) -> bool:
    """Whether something was done for the first time in a strand, or as its credential was issued."""
    return thread.first - _ISSUED <= first <= thread.last
