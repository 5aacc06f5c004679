"""An agent, a workload or a service that does far more of something than it ever did."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import RAISED, Parameters, Suspicion

ON = RAISED

#: How much more it matters of what there is more.
_WEIGHTS = {
    "secret": 1.5, "minting": 1.5, "grave": 1.2, "changing": 1.0, "failing": 0.7, "model": 0.7, "acts": 0.5,
}  # fmt: skip
#: What is counted, in words.
_WORDS = {
    "secret": "reads of secrets", "minting": "new credentials", "grave": "grave acts", "changing": "changes",
    "failing": "refused requests", "model": "calls of models", "acts": "requests",
}  # fmt: skip


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """By how many times it exceeds its greatest count of earlier days, what matters more counting more."""
    worst = max([(_WEIGHTS[rate] * past.excess(rate), rate) for rate in past.raised if rate in _WEIGHTS], default=None)
    if worst is None or worst[0] < float(parameters["least"]):
        return None
    number, rate = past.count(worst[1]), _WORDS[worst[1]]
    usual = max(past.profile.peaks.get(worst[1], [0]), default=0)
    return Suspicion(worst[0], {"number": str(number), "sort": rate, "usual": str(usual)})
