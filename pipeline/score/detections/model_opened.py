"""Somebody opens models for use: forms, agreements, entitlements."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import OPEN
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = OPEN


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new that is to the identity, and from where."""
    new = past.surprise("action") + past.surprise("network") + 0.5 * past.surprise("program")
    return Suspicion(1.0 + new + (act.key == "standing"))
