"""A credential tried out from a new place: who am I, and what may I do?"""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.deeds import PROBE
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = PROBE


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """Probes and refusals of the last minutes, where place or program is new to the identity."""
    new = past.surprise("network") + 0.5 * past.surprise("program")
    if not act.credential or not past.is_new("network"):
        return None
    probes = sum(action in past.profile.looked["breadth"] for action in parameters["probes"])
    return Suspicion(new + 0.5 * probes + 0.5 * math.log1p(past.count("failing")) + (act.key == "standing"))
