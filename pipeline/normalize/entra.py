"""Microsoft Entra: sign-ins become token issuance, directory audits cloud audit events or the issuance of keys.

Source: Microsoft Graph documentation, resource types signIn (also of service principals, managed identities and agents)
and directoryAudit; the same in Azure Monitor's envelope under `properties`. Links: `uniqueTokenIdentifier` is the token
issued, the claim `uti` of whoever uses it, and case-sensitive; `sessionId` the login session. A key added to an
application (`KeyIdentifier`) is the credential that `servicePrincipalCredentialKeyId` names at its sign-ins; one that
is not among the new value of a change is revoked. `initiatedBy.linkableIdentifiers` (beta) names the session and the
token that a change was made with.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.times import instant
from schemas.event import REVOKES, Event

_SIGN_INS: Final = "SignInLogs"
#: Of a sign-in's device and place.
_DEVICE = ("isCompliant", "isManaged", "trustType", "deviceId")
_KEY = re.compile(r"KeyIdentifier=([0-9a-fA-F-]{36})")
#: Keys that one change removes of which all are named.
_REMOVED = 32
_KEPT = (
    "appId", "appDisplayName", "resourceId", "resourceDisplayName", "incomingTokenType", "authenticationProtocol",
    "clientCredentialType", "conditionalAccessStatus", "riskLevelDuringSignIn", "originalTransferMethod", "userId",
    "isInteractive", "loggedByService", "operationType", "category", "correlationId", "authenticationRequirement",
    "clientAppUsed", "riskState", "crossTenantAccessType", "userType", "homeTenantId", "resourceTenantId",
)  # fmt: skip


class SignIn(msgspec.Struct, gc=False):
    """The fields of a sign-in that are read by name."""

    id: str | None = None
    createdDateTime: str | None = None
    userId: str | None = None
    userPrincipalName: str | None = None
    userDisplayName: str | None = None
    servicePrincipalId: str | None = None
    servicePrincipalName: str | None = None
    servicePrincipalCredentialKeyId: str | None = None
    federatedCredentialId: str | None = None
    uniqueTokenIdentifier: str | None = None
    sessionId: str | None = None
    appId: str | None = None
    ipAddress: str | None = None
    userAgent: str | None = None
    agent: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    appliedConditionalAccessPolicies: list[Any] | None = None
    activityDateTime: str | None = None
    activityDisplayName: str | None = None
    initiatedBy: dict[str, Any] | None = None
    targetResources: list[Any] | None = None
    result: str | None = None
    resultReason: str | None = None
    homeTenantId: str | None = None
    correlationId: str | None = None


class Record(msgspec.Struct, gc=False):
    """The envelope of Azure Monitor."""

    time: str | None = None
    category: str | None = None
    operationName: str | None = None
    resultType: str | int | None = None
    tenantId: str | None = None
    callerIpAddress: str | None = None
    properties: SignIn | None = None


_bare, _wrapped = msgspec.json.Decoder(SignIn), msgspec.json.Decoder(Record)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a sign-in or a directory audit, with or without Azure Monitor's envelope."""
    stated = mapping(found.get("properties")) or found
    audited = "activityDateTime" in stated and "initiatedBy" in stated
    return audited or (
        "createdDateTime" in stated and bool({"userPrincipalName", "servicePrincipalId"} & stated.keys())
    )


def token_name(identifier: str) -> str:
    """A token as all logs of Microsoft have it: some pad the identifier, which is base64."""
    return f"entra:{identifier.rstrip('=')}"


def is_entra(category: Any, properties: Any) -> bool:
    """Whether a record of Azure Monitor is one of Entra's."""
    stated = mapping(properties)
    return string(category).endswith(_SIGN_INS) or "activityDateTime" in stated or "uniqueTokenIdentifier" in stated


