"""Models called in vain, as those do who try what a stolen key may use."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import MODEL
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = MODEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """By how many times refused calls exceed those of earlier days, and how new models are to the identity."""
    if not act.denied and not act.failed:
        return None
    refused = past.count("refused")
    new = past.surprise("service") + past.surprise("network")
    return Suspicion(past.excess("refused") + new + past.surprise("action"), {"refused": str(refused)})
