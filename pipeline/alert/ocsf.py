"""An Alert becomes an OCSF Detection Finding: class 2004 of version 1.5.0 (schema.ocsf.io).

In:     Notice
Out:    the event as a JSON object; absent rather than empty

Profile `incident` carries the verdict. The profile for operations of AI is not one of this class, and OCSF has no word
for whom somebody acts: that person is an evidence named `on behalf of`, and the chain of tokens is in `unmapped`.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.alert.body import item
from pipeline.alert.mitre import tactic, techniques
from pipeline.alert.notice import Notice
from pipeline.alert.plain import addresses, bounded, clean, filled
from schemas.alert import Alert

VERSION = "1.5.0"
CLASS, CATEGORY = 2004, 2
ACTIVITY = {"opened": (1, "Create"), "updated": (2, "Update"), "acknowledged": (2, "Update"), "closed": (3, "Close")}
SEVERITY = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
RISK = {"low": (1, "Low"), "medium": (2, "Medium"), "high": (3, "High"), "critical": (4, "Critical")}
#: Of what was touched (`impact_id`).
IMPACT = {"low": (1, "Low"), "normal": (2, "Medium"), "high": (3, "High"), "critical": (4, "Critical")}
STATUS = {"open": (1, "New"), "acknowledged": (2, "In Progress"), "closed": (4, "Resolved")}
#: A closed alert that was none is suppressed, in OCSF's words.
SUPPRESSED = (3, "Suppressed")
VERDICT = {"false": (1, "False Positive"), "true": (2, "True Positive"), "benign": (5, "Benign")}
TEST = (6, "Test")
#: Kinds of users; all but these are 99, another one, which `type` names. Of analytics: 1 Rule, 2 Behavioral.
USER = {"": (0, "Unknown"), "human": (1, "User")}
RULE, BEHAVIORAL = 1, 2
#: Characters of a text, values of a kind, bytes of `unmapped`.
TEXT, MOST, UNMAPPED = 4000, 50, 256 * 1024
_MODELS = re.compile(r"rule|declared")


def event(notice: Notice) -> dict[str, Any]:
    """One event."""
    alert = notice.alert
    activity, name = ACTIVITY[notice.news]
    severity, severity_name = SEVERITY.get(alert.severity, (99, alert.severity))
    status, status_name = (
        SUPPRESSED if alert.verdict in ("false", "benign") else STATUS.get(alert.state, (0, "Unknown"))
    )
    found = {
        "metadata": {
            "version": VERSION, "uid": clean(notice.key, 300),
            "profiles": ["incident", *(["cloud"] if _aws(alert) else [])],
            "product": {"name": "whodid", "vendor_name": "whodid"}, "labels": ["example"] if notice.example else [],
            "log_name": "alerts",
        },
        "class_uid": CLASS, "class_name": "Detection Finding", "category_uid": CATEGORY, "category_name": "Findings",
        "activity_id": activity, "activity_name": name, "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {name}",
        "time": _ms(alert.at or alert.last), "start_time": _ms(alert.first), "end_time": _ms(alert.last),
        "severity_id": severity, "severity": severity_name, "status_id": status, "status": status_name,
        "message": clean(alert.sentence, TEXT), "is_alert": alert.state != "closed" and not notice.example,
        "count": max(alert.count, 1),
        **_risk(alert, notice.example),
        "finding_info": _info(notice),
        "evidences": _evidences(alert), "resources": _resources(alert), "anomaly_analyses": _anomalies(alert),
        "remediation": {"desc": clean("\n".join(alert.runbook[:MOST]), TEXT)} if alert.runbook else {},
        "observables": _observables(alert),
        "cloud": _cloud(alert), "src_url": notice.link,
        "unmapped": {"whodid": bounded({"key": notice.key, "example": notice.example, **item(alert)}, UNMAPPED)},
    }  # fmt: skip
    return filled(found, "unmapped")


def _risk(alert: Alert, example: bool) -> dict[str, Any]:
    level, level_name = RISK.get(alert.severity, (99, "Other"))
    impact, impact_name = IMPACT.get(alert.sensitivity, (0, "Unknown"))
    verdict, verdict_name = TEST if example else VERDICT.get(alert.verdict, (0, "Unknown"))
    return {
        "risk_level_id": level, "risk_level": level_name, "impact_id": impact, "impact": impact_name,
        "risk_score": round(100 * alert.risk) if 0 <= alert.risk <= 1 else None,
        "verdict_id": verdict, "verdict": verdict_name,
    }  # fmt: skip


def _info(notice: Notice) -> dict[str, Any]:
    alert = notice.alert
    analytics = [_analytic(alert, name) for name in list(alert.detections)[:MOST]]
    return {
        "uid": clean(alert.alert_id, 300) or "unknown", "uid_alt": clean(alert.fingerprint, 300),
        "title": clean(f"{'EXAMPLE: ' if notice.example else ''}{alert.title}", 500) or "Alert",
        "desc": clean(" ".join(alert.unusual[:MOST]) or alert.sentence, TEXT),
        "types": [clean(alert.family, 100)], "src_url": notice.link,
        "analytic": analytics[0] if analytics else {}, "related_analytics": analytics[1:], "attacks": _attacks(alert),
        "first_seen_time": _ms(alert.first), "last_seen_time": _ms(alert.last), "modified_time": _ms(alert.at),
    }  # fmt: skip


def _analytic(alert: Alert, detection: str) -> dict[str, Any]:
    ruled = all(_MODELS.fullmatch(model) for model in alert.models) if alert.models else False
    model = next((model for model in alert.models if "@" in model), "")
    type_id, name = (RULE, "Rule") if ruled else (BEHAVIORAL, "Behavioral")
    return {
        "uid": clean(detection, 200), "name": clean(detection, 200) or "unknown", "type_id": type_id, "type": name,
        "version": clean(model, 100), "category": clean(alert.family, 100),
    }  # fmt: skip


def _attacks(alert: Alert) -> list[dict[str, Any]]:
    """Tactic and techniques; a technique that MITRE ATLAS names is one too."""
    named = tactic(alert.stage)
    found = [
        {"technique": {"uid": one, "name": one}, "sub_technique": {"uid": sub, "name": sub} if sub else {}}
        for one, sub in techniques(alert.frameworks)
    ]
    return [{"tactic": {"uid": named[0], "name": named[1]}}, *found] if named else found


def _evidences(alert: Alert) -> list[dict[str, Any]]:
    """Who did it, with what, from where, for whom: one artifact an action, the address with the first."""
    kind, kind_name = USER.get(alert.actor_kind, (99, clean(alert.actor_kind, 50)))
    user = {
        "uid": clean(alert.actor, 500), "name": clean(alert.actor, 500) or "unknown",
        "type_id": kind, "type": kind_name,
        "credential_uid": clean(next(iter(alert.credentials), ""), 300),
    }  # fmt: skip
    actor = {"user": user, "session": {"uid": clean(alert.session, 300)} if alert.session else {}}
    found = [
        {
            "actor": actor,
            "api": {"operation": clean(action, 300), "service": {"name": clean(action.partition(":")[0], 100)}},
        }
        for action in alert.actions[:MOST]
    ] or [{"actor": actor}]
    ends = [{"src_endpoint": {"ip": one}} for one in addresses(alert.addresses, MOST)]
    found[0] |= ends[0] if ends else {}
    human = clean(alert.human, 500)
    behalf = [{"name": "on behalf of", "user": {"name": human, "type_id": 1, "type": "User"}}] if human else []
    entries = [clean(one, 300) for one in alert.entries if one][:200]
    return [*found, *ends[1:], *behalf, *([{"name": "entries", "data": {"entries": entries}}] if entries else [])]


def _anomalies(alert: Alert) -> list[dict[str, Any]]:
    """What was observed, and how rare that is, of whom."""
    if not alert.actor or not alert.detections:
        return []
    rare = f"p = {alert.p_value:.2g}"
    return [{
        "analysis_targets": [{"name": clean(alert.actor, 500), "type": clean(alert.actor_kind, 50) or "identity"}],
        "anomalies": [
            {
                "observation_parameter": clean(name, 200) or "unknown", "observation_type": "Deviation Analysis",
                "observed_pattern": "RARE", "observations": [{"value": rare, "count": max(count, 1)}],
            }
            for name, count in list(alert.detections.items())[:MOST]
        ],
    }]  # fmt: skip


def _resources(alert: Alert) -> list[dict[str, Any]]:
    return [{"uid": clean(one, 1000), "name": clean(one, 1000)} for one in alert.resources[:MOST] if one]


def _observables(alert: Alert) -> list[dict[str, Any]]:
    """Values to search for, and where they are: 2 IP Address, 4 User Name, 10 Resource UID."""
    users = [
        ("evidences[].actor.user.name", 4, clean(alert.actor, 500)),
        ("evidences[].user.name", 4, clean(alert.human, 500)),
    ]
    resources = [("resources[].uid", 10, clean(one, 1000)) for one in alert.resources[:MOST] if one]
    ends = [("evidences[].src_endpoint.ip", 2, one) for one in addresses(alert.addresses, MOST)]
    found = [*users, *ends, *resources]
    return [{"name": name, "type_id": kind, "value": value} for name, kind, value in found if value]


def _aws(alert: Alert) -> bool:
    return any(one.startswith("aws:") for one in alert.credentials) and any(alert.accounts[:1])


def _cloud(alert: Alert) -> dict[str, Any]:
    if not _aws(alert):
        return {}
    name = clean(alert.accounts[0], 200)
    return {"provider": "AWS", "account": {"uid": name, "name": name, "type_id": 10, "type": "AWS Account"}}


def _ms(microseconds: int) -> int:
    return microseconds // 1000
