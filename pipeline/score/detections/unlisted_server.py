"""An agent uses a tool server that it never used."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import AGENTIC, Parameters, Suspicion

ON = AGENTIC


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new the server and the tool are to it."""
    if not act.server or not past.is_new("server"):
        return None
    return Suspicion(past.surprise("server") + 0.5 * past.surprise("tool"), {"server": act.server})
