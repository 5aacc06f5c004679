"""AWS CloudTrail: API calls become cloud audit events, issuing calls become token issuance.

Source: CloudTrail record contents and userIdentity element, AWS documentation. Links: `userIdentity.accessKeyId` is the
credential used; `responseElements.credentials.accessKeyId` the one issued; `roleSessionName` and `sourceIdentity` are
names that travel with it; `requestParameters.accessKeyId` is the key that is deleted or set inactive.
`addendum.originalEventID` replaces the event it corrects. Copies of one call in trails of two accounts have one
`sharedEventID` and different event ids: both are kept. `errorMessage` may name the type of policy that denied a call.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.aws_issuance import ISSUING, REVOKING, Issued, issued_by, revoked_by
from pipeline.normalize.aws_kept import kept as kept_of
from pipeline.normalize.aws_policy import denied_by, session_policy
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, mapping, string, text_of, typed
from pipeline.normalize.mentions import LEAVES, mentions, strings
from pipeline.normalize.source import LINKS, Source
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "aws.cloudtrail"
_DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "Client.UnauthorizedOperation")
#: What identifies a thing in request parameters, across services.
_NAMES = (
    "roleArn", "roleName", "userName", "secretId", "functionName", "tableName", "keyId", "modelId", "instanceId",
    "policyArn", "groupName", "name", "accessKeyId",
)  # fmt: skip
_RANKS = {name: rank for rank, name in enumerate(_NAMES)}


class SessionContext(msgspec.Struct, gc=False):
    """userIdentity.sessionContext."""

    sourceIdentity: str | None = None
    attributes: dict[str, Any] | None = None


class Identity(msgspec.Struct, gc=False):
    """userIdentity."""

    type: str | None = None
    principalId: str | None = None
    arn: str | None = None
    accountId: str | None = None
    accessKeyId: str | None = None
    userName: str | None = None
    invokedBy: str | None = None
    sessionContext: SessionContext | None = None
    onBehalfOf: dict[str, Any] | None = None


class Resource(msgspec.Struct, gc=False):
    """One of resources."""

    ARN: str | None = None


class Trail(msgspec.Struct, gc=False):
    """The fields of a record that are read; others are skipped while decoding."""

    eventTime: str | None = None
    eventID: str | None = None
    eventName: str | None = None
    eventSource: str | None = None
    userIdentity: Identity | None = None
    awsRegion: str | None = None
    sourceIPAddress: str | None = None
    userAgent: str | None = None
    requestParameters: Any = None
    responseElements: Any = None
    errorCode: str | None = None
    errorMessage: str | None = None
    requestID: str | None = None
    resources: list[Resource] | None = None
    readOnly: bool | str | None = None
    eventType: str | None = None
    recipientAccountId: str | None = None
    vpcEndpointId: str | None = None
    sharedEventID: str | None = None
    sessionCredentialFromConsole: bool | str | None = None
    addendum: dict[str, Any] | None = None
    additionalEventData: Any = None


class Envelope(msgspec.Struct, gc=False):
    """A log file: {"Records": […]}, or an EventBridge event: {"detail": {…}}."""

    Records: list[msgspec.Raw] | None = None
    detail: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Trail)
_envelope = msgspec.json.Decoder(Envelope)


SOURCE: Final = Source(
    name=FORMAT,
    title="AWS CloudTrail",
    group="Cloud audit",
    documents=(),
    enable="",
    links={link: "TODO" for link in LINKS},
    mark=rb'"eventSource"|"Records"',
    issuing=rb'"eventName"\s*:\s*"(?:AssumeRole\w*|AssumeRoot|GetSessionToken|GetFederationToken|CreateAccessKey|ConsoleLogin|CreateServiceSpecificCredential|GetRoleCredentials|GetCredentialsForIdentity)"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a record, a log file or an EventBridge event of CloudTrail."""
    if isinstance(found.get("Records"), list) or "CloudTrail" in string(found.get("detail-type")):
        return True
    return ("eventSource" in found and "eventName" in found) or ("userIdentity" in found and "awsRegion" in found)


