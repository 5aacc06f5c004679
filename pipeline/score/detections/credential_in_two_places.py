"""One credential used from two networks at about the same time."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import MOVED, Parameters, Suspicion

ON = MOVED


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new this network is to the identity, where the credential was elsewhere just now."""
    token = past.token
    if token is None or not act.network or act.network in token.networks:
        return None
    within = act.time - int(parameters["within_min"]) * 60_000_000
    others = [network for network, last in token.networks.items() if last >= within]
    if not others:
        return None
    new = past.surprise("network") + 0.5 * past.surprise("program")
    return Suspicion(1.0 + new + (act.agent not in token.programs), {"here": act.network, "there": others[-1]})
