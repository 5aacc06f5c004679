"""A Bedrock API key, which is a bearer token of a month or more, used from where nobody expects it."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import MODEL
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = MODEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new place, program and action are to the key's identity."""
    if "callWithBearerToken" not in act.event.attributes:
        return None
    new = past.surprise("network") + past.surprise("program") + past.surprise("action")
    return Suspicion(1.0 + new)
