"""A credential used after it was revoked."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import ENDS, Parameters, Suspicion

ON = ENDS


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """The logarithm of how late it is."""
    late = act.time - act.revoked
    if not act.revoked or late <= float(parameters["allowance_s"]) * 1e6:
        return None
    return Suspicion(4.0 + math.log1p(late / 60e6), {"late": f"{late / 60e6:.0f} min"})
