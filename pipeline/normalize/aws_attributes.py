"""What a CloudTrail record says besides: about its caller, its way and its kind. Kept under CloudTrail's own names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.normalize.aws_kept import kept as kept_of
from pipeline.normalize.aws_record import Identity, SessionContext, Trail
from pipeline.normalize.documents import mapping, text_of

#: Fields of a service's own event that are kept.
_DETAILS = 8


def attributes_of(trail: Trail, identity: Identity, session: SessionContext) -> dict[str, str]:
    """By name; what is not stated is left out."""
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
        kept |= _stated(vpcEndpointAccountId=trail.vpcEndpointAccountId)
    if trail.sharedEventID is not None:
        kept["sharedEventID"] = trail.sharedEventID
    if trail.sessionCredentialFromConsole is not None:
        kept["sessionCredentialFromConsole"] = text_of(trail.sessionCredentialFromConsole)
    _contents(kept, trail)
    _caller(kept, identity, session)
    return kept


def _contents(kept: dict[str, str], trail: Trail) -> None:
    kept.update(kept_of("requestParameters", trail.requestParameters))
    kept.update(kept_of("responseElements", trail.responseElements))
    kept.update(kept_of("additionalEventData", trail.additionalEventData))
    if trail.serviceEventDetails:
        kept.update(_details(trail.serviceEventDetails))
    if trail.addendum:
        kept["addendum"] = text_of(trail.addendum.get("reason")) or "correction"
    _by_token(kept, trail)


def _by_token(kept: dict[str, str], trail: Trail) -> None:
    """Calls with an API key of Amazon Bedrock; `bedrock-mantle` notes that among the parameters."""
    for found in (trail.additionalEventData, trail.requestParameters):
        if isinstance(found, dict) and "callWithBearerToken" in found and found["callWithBearerToken"]:
            kept |= {"callWithBearerToken": "true"} | _stated(bearerTokenType=found.get("bearerTokenType"))


def _caller(kept: dict[str, str], identity: Identity, session: SessionContext) -> None:
    """Where a session comes from, and within what it acts."""
    if session.attributes and session.attributes.get("mfaAuthenticated") == "true":
        kept["mfa"] = "true"
    if identity.inScopeOf:
        kept |= {f"inScopeOf.{name}"[:128]: text_of(text) for name, text in list(identity.inScopeOf.items())[:8]}
    if identity.invokedByDelegate:
        kept |= _stated(invokedByDelegate=identity.invokedByDelegate.get("accountId"))
    if identity.onBehalfOf:
        kept |= _stated(identityStoreArn=identity.onBehalfOf.get("identityStoreArn"))
    if identity.credentialId and identity.accessKeyId:
        kept["credentialId"] = identity.credentialId
    if session.webIdFederationData:
        kept |= _stated(federatedProvider=session.webIdFederationData.get("federatedProvider"))
    if session.ec2RoleDelivery is not None:
        kept["ec2RoleDelivery"] = session.ec2RoleDelivery
    if session.assumedRoot is not None:
        kept["assumedRoot"] = text_of(session.assumedRoot)


def _details(found: object) -> Iterator[tuple[str, str]]:
    for name, value in list(mapping(found).items())[:_DETAILS]:
        if isinstance(value, str | bool | int):
            yield f"serviceEventDetails.{name}"[:128], text_of(value)


def _stated(**fields: Any) -> dict[str, str]:
    return {name: text_of(value) for name, value in fields.items() if value not in (None, "")}
