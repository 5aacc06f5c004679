"""An incident and its entries become OCSF events, version 1.5.0 (schema.ocsf.io): one event a line.

In:     an Incident, shapes of its entries
Out:    an Incident Finding (class 2005), then per entry an Authentication (3002) of a token that was issued, else an
        API Activity (6003); absent rather than empty

OCSF 1.5.0 has no word for whom somebody acts, for the chain of tokens, for how sure a link is, and none for the
proof of a record: they are in `unmapped.whodid` and `unmapped.record_integrity`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline.alert.mitre import tactic, techniques
from pipeline.alert.ocsf import USER, VERSION
from pipeline.alert.plain import addresses, bounded, clean, filled
from pipeline.report.timesketch import microseconds
from pipeline.score.deeds import LOOK, deed_of
from schemas.incident import Incident, Part

Event = dict[str, Any]
Shape = Mapping[str, Any]
#: What is known of the proof of an entry: an object, by its shape.
Integrity = Callable[[Shape], Mapping[str, Any]]
TEXT, MOST, UNMAPPED = 4000, 50, 64 * 1024
STATUS = {"success": (1, "Success"), "failure": (2, "Failure"), "denied": (2, "Failure")}
_CREATE = re.compile(r"create|put|insert|add|new|register|generate|import|run|start|write|post", re.IGNORECASE)
_DELETE = re.compile(r"delete|remove|destroy|terminate|revoke|detach|deregister", re.IGNORECASE)
_SIGN_IN = re.compile(r"log-?in|sign-?in|consolelogin|session\.start", re.IGNORECASE)
_UNMAPPED = (
    "human", "on_behalf_of", "credential", "credential_chain", "issued", "issued_kind", "issued_subject", "policy",
    "tool_call", "tool_call_event", "prompt_event", "link", "confidence", "unbound", "kind", "text", "arguments",
    "account",
)  # fmt: skip


def events(
    incident: Incident, shapes: Iterable[Shape], parts: Mapping[str, Part], integrity: Integrity | None = None
) -> Iterator[Event]:
    """All events, that of the incident first."""
    yield finding(incident)
    for shape in shapes:
        yield event(shape, incident.incident_id, parts.get(shape["event_id"]), integrity(shape) if integrity else {})


def event(shape: Shape, incident: str, part: Part | None, integrity: Mapping[str, Any]) -> Event:
    """The event of one entry."""
    issued = shape["kind"] == "token_issuance"
    number, kind, category = (3002, "Authentication", 3) if issued else (6003, "API Activity", 6)
    activity, name = _activity(shape)
    status, status_name = STATUS.get(shape["outcome"], (0, "Unknown"))
    found = {
        "metadata": {
            "version": VERSION, "uid": clean(shape["event_id"], 300), "correlation_uid": clean(incident, 300),
            "product": {"name": "whodid", "vendor_name": "whodid"}, "log_name": "entries",
            "log_provider": clean(shape["format"], 100), "original_time": shape["time"],
            "profiles": ["cloud"] if _aws(shape) else [],
            "labels": [clean(f"detection:{one}", 200) for one in part.detections[:MOST]] if part else [],
        },
        "class_uid": number, "class_name": kind, "category_uid": category,
        "category_name": "Identity & Access Management" if issued else "Application Activity",
        "activity_id": activity, "activity_name": name, "type_uid": number * 100 + activity,
        "type_name": f"{kind}: {'Other' if activity == 99 else name}",
        "time": microseconds(shape["time"]) // 1000, "severity_id": 1, "severity": "Informational",
        "status_id": status, "status": status_name, "status_code": clean(shape["error"], 300),
        "message": clean(f"{shape['actor'] or shape['stated_actor'] or 'unknown'}: {shape['action']}", TEXT),
        "actor": _actor(shape), "src_endpoint": _from(shape), "cloud": _cloud(shape),
        **(_authentication(shape) if issued else _api(shape)),
        "unmapped": _unmapped(shape, part, integrity),
    }  # fmt: skip
    return filled(found, "unmapped")


def finding(incident: Incident) -> Event:
    """The Incident Finding."""
    uid = clean(incident.incident_id, 300) or "unknown"
    tactics = list(dict.fromkeys(part.tactic for part in incident.parts if part.tactic))
    attacks: list[Event] = [{"tactic": {"uid": named[0], "name": named[1]}} for named in map(tactic, tactics) if named]
    attacks += [
        {"technique": {"uid": one, "name": one}, "sub_technique": {"uid": sub, "name": sub} if sub else {}}
        for one, sub in techniques(incident.frameworks)
    ]
    found = {
        "metadata": {
            "version": VERSION, "uid": uid, "product": {"name": "whodid", "vendor_name": "whodid"},
            "log_name": "incidents",
        },
        "class_uid": 2005, "class_name": "Incident Finding", "category_uid": 2, "category_name": "Findings",
        # The class wants somebody to be named.
        "assignee_group": {"name": "unassigned"},
        "activity_id": 1, "activity_name": "Create", "type_uid": 200501, "type_name": "Incident Finding: Create",
        "time": incident.made // 1000, "start_time": incident.first // 1000, "end_time": incident.last // 1000,
        # Nobody reconstructs what does not matter.
        "severity_id": 4, "severity": "High", "status_id": 1, "status": "New", "count": max(len(incident.parts), 1),
        "message": clean(incident.title, TEXT), "desc": clean("\n".join(incident.summary[:MOST]), TEXT),
        "finding_info_list": [{
            "uid": uid, "title": clean(incident.title, 500) or "Incident",
            "desc": clean(" ".join(one.sentence for one in incident.roots[:MOST]), TEXT),
            "first_seen_time": incident.first // 1000, "last_seen_time": incident.last // 1000,
            "attacks": attacks, "related_events": _related(incident),
            "related_events_count": len(incident.parts),
        }],
        "observables": _observables(incident),
        "unmapped": {"whodid": bounded({
            "clue": {"kind": incident.clue.kind, "value": clean(incident.clue.value, 1000)}, "cutoff": incident.cutoff,
            "frameworks": incident.frameworks, "detections": incident.detections,
        }, UNMAPPED)},
    }  # fmt: skip
    return filled(found, "unmapped")


def _related(incident: Incident) -> list[Event]:
    told = dict.fromkeys(name for step in incident.story for name in step.entries)
    return [{"uid": clean(one, 300)} for one in list(told)[:MOST] if one]


def _observables(incident: Incident) -> list[Event]:
    """What of the unmapped clue can be searched for by its type: 99 is another one, which `type` names."""
    value = clean(incident.clue.value, 1000)
    kind = clean(incident.clue.kind, 50)
    return [{"name": "unmapped.whodid.clue.value", "type_id": 99, "type": kind, "value": value}] if value else []


def _activity(shape: Shape) -> tuple[int, str]:
    action = shape["action"]
    if shape["kind"] == "token_issuance":
        return (1, "Logon") if _SIGN_IN.search(action) else (99, "Token Issuance")
    if shape["kind"] != "cloud_audit":
        return 99, {"prompt": "Prompt", "tool_call": "Tool Call"}.get(shape["kind"], "Other")
    verb = re.split(r"[:./ ]", action)[-1] or action
    if deed_of(action).flags & LOOK:
        return 2, "Read"
    if _DELETE.match(verb):
        return 4, "Delete"
    return (1, "Create") if _CREATE.match(verb) else (3, "Update")


def _user(shape: Shape) -> Event:
    kind, kind_name = USER.get(shape["actor_kind"], (99, clean(shape["actor_kind"], 50)))
    name = clean(shape["actor"] or shape["stated_actor"], 500)
    return {
        "uid": name, "name": name or "unknown", "type_id": kind, "type": kind_name,
        "credential_uid": clean(shape["credential"], 300),
    }  # fmt: skip


def _actor(shape: Shape) -> Event:
    policy = clean(shape["policy"], 500)
    decision = {"success": "Allowed", "denied": "Denied"}.get(shape["outcome"], "")
    return {
        "user": _user(shape), "session": {"uid": clean(shape["session"], 300)} if shape["session"] else {},
        "authorizations": [{"decision": decision, "policy": {"name": policy}}] if policy and decision else [],
    }  # fmt: skip


def _from(shape: Shape) -> Event:
    known = addresses([shape["address"]], 1)
    return {"ip": known[0]} if known else {"name": clean(shape["address"], 300) or "unknown"}


def _service(shape: Shape) -> Event:
    service, colon, _ = shape["action"].partition(":")
    return {"name": clean(service if colon else shape["tool"] or shape["kind"], 100) or "unknown"}


def _api(shape: Shape) -> Event:
    request = clean(shape["request"], 300)
    agent = clean(shape["user_agent"], 1000)
    return {
        "api": {
            "operation": clean(shape["action"], 300) or "unknown", "service": _service(shape),
            "request": {"uid": request} if request else {},
        },
        "resources": [
            {"uid": clean(one, 1000), "name": clean(one, 1000)} for one in shape["resources"][:MOST] if one
        ],
        "http_request": {"user_agent": agent} if agent else {},
    }  # fmt: skip


def _aws(shape: Shape) -> bool:
    return bool(shape["format"].startswith("aws.") and shape["account"])


def _cloud(shape: Shape) -> Event:
    if not _aws(shape):
        return {}
    name = clean(shape["account"], 200)
    account = {"uid": name, "name": name, "type_id": 10, "type": "AWS Account"}
    return {"provider": "AWS", "account": account, "region": clean(shape["region"], 100)}


def _authentication(shape: Shape) -> Event:
    subject = clean(shape["issued_subject"], 500)
    ends = shape["issued_expires"]
    return {
        "user": {"uid": subject, "name": subject or "unknown", "type_id": 0, "type": "Unknown",
                 "credential_uid": clean(shape["issued"], 300)},
        "service": _service(shape),
        "session": {
            "uid": clean(shape["issued"], 300), "credential_uid": clean(shape["issued"], 300),
            "expiration_time": microseconds(ends) // 1000 if ends else None,
        } if shape["issued"] else {},
    }  # fmt: skip


def _unmapped(shape: Shape, part: Part | None, integrity: Mapping[str, Any]) -> Event:
    known = {name: shape[name] for name in _UNMAPPED if shape[name] not in ("", [], None)}
    if part is not None:
        known |= {"role": part.role, "strand": part.strand, "tactic": part.tactic, "sure": part.confidence}
    made: Event = {"whodid": bounded(known, UNMAPPED)}
    return made | ({"record_integrity": bounded(dict(integrity), UNMAPPED)} if integrity else {})
