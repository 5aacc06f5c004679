"""Findings for tests, written as short as a story."""

from pipeline.store.risk import BANDS
from schemas.finding import Finding
from tests.store.entries import START


def finding(name: str, seconds: float = 0, **more) -> Finding:
    told = {
        "detection": "tool-chain-drift", "model": "drift@1", "title": "A call that serves somebody else",
        "actor": "bot", "actor_kind": "agent", "session": "s1", "score": 0.97, "p_value": 0.0012,
        "sentence": "send_mail was called, which no prompt of the session asks for.",
        **more,
    }  # fmt: skip
    return Finding(finding_id=name, time=START + int(seconds * 1_000_000), **told)


def ids(page) -> list[str]:
    return [one.finding_id for one in page.findings]


def risk_of(severity: str, score: float) -> float:
    """The risk of a finding of that severity and score, as `RISK` says it."""
    low, high = BANDS.get(severity, (0.0, 0.0))
    inside = min(1.0, max(0.0, score)) if score - score == 0 else 0.0
    return round(low + (high - low) * inside, 4)
