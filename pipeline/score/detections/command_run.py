"""Something is run on machines or put into functions of others."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import RUN
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = RUN


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual that is for the identity."""
    new = past.surprise("action") + 0.5 * past.surprise("network") + 0.5 * past.surprise("resource")
    return Suspicion(0.5 + new + 0.5 * (act.denied or act.failed), {"what": act.target or "a machine"})
