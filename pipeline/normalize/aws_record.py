"""The fields of a CloudTrail record that are read; others are skipped while decoding.

Source: AWS CloudTrail User Guide, record contents and userIdentity element.
"""

from __future__ import annotations

from typing import Any

import msgspec


class SessionContext(msgspec.Struct, gc=False):
    """userIdentity.sessionContext."""

    sourceIdentity: str | None = None
    attributes: dict[str, Any] | None = None
    webIdFederationData: dict[str, Any] | None = None
    ec2RoleDelivery: str | None = None
    assumedRoot: bool | str | None = None


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
    inScopeOf: dict[str, Any] | None = None
    invokedByDelegate: dict[str, Any] | None = None
    credentialId: str | None = None


class Resource(msgspec.Struct, gc=False):
    """One of resources; a data lake makes its name small."""

    ARN: str | None = None
    arn: str | None = None


class Trail(msgspec.Struct, gc=False):
    """A record."""

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
    vpcEndpointAccountId: str | None = None
    sharedEventID: str | None = None
    sessionCredentialFromConsole: bool | str | None = None
    addendum: dict[str, Any] | None = None
    additionalEventData: Any = None
    serviceEventDetails: Any = None
    insightDetails: dict[str, Any] | None = None


class Envelope(msgspec.Struct, gc=False):
    """A log file: {"Records": […]}, or an EventBridge event: {"detail": {…}}."""

    Records: list[msgspec.Raw] | None = None
    detail: msgspec.Raw = msgspec.Raw()
