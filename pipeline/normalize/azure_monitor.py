"""Azure Monitor records: the Activity log and resource logs become cloud audit events, handing out keys issuance.

Source: Microsoft documentation, Azure Monitor resource log schema, Activity log schema (also as its REST API has it),
Azure Storage monitoring data reference. Links: the claim `uti` of the token used is the identifier that Entra's
sign-in log gives the token; a storage request with a key or SAS is known by `identity.tokenHash`. `authorization` names
the role assignment that granted a request. Sign-ins and directory audits in the same envelope are read by
`pipeline.normalize.entra`, requests to Microsoft Graph by `graph_activity`, audit events of AKS by `kubernetes_audit`,
rows of Log Analytics by `azure_tables`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize import azure_tables, entra, graph_activity, kubernetes_audit
from pipeline.normalize.azure_source import FORMAT, SOURCE
from pipeline.normalize.context import Context
from pipeline.normalize.documents import document, few, identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.mentions import mentions
from pipeline.normalize.times import instant
from schemas.event import Event

__all__ = ["FORMAT", "SOURCE", "conceals", "normalize", "recognizes", "split"]
_ISSUING = re.compile(
    r"(?i)/(?:listkeys|regeneratekeys?|listaccountsas|listservicesas|generateuserdelegationkey|listconnectionstrings)/action$"
)
_SUCCESS = ("success", "succeeded", "accept", "accepted", "0")
_DENIED = ("forbidden", "unauthorized", "403", "401", "authorizationfailed")
_XML: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT: Final = "http://schemas.microsoft.com/identity/claims/"
#: Claims that name who acts, best first.
_NAMES = (
    _XML + "upn", "upn", _XML + "emailaddress", "name", _MICROSOFT + "objectidentifier", "objectId", "appid", "appId",
)  # fmt: skip
_MARKS = frozenset({"time", "eventTimestamp", "resourceId", "callerIpAddress", "properties"})
_SUBSCRIPTION = re.compile(r"(?i)/subscriptions/([^/]+)")
#: Characters of a path whose parts are looked at.
_PATH = 4096
_PORT = re.compile(r"(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\])(?::\d+)?")


class Monitor(msgspec.Struct, gc=False):
    """The fields of a record that are read. Services differ in what they write as text, number or object."""

    time: str | None = None
    eventTimestamp: str | None = None
    category: Any = None
    operationName: Any = None
    resultType: Any = None
    resultSignature: Any = None
    resultDescription: Any = None
    status: Any = None
    statusCode: Any = None
    callerIpAddress: str | None = None
    httpRequest: Any = None
    correlationId: str | None = None
    identity: Any = None
    authorization: Any = None
    claims: Any = None
    caller: str | None = None
    resourceId: str | None = None
    tenantId: str | None = None
    location: Any = None
    uri: str | None = None
    eventDataId: str | None = None
    properties: Any = None


class Envelope(msgspec.Struct, gc=False):
    """What Azure writes to a storage account or an event hub."""

    records: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(Monitor)
_envelope = msgspec.json.Decoder(Envelope)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a record, or a list of records, of Azure Monitor or Entra."""
    first = mapping(next(iter(sequence(found.get("records"))), None)) or found
    if azure_tables.is_row(first) or entra.recognizes(first):
        return True
    return "operationName" in first and bool(_MARKS & first.keys())


def split(value: bytes) -> list[bytes]:
    """The single records of an envelope."""
    if b'"records"' in value:
        found: Envelope = typed(_envelope, value)
        if found.records is not None:
            return [part for one in few("records", found.records) for part in split(bytes(one))]
    return kubernetes_audit.split(value) if b'"kube-audit' in value else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    if b'"TimeGenerated"' in value and azure_tables.is_row(row := mapping(document(value))):
        return _of_row(azure_tables.as_record(row), value, context)
    monitor: Monitor = typed(_decode, value)
    if string(monitor.category) in graph_activity.CATEGORIES:
        return [graph_activity.normalize(mapping(document(value)), value, FORMAT, context)]
    if entra.is_entra(monitor.category, monitor.properties):
        return entra.normalize(value, FORMAT, context)
    operation = _value(monitor.operationName)
    if not operation:
        return _other(value, context)
    identity, signed = mapping(monitor.identity), _signed(monitor)
    authorization = monitor.authorization if monitor.authorization is not None else identity.get("authorization")
    field = "time" if monitor.eventTimestamp is None else "eventTimestamp"
    actor = _actor(monitor, signed)
    result = _value(monitor.resultType) or _value(monitor.status)
    return [
        Event(
            event_id=identify(monitor.eventDataId, value),
            kind="token_issuance" if _ISSUING.search(operation) else "cloud_audit",
            time=instant(field, monitor.eventTimestamp or monitor.time, context),
            format=FORMAT,
            action=f"azure:{operation}",
            phase="start" if result.lower() in ("start", "started") else "",
            outcome=_outcome(monitor, result),
            error=_error(monitor, result, context),
            actor=actor,
            actor_kind=_kind(signed),
            human=actor if _kind(signed) == "human" else "",
            account=_account(monitor),
            credential=_credential(identity, signed),
            issued_kind="access-key" if _ISSUING.search(operation) else "",
            request=monitor.correlationId or "",
            resources=_resources(monitor),
            address=_address(monitor.callerIpAddress or string(mapping(monitor.httpRequest).get("clientIpAddress"))),
            user_agent=string(mapping(monitor.properties).get("userAgentHeader"))[:512],
            region=string(monitor.location),
            policy=_policy(authorization),
            mentions=mentions(_named(monitor), context),
            attributes=_attributes(monitor, signed, identity),
        )
    ]


