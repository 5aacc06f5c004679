"""The credential of an agent's session, used from another place and by another program."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import MOVED, Parameters, Suspicion

ON = MOVED


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new both are to the agent."""
    token = past.token
    if token is None or past.profile.kind != "agent" or not token.networks:
        return None
    elsewhere = bool(act.network) and act.network not in token.networks
    otherwise = bool(act.agent) and bool(token.programs) and act.agent not in token.programs
    if not elsewhere and not otherwise:
        return None
    new = elsewhere * (1.0 + past.surprise("network")) + otherwise * (0.5 + past.surprise("program"))
    return Suspicion(new, {"here": act.network or act.agent, "there": next(iter(token.networks))})
