"""UDM events of Google SecOps, held against the field list, and the ways to a token."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jsonschema
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pipeline.alert.destinations.secops import SecOps, payload
from pipeline.alert.destinations.udm import event
from pipeline.alert.wire import Away, Refused
from pipeline.kit.failures import Invalid
from tests.alert.raw import OK, Raw, answer
from tests.alert.said import configured, hostile, said

TEXT = {"type": "string", "minLength": 1}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"}
NOUN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "user": {
            "type": "object", "required": ["userid"], "additionalProperties": False,
            "properties": {"userid": TEXT, "emailAddresses": {"type": "array", "items": TEXT}},
        },
        "ip": {"type": "array", "items": {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}},
        "resource": {"type": "object", "additionalProperties": False, "properties": {"name": TEXT}},
    },
}  # fmt: skip
NAMED = {"type": "object", "required": ["id"], "additionalProperties": False, "properties": {"id": TEXT, "name": TEXT}}
TECHNIQUE = {**NAMED, "properties": {"id": {"pattern": r"^T\d{4}$"}, "subtechniqueId": {"pattern": r"^T\d{4}\.\d{3}$"}}}
#: Of cloud.google.com/chronicle/docs/reference/rest/Shared.Types/UDM, as read in 2026: the part of it that we use.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["metadata", "principal", "securityResult"],
    "additionalProperties": False,
    "properties": {
        "metadata": {
            "type": "object",
            "required": ["eventTimestamp", "eventType"],
            "additionalProperties": False,
            "properties": {
                "eventTimestamp": TIME, "eventType": {"const": "GENERIC_EVENT"}, "vendorName": TEXT,
                "productName": TEXT, "productEventType": TEXT, "productLogId": TEXT, "description": TEXT,
                "urlBackToProduct": TEXT,
            },
        },
        "principal": NOUN,
        "target": NOUN,
        "about": {"type": "array", "items": NOUN},
        "network": {"type": "object", "additionalProperties": False, "properties": {"sessionId": TEXT}},
        "securityResult": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "severity": {"enum": ["LOW", "MEDIUM", "HIGH", "CRITICAL"]},
                "category": {"type": "array", "items": {"enum": ["POLICY_VIOLATION", "DATA_EXFILTRATION"]}},
                "categoryDetails": {"type": "array", "items": TEXT},
                "ruleName": TEXT, "summary": TEXT, "description": TEXT, "urlBackToProduct": TEXT,
                "alertState": {"enum": ["ALERTING", "NOT_ALERTING"]},
                "riskScore": {"type": "number", "minimum": 0, "maximum": 100},
                "attackDetails": {"type": "object", "additionalProperties": False, "properties": {
                    "tactics": {"type": "array", "items": NAMED},
                    "techniques": {"type": "array", "items": TECHNIQUE},
                }},
            },
        }},
        "additional": {"type": "object"},
    },
}  # fmt: skip
SEVERAL = {
    "whole": said(), "example": said(is_example=True), "hostile": hostile(), "closed": said(state="closed"),
    "empty": said(title="", sentence="", actor="", human="", family="", stage="", detections={}, unusual=[],
                  resources=[], addresses=[], frameworks=[], session="", at=0, last=0),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_what_is_sent_is_as_the_field_list_says(name: str) -> None:
    body = payload(SEVERAL[name])
    assert len(body) < 1024 * 1024
    ((wrapped,),) = [json.loads(body)["inlineSource"]["events"]]
    jsonschema.validate(wrapped["udm"], SCHEMA, format_checker=jsonschema.FormatChecker())


def test_an_analyst_finds_who_did_what() -> None:
    found = event(said())
    assert found["metadata"]["productLogId"] == "example-0001.0"
    assert found["metadata"]["eventTimestamp"] == "2026-01-01T00:00:00.000Z"
    assert found["principal"] == {"user": {"userid": "build-7"}, "ip": ["203.0.113.7", "192.0.2.10", "2001:db8::7"]}
    assert found["about"] == [{"user": {"userid": "ana@example.com", "emailAddresses": ["ana@example.com"]}}]
    (result,) = found["securityResult"]
    assert (result["severity"], result["riskScore"], result["ruleName"]) == ("HIGH", 87.0, "token-in-two-places")
    assert result["attackDetails"] == {
        "tactics": [{"id": "TA0006", "name": "Credential Access"}],
        "techniques": [{"id": "T1078", "subtechniqueId": "T1078.004"}],
    }
    assert found["additional"]["frameworks"] == ["T1078.004", "NHI9"]


def test_what_is_closed_or_an_example_does_not_alert() -> None:
    states = [event(SEVERAL[name])["securityResult"][0]["alertState"] for name in ("whole", "closed", "example")]
    assert states == ["ALERTING", "NOT_ALERTING", "NOT_ALERTING"]


def test_exfiltration_has_a_category_of_its_own() -> None:
    assert event(said(stage="Exfiltration"))["securityResult"][0]["category"] == ["DATA_EXFILTRATION"]


def settings(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    (tmp_path / "token").write_text("ya29.token\n")
    here = {"project": "audit-1", "region": "us", "instance": "00000000-0000-0000-0000-000000000000"}
    return {"kind": "secops", **here, "token": {"file": str(tmp_path / "token")}, **changes}


def test_it_is_posted_to_the_instance_with_the_token_of_the_moment(tmp_path: Path) -> None:
    async def trial() -> None:
        async with Raw() as raw:
            there = configured(SecOps, **settings(tmp_path, endpoint=raw.url.removesuffix("/hook")))
            wire = there.wire()
            await there.send(said(), wire)
            (tmp_path / "token").write_text("ya29.other")
            await there.send(said(), wire)
            await wire.close()
            path = "/v1/projects/audit-1/locations/us/instances/00000000-0000-0000-0000-000000000000/events:import"
            assert raw.asked[0].line == f"POST {path} HTTP/1.1"
            assert [one.headers["authorization"] for one in raw.asked] == ["Bearer ya29.token", "Bearer ya29.other"]
            assert raw.asked[0].body == payload(said())

    asyncio.run(trial())
    assert configured(SecOps, **settings(tmp_path)).url.startswith("https://chronicle.us.rep.googleapis.com/v1/")


@pytest.mark.parametrize("changes", [
    {"token": None}, {"key": {"env": "KEY"}}, {"project": "a/../b"}, {"instance": ""}, {"region": "us?x"},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="expected"):
        configured(SecOps, **settings(tmp_path, **changes))


PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def account(tmp_path: Path, raw: Raw, **changes: Any) -> SecOps:
    pem = PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {"type": "service_account", "client_email": "whodid@audit-1.example.com", "private_key": pem.decode(),
           "private_key_id": "k1", "token_uri": raw.url, **changes}  # fmt: skip
    (tmp_path / "key").write_text(json.dumps(key))
    given = settings(tmp_path, token=None, key={"file": str(tmp_path / "key")}, endpoint=raw.url.removesuffix("/hook"))
    return configured(SecOps, **given)


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def test_the_key_of_a_service_account_becomes_a_token_that_is_kept(tmp_path: Path) -> None:
    async def trial() -> None:
        granted = answer(200, b'{"access_token":"ya29.granted","expires_in":3599,"token_type":"Bearer"}')
        async with Raw(granted, OK, OK, answer(401), granted, OK) as raw:
            there = account(tmp_path, raw)
            wire = there.wire()
            await there.send(said(), wire)
            await there.send(said(), wire)
            with pytest.raises(Away):
                await there.send(said(), wire)
            await there.send(said(), wire)
            await wire.close()
            asked = raw.asked
        assert ["hook" in one.line for one in asked] == [True, False, False, False, True, False]
        form = parse_qs(asked[0].body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        head, claims, signature = form["assertion"][0].split(".")
        PRIVATE.public_key().verify(
            base64.urlsafe_b64decode(signature + "=="), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        said_of = decoded(claims)
        assert (said_of["iss"], said_of["aud"]) == ("whodid@audit-1.example.com", raw.url)
        assert said_of["exp"] - said_of["iat"] == 3600
        assert asked[1].headers["authorization"] == "Bearer ya29.granted"

    asyncio.run(trial())


@pytest.mark.parametrize("changes", [{"private_key": "none"}, {"client_email": 1}, {"token_uri": "http://10.0.0.1/"}])
def test_a_key_that_is_none_is_away_and_not_told(tmp_path: Path, changes: dict[str, Any]) -> None:
    async def trial() -> None:
        async with Raw() as raw:
            there = account(tmp_path, raw, **changes)
            wire = there.wire()
            try:
                await there.send(said(), wire)
            finally:
                await wire.close()

    with pytest.raises(Away) as caught:
        asyncio.run(trial())
    assert "PRIVATE" not in str(caught.value)


def test_a_key_that_google_does_not_know_is_not_the_alerts_fault(tmp_path: Path) -> None:
    async def trial() -> None:
        async with Raw(answer(400, b'{"error":"invalid_grant"}')) as raw:
            there = account(tmp_path, raw)
            wire = there.wire()
            try:
                await there.send(said(), wire)
            finally:
                await wire.close()

    with pytest.raises(Away, match="invalid_grant"):
        asyncio.run(trial())


def test_an_event_that_is_none_is_refused(tmp_path: Path) -> None:
    async def trial() -> None:
        async with Raw(answer(400, b'{"error":{"status":"INVALID_ARGUMENT"}}')) as raw:
            there = configured(SecOps, **settings(tmp_path, endpoint=raw.url))
            wire = there.wire()
            try:
                await there.send(said(), wire)
            finally:
                await wire.close()

    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        asyncio.run(trial())
