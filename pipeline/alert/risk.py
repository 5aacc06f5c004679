"""How bad an alert is: how likely it is that something is wrong, and what it would do (NIST SP 800-30: likelihood and
impact give the level of risk).

Likelihood: each detection gives its worst finding a share, and an alert is harmless if all of them are wrong, taken as
independent. Three medium findings of three detections make a high one; a hundred of one detection stay medium.
Impact: how sensitive what was touched is, as somebody declared it (`assets`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from schemas.finding import Finding

Sensitivity = Literal["low", "normal", "high", "critical"]
ORDER: tuple[str, ...] = ("low", "medium", "high", "critical")
SENSITIVITIES: tuple[str, ...] = ("low", "normal", "high", "critical")
#: Likelihood of a finding by its severity, and the least likelihood of each level: the middle between two of them.
LIKELIHOOD = {"low": 0.2, "medium": 0.5, "high": 0.8, "critical": 0.95}
_LEVELS = (("critical", 0.9), ("high", 0.65), ("medium", 0.35))
#: Levels that an impact adds, and its share of the risk.
_STEPS = {"low": -1, "normal": 0, "high": 1, "critical": 2}
_IMPACT = {"low": 0.5, "normal": 0.75, "high": 0.9, "critical": 1.0}


def likelihood(findings: Iterable[Finding]) -> float:
    """0 to 1."""
    worst: dict[str, float] = {}
    for one in findings:
        worst[one.detection] = max(worst.get(one.detection, 0.0), LIKELIHOOD[one.severity])
    harmless = 1.0
    for name in sorted(worst):
        harmless *= 1.0 - worst[name]
    return 1.0 - harmless


def judged(likely: float, sensitivity: str) -> tuple[str, float]:
    """Severity, and risk (0 to 1)."""
    level = next((name for name, least in _LEVELS if likely >= least), "low")
    place = min(max(ORDER.index(level) + _STEPS[sensitivity], 0), len(ORDER) - 1)
    return ORDER[place], round(likely * _IMPACT[sensitivity], 4)
