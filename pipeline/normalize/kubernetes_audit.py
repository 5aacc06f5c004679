"""Kubernetes audit: API requests become cloud audit events, TokenRequests become token issuance.

Source: Kubernetes documentation, Auditing, kube-apiserver Audit Configuration (audit.k8s.io/v1), audit annotations,
KEP-4193. Links: `user.extra["authentication.kubernetes.io/credential-id"]` is the credential used (`JTI=…` of a token,
`X509SHA256=…` of a certificate), the annotation `authentication.kubernetes.io/issued-credential-id` the one issued. On
EKS `user.extra.accessKeyId` is the AWS key that the authenticator was shown, and `sessionName` its role session's name.
The annotation `authorization.k8s.io/reason` names the binding that allowed a request. Lists (`EventList`) and the
envelope of AKS (`properties.log`) are unwrapped. Each stage of a request is an event of its own, under one audit id.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import few, identify, mapping, sequence, string, text_of, too_deep, typed
from pipeline.normalize.mask import label
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import expiry, instant
from schemas.event import Event

FORMAT: Final = "kubernetes.audit"
_AUTHENTICATION: Final = "authentication.kubernetes.io/"
_REQUEST_STAGES = ("RequestReceived", "ResponseStarted")
_WHERE = ("pod-name", "pod-uid", "node-name", "node-uid")
#: Subresources that open a session in a container, or a way to it.
_SESSIONS = ("exec", "attach", "portforward", "proxy")
#: Requests whose bodies hold credentials in clear.
_SECRET = ("secrets", "tokenreviews")
_HINTS = (b'"secrets"', b'"tokenreviews"', b'"token"')
_BODIES = frozenset({"requestObject", "responseObject"})


class User(msgspec.Struct, gc=False):
    """user and impersonatedUser."""

    username: str | None = None
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, Any] | None = None


class Reference(msgspec.Struct, gc=False):
    """objectRef."""

    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    apiGroup: str | None = None
    subresource: str | None = None


class Status(msgspec.Struct, gc=False):
    """responseStatus."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None


class Audit(msgspec.Struct, gc=False):
    """The fields of an audit event that are read."""

    auditID: str | None = None
    stage: str | None = None
    level: str | None = None
    verb: str | None = None
    requestURI: str | None = None
    user: User | None = None
    impersonatedUser: User | None = None
    sourceIPs: list[str] | None = None
    userAgent: str | None = None
    objectRef: Reference | None = None
    responseStatus: Status | None = None
    responseObject: msgspec.Raw = msgspec.Raw()
    requestObject: msgspec.Raw = msgspec.Raw()
    requestReceivedTimestamp: str | None = None
    stageTimestamp: str | None = None
    annotations: dict[str, Any] | None = None


class Envelope(msgspec.Struct, gc=False):
    """An EventList, a file of Azure's diagnostic records, or one such record."""

    kind: str | None = None
    items: list[msgspec.Raw] | None = None
    records: list[msgspec.Raw] | None = None
    properties: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(Audit)
_envelope = msgspec.json.Decoder(Envelope)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


