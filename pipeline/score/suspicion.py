"""Suspicion: what a detection says of one act; and which acts it has to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.profile import Token

#: What is set in a detection's `name.yml`.
Parameters = Mapping[str, Any]
#: Sorts of acts beside the flags of `pipeline.score.deeds`:
#: more than there was today and is usual; the shape of the work was looked at; an agent's own words; an issuance
RAISED, SHAPED, AGENTIC, ISSUES = (1 << bit for bit in range(20, 24))
#: a use of a credential: elsewhere or with another program than before, for the first time, one that never expires, one
#: after its end, one long after its session's last word; something that is new to the identity in this session
MOVED, FIRST, STANDING, ENDS, LATE, NOVEL = (1 << bit for bit in range(24, 30))
#: an identity that was silent for days, one that was not there before today; and every act.
QUIET, STRANGER, ALWAYS = (1 << bit for bit in range(30, 33))
#: Every act: for rules of one's own.
ANY = -1
#: Microseconds of silence of an identity, and of a session's agent, and novelty (nats), that are worth a look.
SILENT, SAID, WORTH = 3 * 86_400_000_000, 300_000_000, 0.5


class Suspicion(NamedTuple):
    """How suspicious an act is (nats), and values for the sentence."""

    score: float
    says: Mapping[str, str] = {}


def sort_of(act: Act, past: Past) -> int:
    """The bits of an act: most acts concern few detections."""
    sort = act.flags | ALWAYS
    if past.raised:
        sort |= RAISED
    if past.shape is not None:
        sort |= SHAPED
    if act.agentic:
        sort |= AGENTIC
    elif act.event.issued:
        sort |= ISSUES
    if past.novel >= WORTH:
        sort |= NOVEL
    if past.token is not None:
        sort |= _use(act, past.token, past)
    if past.profile.quiet >= SILENT:
        sort |= QUIET
    if not past.profile.active:
        sort |= STRANGER
    return sort


def _use(act: Act, token: Token, past: Past) -> int:
    """The bits of a use of a credential."""
    sort = FIRST if past.first_use else 0
    if act.network not in token.networks or act.agent not in token.programs:
        sort |= MOVED
    if act.key == "standing":
        sort |= STANDING
    if act.revoked or 0 < act.expires < act.time:
        sort |= ENDS
    if past.session is not None and 0 < past.session.said < act.time - SAID:
        sort |= LATE
    return sort