def conceals(value: bytes, context: Context) -> bytes:
    """As Kubernetes' audit events are concealed; others hold no credential in a place of its own."""
    return kubernetes_audit.conceals(value, context) if b'"audit.k8s.io/' in value else value


def _of_row(record: dict[str, Any], value: bytes, context: Context) -> list[Event]:
    if record["category"] in graph_activity.CATEGORIES:
        return [graph_activity.normalize(record, value, FORMAT, context)]
    return entra.normalize(msgspec.json.encode(record), FORMAT, context)


def _other(value: bytes, context: Context) -> list[Event]:
    """What the envelope of AKS held, or a sign-in as Microsoft Graph has it, without an envelope."""
    found = msgspec.json.decode(value)
    if entra.recognizes(found):
        return entra.normalize(value, FORMAT, context)
    if kubernetes_audit.recognizes(found):
        return kubernetes_audit.normalize(value, context)
    raise Invalid("operationName", "the name of the operation", "nothing")


def _value(stated: Any) -> str:
    """A name, or a name with its translation, as the REST API has it; results are numbers in some logs."""
    return text_of(mapping(stated).get("value") if isinstance(stated, dict) else stated)


def _signed(monitor: Monitor) -> dict[str, Any]:
    """The claims of the token that signed the request; storage has a few of them as `requester`."""
    identity = mapping(monitor.identity)
    return mapping(monitor.claims) or mapping(identity.get("claims")) or mapping(identity.get("requester"))


def _actor(monitor: Monitor, signed: dict[str, Any]) -> str:
    return monitor.caller or next((name for name in (string(signed.get(key)) for key in _NAMES) if name), "")


def _kind(signed: dict[str, Any]) -> str:
    """A token that names a user is a person's; one that names an application only is the application's own."""
    if signed.get("idtyp") == "app":
        return "workload"
    if signed.get("idtyp") == "user" or signed.get(_XML + "upn") or signed.get("upn"):
        return "human"
    return "workload" if signed.get("appid") or signed.get("appId") else ""


def _credential(identity: dict[str, Any], signed: dict[str, Any]) -> str:
    if token := string(signed.get("uti")):
        return entra.token_name(token)
    hashed = string(identity.get("tokenHash"))
    return f"azure:{hashed}" if hashed else ""


def _outcome(monitor: Monitor, result: str) -> str:
    code = _value(monitor.statusCode)
    signature = _value(monitor.resultSignature).partition(".")[0].lower()
    if code in _DENIED or signature in _DENIED:
        return "denied"
    if code.isascii() and code.isdigit() and len(code) == 3:
        return "success" if code < "400" else "failure"
    if not result or result.lower() in ("start", "started"):
        return ""
    return "success" if result.lower() in _SUCCESS else "failure"


def _error(monitor: Monitor, result: str, context: Context) -> str:
    if _outcome(monitor, result) in ("success", ""):
        return ""
    said = (_value(monitor.resultSignature), text_of(monitor.resultDescription, context.text_limit))
    return ": ".join(part for part in said if part)


def _account(monitor: Monitor) -> str:
    found = _SUBSCRIPTION.search(monitor.resourceId or "")
    return found[1] if found else monitor.tenantId or ""


def _resources(monitor: Monitor) -> list[str]:
    """A storage request's address without its query, which may hold a signature."""
    stated = [monitor.resourceId or "", (monitor.uri or "").partition("?")[0]]
    return [name for name in [*stated, string(mapping(monitor.properties).get("objectKey"))] if name]


def _named(monitor: Monitor) -> list[str]:
    """The names in `/subscriptions/S/resourceGroups/G/providers/P/TYPE/NAME`, and the path of a blob."""
    ids = (monitor.resourceId or "")[:_PATH].strip("/").split("/")[1::2]
    key = string(mapping(monitor.properties).get("objectKey"))[:_PATH]
    return [key, *key.strip("/").split("/", 1), *(name for name in ids if not name.lower().startswith("microsoft."))]


def _address(stated: str) -> str:
    found = _PORT.fullmatch(stated)
    return (found[1] or found[2]) if found else stated


def _policy(authorization: Any) -> str:
    """The role assignment that granted a request: one in the Activity log, a list of them in storage logs."""
    stated = []
    for one in authorization if isinstance(authorization, list) else [authorization]:
        fields = mapping(one)
        evidence = mapping(fields.get("evidence")) or fields
        role = string(evidence.get("role")) or string(evidence.get("roleDefinitionId"))
        where = string(evidence.get("roleAssignmentScope")) or string(evidence.get("roleAssignmentId"))
        denied = string(fields.get("denyAssignmentId"))
        stated.append(f"role {role} at {where}" if role and where else f"role {role}" if role else "")
        stated.append(f"deny assignment {denied}" if denied else "")
    return ", ".join(dict.fromkeys(text for text in stated if text))[:512]


def _attributes(monitor: Monitor, signed: dict[str, Any], identity: dict[str, Any]) -> dict[str, str]:
    kept = {
        "category": _value(monitor.category),
        "appid": string(signed.get("appid")) or string(signed.get("appId")),
        "objectidentifier": string(signed.get(_MICROSOFT + "objectidentifier")) or string(signed.get("objectId")),
        "identityType": string(identity.get("type")),
        "tenant": monitor.tenantId or "",
    }
    return {name: text[:256] for name, text in kept.items() if text}
