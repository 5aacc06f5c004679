"""Secrets read one after the other."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.deeds import SECRET
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = SECRET


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """By how many times the reads exceed those of earlier days, and how new reading secrets is to the identity."""
    if "secret" not in past.raised or past.count("secret") < int(parameters["least"]):
        return None
    number = past.count("secret")
    new = past.surprise("action") + 0.5 * past.surprise("resource") + 0.5 * past.surprise("network")
    return Suspicion(past.excess("secret") + 0.5 * math.log(number) + new, {"number": str(number)})