def normalize(value: bytes, form: str, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    wrapped = b'"properties"' in value
    record: Record = typed(_wrapped, value) if wrapped else Record(properties=typed(_bare, value))
    stated = record.properties or SignIn()
    audited = stated.initiatedBy is not None or stated.activityDateTime is not None
    event = _audit(record, stated, context) if audited else _sign_in(record, stated, context)
    event.event_id, event.format = identify(stated.id, value), form
    found = msgspec.json.decode(value)
    kept = mapping(found.get("properties")) or found
    event.attributes.update({name: text_of(kept[name]) for name in _KEPT if kept.get(name) not in (None, "", "none")})
    event.attributes.update(_where(kept))
    return [event]


def _where(stated: dict[str, Any]) -> dict[str, str]:
    """From which device and country somebody signed in."""
    device, place = mapping(stated.get("deviceDetail")), mapping(stated.get("location"))
    told = {f"deviceDetail.{name}": text_of(device.get(name)) for name in _DEVICE}
    told["country"] = text_of(place.get("countryOrRegion"))
    return {name: text for name, text in told.items() if text}


def _sign_in(record: Record, stated: SignIn, context: Context) -> Event:
    """A sign-in: a token issued to a person, an application, or an agent for one of them."""
    person = stated.userPrincipalName or stated.userId or ""
    client = stated.servicePrincipalId or stated.appId or ""
    kind = _kind(record, stated)
    actor = person if kind == "human" else client or person
    code = mapping(stated.status).get("errorCode", record.resultType)
    outcome = "success" if str(code) == "0" else "failure" if code is not None else ""
    policy, refused = _conditional_access(stated)
    event = Event(
        event_id="",
        kind="token_issuance",
        time=_time(record, stated.createdDateTime, "createdDateTime", context),
        format="",
        action="entra:sign-in",
        outcome="denied" if refused and outcome == "failure" else outcome,
        error="" if outcome == "success" else string(mapping(stated.status).get("failureReason"))[: context.text_limit],
        actor=actor,
        actor_kind=kind,
        actor_name=(stated.userDisplayName if kind == "human" else stated.servicePrincipalName) or "",
        human=person if kind == "human" or (kind == "agent" and not _own_account(stated)) else "",
        account=record.tenantId or stated.homeTenantId or "",
        session=stated.sessionId or "",
        credential=_credential(stated),
        issued_kind="session",
        request=stated.id or "",
        address=stated.ipAddress or record.callerIpAddress or "",
        user_agent=(stated.userAgent or "")[:512],
        policy=policy,
    )
    if code is not None and outcome != "success":
        event.attributes["resultType"] = text_of(code)
    if outcome == "success" and stated.uniqueTokenIdentifier:
        event.issued, event.issued_subject = token_name(stated.uniqueTokenIdentifier), person or client
    if kind == "agent":
        agent = {f"agent.{name}"[:128]: text_of(text) for name, text in list((stated.agent or {}).items())[:8]}
        event.attributes.update({**agent, **delegation([actor, event.human])})
    return event


def _audit(record: Record, stated: SignIn, context: Context) -> Event:
    """A change in the directory. A key that was added is issued for its application."""
    by = mapping(stated.initiatedBy)
    linked = mapping(by.get("linkableIdentifiers"))
    token = string(mapping(linked.get("tokenDetails")).get("uniqueTokenIdentifier"))
    user, app = mapping(by.get("user")), mapping(by.get("app"))
    person = string(user.get("userPrincipalName")) or string(user.get("id"))
    client = string(app.get("servicePrincipalId")) or string(app.get("appId")) or string(app.get("displayName"))
    name = stated.activityDisplayName or record.operationName
    if not name:
        raise Invalid("activityDisplayName", "the name of the activity", "nothing")
    targets = [mapping(target) for target in stated.targetResources or ()]
    outcome = {"success": "success", "failure": "failure", "failed": "failure"}.get((stated.result or "").lower(), "")
    event = Event(
        event_id="",
        kind="cloud_audit",
        time=_time(record, stated.activityDateTime, "activityDateTime", context),
        format="",
        action=f"entra:{name}",
        outcome=outcome,
        error="" if outcome == "success" else (stated.resultReason or "")[: context.text_limit],
        actor=person or client,
        actor_kind="human" if person else "workload" if client else "",
        actor_name=string(user.get("displayName")) or string(app.get("displayName")),
        human=person,
        account=record.tenantId or "",
        session=string(linked.get("sessionId")),
        credential=token_name(token) if token else "",
        request=stated.correlationId or "",
        resources=[text for text in map(_target, targets) if text][:16],
        address=string(user.get("ipAddress")) or record.callerIpAddress or "",
    )
    changed = [(target, *_keys(target)) for target in targets]
    added = [(key, target) for target, before, after in changed for key in after if key not in before]
    removed = [key for _, before, after in changed for key in before if key not in after]
    if told := "; ".join(text for target in targets for text in _changes(target)):
        event.attributes["targets"] = told[:1024]
    if removed and outcome == "success":
        event.attributes[REVOKES] = "\n".join(f"entra:key/{key}" for key in removed[:_REMOVED])
    if added:
        event.kind, event.issued_kind = "token_issuance", "access-key"
        event.issued_subject = string(added[0][1].get("id"))
        event.issued = f"entra:key/{added[0][0]}" if outcome != "failure" else ""
    return event


def _time(record: Record, stated: str | None, field: str, context: Context) -> int:
    """When it happened; `time` of the envelope may be when it was written."""
    return instant("time", record.time, context) if stated is None and record.time else instant(field, stated, context)


def _kind(record: Record, stated: SignIn) -> str:
    agentic = string(mapping(stated.agent).get("agentType"))
    if agentic and agentic != "notAgentic":
        return "agent"
    if (record.category or "").startswith(("ServicePrincipal", "ManagedIdentity")):
        return "workload"
    return "human" if stated.userPrincipalName or stated.userId else "workload" if stated.servicePrincipalId else ""


def _own_account(stated: SignIn) -> bool:
    """An agent may have a user account of its own, which is no person's."""
    return string(mapping(stated.agent).get("agentType")) == "agentIDuser"


def _credential(stated: SignIn) -> str:
    if stated.servicePrincipalCredentialKeyId:
        return f"entra:key/{stated.servicePrincipalCredentialKeyId}"
    return f"entra:federated/{stated.federatedCredentialId}" if stated.federatedCredentialId else ""


def _conditional_access(stated: SignIn) -> tuple[str, bool]:
    """The policies that applied, with what came of each, and whether one refused."""
    applied = []
    for one in map(mapping, sequence(stated.appliedConditionalAccessPolicies)):
        name, result = string(one.get("displayName")) or string(one.get("id")), string(one.get("result"))
        if name and result in ("success", "failure"):
            applied.append(f"{name} ({result})")
    text = f"conditional access: {', '.join(applied)}"[:512] if applied else ""
    return text, any(name.endswith("(failure)") for name in applied)


def _target(target: dict[str, Any]) -> str:
    return string(target.get("userPrincipalName")) or string(target.get("id")) or string(target.get("displayName"))


def _changes(target: dict[str, Any]) -> list[str]:
    """What a target is called, and which of its properties became what."""
    changed = [mapping(one) for one in sequence(target.get("modifiedProperties"))[:16]]
    told = [f"{text_of(one.get('displayName'), 64)}: {text_of(one.get('newValue'))}" for one in changed]
    return [text for text in (text_of(target.get("displayName")), *told) if text]


def _keys(target: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Identifiers of the keys that an object had before a change and has after it; none, if the change was no such."""
    for changed in map(mapping, sequence(target.get("modifiedProperties"))):
        if changed.get("displayName") == "KeyDescription":
            return _KEY.findall(string(changed.get("oldValue"))), _KEY.findall(string(changed.get("newValue")))
    return [], []