def split(value: bytes) -> list[bytes]:
    """The single records of a log file or an EventBridge event."""
    # A single record begins like this wherever AWS itself wrote it, which spares two searches through it.
    if value.startswith(b'{"eventVersion"') or (b'"Records"' not in value and b'"detail"' not in value):
        return [value]
    found = typed(_envelope, value)
    if found.Records is not None:
        return [bytes(record) for record in found.Records]
    return [bytes(found.detail)] if bytes(found.detail)[:1] == b"{" else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    trail: Trail = typed(_decode, value)
    if not trail.eventName and not trail.eventType:
        raise Invalid("eventName", "the name of the API call", "nothing")
    identity = trail.userIdentity or Identity()
    time = instant("eventTime", trail.eventTime, context)
    issuing = ISSUING.get(trail.eventName or "")
    is_issuing = issuing is not None and (trail.eventSource or "") in issuing.sources
    session = identity.sessionContext or SessionContext()
    asked = trail.requestParameters if isinstance(trail.requestParameters, dict) else {}
    outcome = _outcome(trail)
    granted = Issued()
    if is_issuing and issuing is not None and outcome == "success":
        granted = issued_by(issuing, asked, mapping(trail.responseElements))
    attributes = _attributes(trail, identity, session)
    if trail.eventName in REVOKING and outcome == "success":
        attributes |= revoked_by(trail.eventName, trail.eventSource or "", asked)
    actor = identity.arn or identity.invokedBy or identity.principalId or identity.userName or identity.accountId or ""
    return [
        Event(
            event_id=_id(trail, value),
            kind="token_issuance" if is_issuing else "cloud_audit",
            time=time,
            format=FORMAT,
            action=f"{(trail.eventSource or '').removesuffix('.amazonaws.com')}:{trail.eventName or trail.eventType}",
            outcome=outcome,
            error=": ".join(part for part in (trail.errorCode, trail.errorMessage) if part)[: context.text_limit],
            actor=actor,
            actor_kind=_kind(identity),
            actor_name=identity.userName or "",
            human=_human(identity),
            account=identity.accountId or trail.recipientAccountId or "",
            credential=f"aws:{identity.accessKeyId}" if identity.accessKeyId else "",
            issued=granted.credential,
            issued_kind=granted.kind,
            issued_expires=granted.expires,
            issued_subject=_subject(granted, trail.recipientAccountId or identity.accountId or ""),
            session_name=_session_name(asked) if is_issuing else _assumed(identity),
            source_identity=session.sourceIdentity or (string(asked.get("sourceIdentity")) if is_issuing else ""),
            request=trail.requestID or "",
            resources=_resources(trail, asked),
            address=trail.sourceIPAddress or "",
            user_agent=(trail.userAgent or "")[:512],
            region=trail.awsRegion or "",
            policy=_policy(trail, asked, outcome, is_issuing, context),
            attributes=attributes,
            mentions=mentions(islice(strings(asked), LEAVES), context) if asked else [],
        )
    ]


def _id(trail: Trail, value: bytes) -> str:
    original = (trail.addendum or {}).get("originalEventID")
    return identify(original or trail.eventID, value)


def _outcome(trail: Trail) -> str:
    if not trail.errorCode:
        answered = mapping(trail.responseElements)
        return "failure" if answered.get("ConsoleLogin") == "Failure" else "success"
    return "denied" if any(word in trail.errorCode for word in _DENIED) else "failure"


def _policy(trail: Trail, asked: dict[str, Any], outcome: str, is_issuing: bool, context: Context) -> str:
    if outcome == "denied":
        return denied_by(trail.errorMessage or "")
    return session_policy(asked, context) if is_issuing else ""


