"""A machine's identity that the inventory did not have until now: a shadow agent, a spare key."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import STRANGER, Parameters, Suspicion

ON = STRANGER


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How rare new identities of its kind are, and what it does that matters."""
    profile, known = past.profile, past.population
    if past.days or profile.kind == "human" or known.days < float(parameters["days"]):
        return None
    rare = math.log((known.days + 1.0) / (known.fresh.get(profile.kind, 0.0) + 1.0))
    grave = math.log1p(past.count("grave") + past.count("changing"))
    return Suspicion(max(0.0, rare) + 0.5 * grave, {"kind": profile.kind})
