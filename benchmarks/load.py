"""A load of native events of realistic size, and what a right timeline of it must contain.

Deterministic by seed. Roles are assumed in chains of up to three, used, and used again; one in five events is an
agent's OpenTelemetry span. Sizes are those of real CloudTrail records (0.8 to 1.6 KB).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

START = 1_767_225_600  # 2026-01-01, seconds
ACCOUNT = "123456789012"
CALLS = (
    ("s3", "GetObject"),
    ("s3", "PutObject"),
    ("dynamodb", "GetItem"),
    ("kms", "Decrypt"),
    ("ec2", "DescribeInstances"),
)


@dataclass
class Truth:
    """What the load holds."""

    events: int = 0
    #: Some calls with the root of their credential chain, to which they must be attributed: event id → actor.
    sample: dict[str, str] = field(default_factory=dict)


class Load:
    """Native events one by one: (topic, format, bytes)."""

    def __init__(
        self, events: int, seed: int = 7, *, start: int = START, rate: int = 500, sampled: tuple[int, int] = (997, 0)
    ) -> None:
        """`start`: seconds since 1970; `rate`: events a second of event time; `sampled`: how many apart, from where."""
        self._events = events
        self._start = start
        self._rate = rate
        self._sampled = sampled
        self._chance = random.Random(seed)
        self.truth = Truth()
        self._live: list[tuple[str, str, str]] = []

    def __iter__(self) -> Iterator[tuple[str, str, bytes]]:
        for n in range(self._events):
            seconds = self._start + n // self._rate
            # An agent's first span holds its user's message too.
            self.truth.events += 2 if n % 100 == 4 else 1
            if n % 5 == 4:
                yield "tool-calls", "otel.genai", self._span(n, seconds)
            elif n < 50 or n % 100 == 0:
                yield "token-issuance", "aws.cloudtrail", self._assume(n, seconds)
            else:
                yield "cloud-audit", "aws.cloudtrail", self._call(n, seconds)

    def _assume(self, n: int, seconds: int) -> bytes:
        parent = self._chance.choice(self._live) if self._live and self._chance.random() < 0.5 else None
        key = f"ASIA{self._chance.getrandbits(64):016X}"
        root = parent[2] if parent else f"arn:aws:iam::{ACCOUNT}:role/root-{n}"
        role = f"role-{n % 40}"
        identity = self._identity(*parent[:2]) if parent else _workload(root)
        self._live.append((key, role, root))
        self._live = self._live[-400:]
        return self._issuance(n, seconds, "AssumeRole" if parent else "AssumeRoleWithWebIdentity", identity, role, key)

    def _issuance(self, n: int, seconds: int, name: str, identity: dict[str, object], role: str, key: str) -> bytes:
        return self._record(n, seconds, "sts", name, identity, {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "roleSessionName": f"session-{n}",
            "durationSeconds": 3600,
        }, {
            "credentials": {"accessKeyId": key, "expiration": self._expires(seconds), "sessionToken": "HIDDEN"},
            "assumedRoleUser": {
                "assumedRoleId": f"AROA{n:017d}:session-{n}",
                "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session-{n}",
            },
        })  # fmt: skip

    def _expires(self, _seconds: int) -> str:
        return _until(self._start + 23 * 3600)

    def _call(self, n: int, seconds: int) -> bytes:
        key, role, root = self._chance.choice(self._live)
        service, action = self._chance.choice(CALLS)
        value = self._record(n, seconds, service, action, self._identity(key, role), {
            "bucketName": f"bucket-{n % 97}", "key": f"in/2026/01/{n:09d}.json",
            "Host": f"bucket-{n % 97}.s3.eu-central-1.amazonaws.com",
        }, None)  # fmt: skip
        every, first = self._sampled
        if n % every == first:
            self.truth.sample[self.event_id(n)] = root
        return value

    def _identity(self, key: str, role: str) -> dict[str, object]:
        return {
            "type": "AssumedRole", "principalId": f"AROA0000000000000{role}:session", "accountId": ACCOUNT,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session", "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": f"AROA0000000000000{role}", "accountId": ACCOUNT, "userName": role,
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                },
                "webIdFederationData": {},
                "attributes": {"creationDate": _iso(self._start), "mfaAuthenticated": "false"},
            },
        }  # fmt: skip

    def event_id(self, n: int) -> str:
        """Of the call or issuance with this number."""
        return str(uuid.UUID(int=(n + 1) << 40, version=4))

    def _record(
        self, n: int, seconds: int, service: str, name: str, identity: object, asked: object, answered: object
    ) -> bytes:
        return json.dumps({
            "eventVersion": "1.09", "userIdentity": identity, "eventTime": _iso(seconds),
            "eventSource": f"{service}.amazonaws.com", "eventName": name, "awsRegion": "eu-central-1",
            "sourceIPAddress": f"192.0.2.{n % 250}",
            "userAgent": "[Boto3/1.34.19 md/Botocore#1.34.19 ua/2.0 os/linux#5.10 md/arch#x86_64 lang/python#3.11.6]",
            "requestParameters": asked, "responseElements": answered,
            "additionalEventData": {
                "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
                "AuthenticationMethod": "AuthHeader", "bytesTransferredOut": n,
            },
            "requestID": f"{n:016X}", "eventID": self.event_id(n), "readOnly": True,
            "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::bucket-{n % 97}/in/2026/01/{n:09d}.json"}],
            "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT,
            "eventCategory": "Management", "tlsDetails": {
                "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": f"{service}.eu-central-1.amazonaws.com",
            },
        }).encode()  # fmt: skip

    def _span(self, n: int, seconds: int) -> bytes:
        conversation = n // 5 // 20
        nanoseconds = seconds * 1_000_000_000 + n % self._rate * 1_000_000_000 // self._rate
        first = n // 5 % 20 == 0
        attributes = {
            "gen_ai.operation.name": "invoke_agent" if first else "execute_tool",
            "gen_ai.agent.id": f"agent-{conversation % 25}", "gen_ai.agent.name": f"agent-{conversation % 25}",
            "gen_ai.conversation.id": f"conversation-{conversation}",
            "user.id": f"user-{conversation % 60}@example.com",
            **({
                "gen_ai.input.messages": json.dumps([{
                    "role": "user", "parts": [{"type": "text", "content": f"Look after invoice {conversation}."}],
                }]),
            } if first else {
                "gen_ai.tool.name": f"tool-{n % 9}", "gen_ai.tool.call.id": f"call-{n}",
                "gen_ai.tool.call.arguments": json.dumps({"path": f"/data/{n}", "query": f"invoice {n} of January"}),
                "gen_ai.tool.call.result": "ok: " + "lorem ipsum dolor sit amet " * 8,
            }),
        }  # fmt: skip
        return json.dumps({
            "resource": {"attributes": [_attribute("service.name", "agents"), _attribute("service.version", "1.4.2")]},
            "scope": {"name": "opentelemetry.instrumentation.agents", "version": "0.4.0"},
            "span": {
                "traceId": f"{conversation + 1:032x}", "spanId": f"{n + 1:016x}",
                "parentSpanId": "" if first else f"{(n // 100) * 100 + 4 + 1:016x}",
                "name": "invoke_agent" if first else "execute_tool", "kind": 1,
                "startTimeUnixNano": str(nanoseconds), "endTimeUnixNano": str(nanoseconds + 1_500_000),
                "attributes": [_attribute(key, value) for key, value in attributes.items()], "status": {},
            },
        }).encode()  # fmt: skip


class Alarms(Load):
    """Calls that a rule is to find: each with a credential and of an actor of its own."""

    #: Numbers of its events begin here, so that their ids are nobody else's.
    FIRST = 10**9
    SERVICE, ACTION = "s3", "DeleteBucket"

    @staticmethod
    def actor(number: int) -> str:
        """Who is behind it."""
        return f"arn:aws:iam::{ACCOUNT}:role/alarm-{number}"

    def issuance(self, number: int, seconds: int) -> bytes:
        """Of the credential."""
        identity = _workload(self.actor(number))
        n, key = self.FIRST + 2 * number, f"ASIA{self.FIRST + number:016X}"
        return self._issuance(n, seconds, "AssumeRoleWithWebIdentity", identity, "cleaner", key)

    def call(self, number: int, seconds: int) -> bytes:
        """The call itself."""
        identity = self._identity(f"ASIA{self.FIRST + number:016X}", "cleaner")
        return self._record(self.FIRST + 2 * number + 1, seconds, self.SERVICE, self.ACTION, identity, {}, None)


def _workload(name: str) -> dict[str, object]:
    return {
        "type": "WebIdentityUser", "principalId": f"oidc:{name}", "userName": name, "arn": name, "accountId": ACCOUNT,
    }  # fmt: skip


def _until(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%b} {at.day}, {at:%Y, %I:%M:%S %p}"


def _attribute(key: str, value: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
