"""A workload that has an identity of its own, and uses a key that never expires."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import STANDING, Parameters, Suspicion

ON = STANDING


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual a standing key is for it."""
    if past.profile.kind not in ("workload", "ci", "agent"):
        return None
    return Suspicion(1.0 + past.surprise("key") + past.surprise("network"))
