"""An Alert becomes a document of the Elastic Common Schema, version 8.17 (elastic.co/guide/en/ecs).

In:     Notice
Out:    the document as a JSON object; absent rather than empty

What ECS has no field for is below `whodid`, which is no namespace of ECS.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.alert.body import iso, item
from pipeline.alert.mitre import tactic, techniques
from pipeline.alert.notice import Notice
from pipeline.alert.plain import addresses, bounded, clean, filled
from schemas.alert import Alert

VERSION = "8.17.0"
#: `event.severity`: a number, and higher is worse.
SEVERITY = {"low": 21, "medium": 47, "high": 73, "critical": 99}
#: `event.category` by family of detections, of the values that ECS allows.
CATEGORY = {"token": "iam", "identity": "iam", "cadence": "intrusion_detection", "cloud": "configuration"}
#: Characters of a text (an index refuses terms of 32,766 bytes), and of a keyword (ECS indexes no more of one); values
#: of a kind; bytes of what is left.
TEXT, KEYWORD, MOST, REST = 8000, 1024, 100, 256 * 1024
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
#: Said in fields of ECS.
_SAID = {"title", "sentence", "actor", "risk", "severity", "first", "last", "at"}


def document(notice: Notice) -> dict[str, Any]:
    """One document."""
    alert = notice.alert
    categories = dict.fromkeys([CATEGORY.get(alert.family, "intrusion_detection"), "intrusion_detection"])
    return filled({
        "@timestamp": iso(alert.at) or iso(alert.last) or "1970-01-01T00:00:00.000Z",
        "ecs": {"version": VERSION},
        "message": clean(f"{'EXAMPLE: ' if notice.example else ''}{alert.title}: {alert.sentence}", TEXT),
        "tags": ["whodid", *(["example"] if notice.example else [])],
        "event": {
            "kind": "alert", "category": list(categories), "type": ["info"],
            "action": f"alert-{notice.news}", "id": clean(notice.key, 300), "module": "whodid",
            "dataset": "whodid.alert", "provider": "whodid", "severity": SEVERITY.get(alert.severity, 47),
            "risk_score": round(100 * alert.risk, 1) if 0 <= alert.risk <= 1 else None,
            "start": iso(alert.first), "end": iso(alert.last),
            "url": notice.link if len(notice.link) <= KEYWORD else "",
            "reason": clean(" ".join(alert.unusual[:20]), KEYWORD), "sequence": alert.revision,
        },
        "rule": _rule(alert),
        "user": _user(alert.actor), "source": _source(alert),
        "cloud": {"account": {"id": clean(next(iter(alert.accounts), ""), 300)}},
        "threat": _threat(alert),
        "related": {
            "user": list(dict.fromkeys(clean(one, 500) for one in (alert.actor, alert.human) if one)),
            "ip": addresses(alert.addresses, MOST),
        },
        "whodid": _rest(notice),
    }, "whodid")  # fmt: skip


def _rest(notice: Notice) -> dict[str, Any]:
    """What ECS has no field for. Names of detections are values: as keys they would be fields of the index."""
    kept = {name: value for name, value in item(notice.alert).items() if name not in _SAID}
    kept["detections"] = [
        {"name": clean(name, KEYWORD), "count": count} for name, count in notice.alert.detections.items()
    ]
    found: dict[str, Any] = bounded({"key": notice.key, "example": notice.example, **kept}, REST, TEXT)
    return found


def _rule(alert: Alert) -> dict[str, Any]:
    first = next(iter(alert.detections), "")
    return {
        "name": clean(first, 300), "id": clean(first, 300), "category": clean(alert.family, 100), "ruleset": "whodid",
        "version": clean(next((one for one in alert.models if "@" in one), ""), 100),
        "description": clean(alert.title, 500), "reference": "",
    }  # fmt: skip


def _threat(alert: Alert) -> dict[str, Any]:
    named = tactic(alert.stage)
    known = [(one, sub) for one, sub in techniques(alert.frameworks) if one.startswith("T")][:MOST]
    ids = list(dict.fromkeys(one for one, _ in known))
    subs = list(dict.fromkeys(sub for _, sub in known if sub))
    found = {
        "tactic": {"id": [named[0]], "name": [named[1]]} if named else {},
        "technique": {"id": ids, "subtechnique": {"id": subs}},
    }
    return {"framework": "MITRE ATT&CK", **found} if named or ids else {}


def _source(alert: Alert) -> dict[str, Any]:
    ips = addresses(alert.addresses, 1)
    return {"ip": ips[0], "address": ips[0]} if ips else {}


def _user(name: str) -> dict[str, Any]:
    shown = clean(name, 500)
    return {"name": shown, "id": shown, "email": shown if _MAIL.fullmatch(shown) else ""}
