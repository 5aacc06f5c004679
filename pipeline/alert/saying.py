"""An episode becomes what an Alert says: who did what for whom, with which token, under which policy, what was unusual.

The sentence is put together from names and numbers only. What quotes prompts and arguments stays in `unusual`, with
`quotes` beside it, so that a destination can be told the one without the other.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import get_args

import msgspec

from pipeline.alert import risk
from pipeline.alert.episodes import Episode
from pipeline.alert.plain import short
from schemas.alert import Alert
from schemas.finding import Finding, Tactic

#: Values of a kind that an alert has, and characters of one in a sentence.
MOST, SHOWN = 32, 120
TACTICS = get_args(Tactic)


def said(episode: Episode, sensitivity: str) -> Alert:
    """An Alert of an episode, without its name, state and history."""
    found = sorted(episode.findings, key=_worst)
    severity, risky = risk.judged(risk.likelihood(found), sensitivity)
    head = found[0]
    made = Alert(
        alert_id="",
        severity=severity,
        risk=risky,
        sensitivity=sensitivity,
        family=head.family,
        stage=max((one.tactic for one in found), key=_place),
        title=head.title,
        unusual=_once(one.sentence for one in found),
        runbook=_once(step for one in found for step in one.runbook),
        actor=head.actor,
        actor_kind=next((one.actor_kind for one in found if one.actor_kind), ""),
        human=next((one.human for one in found if one.human), ""),
        session=head.session,
        credentials=_once(one.credential for one in found),
        policies=_once(one.policy for one in found),
        actions=_once(one.action for one in found),
        resources=_once(name for one in found for name in one.resources),
        accounts=_once(one.account for one in found),
        addresses=_once(one.address for one in found),
        first=episode.first,
        last=episode.last,
        detections=dict(sorted(Counter(one.detection for one in found).items())),
        count=len(found),
        findings=[one.finding_id for one in found[: 2 * MOST]],
        entries=_once((name for one in found for name in one.entries), 4 * MOST),
        frameworks=sorted({name for one in found for name in one.frameworks}),
        models=sorted({one.model for one in found if one.model}),
        p_value=min(one.p_value for one in found),
        quotes=_once((text for one in found for text in one.quotes), 8 * MOST),
        suppressed=head.suppressed,
    )
    return msgspec.structs.replace(made, sentence=sentence(made))


def sentence(alert: Alert) -> str:
    """Who (and for whom) did what, with which token, under which policy, when."""
    kind = f" ({alert.actor_kind})" if alert.actor_kind not in ("", "unknown") else ""
    whom = f", for {short(alert.human, SHOWN)}" if alert.human and alert.human != alert.actor else ""
    how = _how(alert)
    found = f"{alert.count} finding{'s' * (alert.count != 1)} of {_some(list(alert.detections))}"
    did = f"did {_some(alert.actions)}" if alert.actions else "acted"
    actor = short(alert.actor, SHOWN) or "Somebody whom no source names"
    return f"{actor}{kind}{whom}, {did} {how}: {found}, {_span(alert.first, alert.last)}."


def _how(alert: Alert) -> str:
    """With which token, under which policy, and which of both is not known."""
    if not (alert.credentials or alert.policies):
        return "with a token and under a policy that no source names"
    token = f"with {_some(alert.credentials)}" if alert.credentials else "with a token that no source names"
    return f"{token}, under {_some(alert.policies) if alert.policies else 'a policy that no source names'}"


def _some(values: list[str]) -> str:
    """The first of several, and how many more there are."""
    more = f" and {len(values) - 1} more" if len(values) > 1 else ""
    return short(values[0], SHOWN) + more


def _span(first: int, last: int) -> str:
    begin, end = _when(first), _when(last)
    if begin == end:
        return f"at {begin} UTC"
    return f"from {begin} to {end[11:] if end[:10] == begin[:10] else end} UTC"


def _when(microseconds: int) -> str:
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        return "a time beyond all calendars"
    return moment.isoformat(" ", "seconds")


def _worst(one: Finding) -> tuple[int, float, int, str]:
    return -risk.ORDER.index(one.severity), one.p_value, one.time, one.finding_id


def _place(tactic: str) -> int:
    return TACTICS.index(tactic) if tactic in TACTICS else -1


def _once(values: Iterable[str], most: int = MOST) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))[:most]
