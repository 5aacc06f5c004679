"""Native records as their vendors write them: the building blocks of every simulation."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ACCOUNT = "123456789012"
_KEY_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Ids:
    """Identifiers of realistic shape, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def uuid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def key(self, prefix: str) -> str:
        """An AWS access key id: `ASIA…` (temporary) or `AKIA…` (standing)."""
        return prefix + "".join(self._chance.choices(_KEY_CHARACTERS, k=16))

    def hexadecimal(self, digits: int) -> str:
        """A trace id (32 digits) or span id (16)."""
        return f"{self._chance.getrandbits(digits * 4):0{digits}x}"


def iso(time: int, digits: int = 0) -> str:
    """Microseconds as ISO 8601 in UTC with 0, 3 or 6 decimals."""
    moment = datetime.fromtimestamp(time / 1_000_000, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}"[: 20 + digits] + "Z" if digits else text + "Z"


def encode(document: object) -> bytes:
    """As JSON."""
    return json.dumps(document, ensure_ascii=False).encode()


def user_identity(name: str, key: str) -> dict[str, Any]:
    """CloudTrail's userIdentity of an IAM user."""
    return {
        "type": "IAMUser",
        "principalId": f"AIDA{name.upper():X<17.17}",
        "accountId": ACCOUNT,
        "userName": name,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accessKeyId": key,
    }


def role_identity(role: str, session: str, key: str) -> dict[str, Any]:
    """CloudTrail's userIdentity of an assumed role."""
    principal = f"AROA{role.upper().replace('-', ''):X<17.17}"
    return {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": principal,
                "accountId": ACCOUNT,
                "userName": role,
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            },
            "attributes": {"mfaAuthenticated": "false"},
        },
    }


def web_identity(provider: str, subject: str) -> dict[str, Any]:
    """CloudTrail's userIdentity of a workload that shows a token of an OpenID provider."""
    return {
        "type": "WebIdentityUser",
        "principalId": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}:sts:{subject}",
        "userName": subject,
        "identityProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}",
    }


def cloudtrail(
    event_id: str, time: int, source: str, name: str, identity: Mapping[str, Any], address: str, **more: Any
) -> bytes:
    """One CloudTrail record; CloudTrail's clock has whole seconds."""
    return encode(
        {
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": iso(time),
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "awsRegion": "eu-central-1",
            "sourceIPAddress": address,
            "userAgent": more.pop("userAgent", "Boto3/1.40.1 md/Botocore#1.40.1 lang/python#3.13"),
            "requestParameters": more.pop("requestParameters", None),
            "responseElements": more.pop("responseElements", None),
            "requestID": event_id[::-1],
            "eventID": event_id,
            "readOnly": name.startswith(("Get", "List", "Describe")),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            **more,
        }
    )


def assume_role(role: str, session: str, key: str, expires: int, seconds: int = 3600) -> dict[str, Any]:
    """Request and answer of the AssumeRole family: until `expires`, which was asked for as so many seconds."""
    expiration = datetime.fromtimestamp(expires / 1_000_000, UTC).strftime("%b %d, %Y, %I:%M:%S %p")
    return {
        "requestParameters": {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "roleSessionName": session,
            "durationSeconds": seconds,
        },
        "responseElements": {
            "credentials": {
                "accessKeyId": key,
                "sessionToken": "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE",
                "expiration": expiration,
            },
            "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"},
        },
    }


def span(
    trace: str, name: str, parent: str, start: int, end: int, service: str, attributes: Mapping[str, str]
) -> bytes:
    """One OTLP span with its resource and scope; times in microseconds."""
    return encode(
        {
            "resource": {"attributes": [_attribute("service.name", service)]},
            "scope": {"name": "opentelemetry.instrumentation.genai", "version": "0.9"},
            "span": {
                "traceId": trace,
                "spanId": name,
                "parentSpanId": parent,
                "name": attributes["gen_ai.operation.name"],
                "kind": 1,
                "startTimeUnixNano": str(start * 1000),
                "endTimeUnixNano": str(end * 1000),
                "attributes": [_attribute(key, value) for key, value in attributes.items()],
                "status": {},
            },
        }
    )


def mcp(time: int, session: str, client: str, server: str, message: Mapping[str, Any]) -> bytes:
    """One Model Context Protocol message as a proxy logs it."""
    return encode(
        {
            "timestamp": iso(time, 3),
            "session": session,
            "client": client,
            "server": server,
            "message": {"jsonrpc": "2.0", **message},
        }
    )


def transcript(time: int, session: str, line_id: str, role: str, content: Any, **more: Any) -> bytes:
    """One line of a Claude Code transcript."""
    return encode(
        {
            "type": role,
            "sessionId": session,
            "uuid": line_id,
            "timestamp": iso(time, 3),
            "cwd": "/home/dev/shop",
            "version": "2.1.40",
            "gitBranch": "main",
            "message": {"role": role, "content": content},
            **more,
        }
    )


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
