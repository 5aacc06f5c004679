"""Many alerts at once become one: after the first few of a severity in an hour, a storm stands for the others.

An attacker may raise a storm to hide in it. So storms are told apart by severity (nothing critical is hidden by what
is low), and the first alert of each family of detections is told all the same. What a storm stands for is kept, each
alert for itself, and names the storm.
"""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.alert.plain import short
from pipeline.alert.saying import SHOWN
from schemas.alert import Alert

#: Microseconds of event time that one storm is about.
HOUR = 3_600_000_000
#: Actors and detections that a storm counts.
COUNTED = 256


class Storm(msgspec.Struct, array_like=True, gc=False):
    """The alerts of one severity that began in one hour; `last`: event time, microseconds."""

    last: int
    #: How many there were, and how many were told for themselves.
    count: int = 0
    told: int = 0
    #: Families of which one was told.
    families: dict[str, int] = {}
    actors: dict[str, int] = {}
    detections: dict[str, int] = {}
    #: What it said last; None while it is none.
    alert: Alert | None = None


def key_of(alert: Alert) -> str:
    """Under which a storm is kept."""
    return f"s/{alert.severity}/{alert.first // HOUR}"


def admit(storm: Storm, alert: Alert, limit: int) -> str:
    """Count an alert that begins; returns the id of the storm that stands for it, empty if it is told for itself."""
    storm.count += 1
    storm.last = max(storm.last, alert.last)
    _count(storm.actors, alert.actor)
    for detection in alert.detections:
        _count(storm.detections, detection)
    first = alert.family not in storm.families
    _count(storm.families, alert.family)
    if storm.told < limit or first:
        storm.told += 1
        return ""
    return _id(alert)


def spoken(storm: Storm, alert: Alert, at: int) -> Alert:
    """The alert of a storm as it is now that it stands for this one too."""
    known = storm.alert
    others = storm.count - storm.told
    actors = sorted(storm.actors, key=lambda name: (-storm.actors[name], name))
    named = ", ".join(short(name, SHOWN) or "somebody unnamed" for name in actors[:3])
    at_least = "at least " if len(storm.actors) >= COUNTED else ""
    most = max(storm.detections, key=lambda name: (storm.detections[name], name))
    made = Alert(
        alert_id=_id(alert),
        fingerprint=_id(alert),
        revision=known.revision + 1 if known else 0,
        storm=True,
        severity=alert.severity,
        risk=max(alert.risk, known.risk if known else 0.0),
        family="storm",
        stage=alert.stage,
        title=f"A storm of {alert.severity} alerts",
        sentence=(
            f"{others} more {alert.severity} alerts than are told one by one began within an hour, about {at_least}"
            f"{len(storm.actors)} actors (most: {named}), most of them of {most}."
        ),
        runbook=[
            "Find out whether one cause stands behind them: a change that was rolled out, or somebody who hides.",
            "Look at the alerts that it stands for, the rarest detection first: whodid alerts list --part-of STORM.",
        ],
        first=min(alert.first, known.first if known else alert.first),
        last=max(alert.last, known.last if known else alert.last),
        detections=dict(sorted(storm.detections.items())),
        count=others,
        news="updated" if known else "opened",
        at=at,
    )
    if known is not None:
        made.state, made.verdict, made.changes = known.state, known.verdict, known.changes
        # Told again when it has doubled: 100,000 alerts are told 17 times.
        made.quiet = others & (others - 1) != 0
    storm.alert = made
    return made


def _count(counts: dict[str, int], name: str) -> None:
    if name in counts or len(counts) < COUNTED:
        counts[name] = counts.get(name, 0) + 1


def _id(alert: Alert) -> str:
    return hashlib.blake2b(f"storm\0{key_of(alert)}".encode(), digest_size=16).hexdigest()
