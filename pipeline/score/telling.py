"""What the misuse stage tells: a Finding with the sentence that an analyst reads, and how an identity behaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from pipeline.score.act import Act
from pipeline.score.baseline import WORKERS
from pipeline.score.definition import Definition, shortened
from pipeline.score.frame import SETTLED
from pipeline.score.profile import Found, Profile
from pipeline.score.rules.rulebook import Match
from schemas.behaviour import Behaviour
from schemas.finding import Finding

#: The model of a rule of one's own; resources of an entry that are told.
RULE, RESOURCES = "rule", 16


def of_detection(
    act: Act, profile: Profile, name: str, definition: Definition, says: Mapping[str, str], known: Found,
    judged: tuple[float, str],
) -> Finding:  # fmt: skip
    """A Finding of a detection as it is now; `judged`: p-value, and which model says so."""
    found = _finding(act, (name, ""), profile.day, definition, says, known)
    found.p_value, found.model = judged
    found.score = round(1.0 - 2.0**-known.score, 4)
    against = held_against(profile)
    found.sentence = f"{found.sentence} {against}"
    found.details = {"score_nats": f"{known.score:.2f}", "baseline": against, **_tempo(profile), **found.details}
    return found


def of_rule(act: Act, day: int, match: Match, known: Found) -> Finding:
    """A Finding of a rule of one's own as it is now; `day`: since 1970."""
    return _finding(act, (match.rule, match.group), day, match.definition, match.values, known)


def _finding(
    act: Act, about: tuple[str, str], day: int, definition: Definition, says: Mapping[str, str], known: Found
) -> Finding:  # fmt: skip
    """A Finding of what has this name and groups by this, certain as rules are."""
    said = {"actor": act.actor, "action": act.action, "credential": act.credential, "address": act.event.address,
            **says}  # fmt: skip
    name = "\0".join((*about, act.identity, str(day)))
    return Finding(
        finding_id=hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        revision=known.revision,
        detection=about[0],
        model=RULE,
        title=definition.title,
        severity=known.severity,
        time=act.time,
        actor=known.actor,
        actor_kind=act.kind,
        human=act.entry.human,
        session=known.session,
        score=1.0,
        p_value=0.0,
        sentence=definition.say(said),
        entries=known.entries,
        details=said,
        frameworks=definition.frameworks,
        family=definition.family,
        tactic=definition.tactic,
        runbook=definition.runbook,
        action=act.action,
        credential=act.credential,
        policy=act.event.policy,
        account=act.event.account,
        address=act.event.address,
        resources=act.event.resources[:RESOURCES],
        quotes=_quotes(act, says.values()),
        key=act.identity,
    )


def _quotes(act: Act, said: Iterable[str]) -> list[str]:
    """What is said that comes out of a prompt, a result or an argument, as the sentence and the details write it."""
    content = [act.event.text, *(one.value for one in act.event.arguments)]
    found = [value for value in said if value and any(value in text for text in content)]
    return list(dict.fromkeys(form for value in found for form in (value, shortened(value))))


def behaviour(profile: Profile, act: Act, model: str) -> Behaviour:
    """How an identity behaves today."""
    whole = sum(profile.tempo)
    before = [share / whole for share in profile.tempo] if whole else [0.0, 0.0, 0.0]
    human, agent, script = (round(one, 4) for one in profile.today)
    return Behaviour(
        identity=act.identity, day=profile.day, time=act.time, declared=profile.kind, human=human, agent=agent,
        script=script, before_human=before[0], before_agent=before[1], before_script=before[2], days=profile.active,
        model=model,
    )  # fmt: skip


def held_against(profile: Profile) -> str:
    """What a p-value rests on."""
    if not profile.active:
        return f"It was not there before today; it is held against what is usual for its kind ({profile.kind})."
    if profile.active < SETTLED:
        return f"It is known for {profile.active} active days; what is usual for its kind ({profile.kind}) counts most."
    return f"It is held against {profile.active} active days of its own and its peers ({profile.kind})."


def _tempo(profile: Profile) -> dict[str, str]:
    """How it behaves today, against what it is said to be."""
    if not profile.today:
        return {}
    behaves = max(zip(profile.today, WORKERS, strict=True))
    before = max(zip(profile.tempo, WORKERS, strict=True))[1] if any(profile.tempo) else "not known"
    return {"behaves_like": f"{behaves[1]} ({behaves[0]:.2f})", "declared": profile.kind, "behaved_like_before": before}
