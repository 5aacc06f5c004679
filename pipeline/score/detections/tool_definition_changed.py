"""A server says something else of a tool than when its use began."""

from __future__ import annotations

from pipeline.score.act import Act
from pipeline.score.past import Past
from pipeline.score.suspicion import AGENTIC, Parameters, Suspicion

ON = AGENTIC


def score(act: Act, past: Past, parameters: Parameters) -> Suspicion | None:
    """A changed definition weighs most, the announcement of a change less."""
    if act.action == "notifications/tools/list_changed":
        return Suspicion(2.0 + past.surprise("tool") + past.surprise("server"), {"tools": "its tools"})
    if act.action != "tools/list":
        return None
    known = past.profile.tools
    changed = [name[11:] for name, value in act.event.attributes.items() if name.startswith("definition.")
               and known.get(f"{act.server} {name[11:]}", value) != value]  # fmt: skip
    return Suspicion(5.0, {"tools": ", ".join(changed)}) if changed else None
