"""A person's identity that works like an agent or a script."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import SHAPED, Parameters, Suspicion

ON = SHAPED


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """Log-odds that no person is at work, where only a person ever was, and how new what is done is to that person."""
    if past.profile.kind != "human" or past.shape is None:
        return None
    person, agent, script = past.shape
    odds = min(3.0, math.log((agent + script + 0.001) / (person + 0.001)))
    if odds <= 0:
        return None
    before = past.profile.tempo or [0.0, 0.0, 0.0]
    usual = math.log((sum(before) + 2.0) / (sum(before) - before[0] + 1.0))
    # People do start loops. What nobody expects of this person is what tells.
    new = 1.5 * math.log1p(past.novel) + past.excess("acts") + past.excess("spread")
    like = "an agent" if agent > script else "a script"
    return Suspicion(odds + usual + new, {"like": like, "sure": f"{1 - person:.2f}"})
