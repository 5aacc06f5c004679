"""An identity that was silent for weeks acts again."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import DAY, Past
from pipeline.score.suspicion import QUIET, Parameters, Suspicion

ON = QUIET


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """The logarithm of how many times its longest silence this is, and how new place and action are."""
    quiet = past.profile.quiet / DAY
    if quiet < float(parameters["days"]):
        return None
    usual = max(past.profile.silence / DAY, 1.0)
    new = 0.5 * (past.surprise("network") + past.surprise("program") + past.surprise("action"))
    return Suspicion(2.0 * math.log(max(1.0, quiet / usual)) + new, {"quiet": f"{quiet:.0f} days"})
