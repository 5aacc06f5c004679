"""A temporary credential that nobody saw being issued, where that is seen as a rule."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import FIRST, Parameters, Suspicion

ON = FIRST


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How rare that is among all temporary credentials at their first use, and how new the place is."""
    if act.key != "temporary" or not past.first_use or not act.entry.unbound.startswith("credential never seen"):
        return None
    known = past.population
    rare = math.log((known.issued + known.unseen + 2.0) / (known.unseen + 1.0))
    return Suspicion(rare + past.surprise("network")) if known.days >= float(parameters["days"]) else None
