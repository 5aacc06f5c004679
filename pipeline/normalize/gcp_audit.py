"""Google Cloud audit logs: API calls become cloud audit events, tokens and keys of service accounts issuance.

Source: Google Cloud documentation, LogEntry, AuditLog, AuthenticationInfo and AuthorizationInfo; Example logs for
service accounts and for Workload Identity Federation. Links: `serviceAccountKeyName` is the credential used, a new
key's name the one issued, the resource of its deletion the one revoked. No log names an access token, so one that
GenerateAccessToken or ExchangeToken issued links by its subject only. `serviceAccountDelegationInfo` is in the order in
which authority was passed on; whoever calls is `principalEmail`, so the chain is that, then the list from its end. GKE
puts Kubernetes' annotations into the labels.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import content_id, mapping, sequence, string, text_of, typed
from pipeline.normalize.gcp_source import FORMAT, SOURCE
from pipeline.normalize.mask import without
from pipeline.normalize.mentions import mentions
from pipeline.normalize.times import expiry, instant
from schemas.event import RESTORES, REVOKES, Event

__all__ = ["FORMAT", "SOURCE", "conceals", "normalize", "recognizes", "split"]
#: Methods that issue a credential, with its kind.
_ISSUING = {
    "GenerateAccessToken": "session", "GenerateIdToken": "session", "SignJwt": "session", "SignBlob": "session",
    "ExchangeToken": "session", "CreateServiceAccountKey": "access-key", "UploadServiceAccountKey": "access-key",
    "CreateKey": "api-key", "io.k8s.core.v1.serviceaccounts.token.create": "session",
}  # fmt: skip
#: Methods that end or suspend a key that they name as their resource, or undo that, by service.
_REVOKING = {
    ("iam.googleapis.com", "DeleteServiceAccountKey"): REVOKES,
    ("iam.googleapis.com", "DisableServiceAccountKey"): REVOKES,
    ("iam.googleapis.com", "EnableServiceAccountKey"): RESTORES,
    ("apikeys.googleapis.com", "DeleteKey"): REVOKES, ("apikeys.googleapis.com", "UndeleteKey"): RESTORES,
}  # fmt: skip
_KEY = re.compile(r".*/keys/([A-Za-z0-9_-]+)")
_OWNER = re.compile(r"(?:projects|organizations|folders|billingAccounts)/([^/]+)/")
#: Service accounts that Google's own services act with.
_AGENT = re.compile(r"service-[^@]+@.*|[^@]+@(?:gcp-sa-[^@]+|cloudservices|system)\.(?:iam\.)?gserviceaccount\.com")
_SECRETS = frozenset({
    "privateKeyData", "private_key_data", "keyString", "accessToken", "access_token", "idToken", "signedJwt",
    "signedBlob", "subjectToken", "subject_token",
})  # fmt: skip
_KUBERNETES: Final = "authentication.kubernetes.io/"
#: Characters of a resource's name whose parts are looked at.
_PATH = 4096
#: PERMISSION_DENIED and UNAUTHENTICATED of google.rpc.Code.
_DENIED = (7, 16)


class Authority(msgspec.Struct, gc=False):
    """One of authenticationInfo.serviceAccountDelegationInfo."""

    principalSubject: str | None = None
    firstPartyPrincipal: dict[str, Any] | None = None


class Authentication(msgspec.Struct, gc=False):
    """protoPayload.authenticationInfo."""

    principalEmail: str | None = None
    principalSubject: str | None = None
    authoritySelector: str | None = None
    serviceAccountKeyName: str | None = None
    serviceAccountDelegationInfo: list[Authority] | None = None
    oauthInfo: dict[str, Any] | None = None


class Authorization(msgspec.Struct, gc=False):
    """One of protoPayload.authorizationInfo."""

    resource: str | None = None
    permission: str | None = None
    granted: bool | None = None


class Payload(msgspec.Struct, gc=False):
    """protoPayload, an AuditLog. What some services write as text is read only if it is an object."""

    serviceName: str | None = None
    methodName: str | None = None
    resourceName: str | None = None
    authenticationInfo: Authentication | None = None
    authorizationInfo: list[Authorization] | None = None
    requestMetadata: Any = None
    resourceLocation: Any = None
    status: Any = None
    metadata: Any = None
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class Entry(msgspec.Struct, gc=False):
    """The fields of a LogEntry that are read."""

    insertId: str | None = None
    logName: str | None = None
    timestamp: str | None = None
    receiveTimestamp: str | None = None
    trace: str | None = None
    spanId: str | None = None
    labels: Any = None
    resource: Any = None
    operation: Any = None
    protoPayload: Payload | None = None


_decode = msgspec.json.Decoder(Entry)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an audit log's LogEntry."""
    return isinstance(found.get("protoPayload"), dict)


