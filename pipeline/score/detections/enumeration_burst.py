"""Within minutes somebody looks at many different things, far more than ever."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import RAISED, Parameters, Suspicion

ON = RAISED


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """By how many times the distinct actions exceed those of earlier days, and what was refused among them."""
    if "breadth" not in past.raised and "spread" not in past.raised:
        return None
    actions, things = past.looked("breadth"), past.looked("spread")
    if max(actions, things) < int(parameters["least"]):
        return None
    refused = 0.5 * math.log1p(past.count("failing"))
    burst = 1.5 * past.excess("breadth") + past.excess("spread") + refused + past.surprise("network")
    return Suspicion(burst, {"actions": str(actions), "things": str(things), "services": str(past.looked("services"))})
