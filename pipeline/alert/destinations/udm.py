"""An Alert becomes an event of Google's Unified Data Model (cloud.google.com/chronicle/docs/reference/udm-field-list).

In:     Notice
Out:    the event as JSON; absent rather than empty
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pipeline.alert.body import iso, item
from pipeline.alert.mitre import tactic as tactic_of
from pipeline.alert.mitre import techniques
from pipeline.alert.notice import Notice
from pipeline.alert.plain import addresses, bounded, clean, filled, short

SEVERITY = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "critical": "CRITICAL"}
MOST = 512 * 1024


def event(notice: Notice) -> dict[str, Any]:
    """One event."""
    alert = notice.alert
    resources = [{"resource": {"name": clean(one, 1000)}} for one in filter(None, alert.resources)]
    return filled({
        "metadata": {
            "eventTimestamp": iso(alert.at) or iso(alert.last) or "1970-01-01T00:00:00Z",
            "eventType": "GENERIC_EVENT",
            "vendorName": "whodid",
            "productName": "whodid",
            "productEventType": f"alert.{notice.news}",
            "productLogId": clean(notice.key, 300),
            "description": clean(alert.sentence, 4000),
            "urlBackToProduct": notice.link,
        },
        "principal": {"user": _user(alert.actor or "unknown"), "ip": addresses(alert.addresses, 50)},
        "target": resources[0] if resources else {},
        "about": [*([{"user": _user(alert.human)}] if alert.human else []), *resources[1:20]],
        "network": {"sessionId": clean(alert.session, 300)},
        "securityResult": [_result(notice)],
        "additional": bounded({"example": notice.example, "key": notice.key, **item(alert)}, MOST),
    }, "additional")  # fmt: skip


def _result(notice: Notice) -> dict[str, Any]:
    alert = notice.alert
    return filled({
        "severity": SEVERITY.get(alert.severity, "MEDIUM"),
        "category": ["DATA_EXFILTRATION" if _tactic(alert.stage) == "exfiltration" else "POLICY_VIOLATION"],
        "categoryDetails": [clean(text, 100) for text in (alert.family, alert.stage) if text],
        "ruleName": clean(next(iter(alert.detections), ""), 200),
        "summary": clean(f"{'EXAMPLE: ' if notice.example else ''}{alert.title}", 500),
        "description": clean("; ".join(short(text, 1000) for text in alert.unusual[:20]), 4000),
        "alertState": "NOT_ALERTING" if alert.state == "closed" or notice.example else "ALERTING",
        "riskScore": round(alert.risk * 100, 1) if 0 <= alert.risk <= 1 else None,
        "urlBackToProduct": notice.link,
        "attackDetails": _attack(alert.stage, alert.frameworks),
    }, "additional")  # fmt: skip


def _attack(stage: str, frameworks: Iterable[str]) -> dict[str, Any]:
    tactic = _tactic(stage)
    found = [
        {"id": one, **({"subtechniqueId": sub} if sub else {})} for one, sub in techniques(frameworks) if one[0] == "T"
    ]
    named = [{"id": known[0], "name": known[1]}] if (known := tactic_of(tactic)) else []
    return {"tactics": named, "techniques": found}


def _tactic(stage: str) -> str:
    return re.sub(r"[^a-z]+", "-", stage.lower()).strip("-")


def _user(name: str) -> dict[str, Any]:
    shown = clean(name, 500)
    return {"userid": shown, "emailAddresses": [shown] if re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", shown) else []}
