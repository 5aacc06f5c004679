"""Somebody switches a log or a detection off."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.deeds import BLIND, DIM
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = BLIND | DIM


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual that is for the identity, and from where."""
    new = past.surprise("action") + 0.5 * past.surprise("network") + 0.5 * past.surprise("program")
    # Few ever have a reason to do the former; the latter is done by whoever tidies up.
    base = 8.0 if act.flags & BLIND else 1.0
    return Suspicion(base + new + 0.5 * math.log1p(past.count("failing")), {"what": act.target or "it"})