def _kind(identity: Identity) -> str:
    if identity.type in ("AWSService", "AWSAccount") or (identity.type is None and identity.invokedBy):
        return "service" if identity.type != "AWSAccount" else ""
    return "human" if identity.type in ("SAMLUser", "IdentityCenterUser") else ""


def _human(identity: Identity) -> str:
    if identity.onBehalfOf:
        return string(identity.onBehalfOf.get("userId"))
    return identity.userName or "" if identity.type in ("SAMLUser", "IdentityCenterUser") else ""


def _subject(granted: Issued, account: str) -> str:
    """Whom a credential is for; a user by the ARN that the records of that user state, as far as the name gives it."""
    if granted.kind in ("access-key", "service-credential") and granted.subject and account:
        return f"arn:aws:iam::{account}:user/{granted.subject}"
    return granted.subject


def _session_name(asked: dict[str, Any]) -> str:
    return string(asked.get("roleSessionName")) or string(asked.get("name")) or ""


def _assumed(identity: Identity) -> str:
    """The role session's name, as the ARN or else the principal id (`AROA…:name`) states it."""
    arn = identity.arn or ""
    if ":assumed-role/" in arn and arn.count("/") >= 2:
        return arn.rsplit("/", 1)[1]
    return (identity.principalId or "").partition(":")[2] if identity.type == "AssumedRole" and not arn else ""


def _resources(trail: Trail, asked: dict[str, Any]) -> list[str]:
    found = [resource.ARN for resource in trail.resources or () if resource.ARN]
    bucket = asked.get("bucketName")
    if isinstance(bucket, str) and not any(":s3:::" in arn for arn in found):
        key = asked.get("key")
        found.append(f"arn:aws:s3:::{bucket}/{key}" if isinstance(key, str) and key else f"arn:aws:s3:::{bucket}")
    named = asked.keys() & _RANKS.keys() if asked else ()
    for name in sorted(named, key=_RANKS.__getitem__) if len(named) > 1 else named:
        value = asked[name]
        if isinstance(value, str) and value and value not in found:
            found.append(value)
    return found[:16]


def _attributes(trail: Trail, identity: Identity, session: SessionContext) -> dict[str, str]:
    kept: dict[str, str] = {}
    if trail.recipientAccountId is not None:
        kept["recipientAccountId"] = trail.recipientAccountId
    if trail.readOnly is not None:
        kept["readOnly"] = text_of(trail.readOnly)
    if identity.type:
        kept["identityType"] = identity.type
    if trail.eventType is not None and trail.eventType != "AwsApiCall":
        kept["eventType"] = trail.eventType
    if identity.invokedBy:
        kept["invokedBy"] = identity.invokedBy
    if trail.vpcEndpointId is not None:
        kept["vpcEndpointId"] = trail.vpcEndpointId
    if trail.sharedEventID is not None:
        kept["sharedEventID"] = trail.sharedEventID
    if trail.sessionCredentialFromConsole is not None:
        kept["sessionCredentialFromConsole"] = text_of(trail.sessionCredentialFromConsole)
    return _rare_attributes(kept, trail, identity, session)


def _rare_attributes(kept: dict[str, str], trail: Trail, identity: Identity, session: SessionContext) -> dict[str, str]:
    if session.attributes and session.attributes.get("mfaAuthenticated") == "true":
        kept["mfa"] = "true"
    kept.update(kept_of("requestParameters", trail.requestParameters))
    kept.update(kept_of("responseElements", trail.responseElements))
    kept.update(kept_of("additionalEventData", trail.additionalEventData))
    if trail.additionalEventData and mapping(trail.additionalEventData).get("callWithBearerToken"):
        kept["callWithBearerToken"] = "true"
    if identity.onBehalfOf:
        # A person of Identity Center, for whom the role session acts.
        kept |= delegation([identity.arn or identity.principalId or "", _human(identity)])
    if trail.addendum:
        kept["addendum"] = text_of(trail.addendum.get("reason")) or "correction"
    return kept
