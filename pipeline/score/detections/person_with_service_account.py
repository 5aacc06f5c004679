"""A service's or a workload's identity that works like a person."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import SHAPED, Parameters, Suspicion

ON = SHAPED


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """Log-odds that a person is at work, and how unusual place and program are."""
    profile = past.profile
    machine = profile.kind in ("service", "workload", "ci") or (act.key == "standing" and profile.kind != "human")
    if not machine or past.shape is None:
        return None
    person = past.shape[0]
    odds = math.log((person + 0.001) / (1.001 - person))
    if odds <= 0:
        return None
    before = profile.tempo or [0.0, 0.0, 0.0]
    usual = math.log((sum(before) + 2.0) / (before[0] + 1.0))
    where = 0.5 * (past.surprise("network") + past.surprise("program"))
    return Suspicion(odds + usual + where, {"sure": f"{person:.2f}"})
