"""Webhooks, verified by the library that receivers use."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import jsonschema
import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from pipeline.alert.destinations.webhook import Webhook, payload
from pipeline.alert.wire import Away
from pipeline.kit.failures import Invalid
from schemas import generate
from tests.alert.destinations.pages import in_json
from tests.alert.raw import Asked, Raw
from tests.alert.said import HOSTILE, configured, hostile, said


def key(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


async def one(settings: dict[str, object]) -> Asked:
    async with Raw() as raw:
        there = configured(Webhook, kind="webhook", url=raw.url, **settings)
        wire = there.wire()
        await there.send(said(), wire)
        await wire.close()
        return raw.asked[-1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "key"
    found.write_text(key("a") + "\n")
    return found


def test_a_receiver_can_verify_it(file: Path) -> None:
    asked = asyncio.run(one({"signing": [{"file": str(file)}]}))
    found = Receiver(key("a")).verify(asked.body, asked.headers)
    assert found == json.loads(payload(said()))
    assert (found["type"], found["key"], found["data"]["actor"]) == ("alert.opened", "example-0001.0", "build-7")
    assert asked.headers["idempotency-key"] == asked.headers["webhook-id"] == "example-0001.0"


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "key"])
def test_whatever_is_tampered_with_fails(file: Path, change: str) -> None:
    asked = asyncio.run(one({"signing": [{"file": str(file)}]}))
    headers, body = dict(asked.headers), asked.body
    if change == "body":
        body = body.replace(b"build-7", b"build-8")
    elif change == "webhook-timestamp":
        headers[change] = str(int(headers[change]) - 60)
    elif change != "key":
        headers[change] = "v1," + base64.b64encode(bytes(32)).decode() if change.endswith("signature") else "other"
    receiver = Receiver(key("b" if change == "key" else "a"))
    with pytest.raises(WebhookVerificationError):
        receiver.verify(body, headers)


def test_while_a_key_is_replaced_both_sign(file: Path, tmp_path: Path) -> None:
    (tmp_path / "next").write_text(key("b"))
    asked = asyncio.run(one({"signing": [{"file": str(file)}, {"file": str(tmp_path / "next")}]}))
    for letter in "ab":
        Receiver(key(letter)).verify(asked.body, asked.headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(key("c")).verify(asked.body, asked.headers)


def test_a_key_that_changes_in_its_file_is_taken_without_a_restart(file: Path) -> None:
    async def trial() -> None:
        async with Raw() as raw:
            there = configured(Webhook, kind="webhook", url=raw.url, signing=[{"file": str(file)}])
            wire = there.wire()
            await there.send(said(), wire)
            file.write_text(key("b"))
            await there.send(said(), wire)
            await wire.close()
            first, second = raw.asked
            Receiver(key("a")).verify(first.body, first.headers)
            Receiver(key("b")).verify(second.body, second.headers)

    asyncio.run(trial())


@pytest.mark.parametrize("text", ["whsec_short", "not base64 at all", "whsec_" + base64.b64encode(b"x" * 23).decode()])
def test_a_key_that_is_none_is_not_told(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Away, match="signing: expected") as caught:
        asyncio.run(one({"signing": [{"file": str(file)}]}))
    assert text not in str(caught.value)


def test_headers_are_secrets(file: Path) -> None:
    file.write_text("Bearer abc")
    asked = asyncio.run(one({"headers": {"Authorization": {"file": str(file)}}}))
    assert asked.headers["authorization"] == "Bearer abc"
    assert "webhook-signature" not in asked.headers


@pytest.mark.parametrize(("settings", "named"), [
    ({"headers": {"Authorization": "Bearer abc"}}, "secrets do not belong into this file"),
    ({"url": "https://user:pass@example.com/"}, "without user and password"),
    ({"url": "file:///etc/passwd"}, "expected a URL such as"),
])  # fmt: skip
def test_secrets_are_not_taken_from_the_configuration(settings: dict[str, object], named: str) -> None:
    with pytest.raises(Invalid, match=named) as caught:
        configured(Webhook, **{"kind": "webhook", "url": "https://example.com/", **settings})
    assert "abc" not in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_hostile_text_is_json_all_the_same() -> None:
    found = json.loads(payload(hostile()))
    assert found["data"]["p_value"] is None
    assert "\ufffd" in found["data"]["title"]


def test_masked_text_is_not_sent() -> None:
    assert b"rotate" in payload(said("nothing"))
    assert b"rotate" not in payload(said("content"))


def test_what_is_sent_is_what_its_schema_says():
    schema = json.loads((Path(generate.FOLDER) / "alert-notification.json").read_text())
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    hostile_texts = said(title=HOSTILE, actor=HOSTILE, unusual=[HOSTILE], resources=[HOSTILE])
    for one in (said(), said("details"), said(revision=2, state="closed", verdict="benign"), hostile_texts):
        validator.validate(json.loads(payload(one)))


def test_the_example_of_the_page_is_what_is_sent():
    assert in_json("webhook.md", '"alert.opened"') == json.loads(payload(said()))
