"""An agent's credential changes who may do what, and no tool call or prompt is behind it."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import BLIND, MINT, POWER
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = MINT | POWER | BLIND


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How unusual that is for the agent."""
    if past.profile.kind != "agent":
        return None
    sure = max((link.confidence for link in act.entry.links if link.target == "tool_call"), default=0.0)
    if sure >= float(parameters["explained"]):
        return None
    return Suspicion(2.0 + past.surprise("action") + 0.5 * past.surprise("network"))
