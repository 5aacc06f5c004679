"""A credential on its way to somebody else's models: look around, open them, try, use."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.deeds import BLIND, MODEL, OPEN, PROBE, SURVEY, names_of
from pipeline.score.past import Past
from pipeline.score.suspicion import Parameters, Suspicion

ON = SURVEY | OPEN | MODEL | PROBE | BLIND

#: Beside the bits of deeds: a model was called and refused, as a try with impossible parameters is.
REFUSED = 1 << 20


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """Steps that were taken with the credential, and how new models and place are to its identity."""
    token = past.token
    step = act.flags & (SURVEY | OPEN | MODEL | PROBE) or (act.flags & BLIND if act.service == "bedrock" else 0)
    if token is None or not step:
        return None
    refused = bool(step & MODEL) and (act.denied or act.failed)
    token.steps |= step | (REFUSED if refused else 0)
    if step & (SURVEY | OPEN) and act.action not in token.survey:
        token.survey = [*token.survey, act.action][-int(parameters["steps"]) :]
    signs = 0.5 * len(token.survey) + bool(token.steps & OPEN) + 2 * bool(token.steps & BLIND)
    signs += 1.5 * bool(token.steps & REFUSED) + 0.5 * bool(token.steps & PROBE)
    if signs < float(parameters["least"]):
        return None
    new = past.surprise("service") + past.surprise("network") + 0.5 * past.surprise("program")
    return Suspicion(signs + new + (act.key == "standing"), {"steps": ", ".join(names_of(token.steps)) or "none"})
