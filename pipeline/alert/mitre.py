"""Tactics and techniques of MITRE ATT&CK and ATLAS, as receivers want them named."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Ids of MITRE ATT&CK's tactics (Enterprise).
TACTICS = {
    "reconnaissance": "TA0043", "resource-development": "TA0042", "initial-access": "TA0001", "execution": "TA0002",
    "persistence": "TA0003", "privilege-escalation": "TA0004", "defense-evasion": "TA0005",
    "credential-access": "TA0006", "discovery": "TA0007", "lateral-movement": "TA0008", "collection": "TA0009",
    "command-and-control": "TA0011", "exfiltration": "TA0010", "impact": "TA0040",
}  # fmt: skip
_TECHNIQUE = re.compile(r"((?:AML\.)?T\d{4})(\.\d{3})?")


def tactic(stage: str) -> tuple[str, str] | None:
    """Id and name of a tactic: TA0011 and "Command and Control"."""
    if stage not in TACTICS:
        return None
    return TACTICS[stage], stage.replace("-", " ").title().replace(" And ", " and ")


def techniques(frameworks: Iterable[str]) -> list[tuple[str, str]]:
    """Techniques among ids of frameworks: (technique, sub-technique or empty)."""
    found = filter(None, map(_TECHNIQUE.fullmatch, frameworks))
    return [(match[1], match[0] if match[2] else "") for match in found]
