"""AWS CloudTrail: API calls become cloud audit events, issuing calls become token issuance.

Source: CloudTrail record contents and userIdentity element, AWS documentation. Links: `userIdentity.accessKeyId` is the
credential used; `responseElements.credentials.accessKeyId` the one issued; `roleSessionName` and `sourceIdentity` are
names that travel with it; `requestParameters.accessKeyId` is the key that is deleted or set inactive.
`addendum.originalEventID` replaces the event it corrects. Copies of one call in trails of two accounts have one
`sharedEventID` and different event ids: both are kept. `errorMessage` may name the type of policy that denied a call.
Insights are read by `aws_insight`, what is particular to agents by `aws_bedrock`.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize import aws_insight
from pipeline.normalize.aws_attributes import attributes_of
from pipeline.normalize.aws_bedrock import SECRETS, is_agents, person_of, session_of, workload_of
from pipeline.normalize.aws_issuance import ISSUING, REVOKING, Issued, issued_by, revoked_by
from pipeline.normalize.aws_policy import denied_by, session_policy
from pipeline.normalize.aws_record import Envelope, Identity, SessionContext, Trail
from pipeline.normalize.aws_source import FORMAT, NAMES, SOURCE
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, mapping, string, typed
from pipeline.normalize.mask import without
from pipeline.normalize.mentions import LEAVES, mentions, strings
from pipeline.normalize.times import instant
from schemas.event import Event

__all__ = ["FORMAT", "SOURCE", "conceals", "normalize", "recognizes", "split"]
_DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "Client.UnauthorizedOperation")
_RANKS = {name: rank for rank, name in enumerate(NAMES)}


_decode = msgspec.json.Decoder(Trail)
_envelope = msgspec.json.Decoder(Envelope)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a record, a log file or an EventBridge event of CloudTrail."""
    if isinstance(found.get("Records"), list) or "CloudTrail" in string(found.get("detail-type")):
        return True
    if "insightDetails" in found or ("eventName" in found and bool({"eventSource", "awsRegion"} & found.keys())):
        return True
    return "userIdentity" in found and "awsRegion" in found


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
    attributes = attributes_of(trail, identity, session)
    if trail.eventName in REVOKING and outcome == "success":
        attributes |= revoked_by(trail.eventName, trail.eventSource or "", asked)
    credential = identity.accessKeyId or identity.credentialId
    event = Event(
        event_id=_id(trail, value),
        kind="token_issuance" if is_issuing else "cloud_audit",
        time=time,
        format=FORMAT,
        action=f"{(trail.eventSource or '').removesuffix('.amazonaws.com')}:{trail.eventName or trail.eventType}",
        outcome=outcome,
        error=": ".join(part for part in (trail.errorCode, trail.errorMessage) if part)[: context.text_limit],
        actor=_actor(identity),
        actor_kind=_kind(identity),
        actor_name=identity.userName or "",
        human=_human(identity),
        account=identity.accountId or trail.recipientAccountId or "",
        credential=f"aws:{credential}" if credential else "",
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
    _complete(event, trail, identity, asked)
    return [event]


def _complete(event: Event, trail: Trail, identity: Identity, asked: dict[str, Any]) -> None:
    """What few records have: agents, people for whom somebody acts, insights."""
    if is_agents(trail.eventSource):
        event.session = session_of(asked, mapping(trail.responseElements))
        event.human = event.human or person_of(trail.eventName, asked)
        if event.kind == "token_issuance":
            event.session_name = ""
        if event.human:
            event.attributes |= delegation([event.actor, workload_of(asked), event.human])
    elif identity.onBehalfOf:
        # A person of Identity Center, for whom the role session acts.
        event.attributes |= delegation([event.actor, event.human])
    if trail.insightDetails is not None:
        aws_insight.fill(event, trail)


def conceals(value: bytes, context: Context) -> bytes:
    """The record without the tokens that AgentCore hands out and takes."""
    return without(value, SECRETS, context) if b'"bedrock-agent' in value else value


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
        by_endpoint = "VPC endpoint policy" if trail.errorCode == "VpceAccessDenied" else ""
        return denied_by(trail.errorMessage or "") or by_endpoint
    return session_policy(asked, context) if is_issuing else ""


def _actor(identity: Identity) -> str:
    named = identity.arn or identity.invokedBy or identity.principalId or identity.userName
    return named or _human(identity) or identity.accountId or ""


def _kind(identity: Identity) -> str:
    if identity.type in ("AWSService", "AWSAccount") or (identity.type is None and identity.invokedBy):
        return "service" if identity.type != "AWSAccount" else ""
    if identity.inScopeOf and identity.inScopeOf.get("credentialsIssuedTo"):
        # AWS says to which function or instance it gave the role's credentials.
        return "workload"
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
    found = [name for resource in trail.resources or () if (name := resource.ARN or resource.arn)]
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
