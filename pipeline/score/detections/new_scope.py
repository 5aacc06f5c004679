"""A machine's identity does something of a sort that it never did."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.deeds import GRAVE
from pipeline.score.past import Past
from pipeline.score.suspicion import NOVEL, Parameters, Suspicion

ON = NOVEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new service, action and resource are; what looks only counts half."""
    if past.profile.kind not in ("agent", "service", "workload", "ci") or not act.credential or not past.days:
        return None
    if not past.is_new("action") and not past.is_new("policy"):
        return None
    weight = 0.5 if act.looks and not act.flags & GRAVE else 1.0
    new = past.surprise("service") + past.surprise("action") + past.surprise("policy") + 0.5 * past.surprise("resource")
    return Suspicion(weight * new + math.log1p(past.novel), {"usual": past.usually("action")})
