"""A credential of an agent's task that is used when the task has long gone silent."""

from __future__ import annotations

import math

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import LATE, Parameters, Suspicion

ON = LATE


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """How long after the agent's last word, and how new place and program are."""
    session = past.session
    if session is None or not session.said or act.agentic or not act.credential:
        return None
    silent = (act.time - session.said) / 60e6
    if silent < float(parameters["silent_min"]):
        return None
    new = past.surprise("network") + past.surprise("program")
    return Suspicion(1.0 + math.log(silent / float(parameters["silent_min"])) + new, {"silent": f"{silent:.0f} min"})