def split(value: bytes) -> list[bytes]:
    """One entry is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    payload = entry.protoPayload
    if payload is None:
        raise Invalid("protoPayload", "an AuditLog", "nothing")
    if not payload.methodName:
        raise Invalid("protoPayload.methodName", "the name of the method", "nothing")
    who = payload.authenticationInfo or Authentication()
    labels = mapping(mapping(entry.resource).get("labels"))
    request = mapping(payload.requestMetadata)
    last = payload.methodName.rpartition(".")[2]
    method = last if last[:1].isupper() else payload.methodName
    actor = who.principalEmail or who.principalSubject or ""
    chain = [_name(authority) for authority in reversed(who.serviceAccountDelegationInfo or ())]
    event = Event(
        event_id=_id(entry, value),
        kind="token_issuance" if method in _ISSUING else "cloud_audit",
        time=instant("timestamp", entry.timestamp or entry.receiveTimestamp, context),
        format=FORMAT,
        action=f"{(payload.serviceName or 'gcp').removesuffix('.googleapis.com')}:{method}",
        phase=_phase(mapping(entry.operation)),
        outcome=_outcome(payload),
        error=_error(payload, context),
        actor=actor,
        actor_kind=_kind(actor, who.principalSubject or ""),
        human=next((name for name in (actor, *reversed(chain)) if _kind(name, _subject(who, name)) == "human"), ""),
        account=text_of(labels.get("project_id")) or _owner(entry.logName),
        credential=_credential(who, mapping(entry.labels)),
        request=text_of(mapping(request.get("requestAttributes")).get("id")),
        trace=(entry.trace or "").rpartition("/")[2],
        span=entry.spanId or "",
        resources=_resources(payload),
        address=string(request.get("callerIp")) or string(request.get("callerIP")),
        user_agent=string(request.get("callerSuppliedUserAgent"))[:512],
        region=_region(payload, labels),
        policy=_policy(payload, mapping(entry.labels)),
        mentions=mentions(_named(payload.resourceName or ""), context),
        attributes=_attributes(entry, payload, who),
    )
    event.attributes.update(delegation([actor, *chain]))
    revoking, key = _REVOKING.get((payload.serviceName or "", method)), _KEY.fullmatch(payload.resourceName or "")
    if revoking and key and event.outcome == "success" and event.phase != "start":
        event.attributes[revoking] = f"gcp:key/{key[1]}"
    if event.kind == "token_issuance":
        _issue(event, entry, payload, _ISSUING[method])
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The entry without tokens and keys that a request or an answer may hold."""
    return without(value, _SECRETS, context)


def _id(entry: Entry, value: bytes) -> str:
    """Entries of one log with the same time and insertId are copies of one another, says the vendor."""
    if not (entry.logName and entry.timestamp and entry.insertId):
        return content_id(value)
    name = "\0".join((entry.logName, entry.timestamp, entry.insertId))
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _phase(operation: dict[str, Any]) -> str:
    """A long-running operation is logged when it begins and when it ends."""
    first, last = operation.get("first") is True, operation.get("last") is True
    return "" if first == last else "start" if first else "end"


def _outcome(payload: Payload) -> str:
    code = mapping(payload.status).get("code") or 0
    if code in _DENIED:
        return "denied"
    if code != 0:
        return "failure"
    asked = payload.authorizationInfo or ()
    return "denied" if asked and all(one.granted is False for one in asked) else "success"


def _error(payload: Payload, context: Context) -> str:
    status = mapping(payload.status)
    return string(status.get("message"))[: context.text_limit] if status.get("code") else ""


def _name(authority: Authority) -> str:
    first = mapping(authority.firstPartyPrincipal)
    return string(first.get("principalEmail")) or authority.principalSubject or ""


def _subject(who: Authentication, name: str) -> str:
    """What an authority's principalSubject says that its e-mail address does not."""
    if name == (who.principalEmail or who.principalSubject):
        return who.principalSubject or ""
    found = (one.principalSubject for one in who.serviceAccountDelegationInfo or () if _name(one) == name)
    return next(found, None) or ""


