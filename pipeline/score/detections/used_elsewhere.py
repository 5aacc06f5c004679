"""An identity at work from where it never was, with what it never had."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import NOVEL, Parameters, Suspicion

ON = NOVEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new place, program, and all that it does there are to it."""
    if not past.days or not past.is_new("network"):
        return None
    what = past.surprise("action") + past.surprise("resource") + past.excess("spread") + past.excess("failing")
    new = past.surprise("network") + past.surprise("program") + 0.5 * past.surprise("hours")
    return Suspicion(new + 0.5 * what)
