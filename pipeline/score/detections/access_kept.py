"""Somebody makes a credential or a right that stays when theirs is gone."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import MINT, POWER
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = MINT | POWER


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual that is for the identity, and from where."""
    if act.denied or act.failed:
        return None
    mints = 1.0 if act.flags & MINT else 0.0
    new = past.surprise("action") + 0.5 * past.surprise("network") + 0.5 * past.surprise("resource")
    return Suspicion(0.5 + mints + new + 0.5 * past.excess("minting"), {"what": act.target or "an identity"})