SOURCE: Final = Source(
    name=FORMAT,
    title="Kubernetes audit",
    group="Cloud audit",
    documents=(
        "Kubernetes: Auditing",
        "Kubernetes: kube-apiserver Audit Configuration (audit.k8s.io/v1)",
        "Kubernetes: Audit Annotations",
        "Kubernetes enhancement 4193: Bound service account token improvements",
        "Amazon EKS: Control plane logs; AWS IAM Authenticator",
        "Azure Kubernetes Service: Monitoring data reference",
    ),
    enable="An audit policy with level `Metadata` or more for all requests, and `RequestResponse` for "
    "`serviceaccounts/token` (its answer states the expiry; the token is not kept). On EKS switch on the log type "
    "`audit`, on AKS the diagnostic setting `kube-audit`, whose envelope is unwrapped. GKE sends `gcp.audit`.",
    links={
        "actor": "`user.username`",
        "credential": '`user.extra["authentication.kubernetes.io/credential-id"]` (`kubernetes:JTI=…`, '
        "`kubernetes:X509SHA256=…`); on EKS `user.extra.accessKeyId` (`aws:…`)",
        "issued": "annotation `authentication.kubernetes.io/issued-credential-id` of `create serviceaccounts/token`",
        "request": "`auditID`, the same in all stages of a request",
        "policy": "annotation `authorization.k8s.io/reason`: the binding, the role and the subject",
        "address": "`sourceIPs[0]`",
    },
    needs={
        "credential": "Kubernetes 1.30 or newer (feature gate `ServiceAccountTokenJTI`); certificates from 1.32",
        "issued": "Kubernetes 1.30 or newer",
        "policy": "RBAC; other authorizers give other reasons, or none",
    },
    never={
        "human": "the name of a user may be anybody's: Kubernetes keeps no accounts of people",
        "session": "requests are authenticated one by one",
        "trace": "audit events carry no trace context",
        "tool_call": "the API server does not see tools",
    },
    lost=("which cluster: name the topic or the file after it", "tokens that were issued before Kubernetes 1.30"),
    ends="TokenRequests state their expiry. A bound token ends with its pod or account, whose deletion does not name "
    "it, so nothing revokes.",
    known=fields(
        Audit,
        "kind apiVersion metadata objectRef.uid objectRef.apiVersion objectRef.resourceVersion"
        " responseStatus.metadata responseStatus.status responseStatus.details responseStatus.kind"
        " responseStatus.apiVersion authenticationMetadata",
    ),
    mark=rb'"audit\.k8s\.io/',
    issuing=rb'"subresource\\*"\s*:\s*\\*"token',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an audit event, a list of them, or AKS's envelope of one."""
    if string(found.get("apiVersion")).startswith("audit.k8s.io/"):
        return True
    first = mapping(next(iter(sequence(found.get("records"))), None)) or found
    if string(first.get("category")).startswith("kube-audit"):
        return "log" in mapping(first.get("properties"))
    return "verb" in found and bool({"auditID", "objectRef"} & found.keys())


def split(value: bytes) -> list[bytes]:
    """The single events of a list or an envelope."""
    if b'"EventList"' not in value and b'"log"' not in value:
        return [value]
    found: Envelope = typed(_envelope, value)
    if found.kind == "EventList" and found.items is not None:
        return [bytes(item) for item in few("items", found.items)]
    if found.records is not None:
        return [part for record in few("records", found.records) for part in split(bytes(record))]
    log = mapping(found.properties).get("log")
    inner = log.encode("utf-8", "replace") if isinstance(log, str) else b""
    return [inner] if inner.lstrip()[:1] == b"{" and not too_deep(inner) else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    audit: Audit = typed(_decode, value)
    if not audit.verb:
        raise Invalid("verb", "the verb of the request, e.g. create", "nothing")
    user, annotations = audit.user or User(), audit.annotations or {}
    acting = user.username or user.uid or ""
    reference = audit.objectRef or Reference()
    issuing = audit.verb == "create" and (reference.resource, reference.subresource) == ("serviceaccounts", "token")
    event = Event(
        event_id=_id(audit, value),
        kind="token_issuance" if issuing else "cloud_audit",
        time=_time(audit, context),
        format=FORMAT,
        action=f"kubernetes:{audit.verb}{_what(reference)}",
        phase=_phase(audit),
        outcome=_outcome(audit, annotations),
        error=_error(audit, context),
        actor=acting,
        actor_kind=_kind(acting),
        credential=_credential(user),
        session_name=_extra(user, "sessionName"),
        request=audit.auditID or "",
        resources=_resources(audit, reference),
        address=next(iter(audit.sourceIPs or ()), ""),
        user_agent=(audit.userAgent or "")[:512],
        policy=text_of(_annotated(annotations, "authorization.k8s.io/reason"), 512),
        attributes=_attributes(audit, user, annotations),
        mentions=mentions(_named(reference), context),
    )
    if issuing:
        _issue(event, audit, reference, annotations, context)
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The record without the bodies of requests that hold credentials in clear."""
    if b"\\u" not in value and not any(name in value for name in _HINTS):
        return value
    reference = typed(_decode, value).objectRef or Reference()
    if reference.resource not in _SECRET and reference.subresource != "token":
        return value
    fields = _fields.decode(value)
    for name in _BODIES & fields.keys():
        fields[name] = msgspec.Raw(msgspec.json.encode(label("body", bytes(fields[name]), context)))
    return msgspec.json.encode(fields)


def _id(audit: Audit, value: bytes) -> str:
    """All stages of a request share its audit id; the last has it to itself."""
    name = identify(audit.auditID, value)
    return f"{name}#{audit.stage}" if audit.stage in _REQUEST_STAGES else name


def _time(audit: Audit, context: Context) -> int:
    if audit.requestReceivedTimestamp is None and audit.stageTimestamp is not None:
        return instant("stageTimestamp", audit.stageTimestamp, context)
    return instant("requestReceivedTimestamp", audit.requestReceivedTimestamp, context)


def _what(reference: Reference) -> str:
    if not reference.resource:
        return ""
    return f" {reference.resource}/{reference.subresource}" if reference.subresource else f" {reference.resource}"


def _phase(audit: Audit) -> str:
    if audit.stage in _REQUEST_STAGES:
        return "start"
    return "end" if audit.stage else ""


def _outcome(audit: Audit, annotations: dict[str, Any]) -> str:
    code = audit.responseStatus.code if audit.responseStatus else None
    if _annotated(annotations, "authorization.k8s.io/decision") == "forbid" or code in (401, 403):
        return "denied"
    if code is None:
        return "failure" if audit.stage == "Panic" else ""
    return "success" if code < 400 else "failure"


def _error(audit: Audit, context: Context) -> str:
    status = audit.responseStatus or Status()
    if (status.code or 0) < 400:
        return ""
    return ": ".join(part for part in (status.reason, status.message) if part)[: context.text_limit]


def _kind(name: str) -> str:
    """What the name of a user says, whose prefixes are Kubernetes' own; other names may be anybody's."""
    if name.startswith("system:serviceaccount:"):
        return "workload"
    return "service" if name.startswith("system:") and name != "system:anonymous" else ""


def _credential(user: User) -> str:
    if stated := _extra(user, _AUTHENTICATION + "credential-id"):
        return f"kubernetes:{stated}"
    key = _extra(user, "accessKeyId")
    return f"aws:{key}" if key else ""


def _extra(user: User, name: str) -> str:
    """The first value of an extra field; each has a list of them."""
    found = _annotated(user.extra or {}, name)
    return string(found) or string(next(iter(sequence(found)), ""))


def _annotated(annotations: dict[str, Any], name: str) -> Any:
    """By the name that Kubernetes gives it, or as collectors write it that allow no dots in names."""
    return annotations[name] if name in annotations else annotations.get(name.replace(".", "_"))


def _resources(audit: Audit, reference: Reference) -> list[str]:
    if not reference.resource:
        path = (audit.requestURI or "").partition("?")[0]
        return [path] if path else []
    group = [reference.apiGroup] if reference.apiGroup else []
    space = ["namespaces", reference.namespace] if reference.namespace else []
    named = [reference.name] if reference.name else []
    below = [reference.subresource] if reference.subresource else []
    return ["/".join([*group, *space, reference.resource, *named, *below])]


def _named(reference: Reference) -> list[str]:
    """Names that a tool call may have given, together or apart."""
    name, space = reference.name or "", reference.namespace or ""
    return [name, space, f"{space}/{name}" if space else "", f"{reference.resource}/{name}"] if name else [space]


def _attributes(audit: Audit, user: User, annotations: dict[str, Any]) -> dict[str, str]:
    kept = {"stage": audit.stage or "", "level": audit.level or "", "uid": user.uid or ""}
    kept["completed"] = audit.stageTimestamp or "" if audit.requestReceivedTimestamp else ""
    kept["groups"] = ", ".join(user.groups or ())
    kept["decision"] = text_of(_annotated(annotations, "authorization.k8s.io/decision"))
    for name in _WHERE:
        kept[name] = _extra(user, _AUTHENTICATION + name)
    for name in ("arn", "canonicalArn"):
        kept[name] = _extra(user, name)
    reference, status = audit.objectRef or Reference(), audit.responseStatus or Status()
    kept["apiGroup"], kept["code"] = reference.apiGroup or "", str(status.code or "")
    # What is run in a container stands in the address only.
    kept["requestURI"] = audit.requestURI or "" if reference.subresource in _SESSIONS else ""
    other = audit.impersonatedUser.username or "" if audit.impersonatedUser else ""
    kept["impersonated"] = other
    found = {name: text[:256] for name, text in kept.items() if text}
    return {**found, **delegation([user.username or "", other])} if other else found


def _issue(event: Event, audit: Audit, reference: Reference, annotations: dict[str, Any], context: Context) -> None:
    issued = text_of(_annotated(annotations, _AUTHENTICATION + "issued-credential-id"))
    event.issued = f"kubernetes:{issued}" if issued and event.outcome not in ("denied", "failure") else ""
    event.issued_kind = "session"
    if reference.namespace and reference.name:
        event.issued_subject = f"system:serviceaccount:{reference.namespace}:{reference.name}"
    asked, answered = _body(audit.requestObject), _body(audit.responseObject)
    spec = mapping(asked.get("spec"))
    event.issued_expires = expiry(mapping(answered.get("status")).get("expirationTimestamp"))
    bound = mapping(spec.get("boundObjectRef"))
    stated = {"audiences": text_of(spec.get("audiences")), "boundTo": text_of(bound.get("name"))}
    event.attributes.update({name: text for name, text in stated.items() if text})


def _body(raw: msgspec.Raw) -> dict[str, Any]:
    return mapping(msgspec.json.decode(raw)) if bytes(raw) else {}
