"""A pipeline's identity at work where no runner is, or on what no pipeline does."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import NOVEL, Parameters, Suspicion

ON = NOVEL


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new place, program and action are to it."""
    if past.profile.kind != "ci" or act.agentic or not past.days:
        return None
    new = past.surprise("network") + past.surprise("program") + 0.5 * past.surprise("action")
    return Suspicion(new) if past.is_new("network") or past.is_new("program") else None
