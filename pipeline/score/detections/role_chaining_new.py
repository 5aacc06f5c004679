"""With a temporary credential a role is taken that its holder never took."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import ISSUES, Parameters, Suspicion

ON = ISSUES


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How new role and account are, and how long the chain is."""
    if act.event.kind != "token_issuance" or act.key != "temporary" or not act.event.issued_subject:
        return None
    new = past.surprise("role") + past.surprise("account") + 0.5 * past.surprise("network")
    chain = len(act.entry.credential_chain)
    return Suspicion(new + 0.3 * chain, {"role": act.event.issued_subject}) if new else None
