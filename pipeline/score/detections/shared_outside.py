"""Something is opened to others: a snapshot, an image, a bucket, a port."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import DOOR, SHARE
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = SHARE | DOOR


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual that is for the identity."""
    new = past.surprise("action") + 0.5 * past.surprise("network") + 0.5 * past.surprise("resource")
    # A copy that is gone is gone; a door can be closed again.
    base = 5.0 if act.flags & SHARE else 1.0
    return Suspicion(base + new, {"what": act.target or "something"})
