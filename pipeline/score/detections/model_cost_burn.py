"""An identity calls models far more than it ever did."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import MODEL
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = MODEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """By how many times its calls within some minutes exceed those of earlier days."""
    if "model" not in past.raised or past.count("model") < int(parameters["least"]):
        return None
    burn = 1.5 * past.excess("model") + past.surprise("network")
    return Suspicion(burn, {"number": str(past.count("model"))})
