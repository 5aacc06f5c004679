"""How long a credential is good: until when it was issued or renewed, and since when it is revoked, at any time of it.

Revocations, what lifts them, and renewals come in any order, and some late. They are kept by event, and what follows
from all of them is a list of stages: from which event time on it was to expire when, and was revoked since when. Two
such lists tell for which stretch of time something has become known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from operator import itemgetter

import msgspec

from pipeline.correlate.bindings import INFERRED, best
from pipeline.correlate.keyring import Key, Stage
from pipeline.correlate.keys import CREDENTIAL
from schemas.batch import Attribution, Turn
from schemas.event import RENEWS, RESTORES, REVOKES, Event

#: Attributes that tell of one.
TURNS = frozenset((REVOKES, RESTORES, RENEWS))
#: Turns of one credential that are remembered: the latest.
REMEMBERED = 64
#: Credentials that one event may revoke.
MOST = 64
FOREVER = 2**62
#: Credentials whose last attribution is kept ready.
READY = 2_000
Span = tuple[int, int]


def turns_of(event: Event, revision: int) -> list[Turn]:
    """What an event does to the lives of credentials. An attribute of that name that an agent made up does nothing."""
    if event.kind not in ("cloud_audit", "token_issuance") or event.outcome in ("failure", "denied"):
        return []
    return [
        Turn(CREDENTIAL + name, event.event_id, event.time, what, event.issued_expires * (what == RENEWS), revision)
        for what in (REVOKES, RESTORES, RENEWS)
        if what in event.attributes
        for name in event.attributes[what].split("\n")[:MOST]
        if name
    ]


def stages_of(key: Key) -> list[Stage]:
    """The stages of a credential's life; one, if it was issued at most and nothing has happened to it since."""
    if key.life:
        return key.life
    bind = best(key.binds.values())
    return [(0, bind.expires if bind else 0, 0)]


def turn(key: Key, told: Turn) -> tuple[bool, Span | None]:
    """Take in a turn: whether it is news, and for which first to last event time it has changed anything."""
    value = (told.revision, told.time, told.what, told.expires)
    known = key.turns.get(told.event_id)
    if known is not None and known >= value:
        return False, None
    if known is None and len(key.turns) >= REMEMBERED:
        oldest = min(key.turns, key=lambda name: (key.turns[name][1], name))
        if (key.turns[oldest][1], oldest) > (told.time, told.event_id):
            return False, None
        # Events between it and the next one keep what was said of them.
        del key.turns[oldest]
        live(key, [])
    before = stages_of(key)
    key.turns[told.event_id] = value
    return True, live(key, before)


def live(key: Key, before: list[Stage]) -> Span | None:
    """Work out a credential's life from all that is known; the first and last event time that this has changed."""
    after = _stages(key)
    bind = best(key.binds.values())
    key.life = [] if after == [(0, bind.expires if bind else 0, 0)] else after
    if before == after or not before:
        return None
    starts = sorted({start for start, _, _ in [*before, *after]})
    differing = [at for at, start in enumerate(starts) if _at(before, start)[1:] != _at(after, start)[1:]]
    if not differing:
        return None
    end = differing[-1] + 1
    return starts[differing[0]], starts[end] - 1 if end < len(starts) else FOREVER


class Dated:
    """Attributions with what was true of their credential; the last one of each is kept ready, since most are alike."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Attribution, Stage, Attribution]] = {}

    def at(self, name: str, attribution: Attribution, life: list[Stage], time: int) -> Attribution:
        """The attribution of an event of this time, of a credential by its link key."""
        stage = _at(life, time)
        known = self._known.get(name)
        if known is not None and known[0] is attribution and known[1] == stage:
            return known[2]
        _, expires, revoked = stage
        found = msgspec.structs.replace(attribution, credential_expires=expires, credential_revoked=revoked)
        if len(self._known) >= READY:
            self._known.clear()
        self._known[name] = attribution, stage, found
        return found


def _at(life: list[Stage], time: int) -> Stage:
    return life[max(bisect_right(life, time, key=itemgetter(0)) - 1, 0)]


def _stages(key: Key) -> list[Stage]:
    """What a turn does is true after its own time; what is restored at the same time as revoked counts as restored."""
    issued = sorted(
        (bind.time, bind.event_id, bind.expires)
        for bind in key.binds.values()
        if bind.expires and bind.event_id != INFERRED
    )
    expires, revoked = issued[0][2] if issued else 0, 0
    found: list[Stage] = [(0, expires, revoked)]
    told: dict[int, list[tuple[str, int]]] = defaultdict(list)
    # A credential that is issued again has a new expiry; copies of one issuance say the same.
    for time, _, until in issued[1:]:
        told[time].append((RENEWS, until))
    for _, time, what, until in key.turns.values():
        told[time].append((what, until))
    for time in sorted(told):
        restored = any(what == RESTORES for what, _ in told[time])
        if restored and revoked:
            revoked = 0
            found.append((time, expires, revoked))
        elif not restored and any(what == REVOKES for what, _ in told[time]):
            revoked = time
        expires = max((until for what, until in told[time] if what == RENEWS), default=0) or expires
        found.append((time + 1, expires, revoked))
    return [stage for number, stage in enumerate(found) if number == 0 or stage[1:] != found[number - 1][1:]]