def _kind(name: str, subject: str) -> str:
    """A service account has an address of its own domain, a federated identity a pool; other addresses are people's."""
    if name.startswith("system:serviceaccount:") or "/workloadIdentityPools/" in subject + name:
        return "workload"
    if name.startswith("system:"):
        return "" if name == "system:anonymous" else "service"
    if _AGENT.fullmatch(name):
        return "service"
    if name.endswith("gserviceaccount.com") or subject.startswith("serviceAccount:"):
        return "workload"
    return "human" if "@" in name or "/workforcePools/" in subject + name else ""


def _credential(who: Authentication, labels: dict[str, Any]) -> str:
    key = _KEY.fullmatch(who.serviceAccountKeyName or "")
    if key:
        return f"gcp:key/{key[1]}"
    stated = string(labels.get(_KUBERNETES + "credential-id"))
    return f"kubernetes:{stated}" if stated else ""


def _owner(log: str | None) -> str:
    found = _OWNER.match(log or "")
    return found[1] if found else ""


def _resources(payload: Payload) -> list[str]:
    named = [one.resource for one in payload.authorizationInfo or () if one.resource]
    return list(dict.fromkeys([*([payload.resourceName] if payload.resourceName else []), *named]))[:16]


def _named(resource: str) -> list[str]:
    """A resource's whole name and the names in it: `projects/P/buckets/B/objects/O`, where only O may have slashes."""
    parents, _, thing = resource.partition("/objects/")
    return [resource, thing, *parents[:_PATH].removeprefix("//").split("/")[1::2]]


def _region(payload: Payload, labels: dict[str, Any]) -> str:
    current = sequence(mapping(payload.resourceLocation).get("currentLocations"))
    stated = next(iter(current), None) or labels.get("location") or labels.get("region") or labels.get("zone")
    return string(stated)


def _policy(payload: Payload, labels: dict[str, Any]) -> str:
    """The permissions that were asked for and whether they were granted; on GKE, the authorizer's reason."""
    if reason := string(labels.get("authorization.k8s.io/reason")):
        return reason[:512]
    asked = [one for one in payload.authorizationInfo or () if one.permission and one.granted is not None]
    stated = (f"{'granted' if one.granted else 'not granted'} {one.permission}" for one in asked)
    return ", ".join(dict.fromkeys(stated))[:512]


def _attributes(entry: Entry, payload: Payload, who: Authentication) -> dict[str, str]:
    log = (entry.logName or "").rpartition("/")[2].rpartition("%2F")[2]
    name = payload.methodName or ""
    kept = {
        "log": log,
        # An action has the last part of it.
        "methodName": name if name.rpartition(".")[2][:1].isupper() and "." in name else "",
        "principalSubject": who.principalSubject or "",
        "authoritySelector": who.authoritySelector or "",
        "oauthClientId": text_of(mapping(who.oauthInfo).get("oauthClientId")),
        "operation": text_of(mapping(entry.operation).get("id")),
        "resourceType": text_of(mapping(entry.resource).get("type")),
        "decision": text_of(mapping(entry.labels).get("authorization.k8s.io/decision")),
        "mapped_principal": text_of(mapping(payload.metadata).get("mapped_principal")),
    }
    return {name: text[:256] for name, text in kept.items() if text}


def _issue(event: Event, entry: Entry, payload: Payload, kind: str) -> None:
    """What was issued to act as whom. Only keys, and GKE's tokens, have a name in the log."""
    asked, answered = _body(payload.request), _body(payload.response)
    event.issued_kind = kind
    event.issued_subject = _acts_as(entry, payload, asked)
    delegates = [string(name).rpartition("/")[2] for name in sequence(asked.get("delegates"))]
    if delegates:
        event.attributes["delegates"] = text_of(delegates)
    if event.outcome != "success":
        return
    key = _KEY.fullmatch(string(answered.get("name")))
    token = string(mapping(entry.labels).get(_KUBERNETES + "issued-credential-id"))
    event.issued = f"gcp:key/{key[1]}" if key else f"kubernetes:{token}" if token else ""
    event.issued_expires = expiry(answered.get("expireTime"))


def _acts_as(entry: Entry, payload: Payload, asked: dict[str, Any]) -> str:
    mapped = string(mapping(payload.metadata).get("mapped_principal"))
    labels = mapping(mapping(entry.resource).get("labels"))
    account = string(labels.get("email_id")) or string(asked.get("name")).rpartition("/serviceAccounts/")[2]
    return mapped or account


def _body(raw: msgspec.Raw) -> dict[str, Any]:
    return mapping(msgspec.json.decode(raw)) if bytes(raw) else {}
