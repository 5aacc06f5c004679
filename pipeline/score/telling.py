"""What the misuse stage tells: a Finding with the sentence that an analyst reads, and how an identity behaves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pipeline.score.act import Act
from pipeline.score.baseline import WORKERS
from pipeline.score.definition import Definition
from pipeline.score.frame import SETTLED
from pipeline.score.profile import Found, Profile
from schemas.behaviour import Behaviour
from schemas.finding import Finding

#: The model of a rule of one's own.
RULE = "rule"


def finding(
    act: Act, profile: Profile, about: tuple[str, str], definition: Definition, says: Mapping[str, str], known: Found,
    judged: tuple[float, str],
) -> Finding:  # fmt: skip
    """A Finding as it is now: of a detection's name and what it groups by, with p-value and model."""
    p_value, model = judged
    said = {"actor": act.actor, "action": act.action, "credential": act.credential, "address": act.event.address,
            **says}  # fmt: skip
    told = {"runbook": "\n".join(definition.runbook), **said}
    sentence, score = definition.say(said), 1.0
    if model != RULE:
        told = {"score_nats": f"{known.score:.2f}", "baseline": held_against(profile), **_tempo(profile), **told}
        sentence, score = f"{sentence} {held_against(profile)}", round(1.0 - 2.0**-known.score, 4)
    name = "\0".join((*about, act.identity, str(profile.day)))
    return Finding(
        finding_id=hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        revision=known.revision,
        detection=about[0],
        model=model,
        title=definition.title,
        severity=known.severity,
        time=act.time,
        actor=act.actor,
        actor_kind=act.kind,
        human=act.entry.human,
        session=act.session,
        score=score,
        p_value=p_value,
        sentence=sentence,
        entries=known.entries,
        details=told,
        frameworks=definition.frameworks,
    )


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
