"""A credential that lasts longer than the policy for its holder's kind allows."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import ISSUES, Parameters, Suspicion

ON = ISSUES


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """The logarithm of how many times the limit it lasts."""
    if not act.event.issued or not act.event.issued_expires or act.denied or act.failed:
        return None
    hours = (act.event.issued_expires - act.time) / 3600e6
    limit = float(parameters["human_h"] if past.profile.kind == "human" else parameters["machine_h"])
    if hours <= limit * 1.01:
        return None
    return Suspicion(2.0 + math.log(hours / limit), {"hours": f"{hours:.0f} h", "limit": f"{limit:.0f} h"})
